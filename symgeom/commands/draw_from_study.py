"""``symgeom draw``: draw one figure of a finished study."""

import argparse
import sys
from pathlib import Path

from symgeom.commands.words import Commands, picture

DESCRIPTION = """\
Draw one figure of a finished study again, from its stores: in another format, or after the code of
the figure was changed."""

EXAMPLE = "Example: symgeom draw results/digits mlp barriers --to barriers.pdf"


def add(commands: Commands) -> None:
    """Add the command that draws a figure of a study."""
    command = commands.add_parser(
        "draw",
        help="draw one figure of a finished study",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        allow_abbrev=False,
    )
    command.set_defaults(run=run)
    command.add_argument(
        "study", type=Path, metavar="results/study", help="the folder of the study"
    )
    command.add_argument("case", help="one of its cases, or a model (perceptron)")
    command.add_argument("figure", help="the figure, such as barriers")
    command.add_argument(
        "--to",
        type=picture,
        metavar="FILE",
        help="where to draw it: .png, .pdf or .svg (by default <figure>.svg)",
    )


def run(options: argparse.Namespace) -> int:
    """Draw the figure into a file, and print which."""
    from symgeom.study.figures.single import draw_figure
    from symgeom.study.figures.style import save

    drawing = draw_figure(options.study, options.case, options.figure)
    path = options.to or Path(f"{options.figure}.svg")
    save(drawing, path)
    sys.stdout.write(f"{path}\n")
    return 0
