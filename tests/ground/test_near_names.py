"""The nearest public name is suggested for one that does not exist."""

import subprocess
import sys

import pytest

from symgeom.ground.near_names import with_near_names

THINGS = {"discover": 1, "certify": 2, "align": 3, "align_pairs": 4, "Torus": 5}


def broken(name: str) -> object:
    """Fail as the module does in which a public name is defined."""
    raise AttributeError(f"{name}: its own mistake")


@pytest.mark.parametrize(
    ("misspelt", "advice"),
    [
        ("dicover", "did you mean 'discover'?"),
        ("Discover", "did you mean 'discover'?"),
        ("align_pair", "did you mean 'align_pairs'?"),
        ("aline", "did you mean 'align'?"),
        ("torus", "did you mean 'Torus'?"),
        ("unrelated", "dir(house) lists what it has."),
        ("", "dir(house) lists what it has."),
    ],
)
def test_the_nearest_name_is_suggested(misspelt: str, advice: str):
    attribute = with_near_names(THINGS.__getitem__, list(THINGS), "house")
    with pytest.raises(AttributeError, match="has no public name") as failure:
        attribute(misspelt)
    assert str(failure.value) == f"house has no public name '{misspelt}'; {advice}"


def test_python_does_not_suggest_a_second_time():
    program = "import symgeom; symgeom.dicover"
    command = [sys.executable, "-c", program]
    outcome = subprocess.run(command, check=False, capture_output=True, text=True)
    assert outcome.stderr.count("discover") == 1


def test_a_public_name_is_what_it_stands_for():
    attribute = with_near_names(THINGS.__getitem__, list(THINGS), "house")
    assert [attribute(name) for name in THINGS] == list(THINGS.values())


def test_a_mistake_where_a_public_name_is_defined_is_not_taken_for_a_misspelt_name():
    attribute = with_near_names(broken, list(THINGS), "house")
    with pytest.raises(AttributeError, match="align: its own mistake"):
        attribute("align")
