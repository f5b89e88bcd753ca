"""``symgeom merge``: one network out of several."""

import argparse
from pathlib import Path

from symgeom.commands.files_in_hand import add_words, add_written, check_outputs, opened
from symgeom.commands.words import Commands, numbers
from symgeom.ground.checks import SymgeomError
from symgeom.study.in_hand.labels import labelled_paths

DESCRIPTION = """\
Merge networks of one architecture into one: they are aligned to one frame and averaged, on every
unit's sphere or linearly. The merged network has the names, precision, metadata and order of units
of the first. With data, error and loss of all networks are measured, and --repair gives the merged
one the statistics that averaging loses: those of its batch norms are measured anew, or its units
get the means and deviations between those of the networks."""

EXAMPLE = "Example: symgeom merge a.pt b.pt c.pt -o merged.pt --network mine:network --data cifar10"


def add(commands: Commands) -> None:
    """Add the command that merges networks."""
    command = commands.add_parser(
        "merge",
        help="align networks to one frame, average them, and write the merged one",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        allow_abbrev=False,
    )
    command.set_defaults(run=run)
    files = "weights of the networks, two or more"
    add_words(command, files=files, narrower=True, data="optional")
    add_written(command).add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="the file to write"
    )
    command.add_argument(
        "--weights",
        type=numbers,
        metavar="2,1,1",
        help="how much of each network, in their order (by default equally much)",
    )
    command.add_argument(
        "--path",
        choices=("geodesic", "linear"),
        default="geodesic",
        help="average directions on spheres (the default), or weights",
    )
    command.add_argument(
        "--repair",
        action="store_true",
        help="measure statistics of batch norms anew, or repair variances (this needs data)",
    )


def run(options: argparse.Namespace) -> int:
    """Merge, write and print; only this loads torch."""
    from symgeom.commands.merging import merge_text, merge_weights
    from symgeom.commands.saying import remark, say
    from symgeom.landscape.merging import shares_of

    if options.repair and options.data is None:
        raise SymgeomError(
            "Cannot repair the merged network without data, on which its units are watched: give "
            "--data, or leave out --repair."
        )
    check_outputs(weights=options.output, force=options.force)
    shares_of(list(labelled_paths(options.files, least=2)), options.weights)
    hand = opened(options, least=2, batch_norm="carried")
    remark(hand.sentences)
    facts = merge_weights(hand, options)
    say(merge_text(facts), facts, as_json=options.json)
    return 0
