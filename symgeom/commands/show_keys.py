"""``symgeom keys``: look up what the configuration of a study may hold."""

import argparse
import sys
from pathlib import Path

from symgeom.commands.words import Commands

DESCRIPTION = """\
Print all keys that the configuration of a study may hold, with their types, defaults and meaning,
as the schema has them that every configuration is checked against."""


def add(commands: Commands) -> None:
    """Add the command that looks up what a configuration may hold."""
    command = commands.add_parser(
        "keys",
        help="print what the configuration of a study may hold",
        description=DESCRIPTION,
        allow_abbrev=False,
    )
    command.set_defaults(run=run)
    command.add_argument(
        "--write",
        type=Path,
        metavar="config/README.md",
        help="write this reference to the end of a guide, in the place of the old one",
    )


def run(options: argparse.Namespace) -> int:
    """Print the reference of keys, or write it into a guide."""
    from symgeom.study.planning.keys import key_reference, write_key_reference

    if options.write is None:
        sys.stdout.write(key_reference())
    else:
        write_key_reference(options.write)
    return 0
