"""What names a network of a case, and a pair of networks."""

from collections.abc import Sequence

Key = tuple[str, int]
"""Arm and seed: a network."""

Pair = tuple[str, int, str, int]
"""Arm and seed of the first network of a pair, arm and seed of the second."""

Simplex = tuple[str, tuple[int, ...]]
"""Arm and seeds of several networks, its vertices."""

ENDS = {"first_arm": str, "first_seed": int, "second_arm": str, "second_seed": int}
"""The coordinates of a pair and their types, in the order of :data:`Pair`."""


def ring_runs(seeds: Sequence[int], size: int) -> dict[int, tuple[int, ...]]:
    """Return for every seed some seeds in a row that begin with it; the first follows the last.

    Parameters
    ----------
    seeds : sequence of int
        All seeds of an arm, in order.
    size : int
        How many are in a row.

    Returns
    -------
    dict of int to tuple of int
        By the first of them; none if there are fewer seeds.

    Examples
    --------
    >>> ring_runs([0, 1, 2], 2)
    {0: (0, 1), 1: (1, 2), 2: (2, 0)}
    """
    if size > len(seeds):
        return {}
    twice = [*seeds, *seeds]
    return {seed: tuple(twice[start : start + size]) for start, seed in enumerate(seeds)}


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


def words_of(pair: Pair) -> str:
    """Name the networks of a pair.

    Parameters
    ----------
    pair : Pair
        The pair.

    Returns
    -------
    str
        In a few words.

    Examples
    --------
    >>> words_of(("sgd", 0, "adam", 1))
    'sgd/0 to adam/1'
    """
    first_arm, first_seed, second_arm, second_seed = pair
    return f"{first_arm}/{first_seed} to {second_arm}/{second_seed}"


def pairs_of_simplex(simplex: Simplex) -> list[Pair]:
    """Return the pairs of the first vertex with each of the others.

    Parameters
    ----------
    simplex : (str, tuple of int)
        Arm and seeds.

    Returns
    -------
    list of Pair
        Those that align all vertices to the first.

    Examples
    --------
    >>> pairs_of_simplex(("sgd", (0, 1, 2)))
    [('sgd', 0, 'sgd', 1), ('sgd', 0, 'sgd', 2)]
    """
    arm, (first, *others) = simplex
    return [(arm, first, arm, other) for other in others]
