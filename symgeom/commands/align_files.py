"""``symgeom align``: match the units of one network to those of another, and write it back."""

import argparse
from pathlib import Path

from symgeom.commands.files_in_hand import add_words, add_written, check_outputs, opened
from symgeom.commands.words import Commands
from symgeom.ground.checks import SymgeomError
from symgeom.study.in_hand.labels import labelled_paths

DESCRIPTION = """\
Match the units of a second network to those of a first one, and write the second with its units in
that order: the same names, precision and metadata, the same outputs. Only permutations and signs
are applied, so that every number stays what it was; `--scales reference` also rescales and mixes
its units to where those of the first are."""

EXAMPLE = "Example: symgeom align a.pt b.pt -o aligned.pt --network mine:network --input 3,32,32"


def add(commands: Commands) -> None:
    """Add the command that aligns a network."""
    command = commands.add_parser(
        "align",
        help="match the units of a network to those of another one, and write it back",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        allow_abbrev=False,
    )
    command.set_defaults(run=run)
    files = "weights of two networks, the reference and the one to align"
    add_words(command, files=files, narrower=True)
    add_written(command).add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT",
        help="the file to write (by default SECOND.aligned.safetensors)",
    )
    command.add_argument(
        "--scales",
        choices=("own", "reference"),
        default="own",
        help="whether units keep their scales (the default), or get those of the reference",
    )


def run(options: argparse.Namespace) -> int:
    """Align, write and print; only this loads torch."""
    from symgeom.commands.aligning import align_text, align_weights
    from symgeom.commands.saying import remark, say

    paths = labelled_paths(options.files, least=2)
    if len(paths) > 2:
        raise SymgeomError(
            f"Cannot align {len(paths)} files at once: name two, the reference and the one to "
            "align; or merge them."
        )
    _, second = paths.values()
    name = second.name if second.is_dir() else second.stem
    output = options.output or second.with_name(f"{name}.aligned.safetensors")
    check_outputs(weights=output, force=options.force)
    hand = opened(options, least=2, batch_norm="carried")
    remark(hand.sentences)
    facts = align_weights(
        hand,
        output,
        scales=options.scales,
        seed=options.seed,
        overwrite=options.force,
    )
    say(align_text(facts), facts, as_json=options.json)
    return 0
