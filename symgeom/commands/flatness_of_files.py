"""``symgeom flatness``: how flat networks are, by the measures of studies."""

import argparse

from symgeom.commands.files_in_hand import add_words, opened
from symgeom.commands.words import Commands

DESCRIPTION = """\
Measure how flat networks are on training data, as studies do by default: how much noise their
weights bear, the curvature of the loss, the worst case nearby, and margins. The table says which
measures change where units are rescaled, so that they say little of the function."""

EXAMPLE = "Example: symgeom flatness a.pt b.pt --network mine:network --data cifar10"


def add(commands: Commands) -> None:
    """Add the command that measures flatness."""
    command = commands.add_parser(
        "flatness",
        help="how flat networks are: noise, curvature, worst case, margins",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        allow_abbrev=False,
    )
    command.set_defaults(run=run)
    add_words(command, files="weights of the networks", data="required")


def run(options: argparse.Namespace) -> int:
    """Measure and print; only this loads torch."""
    from symgeom.commands.comparison_text import flatness_text, heading
    from symgeom.commands.saying import remark, say
    from symgeom.study.in_hand.comparison import measure_flatness
    from symgeom.study.in_hand.facts import facts_of_hand, flatness_facts

    hand = opened(options)
    remark(hand.sentences)
    flatness = flatness_facts(measure_flatness(hand, samples=options.samples or None))
    facts = {**facts_of_hand(hand), "flatness": flatness}
    text = f"{heading(facts)}\n\n{flatness_text(flatness)}"
    say(text, facts, as_json=options.json)
    return 0
