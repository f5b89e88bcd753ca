"""Which networks and which pairs of networks a job needs, found when it is planned: of many seeds there are many pairs."""

import itertools
from functools import cache

# stage: the arms and seeds whose pairs share a job, which pairs across arms, and which others
PAIRED = {
    "alignments": (PARTS, "all", {}),
    "distances": (PARTS, "all", {}),
    "paths": (PARTS, config["paths"]["cross_arm"], {"star": config["paths"]["star"]}),
    "chains": (CHAIN_PARTS, config["chains"]["cross_arm"], {"within": config["chains"]["within"]}),
}


@cache
def pairs(stage):
    """Split the pairs of a stage into pieces, by their names."""
    parts, cross_arm, kinds = PAIRED[stage]
    return split.pieces_of(config, parts, cross_arm, **kinds)


@cache
def held(stage):
    """Return which store of a stage holds a network, or the alignment of a pair."""
    if stage == "alignments":
        return {pair: piece for piece, some in pairs(stage).items() for pair in some}
    return split.minima_of(config) if stage == "minima" else split.holders(PARTS)


def holding(stage, keys):
    """List the stores of a stage that hold some networks, or the alignments of some pairs."""
    return stores(stage, dict.fromkeys(held(stage)[key] for key in keys))


def minima(wildcards):
    """List the trained networks of a part."""
    return holding("minima", itertools.product(*PARTS[wildcards.part]))


def ends(stage, of):
    """List the stores of a stage that hold the networks of a piece's pairs."""
    return lambda wildcards: holding(stage, split.ends_of(pairs(of)[wildcards.piece]))


def aligned(of):
    """List the alignments of a piece's pairs."""
    return lambda wildcards: holding("alignments", pairs(of)[wildcards.piece])
