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
PLACES = {seed: place for place, seed in enumerate(split.seeds_of(config))}


@cache
def pieces(stage, part):
    """Split the pairs of a part into pieces, by their names."""
    parts, cross_arm, kinds = PAIRED[stage]
    return split.pieces_of(config, {part: parts[part]}, cross_arm, **kinds)


def pairs(stage):
    """List the pairs of a piece."""
    return lambda wildcards: pieces(stage, wildcards.piece.partition("-")[0])[wildcards.piece]


@cache
def matched(part):
    """Return the piece of every pair of a part in which it is aligned."""
    return {pair: piece for piece, some in pieces("alignments", part).items() for pair in some}


@cache
def held(stage):
    """Return the store of a stage that holds a network."""
    return split.minima_of(config) if stage == "minima" else split.holders(PARTS)


def holding(stage, keys):
    """List the stores of a stage that hold some networks."""
    return stores(stage, dict.fromkeys(held(stage)[key] for key in keys))


def aligning(some):
    """List the stores that hold the alignments of some pairs."""
    found = {pair: matched(held("canonical")[split.later_of(pair, PLACES)])[pair] for pair in some}
    return stores("alignments", dict.fromkeys(found.values()))


def minima(wildcards):
    """List the trained networks of a part."""
    return holding("minima", itertools.product(*PARTS[wildcards.part]))


def ends(stage, of):
    """List the stores of a stage that hold the networks of a piece's pairs."""
    return lambda wildcards: holding(stage, split.ends_of(pairs(of)(wildcards)))


def aligned(of):
    """List the alignments of a piece's pairs."""
    return lambda wildcards: aligning(pairs(of)(wildcards))


def planes(wildcards):
    """List the planes that a part is responsible for."""
    return split.triples_of(config, PARTS[wildcards.part])


def corners(stage):
    """List the stores of a stage that hold the networks of a part's planes."""
    return lambda wildcards: holding(stage, split.ends_of(itertools.chain(*planes(wildcards))))


def slices(wildcards):
    """List the slices of a piece's paths, if they are measured in slices."""
    return [f"<results>/{{case}}/paths/slices/{wildcards.piece}_{number}.zarr.zip" for number in SLICES]
