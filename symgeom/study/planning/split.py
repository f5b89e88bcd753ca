"""How a study is split into jobs.

Arms are split into parts, seeds into blocks, pairs into pieces, the points of a path into slices.
What is first has no suffix, what follows is counted: part "0" holds the first arms and the first
block of seeds, "0.1" the same arms and the next seeds, "0.1-2" is the third piece of the pairs of
"0.1". A pair belongs to the part of its later arm and its later block, so that arms or seeds added
at the end leave every job that was there as it is.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from symgeom.study.pairs import Key, Pair, Simplex

Item = TypeVar("Item")


class Part(NamedTuple):
    """Some arms and some seeds: the networks that share a job."""

    arms: list[str]
    seeds: list[int]


class PairRule(NamedTuple):
    """Which pairs a stage measures.

    Attributes
    ----------
    across_arms : {"all", "matched", "none"}
        Between two arms: all pairs of seeds, those of equal position in the list of seeds, or none.
    within : {"all", "ring", "first"}
        Within an arm: all pairs of seeds, each seed with the next one, or the first two.
    star : sequence of str
        Roles of the claims: between their arms and every other one, all pairs are measured anyway.
    """

    across_arms: str
    within: str = "all"
    star: Sequence[str] = ()


def seeds_of(config: Mapping) -> list[int]:
    """Return the seeds of a study.

    Parameters
    ----------
    config : mapping
        The configuration; a number means that many seeds, from 0.

    Returns
    -------
    list of int
        The seeds.

    Examples
    --------
    >>> seeds_of({"seeds": 3})
    [0, 1, 2]
    """
    seeds = config["seeds"]
    return list(range(seeds)) if isinstance(seeds, int) else list(seeds)


def number_of_seeds(config: Mapping) -> int:
    """Return how many seeds a study has.

    Parameters
    ----------
    config : mapping
        The configuration.

    Returns
    -------
    int
        Their number; none of them is listed.

    Examples
    --------
    >>> number_of_seeds({"seeds": [3, 5]})
    2
    """
    seeds = config["seeds"]
    return seeds if isinstance(seeds, int) else len(seeds)


def blocks_of(config: Mapping) -> dict[str, list[int]]:
    """Split the seeds into blocks.

    Parameters
    ----------
    config : mapping
        The configuration.

    Returns
    -------
    dict of str to list of int
        By the suffix of their names.

    Examples
    --------
    >>> blocks_of({"seeds": 3, "granularity": {"seeds_per_job": 2}})
    {'': [0, 1], '.1': [2]}
    """
    seeds = seeds_of(config)
    length = config["granularity"]["seeds_per_job"] or len(seeds)
    return _runs("", seeds, length, mark=".")


def parts_of(config: Mapping, size: str = "arms_per_job") -> dict[str, Part]:
    """Split arms and seeds into parts.

    Parameters
    ----------
    config : mapping
        The configuration.
    size : str
        The key of the section ``granularity`` that says how many arms share a job.

    Returns
    -------
    dict of str to Part
        By name.
    """
    runs = _runs("", list(config["arms"]), config["granularity"][size], mark="")
    parts = {}
    for number, arms in runs.items():
        for block, seeds in blocks_of(config).items():
            parts[f"{number or '0'}{block}"] = Part(arms, seeds)
    return parts


def stores_of_minima(config: Mapping) -> dict[Key, str]:
    """Return the name of the store of every network as trained.

    Parameters
    ----------
    config : mapping
        The configuration.

    Returns
    -------
    dict of (str, int) to str
        By arm and seed.
    """
    names = {}
    for arm in config["arms"]:
        for block, seeds in blocks_of(config).items():
            for seed in seeds:
                names[arm, seed] = f"{arm}{block}"
    return names


def parts_of_networks(parts: Mapping[str, Part]) -> dict[Key, str]:
    """Return the part of every network.

    Parameters
    ----------
    parts : mapping of str to Part
        All parts.

    Returns
    -------
    dict of (str, int) to str
        By arm and seed.

    Examples
    --------
    >>> parts_of_networks({"0": Part(["sgd"], [0, 1])})
    {('sgd', 0): '0', ('sgd', 1): '0'}
    """
    names = {}
    for name, part in parts.items():
        for arm, seed in itertools.product(*part):
            names[arm, seed] = name
    return names


def later_of(pair: Pair, positions: Mapping[int, int]) -> Key:
    """Return the network whose part a pair belongs to: that of its later arm and its later seed.

    Parameters
    ----------
    pair : Pair
        The pair; its second arm is the later one.
    positions : mapping of int to int
        The positions of the seeds in the list of seeds.

    Returns
    -------
    (str, int)
        Arm and seed.

    Examples
    --------
    >>> later_of(("sgd", 5, "adam", 3), {3: 0, 5: 1})
    ('adam', 5)
    """
    first_seed, later_arm, second_seed = pair[1:]
    return later_arm, max(first_seed, second_seed, key=positions.__getitem__)


def ends_of(pairs: Iterable[Pair]) -> dict[Key, None]:
    """Return the networks of some pairs, each once, in order.

    Parameters
    ----------
    pairs : iterable of Pair
        The pairs.

    Returns
    -------
    dict of (str, int) to None
        Arms and seeds.

    Examples
    --------
    >>> list(ends_of([("sgd", 0, "sgd", 1), ("sgd", 0, "sgd", 2)]))
    [('sgd', 0), ('sgd', 1), ('sgd', 2)]
    """
    ends: dict[Key, None] = {}
    for pair in pairs:
        ends[pair[:2]] = None
        ends[pair[2:]] = None
    return ends


def pieces_of(config: Mapping, parts: Mapping[str, Part], rule: PairRule) -> dict[str, list[Pair]]:
    """Split the pairs of every part into pieces.

    Parameters
    ----------
    config : mapping
        The configuration.
    parts : mapping of str to Part
        The parts.
    rule : PairRule
        Which pairs.

    Returns
    -------
    dict of str to list of Pair
        By name; a part without pairs is one piece.
    """
    pieces: dict[str, list[Pair]] = {}
    for name, part in parts.items():
        pairs = pairs_of(config, part, rule)
        length = config["granularity"]["pairs_per_job"] or max(1, len(pairs))
        pieces |= _runs(name, pairs, length, mark="-")
    return pieces


def slices_of(config: Mapping) -> dict[str, list[int]]:
    """Split the points of a path into slices.

    Parameters
    ----------
    config : mapping
        The configuration.

    Returns
    -------
    dict of str to list of int
        By number; none if one job measures whole paths.
    """
    length = config["granularity"]["points_per_job"]
    if not length:
        return {}
    points = range(config["paths"]["points"])
    runs = _runs("", points, length, mark="")
    return {number or "0": run for number, run in runs.items()}


def pairs_of(config: Mapping, part: Part, rule: PairRule) -> list[Pair]:
    """Return the pairs that a part is responsible for.

    Parameters
    ----------
    config : mapping
        The configuration.
    part : Part
        The part: their later arm is one of its arms, their later seed one of its seeds.
    rule : PairRule
        Which pairs.

    Returns
    -------
    list of Pair
        Arm by arm: first those with earlier arms, then those within the arm.
    """
    arms = list(config["arms"])
    seeds = seeds_of(config)
    roles = config["claims"]["roles"]
    ends = {roles[role] for role in rule.star}
    pairs: list[Pair] = []
    for later in part.arms:
        for arm in arms[: arms.index(later)]:
            kind = "all" if arm in ends or later in ends else rule.across_arms
            for first, second in _across(seeds, part, kind):
                pairs.append((arm, first, later, second))
        for first, second in _within(seeds, part, rule.within):
            pairs.append((later, first, later, second))
    return pairs


def consecutive_of(config: Mapping, pairs: Iterable[Pair]) -> list[Pair]:
    """Return the pairs within an arm that join a seed with the next one in the list of seeds.

    Parameters
    ----------
    config : mapping
        The configuration.
    pairs : iterable of Pair
        The pairs.

    Returns
    -------
    list of Pair
        As many as seeds, not as pairs of seeds; seeds added at the end change none of them.

    Examples
    --------
    >>> consecutive_of({"seeds": 3}, [("sgd", 0, "sgd", 1), ("sgd", 0, "sgd", 2)])
    [('sgd', 0, 'sgd', 1)]
    """
    consecutive = set(itertools.pairwise(seeds_of(config)))
    inside = []
    for pair in pairs:
        first_arm, first_seed, second_arm, second_seed = pair
        if first_arm == second_arm and (first_seed, second_seed) in consecutive:
            inside.append(pair)
    return inside


def triples_of(config: Mapping, part: Part) -> list[tuple[Pair, Pair]]:
    """Return the planes that a part maps.

    Parameters
    ----------
    config : mapping
        The configuration.
    part : Part
        The part: a plane belongs to that of its later arm and its last seed.

    Returns
    -------
    list of two Pair
        Two pairs with the same first network: of every arm its first three seeds, and with the last
        of the roles the first seeds of all roles.
    """
    arms = list(config["arms"])
    seeds = seeds_of(config)
    roles = config["claims"]["roles"]
    triples: list[list[Key]] = []
    if len(seeds) > 2 and seeds[2] in part.seeds:
        for arm in part.arms:
            triples.append([(arm, seed) for seed in seeds[:3]])
    of_roles = {roles[role] for role in ("flat", "reference", "sharp")}
    mixed = sorted(of_roles, key=arms.index)
    if len(mixed) == 3 and mixed[-1] in part.arms and seeds[0] in part.seeds:
        triples.append([(arm, seeds[0]) for arm in mixed])
    return [((*first, *second), (*first, *third)) for first, second, third in triples]


def simplices_of(config: Mapping) -> list[Simplex]:
    """Return the simplices that a study measures.

    Parameters
    ----------
    config : mapping
        The configuration.

    Returns
    -------
    list of (str, tuple of int)
        Of every arm and every size all choices of its first seeds.

    Examples
    --------
    >>> simplices = {"sizes": [2, 3], "seeds": 3}
    >>> simplices_of({"arms": {"sgd": {}}, "seeds": 9, "simplices": simplices})[-2:]
    [('sgd', (1, 2)), ('sgd', (0, 1, 2))]
    """
    options = config["simplices"]
    seeds = seeds_of(config)[: options["seeds"]]
    simplices = []
    for arm in config["arms"]:
        for size in options["sizes"]:
            for vertices in itertools.combinations(seeds, size):
                simplices.append((arm, vertices))
    return simplices


def _across(seeds: list[int], part: Part, kind: str) -> Iterable[tuple[int, int]]:
    """Return the pairs of seeds of two arms whose later seed is one of a part's."""
    if kind == "matched":
        return zip(part.seeds, part.seeds, strict=True)
    if kind == "none":
        return ()
    until = _until(seeds, part)
    earlier = until[: -len(part.seeds)]
    return [*itertools.product(earlier, part.seeds), *itertools.product(part.seeds, until)]


def _within(seeds: list[int], part: Part, kind: str) -> list[tuple[int, int]]:
    """Return the pairs of seeds of one arm whose later seed is one of a part's."""
    until = _until(seeds, part)
    earlier = len(until) - len(part.seeds)
    pairs = []
    for position, first in enumerate(until):
        for second in part.seeds[max(0, position + 1 - earlier) :]:
            pairs.append((first, second))
    if kind == "all":
        return pairs
    if kind == "first":
        return [pair for pair in pairs if set(pair) == set(seeds[:2])]
    neighbours = {frozenset((seed, seeds[index - 1])) for index, seed in enumerate(seeds)}
    return [pair for pair in pairs if frozenset(pair) in neighbours]


def _until(seeds: list[int], part: Part) -> list[int]:
    """Return the seeds up to a part's last."""
    return seeds[: seeds.index(part.seeds[-1]) + 1]


def _runs(name: str, items: Sequence[Item], length: int, *, mark: str) -> dict[str, list[Item]]:
    """Cut a list into runs of some length; the first keeps the name, the others are counted."""
    runs: dict[str, list[Item]] = {}
    for number, start in enumerate(range(0, len(items), length)):
        run_name = f"{name}{mark}{number}" if number else name
        runs[run_name] = list(items[start : start + length])
    return runs or {name: []}
