"""What commands say of themselves."""

import re

import pytest

from symgeom.__main__ import COMMANDS, main

NAMES = ("inspect", "compare", "align", "merge", "flatness", "charges", "balance")
OF_STUDIES = ("draw", "verify", "keys")


@pytest.mark.parametrize("name", [*NAMES, *OF_STUDIES])
def test_a_command_says_what_it_does(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    said = capsys.readouterr().out
    usage, description, *_ = said.split("\n\n")
    assert usage.startswith(f"usage: symgeom {name} ")
    assert re.fullmatch(r"[A-Z].*\.", description, re.DOTALL)
    for example in re.findall(r"Example: (.*)", said, re.DOTALL):
        assert example.startswith(f"symgeom {name} ")


def test_all_commands_are_asked():
    assert len(COMMANDS) == len(NAMES) + len(OF_STUDIES)
