"""Compare networks in hand: a study in memory, whose minima are the files.

The files are the seeds of one arm, so that the stages of studies measure them: how far every two
networks are apart before and after alignment, beside controls; error and loss along the paths
between them; how flat each of them is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import xarray as xr
from torch import Tensor

from symgeom.ground.checks import SymgeomError, names_shown
from symgeom.ground.on_demand import OnDemand
from symgeom.ground.types import Parameters, size
from symgeom.quotient.alignment import Alignment
from symgeom.quotient.gauge import Canonical
from symgeom.quotient.gauge.canonical import Gauge, settled
from symgeom.quotient.torus import Torus
from symgeom.study.gauges import Gauges
from symgeom.study.in_hand.record import InHand
from symgeom.study.in_hand.settings import ALIGNMENT, BIAS_IN_NORM, CURVATURE, FLATNESS, PATHS
from symgeom.study.matching import match
from symgeom.study.pairs import Key, Pair
from symgeom.study.progress import progress
from symgeom.study.stages import curvature, distances, flatness, paths
from symgeom.study.stages.canonical import removed
from symgeom.study.stored_networks import Minima

ARM = "files"
"""The arm of which all files are seeds."""

POINTS = 25
"""Points of every path."""

SHOWN = (
    "linear raw",
    "linear aligned",
    "geodesic both",
    "latent raw",
    "latent aligned",
    "hamming aligned",
)
"""The variants of paths that are measured, of real and of binary networks."""


@dataclass(frozen=True, eq=False)
class Flat:
    """How flat some networks are.

    Attributes
    ----------
    labels : list of str
        The networks, in the order of the axis ``seed``.
    flatness, curvature : xr.Dataset
        As the stages of the same names give them.
    """

    labels: list[str]
    flatness: xr.Dataset
    curvature: xr.Dataset


@dataclass(frozen=True, eq=False)
class Comparison:
    """What was measured of the networks and of every two of them.

    Attributes
    ----------
    hand : InHand
        The networks.
    labels : list of str
        Their labels; the seeds of the arrays are places in this list.
    alignments : dict of Pair to Alignment
        What aligns the second network of every pair to the first.
    dropped : dict of str to dict of str to list of int
        By network: for groups that have some, units without incoming weights, which were left out.
    distances : xr.Dataset
        As the stage of that name gives it.
    paths : xr.Dataset or None
        As the stage of that name gives it; None without data.
    flat : Flat or None
        None if it was not asked for, or without data.
    """

    hand: InHand
    labels: list[str]
    alignments: dict[Pair, Alignment]
    dropped: dict[str, dict[str, list[int]]]
    distances: xr.Dataset
    paths: xr.Dataset | None
    flat: Flat | None


def compare(hand: InHand, *, samples: int | None, with_flatness: bool) -> Comparison:
    """Compare every two of the networks in hand.

    Parameters
    ----------
    hand : InHand
        At least two files.
    samples : int or None
        Samples of each split; None for all.
    with_flatness : bool
        Whether to measure how flat each of them is.

    Returns
    -------
    Comparison
        The measurements.

    Raises
    ------
    SymgeomError
        If the network has no symmetries, so that nothing can be removed.
    """
    if not hand.spec.groups:
        reasons = names_shown(list(dict.fromkeys(axis.reason for axis in hand.spec.fixed)))
        raise SymgeomError(
            f"Cannot compare networks modulo symmetries: '{hand.name}' has none, because the axes "
            f"of its weights are fixed by {reasons}. Give networks with hidden units."
        )
    keys = _keys(hand)
    pairs = [(*first, *second) for first, second in combinations(keys, 2)]
    torus = Torus(hand.spec, bias_in_norm=BIAS_IN_NORM)
    canonical = OnDemand(keys, lambda key: canonical_form(hand, keys[key]).parameters, size=size)
    removals, dropped = _removed(hand, keys)
    alignments = _aligned(hand, canonical, pairs)
    elements = {pair: alignment.element for pair, alignment in alignments.items()}
    measured_distances = distances.measure(
        hand.case,
        torus,
        canonical,
        elements,
        with_controls=pairs,
        options={**ALIGNMENT, "bias_in_norm": BIAS_IN_NORM},
    )
    measured_paths = None
    flat = None
    if hand.has_data:
        raw = OnDemand(keys, lambda key: hand.params(keys[key]), size=size)
        gauges = Gauges(torus, raw, canonical, removals, elements)
        measured_paths = paths.measure(
            hand.case,
            gauges,
            pairs=pairs,
            options={**PATHS, **_evaluation(hand, samples)},
            grid=paths.Grid.joined(POINTS),
            only=SHOWN,
        )
        if with_flatness:
            flat = measure_flatness(hand, samples=samples)
    return Comparison(
        hand=hand,
        labels=list(keys.values()),
        alignments=alignments,
        dropped=dropped,
        distances=measured_distances,
        paths=measured_paths,
        flat=flat,
    )


def measure_flatness(hand: InHand, *, samples: int | None) -> Flat:
    """Measure how flat the networks in hand are, as studies do by default.

    Parameters
    ----------
    hand : InHand
        Networks and data.
    samples : int or None
        Training samples; None for all. Curvature takes no more than studies do.

    Returns
    -------
    Flat
        The measurements.
    """
    keys = _keys(hand)
    labels = list(keys.values())
    torus = Torus(hand.spec, bias_in_norm=BIAS_IN_NORM)
    trained = OnDemand(keys, lambda key: hand.files[keys[key]].params, size=size)
    minima = Minima([ARM], list(range(len(labels))), trained)
    measured_flatness = flatness.measure(
        hand.case, torus, minima, {**FLATNESS, **_evaluation(hand, samples)}
    )
    most = CURVATURE["samples"]
    fewer = most if samples is None else min(samples, most)
    measured_curvature = curvature.measure(
        hand.case, torus, minima, {**CURVATURE, "samples": fewer}
    )
    return Flat(labels, measured_flatness, measured_curvature)


def _keys(hand: InHand) -> dict[Key, str]:
    """Return the labels of the files by arm and seed."""
    return {(ARM, seed): label for seed, label in enumerate(hand.files)}


def canonical_form(hand: InHand, label: str) -> Canonical:
    """Return a network in hand on the torus.

    Parameters
    ----------
    hand : InHand
        The networks.
    label : str
        Which one.

    Returns
    -------
    Canonical
        In the precision of the command; units without incoming weights are dropped.

    Raises
    ------
    SymgeomError
        If it has no canonical form; the message names the file.
    """
    gauge = Gauge(BIAS_IN_NORM, drop=True)
    try:  # nobody else has these weights, of binary networks their signs
        return settled(hand.spec, hand.case.signed(hand.fresh_params(label)), gauge)
    except SymgeomError as mistake:
        raise SymgeomError(f"'{hand.paths[label]}': {mistake}") from mistake


def _removed(
    hand: InHand, keys: Mapping[Key, str]
) -> tuple[dict[Key, dict[str, Tensor]], dict[str, dict[str, list[int]]]]:
    """Return what removes the scales of every network, and which units were dropped."""
    removals = {}
    dropped = {}
    with progress("remove scales", len(keys)) as bar:
        for key, label in keys.items():
            form = canonical_form(hand, label)
            removals[key] = removed(hand.spec, form.element)
            dropped[label] = {name: units for name, units in form.dead.items() if units}
            del form  # before the next one is read
            bar.update()
    return removals, dropped


def _aligned(
    hand: InHand, canonical: Mapping[Key, Parameters], pairs: list[Pair]
) -> dict[Pair, Alignment]:
    """Align the second network of every pair to the first."""
    alignments = {}
    with progress("align pairs", len(pairs)) as bar:
        for pair, alignment in match(
            hand.spec, canonical, pairs, options=ALIGNMENT, case=hand.case
        ):
            alignments[pair] = alignment
            bar.update()
    return alignments


def _evaluation(hand: InHand, samples: int | None) -> dict[str, object]:
    """Return on how many samples networks are evaluated, and in which precision."""
    return {"samples": samples, "precision": hand.precision or "float32"}
