"""Values on demand: each computed when it is asked for, the latest kept, never more than fits."""

import pytest

from symgeom.ground.on_demand import OnDemand


def squares(limit: int) -> tuple[OnDemand, list[int]]:
    """Return squares whose size is their root, and a list of what was computed."""
    made: list[int] = []

    def square(number: int) -> list[int]:
        made.append(number)
        return [0] * number

    return OnDemand(range(1, 6), square, size=len, limit=limit), made


def test_nothing_is_computed_before_it_is_asked_for():
    values, made = squares(10)
    assert (list(values), len(values), 3 in values, 9 in values, values.get(9)) == (
        [1, 2, 3, 4, 5],
        5,
        True,
        False,
        None,
    )
    assert made == []


def test_the_latest_are_kept_while_they_fit():
    values, made = squares(6)
    assert [len(values[key]) for key in (1, 2, 3, 2, 4, 2, 1)] == [1, 2, 3, 2, 4, 2, 1]
    assert made == [
        1,
        2,
        3,
        4,
        1,
    ]  # 4 displaced 1 and 3, and left 2, which had been asked for since


def test_what_is_larger_than_the_limit_displaces_nothing():
    values, made = squares(3)
    assert [len(values[key]) for key in (2, 5, 2, 5)] == [2, 5, 2, 5]
    assert made == [2, 5, 5]


def test_a_limit_of_nothing_keeps_nothing():
    values, made = squares(0)
    assert values[2] is not values[2]
    assert made == [2, 2]


def test_a_part_keeps_what_the_whole_kept():
    values, made = squares(9)
    part = values.where(lambda value: len(value) > 3)
    assert (list(part), made) == ([4, 5], [1, 2, 3, 4, 5])
    assert [len(value) for value in part.values()] == [4, 5]
    assert made == [1, 2, 3, 4, 5]
    assert list(values) == [1, 2, 3, 4, 5]


def test_unknown_keys_are_refused():
    with pytest.raises(KeyError, match="7"):
        squares(3)[0][7]


def test_a_failure_is_not_kept():
    answers = iter([ValueError("no"), 5])

    def answer(_: str) -> int:
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found

    values = OnDemand("a", answer, size=int, limit=9)
    with pytest.raises(ValueError, match="no"):
        values["a"]
    assert values["a"] == 5
