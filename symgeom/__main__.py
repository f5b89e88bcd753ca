"""The command line: ``symgeom inspect``, ``compare``, ``draw``, ``verify``, ``keys`` and others.

``python -m symgeom`` does the same where the package is not installed.

``inspect`` imports a network, finds and certifies its symmetries, prints them as a table and draws
them as a graph. ``compare``, ``align``, ``merge``, ``flatness``, ``charges`` and ``balance`` take
files of weights. ``draw`` draws one figure of a finished study. ``verify`` checks that every store
of a study is whole, and exits with status 1 if one is not. ``keys`` prints what the configuration
of a study may hold. A mistake is one sentence on standard error and exit status 1 (2 if the command
itself makes no sense, 130 after Ctrl-C); SYMGEOM_DEBUG=1 shows the traceback.
"""

import argparse
import io
import os
import sys
from collections.abc import Sequence

from symgeom.commands import (
    align_files,
    balance_file,
    charges_of_files,
    compare_files,
    draw_from_study,
    flatness_of_files,
    inspect_network,
    merge_files,
    show_keys,
    verify_files,
)
from symgeom.ground.checks import SymgeomError

COMMANDS = (
    inspect_network,
    compare_files,
    align_files,
    merge_files,
    flatness_of_files,
    charges_of_files,
    balance_file,
    draw_from_study,
    verify_files,
    show_keys,
)
"""In the order of the help: networks and files in hand, then studies."""

STOPPED = 130
"""The exit status of what Ctrl-C has ended, as shells have it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``symgeom``; by default those that were typed.

    Returns
    -------
    int
        The exit status.

    Raises
    ------
    SymgeomError
        For a mistake, with SYMGEOM_DEBUG set.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal need not have every letter
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        return STOPPED
    except SymgeomError as mistake:
        if os.environ.get("SYMGEOM_DEBUG"):
            raise
        sys.stderr.write(f"Error: {mistake}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="symgeom",
        description="Networks modulo the symmetries of their parameters: look at one; compare, "
        "align, merge, measure and balance files of weights; draw a figure of a study, check it, "
        "or list what its configuration may hold.",
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in COMMANDS:
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
