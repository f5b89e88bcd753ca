r"""One network out of several: aligned to each other, then averaged.

Networks lose what their symmetries make different before they are averaged: each is moved onto the
torus (:func:`~symgeom.quotient.gauge.canonicalise`), and all are brought into one frame, so that
alignments agree around every cycle (:func:`~symgeom.quotient.alignment.align_jointly`). Their
middle is the weighted Frechet mean on every sphere (:mod:`symgeom.quotient.torus.frechet`), or the
weighted mean of the canonical weights. As on paths, all heads get one length first, the weighted
geometric mean of theirs; biases are coordinates of their units; statistics of batch norms are
averaged, and should be measured anew (:func:`~symgeom.landscape.batchnorm.recompute_statistics`).

What comes out is in the frame of the first network: its order of units, its signs and its scales.
The search for the common frame does not see in which order and in which gauge networks are given:
it takes them by a number that no symmetry changes. What is given first decides the frame alone, and
not the function.

References
----------
Ainsworth et al., "Git Re-Basin" (2209.04836), appendix A.10 (MergeMany); Crisostomi et al., "C2M3"
(2405.17897): one frame for all networks, and the mean there. Jordan et al., "REPAIR" (2211.08403),
for what merging does to the statistics of units.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic

import torch
from torch import Tensor, nn

from symgeom.ground.architecture import Architecture, check_same_tensors
from symgeom.ground.checks import SymgeomError, check_choice, check_finite, check_samples
from symgeom.ground.doors import door
from symgeom.ground.on_demand import SMALL, OnDemand
from symgeom.ground.types import Parameters, outline, size
from symgeom.landscape.repairing import Statistics, repaired_to, unit_statistics
from symgeom.quotient.alignment import align_jointly
from symgeom.quotient.alignment.records import Name
from symgeom.quotient.gauge import Canonical
from symgeom.quotient.gauge.canonical import Gauge, own_copy, settled
from symgeom.quotient.torus import Torus, frechet_point
from symgeom.symmetry.group import GroupElement, act, compose, inverse, restricted
from symgeom.symmetry.group.action import act_away
from symgeom.symmetry.spec import SymmetrySpec, check_spec

PATHS = ("geodesic", "linear")
PRECISIONS = ("float64", "float32")


@dataclass(frozen=True, eq=False)
class Merged(Generic[Name]):
    """One network out of several.

    Attributes
    ----------
    parameters : dict of str to Tensor
        The merged network, in the frame and the precision of the first.
    weights : dict of name to float
        How much of each network is in it, in sum 1.
    elements : dict of name to GroupElement
        What brings each network into that frame, without a change of its outputs; the head is left
        as it is.
    objective : float
        Mean inner product over pairs of the aligned canonical networks.
    converged : bool
        Whether the search for the common frame did.
    """

    parameters: dict[str, Tensor]
    weights: dict[Name, float]
    elements: dict[Name, GroupElement]
    objective: float
    converged: bool


@door
def merge(
    spec: SymmetrySpec,
    networks: Mapping[Name, Parameters],
    *,
    weights: Sequence[float] | None = None,
    path: str = "geodesic",
    dead_units: str = "error",
    precision: str = "float64",
) -> Merged[Name]:
    """Merge networks of one architecture into one.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    networks : mapping of name to Parameters
        At least two networks; not modified. They need not fit into memory if the mapping reads
        them when asked for: large ones are made canonical anew whenever they are looked at.
    weights : sequence of float, optional
        How much of each network, in their order; they are divided by their sum. Equal unless given.
    path : {"geodesic", "linear"}
        The Frechet mean on every sphere, or the mean of the canonical weights. Of two networks this
        is a point of the geodesic or of the straight line between them.
    dead_units : {"error", "drop"}
        What to do with a unit whose incoming weights are all zero: stop, or set its outgoing
        weights to zero as well.
    precision : {"float64", "float32"}
        In which networks are matched and averaged.

    Returns
    -------
    Merged
        The network, and what brought the others to it.

    Raises
    ------
    SymgeomError
        If the networks differ in their tensors, hold values that are not finite or cannot be made
        canonical; if there are fewer than two; if weights are negative, all zero, or not one for
        each network; or if the directions of a unit have no middle.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> a = {"in": torch.eye(2), "out": torch.tensor([[1.0, 2.0]])}
    >>> b = {"in": 2 * torch.eye(2).flip(0), "out": torch.tensor([[1.5, 0.5]])}
    >>> merge(spec, {"a": a, "b": b}).parameters["out"]
    tensor([[1.0000, 2.5000]])
    """
    check_choice(path, PATHS, "path to merge along")
    check_choice(precision, PRECISIONS, "precision to merge in")
    _check_networks(spec, networks)
    check_choice(dead_units, ("error", "drop"), "treatment of dead units")
    shares = shares_of(list(networks), weights)
    dtype = getattr(torch, precision)

    def canonical(name: Name) -> Canonical:
        return _canonical(spec, name, networks[name], dtype, drop=dead_units == "drop")

    gauges, order = _looked_at(spec, networks, canonical)
    on_torus = OnDemand(order, lambda name: canonical(name).parameters, size=size, limit=SMALL)
    joint = align_jointly(spec, on_torus)
    to_frame = {name: compose(spec, joint.elements[name], gauges[name]) for name in order}

    def aligned(name: Name) -> dict[str, Tensor]:
        return act_away(spec, joint.elements[name], dict(on_torus[name]))

    middle = _middle(spec, aligned, {name: shares[name] for name in order}, path, dtype)
    first = next(iter(networks))
    back = inverse(spec, to_frame[first])
    length = _common_heads(spec, gauges, shares)
    merged = act_away(spec, _with_scales(back, length), middle)
    elements = {}
    for name in networks:
        elements[name] = restricted(spec.exact(), compose(spec, back, to_frame[name]))
    return Merged(
        parameters=_like(merged, networks[first]),
        weights=shares,
        elements=elements,
        objective=joint.objectives[-1],
        converged=joint.converged,
    )


@door
def repair_merged(
    spec: SymmetrySpec,
    module: nn.Module,
    *,
    merged: Merged[Name],
    networks: Mapping[Name, Parameters],
    inputs: Tensor,
) -> dict[str, Tensor]:
    """Give a merged network the unit statistics between those of its networks.

    Every hidden unit gets the weighted mean of the means and of the standard deviations that it has
    in the networks, as :func:`~symgeom.landscape.repairing.repair` does between two.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    module : nn.Module
        The network; evaluated in eval mode, not modified.
    merged : Merged
        What :func:`merge` made of the networks.
    networks : mapping of name to Parameters
        The networks that were merged, under the same names; not modified.
    inputs : Tensor, shape (sample, ...)
        Training inputs, evaluated in one batch: memory grows with samples times positions.

    Returns
    -------
    dict of str to Tensor
        The repaired network.

    Raises
    ------
    SymgeomError
        If the network has batch norm, no layer to repair, or one that is used twice; or if the
        networks are not those that were merged.

    Examples
    --------
    >>> from symgeom.symmetry.discovery import discover
    >>> from symgeom.ground.types import parameters
    >>> module = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 2))
    >>> spec, a = discover(module, torch.zeros(2, 1)), parameters(module)
    >>> twins = {"a": a, "b": a}
    >>> merged = merge(spec, twins)
    >>> inputs = torch.tensor([[1.0], [2.0]])
    >>> repaired = repair_merged(spec, module, merged=merged, networks=twins, inputs=inputs)
    >>> torch.allclose(repaired["0.weight"], a["0.weight"])
    True
    """
    check_samples(inputs)
    Architecture.of(module).check(merged.parameters)
    if networks.keys() != merged.weights.keys():
        raise SymgeomError(
            f"Cannot repair what was merged of {list(merged.weights)} with the statistics of "
            f"{list(networks)}: give the networks that were merged, under the same names."
        )
    totals: dict[str, Statistics] = {}
    for name, network in networks.items():
        share = merged.weights[name]
        if share > 0:
            in_frame = act(spec.exact(), merged.elements[name], network)
            statistics = unit_statistics(spec, module, network=in_frame, inputs=inputs)
            totals = _with_share(totals, share, statistics)
    return repaired_to(module, merged.parameters, totals, inputs)


def _with_share(
    totals: Mapping[str, Statistics], share: float, statistics: Mapping[str, Statistics]
) -> dict[str, Statistics]:
    """Return weighted sums of statistics with those of one more network."""
    sums = {}
    for layer, (mean, deviation) in statistics.items():
        before = totals.get(layer, Statistics(0 * mean, 0 * deviation))
        sums[layer] = Statistics(
            mean=before.mean + share * mean,
            deviation=before.deviation + share * deviation,
        )
    return sums


def _check_networks(spec: SymmetrySpec, networks: Mapping[Name, Parameters]) -> None:
    """Raise unless networks have the same tensors, all finite; the message names the network."""
    if len(networks) < 2:
        raise SymgeomError(f"Cannot merge {len(networks)} networks: give at least two.")
    first: Parameters | None = None
    for name in networks:
        params = networks[name]
        first = outline(params) if first is None else first
        what = f"network {name!r}"
        check_same_tensors(params, first, what)
        check_finite(params, what, masks=spec.constants)
        del params  # before the next one is read


def shares_of(names: list[Name], weights: Sequence[float] | None) -> dict[Name, float]:
    """Return how much of each network there is, in sum 1.

    Parameters
    ----------
    names : list
        Of the networks.
    weights : sequence of float or None
        One number for each; None for equally much.

    Returns
    -------
    dict of name to float
        The weights over their sum.

    Raises
    ------
    SymgeomError
        If they are negative, all zero, or not one for each network.

    Examples
    --------
    >>> shares_of(["a", "b"], [3, 1])
    {'a': 0.75, 'b': 0.25}
    """
    if weights is None:
        weights = [1.0] * len(names)
    total = sum(weights)
    usable = len(weights) == len(names) and total > 0
    if not usable or min(weights) < 0:
        raise SymgeomError(
            f"Cannot merge {len(names)} networks with the weights {list(weights)}: give one number "
            "for each network, none negative and not all zero."
        )
    return {name: weight / total for name, weight in zip(names, weights, strict=True)}


def _canonical(
    spec: SymmetrySpec, name: object, params: Parameters, dtype: torch.dtype, *, drop: bool
) -> Canonical:
    """Return a copy of a network on the torus; a complaint names it."""
    check_spec(spec, params)
    try:
        return settled(spec, own_copy(params, dtype), Gauge(drop=drop))
    except SymgeomError as mistake:
        raise SymgeomError(f"Network {name!r}: {mistake}") from None


def _looked_at(
    spec: SymmetrySpec, names: Iterable[Name], canonical: Callable[[Name], Canonical]
) -> tuple[dict[Name, GroupElement], list[Name]]:
    """Return the gauges of networks, and their names by a number that no symmetry changes."""
    gauges = {}
    numbers = {}
    for name in names:
        form = canonical(name)
        gauges[name] = form.element
        numbers[name] = _invariant(spec, form.parameters)
        del form
    return gauges, sorted(numbers, key=numbers.__getitem__)


def _invariant(spec: SymmetrySpec, params: Parameters) -> float:
    """Return a number that canonical networks share with their copies alone."""
    # The squares of every sphere add up to 1, so that fourth powers are added up.
    total = 0.0
    for name, tensor in params.items():
        if tensor.is_floating_point() and name not in spec.constants:
            total += float((tensor**4).sum())
    return total


def _middle(
    spec: SymmetrySpec,
    aligned: Callable[[Name], dict[str, Tensor]],
    shares: Mapping[Name, float],
    path: str,
    dtype: torch.dtype,
) -> dict[str, Tensor]:
    """Return the middle of aligned canonical networks."""
    names = [name for name, share in shares.items() if share > 0]
    networks = OnDemand(
        range(len(names)),
        lambda number: aligned(names[number]),
        size=size,
        limit=SMALL,
    )
    if path == "geodesic":
        listed = [shares[name] for name in names]
        weights = torch.tensor(listed, dtype=torch.float64, device="cpu")
        return frechet_point(Torus(spec), networks, weights, dtype)
    total: dict[str, Tensor] = {}
    for number, name in enumerate(names):
        for key, tensor in networks[number].items():
            if key not in total:
                total[key] = shares[name] * tensor if tensor.is_floating_point() else tensor
            elif tensor.is_floating_point():
                total[key].add_(tensor, alpha=shares[name])
    return total


def _common_heads(
    spec: SymmetrySpec, gauges: Mapping[Name, GroupElement], shares: Mapping[Name, float]
) -> dict[str, Tensor]:
    """Return, for each head, the scale that gives it the geometric mean of the lengths it had."""
    scales = {}
    for group in spec.groups:
        if group.exact_for == "loss":
            continue
        logarithm = torch.zeros(group.size, dtype=torch.float64, device="cpu")
        for name, gauge in gauges.items():
            logarithm -= shares[name] * gauge.scales[group.name].log()
        scales[group.name] = logarithm.exp()
    return scales


def _with_scales(element: GroupElement, scales: Mapping[str, Tensor]) -> GroupElement:
    """Return an element with other scales of some groups."""
    return replace(element, scales={**element.scales, **scales})


def _like(params: Parameters, first: Parameters) -> dict[str, Tensor]:
    """Return a network in the precision of another, with its whole numbers."""
    result = {}
    for name, tensor in first.items():
        merged = params[name] if tensor.is_floating_point() else tensor
        result[name] = merged.to(tensor.dtype)
    return result
