"""``symgeom balance``: another network with the same function, at a chosen point of its orbit."""

import argparse
from pathlib import Path

from symgeom.commands.files_in_hand import add_words, add_written, check_outputs, opened
from symgeom.commands.words import Commands

DESCRIPTION = """\
Rescale the units of a network, which leaves its outputs as they are, and write it back under the
same names and in the same precision: to the balanced point, where the squared weights of every unit
come in and go out alike (the shortest network, where weight decay leads), or to the noise
equilibrium, where the noise of SGD leads (this needs data)."""

EXAMPLE = "Example: symgeom balance a.pt -o balanced.pt --network mine:network --input 3,32,32"


def add(commands: Commands) -> None:
    """Add the command that balances a network."""
    command = commands.add_parser(
        "balance",
        help="rescale units to the balanced point or the noise equilibrium, and write it back",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        allow_abbrev=False,
    )
    command.set_defaults(run=run)
    add_words(command, files="weights of the network", single=True, data="optional")
    add_written(command).add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="OUT",
        help="the file to write, with the same names, precision and metadata",
    )
    command.add_argument(
        "--to",
        choices=("balanced", "noise"),
        default="balanced",
        help="the point of the orbit (default balanced)",
    )


def run(options: argparse.Namespace) -> int:
    """Balance, write and print; only this loads torch."""
    from symgeom.commands.balancing import balance_text, balance_weights
    from symgeom.commands.saying import remark, say

    check_outputs(weights=options.output, force=options.force)
    hand = opened(options, batch_norm="carried")
    remark(hand.sentences)
    facts = balance_weights(
        hand,
        options.to,
        options.output,
        samples=options.samples or None,
        overwrite=options.force,
    )
    say(balance_text(facts), facts, as_json=options.json)
    return 0
