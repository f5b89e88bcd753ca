"""``symgeom verify``: check that every file of a study is whole."""

import argparse
import sys
from pathlib import Path

from symgeom.commands.words import Commands

DESCRIPTION = """\
Check every store, table, figure and JSON file of a study against its checksum. A table says which
are whole, which are not and why, and which stores the configuration no longer names. The exit
status is 1 if a file is not whole."""

EXAMPLE = "Example: symgeom verify results/digits"


def add(commands: Commands) -> None:
    """Add the command that checks a study."""
    command = commands.add_parser(
        "verify",
        help="check that every file of a study is whole",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        allow_abbrev=False,
    )
    command.set_defaults(run=run)
    command.add_argument(
        "study", type=Path, metavar="results/study", help="the folder of the study"
    )
    command.add_argument(
        "--remove-left-over",
        action="store_true",
        help="remove the stores that the configuration no longer names",
    )


def run(options: argparse.Namespace) -> int:
    """Check the files; the status is 1 if one is not whole."""
    from symgeom.study.verify import left_over, remove_left_over, verified_table, verify_study

    removed = remove_left_over(options.study) if options.remove_left_over else []
    files = verify_study(options.study)
    table = verified_table(files, left_over=left_over(options.study), removed=removed)
    sys.stdout.write(f"{table}\n")
    is_whole = all(file.wrong == "" for file in files)
    return 0 if is_whole else 1
