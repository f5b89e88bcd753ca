"""The user's own code: what it names is called, and what cannot be called is said."""

import math
import sys
from pathlib import Path

import pytest

from symgeom.ground.checks import SymgeomError
from symgeom.ground.own_code import call, find, working_directory


def test_a_reference_names_a_function():
    assert find("math:sqrt", "network") is math.sqrt


@pytest.mark.parametrize("where", ["nowhere.at.all:net", ":net", "..:net"])
def test_a_module_that_is_not_there_is_named(where: str):
    with pytest.raises(SymgeomError, match=f"Cannot import '.*' for network '{where}'"):
        find(where, "network")


@pytest.mark.parametrize("where", ["math:root", "math:pi", "math"])
def test_a_name_that_cannot_be_called_is_named(where: str):
    with pytest.raises(SymgeomError, match=f"Cannot use optimizer '{where}': module 'math'"):
        find(where, "optimizer")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("raise RuntimeError('no licence.')", "RuntimeError: no licence"),
        ("width = unknown", "NameError: name 'unknown' is not defined"),
        ("raise SystemExit", "SystemExit: no reason"),
        ("import json\njson.loads('[')", "JSONDecodeError: Expecting value"),
    ],
)
def test_a_module_that_fails_on_import_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, cause: str
):
    file = tmp_path / "failing_module.py"
    file.write_text(text)
    monkeypatch.chdir(tmp_path)
    where = "failing_module:net"
    line = len(text.splitlines())
    message = rf"for network '{where}': it ends with {cause}.* \({file}, line {line}\). Correct it"
    with working_directory(), pytest.raises(SymgeomError, match=message):
        find(where, "network")


def test_a_function_that_fails_is_named_with_its_line_and_its_cause():
    def net(width: int) -> object:
        return [][width]

    line = net.__code__.co_firstlineno + 1
    message = rf"'my:net' with options {{'width': 3}}: it fails with IndexError.*line {line}\)"
    with pytest.raises(SymgeomError, match=message) as caught:
        call("my:net", net, (), {"width": 3})
    assert isinstance(caught.value.__cause__, IndexError)


def test_what_a_function_says_in_our_words_is_not_said_again():
    def net() -> object:
        raise SymgeomError("Cannot build this.")

    with pytest.raises(SymgeomError, match=r"^Cannot build this.$"):
        call("my:net", net, (), {})


def test_arguments_that_do_not_fit_are_named_with_the_advice():
    def net(width: int) -> int:
        return width

    assert call("my:net", net, (3,), {}) == 3
    message = r"options \['depth'\].*it takes \(width: int\).*Give those options, or none"
    with pytest.raises(SymgeomError, match=message):
        call("my:net", net, (3,), {"depth": 1}, advice=", or none")


def test_the_working_directory_is_searched_first_and_only_inside(tmp_path, monkeypatch):
    (tmp_path / "module_of_a_user.py").write_text("def net():\n    return 5\n")
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    with working_directory():
        assert find("module_of_a_user:net", "network")() == 5
    assert sys.path == before
    monkeypatch.delitem(sys.modules, "module_of_a_user")
