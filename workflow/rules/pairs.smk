"""Which networks and which pairs of networks a job needs, found when it is planned: of many seeds there are many pairs."""

from typing import NamedTuple

from symgeom.study.pairs import pairs_of_simplex


class Paired(NamedTuple):
    """A stage on pairs: the arms and seeds whose pairs share a job, and which pairs it measures."""

    parts: dict
    measured: split.PairRule


PAIRED = {
    "alignments": Paired(PARTS, split.PairRule("all")),
    "distances": Paired(PARTS, split.PairRule("all")),
    "paths": Paired(
        PARTS, split.PairRule(config["paths"]["cross_arm"], star=config["paths"]["star"])
    ),
    "chains": Paired(
        CHAIN_PARTS,
        split.PairRule(config["chains"]["cross_arm"], within=config["chains"]["within"]),
    ),
    "charts": Paired(PARTS, split.PairRule("none", within="first")),
}
SIMPLICES = split.simplices_of(config)
PAIRS_OF_SIMPLICES = list(dict.fromkeys(itertools.chain(*map(pairs_of_simplex, SIMPLICES))))
POSITIONS = {seed: position for position, seed in enumerate(split.seeds_of(config))}


@cache
def pieces(stage, part):
    """Split the pairs of a part into pieces, by their names."""
    parts, measured = PAIRED[stage]
    return split.pieces_of(config, {part: parts[part]}, measured)


def pairs_of(stage):
    """List the pairs of a piece."""
    return lambda wildcards: pieces(stage, wildcards.piece.partition("-")[0])[wildcards.piece]


@cache
def pieces_of_pairs(part):
    """Return the piece of every pair of a part in which it is aligned."""
    return {pair: piece for piece, pairs in pieces("alignments", part).items() for pair in pairs}


@cache
def stores_of_networks(stage):
    """Return the name of the store of a stage that holds each network."""
    return split.stores_of_minima(config) if stage == "minima" else split.parts_of_networks(PARTS)


def stores_with(stage, networks):
    """List the stores of a stage that hold some networks."""
    names = stores_of_networks(stage)
    return stores(stage, dict.fromkeys(names[network] for network in networks))


def alignments_of_pairs(pairs):
    """List the stores that hold the alignments of some pairs."""
    names = {}
    for pair in pairs:
        part = stores_of_networks("canonical")[split.later_of(pair, POSITIONS)]
        names[pieces_of_pairs(part)[pair]] = None
    return stores("alignments", names)


def minima_of_part(wildcards):
    """List the stores that hold the trained networks of a part."""
    return stores_with("minima", itertools.product(*PARTS[wildcards.part]))


def minima_of_lender(wildcards):
    """List the store of the same seeds of the arm whose budget an arm spends, if there is one."""
    lender = config["arms"][wildcards.arm].get(BUDGET)
    return stores("minima", [f"{lender}{wildcards.block}"]) if lender else []


def networks_of_arm(stage):
    """List the stores of a stage that hold an arm's networks."""
    return lambda wildcards: stores_with(
        stage, itertools.product([wildcards.arm], split.seeds_of(config))
    )


def networks_at_depths(wildcards):
    """List the stores that hold the networks of a case at several depths."""
    names = split.stores_of_minima({**config, "arms": TO_DEPTHS})
    return stores("depths/minima", dict.fromkeys(names.values()))


def common_depth(wildcards):
    """Return the file that holds the depth at which a case is compared, once it has been chosen."""
    return checkpoints.choose_depth.get(case=wildcards.case).output.depth


def checked_case(wildcards):
    """Return the file that says whether a case goes on, once all of its parts have been seen."""
    return checkpoints.check_case.get(case=wildcards.case).output.reached


def ends(stage, of):
    """List the stores of a stage that hold the networks of a piece's pairs."""
    return lambda wildcards: stores_with(stage, split.ends_of(pairs_of(of)(wildcards)))


def alignments(of):
    """List the stores that hold the alignments of a piece's pairs."""
    return lambda wildcards: alignments_of_pairs(pairs_of(of)(wildcards))


def planes_of_part(wildcards):
    """List the planes that a part maps."""
    return split.triples_of(config, PARTS[wildcards.part])


def corners(stage):
    """List the stores of a stage that hold the networks of a part's planes."""
    return lambda wildcards: stores_with(
        stage, split.ends_of(itertools.chain(*planes_of_part(wildcards)))
    )


def alignments_of_planes(wildcards):
    """List the stores that hold the alignments of a part's planes."""
    return alignments_of_pairs(itertools.chain(*planes_of_part(wildcards)))


def slices_of_piece(wildcards):
    """List the stores of the slices of a piece's paths, if they are measured in slices."""
    return stores("slices/paths", [f"{wildcards.piece}_{number}" for number in SLICES])
