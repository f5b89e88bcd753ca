"""How a study is split into jobs.

Whatever the numbers, there are the same networks and pairs; nothing changes where a study grows.
"""

import copy
import itertools

import pytest
import yaml
from clones import ROOT

from symgeom.study.planning import split
from symgeom.study.planning.split import PairRule

CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text())
KINDS = {"all": 36 * 35 // 2, "matched": 6 * 15 + 15 * 6, "none": 6 * 15}


def cut(seeds=6, points=9, **granularity):
    """Return the default configuration with other seeds, points and numbers of things per job."""
    config = copy.deepcopy(CONFIG)
    config["granularity"] |= {"seeds_per_job": None} | granularity
    config["paths"]["points"] = points
    return config | {"seeds": seeds}


def test_names_are_counted_from_the_second_on():
    config = cut(arms_per_job=2, seeds_per_job=4)
    assert split.blocks_of(config) == {"": [0, 1, 2, 3], ".1": [4, 5]}
    assert list(split.parts_of(config)) == ["0", "0.1", "1", "1.1", "2", "2.1"]
    assert split.parts_of(config)["1.1"] == (["sgd", "adam"], [4, 5])
    assert split.stores_of_minima(config)["sgd", 3] == "sgd"
    assert split.stores_of_minima(config)["sgd", 4] == "sgd.1"
    assert split.slices_of(cut(points=9, points_per_job=4)) == {
        "0": [0, 1, 2, 3],
        "1": [4, 5, 6, 7],
        "2": [8],
    }
    assert split.slices_of(config) == {}
    pieces = split.pieces_of(
        cut(seeds=3, pairs_per_job=8),
        split.parts_of(cut(seeds=3)),
        PairRule("none"),
    )
    assert {name: len(pairs) for name, pairs in pieces.items()} == {"0": 8, "0-1": 8, "0-2": 2}


@pytest.mark.parametrize("seeds", [7, [3, 1, 2, 8]])
@pytest.mark.parametrize("counts", [*itertools.product([1, 2, 6], [1, 3, None], [1, 4, None])])
def test_every_network_and_every_pair_is_there_once(seeds, counts):
    config = cut(
        seeds, **dict(zip(("arms_per_job", "seeds_per_job", "pairs_per_job"), counts, strict=True))
    )
    parts, networks = (
        split.parts_of(config),
        list(itertools.product(config["arms"], split.seeds_of(config))),
    )
    assert (
        sorted(split.parts_of_networks(parts))
        == sorted(split.stores_of_minima(config))
        == sorted(networks)
    )
    whole, places = (
        cut(seeds),
        {seed: place for place, seed in enumerate(split.seeds_of(config))},
    )
    for kind in (
        PairRule("all"),
        PairRule("matched"),
        PairRule("none", within="ring"),
        PairRule("none", within="first"),
        PairRule("none", star=("reference", "sharp")),
    ):
        pairs = [pair for some in split.pieces_of(config, parts, kind).values() for pair in some]
        assert len(pairs) == len({frozenset([pair[:2], pair[2:]]) for pair in pairs})
        found = {
            pair: piece
            for piece, some in split.pieces_of(config, parts, kind).items()
            for pair in some
        }
        assert all(
            piece.split("-")[0] == split.parts_of_networks(parts)[split.later_of(pair, places)]
            for pair, piece in found.items()
        )
        assert set(pairs) == set(split.pairs_of(whole, split.parts_of(whole)["0"], kind))
        assert all(
            len(some) <= (counts[2] or len(pairs))
            for some in split.pieces_of(config, parts, kind).values()
        )
    planes = [plane for part in parts.values() for plane in split.triples_of(config, part)]
    assert sorted(planes) == sorted(split.triples_of(whole, split.parts_of(whole)["0"]))


@pytest.mark.parametrize("kind", KINDS)
def test_the_number_of_pairs(kind):
    assert len(split.pairs_of(cut(), split.parts_of(cut())["0"], PairRule(kind))) == KINDS[kind]


def test_the_first_pair_of_an_arm_is_that_of_its_first_two_seeds():
    config = cut([5, 3, 8], arms_per_job=2, seeds_per_job=1)
    rule = PairRule("none", within="first")
    pieces = split.pieces_of(config, split.parts_of(config), rule)
    first = {name: pairs for name, pairs in pieces.items() if pairs}
    assert list(first) == ["0.1", "1.1", "2.1"]
    assert first["1.1"] == [("sgd", 5, "sgd", 3), ("adam", 5, "adam", 3)]


def grown(before, after):
    """Return which names are new, having seen that no other changed."""
    assert {name: after[name] for name in before} == dict(before)
    return sorted(set(after) - set(before))


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_and_arms_at_the_end_add_jobs_and_change_none(kind):
    config = cut(6, arms_per_job=1, seeds_per_job=3, pairs_per_job=4)
    more = copy.deepcopy(config) | {"seeds": 9}
    new = copy.deepcopy(config)
    new["arms"]["new"] = config["arms"]["sgd"]
    parts = split.parts_of(config)
    assert grown(parts, split.parts_of(more)) == ["0.2", "1.2", "2.2", "3.2", "4.2", "5.2"]
    assert grown(parts, split.parts_of(new)) == ["6", "6.1"]
    for after, names in (
        (more, ("0.2", "1.2", "2.2", "3.2", "4.2", "5.2")),
        (new, ("6", "6.1")),
    ):
        pieces = grown(
            split.pieces_of(config, parts, PairRule(kind)),
            split.pieces_of(after, split.parts_of(after), PairRule(kind)),
        )
        assert {piece.split("-")[0] for piece in pieces} == set(names)


def test_the_star_needs_all_pairs_of_the_arms_of_its_ends_with_every_other():
    config = cut(3)
    part = split.parts_of(config)["0"]
    for roles, ends in ((["reference"], {"sgd"}), (["reference", "sharp"], {"sgd", "adversarial"})):
        pairs = split.pairs_of(config, part, PairRule("none", star=roles))
        across = {pair for pair in pairs if pair[0] != pair[2]}
        arms = [two for two in itertools.combinations(config["arms"], 2) if ends & set(two)]
        expected = itertools.product(arms, range(3), range(3))
        assert across == {(first, i, second, j) for (first, second), i, j in expected}
        assert len(pairs) - len(across) == 6 * 3


def test_controls_are_in_pairs_of_consecutive_seeds_however_many_follow():
    rule = PairRule("all")
    chosen = []
    for seeds in ([7, 2, 5], [7, 2, 5, 0]):
        config = cut(seeds)
        pairs = split.pairs_of(config, split.parts_of(config)["0"], rule)
        chosen.append(split.consecutive_of(config, pairs))
    arms = list(config["arms"])
    assert chosen[0] == [pair for arm in arms for pair in ((arm, 7, arm, 2), (arm, 2, arm, 5))]
    assert set(chosen[1]) - set(chosen[0]) == {(arm, 5, arm, 0) for arm in arms}


def test_every_arm_has_a_plane_and_the_last_of_the_roles_the_mixed_one():
    config = cut(arms_per_job=1)
    parts = {part.arms[0]: part for part in split.parts_of(config).values()}
    assert split.triples_of(config, parts["sgd"]) == [(("sgd", 0, "sgd", 1), ("sgd", 0, "sgd", 2))]
    own, mixed = split.triples_of(config, parts["adversarial"])
    assert own == (("adversarial", 0, "adversarial", 1), ("adversarial", 0, "adversarial", 2))
    assert mixed == (("rsgd", 0, "sgd", 0), ("rsgd", 0, "adversarial", 0))
    assert split.triples_of(cut(2), split.Part(["sgd"], [0, 1])) == []


def test_a_job_reads_what_its_pairs_lie_in_and_nothing_else():
    config = cut(4, arms_per_job=2, seeds_per_job=2)
    ends = split.ends_of([("rsgd", 0, "sgd", 3), ("rsgd", 0, "sgd", 2)])
    assert list(ends) == [("rsgd", 0), ("sgd", 3), ("sgd", 2)]
    assert {split.parts_of_networks(split.parts_of(config))[end] for end in ends} == {"0", "1.1"}
    assert {split.stores_of_minima(config)[end] for end in ends} == {"rsgd", "sgd.1"}
