"""``symgeom inspect``: look at the symmetries of a network."""

import argparse
from pathlib import Path

from symgeom.commands.words import Commands, add_inputs, option, picture, positive, reference

DESCRIPTION = """\
Find which units of a network may be permuted, rescaled or mixed so that its outputs stay what they
are, and prove it with random elements of these symmetries. The table has a line for each group of
units, with the slices of weights that move with them; below it stand the axes that nothing moves,
with the reason, how many symmetries there are, and the certificate. A figure shows which weights
connect which units."""

EXAMPLE = "Example: symgeom inspect torchvision.models:resnet18 --input 3,64,64 --figure resnet.pdf"


def add(commands: Commands) -> None:
    """Add the command that looks at a network."""
    command = commands.add_parser(
        "inspect",
        help="print and draw the symmetry groups of a network",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        allow_abbrev=False,
    )
    command.set_defaults(run=run)
    command.add_argument(
        "network",
        metavar="module:name",
        type=reference,
        help="a network, or a function or class that makes one; or one of timm (timm:resnet18)",
    )
    add_inputs(command, shapes="", required=True)
    command.add_argument(
        "--option",
        action="append",
        default=[],
        type=option,
        metavar="key=value",
        help="an argument of what makes it, such as widths=[64,64]; may be given several times",
    )
    command.add_argument(
        "--batch", type=positive, default=2, metavar="N", help="number of inputs (default 2)"
    )
    command.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="of the inputs, the random elements and the fresh weights (default 0)",
    )
    command.add_argument(
        "--all-legs",
        action="store_true",
        help="show all legs and fixed axes, also where they do not fit the width of the terminal",
    )
    command.add_argument(
        "--strict",
        action="store_true",
        help="refuse a network with an operation that no rule describes",
    )
    figure = command.add_mutually_exclusive_group()
    figure.add_argument(
        "--figure",
        type=picture,
        default=Path("symmetry.png"),
        metavar="FILE",
        help="where the graph is drawn: .png, .pdf or .svg (default symmetry.png)",
    )
    figure.add_argument(
        "--no-figure", action="store_const", const=None, dest="figure", help="draw nothing"
    )


def run(options: argparse.Namespace) -> int:
    """Report on the network; only this loads torch."""
    from symgeom.commands.network_report import report

    report(options)
    return 0
