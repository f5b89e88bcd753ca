"""How a study is split into jobs: arms into parts, seeds into blocks, pairs into pieces, the points of a path into slices.

What is first has no suffix, what follows is counted: part "0" holds the first arms and the first
block of seeds, "0.1" the same arms and the next seeds, "0.1-2" is the third piece of the pairs of
"0.1". A pair belongs to the part of its later arm and its later block, so that arms or seeds added
at the end leave every job that was there as it is.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

Key = tuple[str, int]
Pair = tuple[str, int, str, int]


class Part(NamedTuple):
    """Some arms and some seeds: the networks that share a job."""

    arms: list[str]
    seeds: list[int]


def seeds_of(config: Mapping) -> list[int]:
    """Return the seeds: a number means that many, from 0."""
    seeds = config["seeds"]
    return list(range(seeds)) if isinstance(seeds, int) else list(seeds)


def blocks_of(config: Mapping) -> dict[str, list[int]]:
    """Split the seeds into blocks, by the suffix of their names."""
    seeds, count = seeds_of(config), config["granularity"]["seeds_per_job"] or len(seeds_of(config))
    return dict(_counted("", seeds, count, "."))


def parts_of(config: Mapping, size: str = "arms_per_job") -> dict[str, Part]:
    """Split arms and seeds into parts, by their names."""
    arms = _counted("", list(config["arms"]), config["granularity"][size], "")
    return {
        f"{number or '0'}{block}": Part(some, seeds)
        for number, some in arms
        for block, seeds in blocks_of(config).items()
    }


def minima_of(config: Mapping) -> dict[Key, str]:
    """Return the name of the store of every network as trained."""
    return {
        (arm, seed): f"{arm}{block}"
        for arm in config["arms"]
        for block, seeds in blocks_of(config).items()
        for seed in seeds
    }


def holders(parts: Mapping[str, Part]) -> dict[Key, str]:
    """Return the part of every network."""
    return {
        (arm, seed): name
        for name, part in parts.items()
        for arm in part.arms
        for seed in part.seeds
    }


def later_of(pair: Pair, places: Mapping[int, int]) -> Key:
    """Return the network whose part a pair belongs to: that of its later arm and its later seed, by the places of the seeds."""
    return pair[2], max(pair[1::2], key=places.__getitem__)


def ends_of(pairs: Iterable[Pair]) -> dict[Key, None]:
    """Return the networks of some pairs, each once, in order."""
    return dict.fromkeys(end for pair in pairs for end in (pair[:2], pair[2:]))


def pieces_of(
    config: Mapping, parts: Mapping[str, Part], cross_arm: str, **kinds: str | bool
) -> dict[str, list[Pair]]:
    """Split the pairs of every part into pieces, by their names; a part without pairs is one piece."""
    found = {name: pairs_of(config, part, cross_arm, **kinds) for name, part in parts.items()}
    sizes = {
        name: config["granularity"]["pairs_per_job"] or max(1, len(pairs))
        for name, pairs in found.items()
    }
    return {
        piece: some
        for name, pairs in found.items()
        for piece, some in _counted(name, pairs, sizes[name], "-")
    }


def slices_of(config: Mapping) -> dict[str, list[int]]:
    """Split the points of a path into slices, by their numbers; none if one job measures whole paths."""
    count, points = config["granularity"]["points_per_job"], range(config["paths"]["points"])
    return (
        {number or "0": some for number, some in _counted("", points, count, "")} if count else {}
    )


def _counted(name: str, items: Sequence, count: int, mark: str) -> list[tuple[str, list]]:
    """Cut a list into runs of some length; the first keeps the name, the others get a mark and their number."""
    runs = [list(items[start : start + count]) for start in range(0, len(items), count)] or [[]]
    return [(f"{name}{mark}{number}" if number else name, run) for number, run in enumerate(runs)]


def pairs_of(
    config: Mapping, part: Part, cross_arm: str, *, within: str = "all", star: bool = False
) -> list[Pair]:
    """Return the pairs that a part is responsible for: their later arm is one of its arms, their later seed one of its seeds.

    Within an arm all pairs of seeds, or each seed with the next one ("ring"); across arms all,
    those of equal position in the seed list ("matched"), or none. Between the flat and the
    reference arm of the claims all, if the star shape is asked for.
    """
    arms, seeds, roles = list(config["arms"]), seeds_of(config), config["claims"]["roles"]
    known = seeds[: seeds.index(part.seeds[-1]) + 1]
    old = known[: -len(part.seeds)]
    core = {roles["flat"], roles["reference"]} if star else set()
    across = [*itertools.product(old, part.seeds), *itertools.product(part.seeds, known)]
    pairs: list[Pair] = []
    for later in part.arms:
        for arm in arms[: arms.index(later)]:
            kind = "all" if {arm, later} <= core else cross_arm
            chosen = {
                "all": across,
                "matched": zip(part.seeds, part.seeds, strict=True),
                "none": (),
            }[kind]
            pairs += [(arm, first, later, second) for first, second in chosen]
        inside = [
            (first, second)
            for place, first in enumerate(known)
            for second in part.seeds[max(0, place + 1 - len(old)) :]
        ]
        if within == "ring":
            following = {frozenset((seed, seeds[place - 1])) for place, seed in enumerate(seeds)}
            inside = [pair for pair in inside if frozenset(pair) in following]
        pairs += [(later, first, later, second) for first, second in inside]
    return pairs


def triples_of(config: Mapping, part: Part) -> list[tuple[Pair, Pair]]:
    """Return the planes to map: of every arm its first three seeds, and with the last of the roles the first seeds of all roles.

    A plane is two pairs with the same first network; it belongs to the part of its later arm and
    its last seed.
    """
    arms, seeds, roles = list(config["arms"]), seeds_of(config), config["claims"]["roles"]
    found = [
        [(arm, seed) for seed in seeds[:3]]
        for arm in part.arms
        if len(seeds) > 2 and seeds[2] in part.seeds
    ]
    mixed = sorted({roles[role] for role in ("flat", "reference", "sharp")}, key=arms.index)
    if len(mixed) == 3 and mixed[-1] in part.arms and seeds[0] in part.seeds:
        found.append([(arm, seeds[0]) for arm in mixed])
    return [((*first, *second), (*first, *third)) for first, second, third in found]
