"""A command waits for what it needs alone."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from symgeom.__main__ import main
try:
    status = main(sys.argv[1:])
except SystemExit as leaving:
    status = leaving.code
print(status, *sorted({"matplotlib", "torch", "xarray"} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--help"], "0"),
        (["inspect", "--help"], "0"),
        (["inspect", "mine"], "2"),
        (["keys"], "0"),
        (["verify", "absent"], "1 xarray"),
    ],
    ids=" ".join,
)
def test_what_is_slow_to_import_is_imported_where_it_is_needed(words: list[str], expected: str):
    command = [sys.executable, "-c", PROGRAM, *words]
    outcome = subprocess.run(command, check=False, capture_output=True, text=True)
    assert outcome.stdout.splitlines()[-1] == expected, outcome.stderr
