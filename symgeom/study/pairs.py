"""What names a network of a case, and a pair of networks."""

from collections.abc import Sequence

Key = tuple[str, int]
"""Arm and seed: a network."""

Pair = tuple[str, int, str, int]
"""Arm and seed of the first network of a pair, arm and seed of the second."""

ENDS = {"first_arm": str, "first_seed": int, "second_arm": str, "second_seed": int}
"""The coordinates of a pair and their types, in the order of :data:`Pair`."""


def seeds_of_pairs(pairs: Sequence[Pair]) -> list[int]:
    """Return the seeds of some pairs, each once, in ascending order.

    Parameters
    ----------
    pairs : sequence of Pair
        The pairs.

    Returns
    -------
    list of int
        The seeds of both ends.

    Examples
    --------
    >>> seeds_of_pairs([("sgd", 2, "sgd", 0), ("sgd", 0, "adam", 1)])
    [0, 1, 2]
    """
    seeds: set[int] = set()
    for pair in pairs:
        seeds.update(pair[1::2])
    return sorted(seeds)
