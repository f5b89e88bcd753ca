"""``symgeom charges``: the quantities of networks that gradient flow conserves."""

import argparse

from symgeom.commands.files_in_hand import add_words, opened
from symgeom.commands.words import Commands

DESCRIPTION = """\
Print the charges of networks: for every unit whose weights can be rescaled, the squared length of
its incoming weights minus that of its outgoing ones, which gradient flow conserves. An imbalance is
a charge over the sum of the two: 0 for a balanced unit, 1 if all its weight is incoming."""

EXAMPLE = "Example: symgeom charges a.pt b.pt --network mine:network --input 3,32,32"


def add(commands: Commands) -> None:
    """Add the command that prints charges."""
    command = commands.add_parser(
        "charges",
        help="what gradient flow conserves: how balanced the units of networks are",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        allow_abbrev=False,
    )
    command.set_defaults(run=run)
    add_words(command, files="weights of the networks")


def run(options: argparse.Namespace) -> int:
    """Measure and print; only this loads torch."""
    from symgeom.commands.charge_facts import charge_facts, charge_text
    from symgeom.commands.saying import remark, say

    hand = opened(options, batch_norm="carried")
    remark(hand.sentences)
    facts = charge_facts(hand)
    say(charge_text(facts), facts, as_json=options.json)
    return 0
