"""The user's own code: what it names is called, and what cannot be called is said."""

import math
import sys

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
