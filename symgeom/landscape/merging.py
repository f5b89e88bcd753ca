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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic

import torch
from torch import Tensor, nn

from symgeom.ground.architecture import Architecture, check_same_tensors
from symgeom.ground.checks import SymgeomError, check_choice, check_finite, check_samples
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters
from symgeom.landscape.path.weights import combine
from symgeom.landscape.repairing import Statistics, repaired_to, unit_statistics
from symgeom.quotient.alignment import align_jointly
from symgeom.quotient.alignment.records import Name
from symgeom.quotient.gauge import Canonical, canonicalise
from symgeom.quotient.torus import Torus, frechet_point
from symgeom.symmetry.group import GroupElement, act, compose, inverse, restricted
from symgeom.symmetry.spec import SymmetrySpec

PATHS = ("geodesic", "linear")


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
) -> Merged[Name]:
    """Merge networks of one architecture into one.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    networks : mapping of name to Parameters
        At least two networks; not modified.
    weights : sequence of float, optional
        How much of each network, in their order; they are divided by their sum. Equal unless given.
    path : {"geodesic", "linear"}
        The Frechet mean on every sphere, or the mean of the canonical weights. Of two networks this
        is a point of the geodesic or of the straight line between them.
    dead_units : {"error", "drop"}
        What to do with a unit whose incoming weights are all zero: stop, or set its outgoing
        weights to zero as well.

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
    _check_networks(networks)
    shares = shares_of(list(networks), weights)
    gauges = {}
    on_torus = {}
    for name, params in networks.items():
        canonical = _canonical(spec, name, params, dead_units)
        gauges[name] = canonical.element
        on_torus[name] = canonical.parameters
    order = sorted(on_torus, key=lambda name: _invariant(on_torus[name]))
    joint = align_jointly(spec, {name: on_torus[name] for name in order})
    to_frame = {}
    aligned = []
    for name in order:
        to_frame[name] = compose(spec, joint.elements[name], gauges[name])
        params = on_torus.pop(name)
        if shares[name] > 0:
            aligned.append(act(spec, joint.elements[name], params))
    of_aligned = [shares[name] for name in order if shares[name] > 0]
    middle = _middle(spec, aligned, of_aligned, path)

    first = next(iter(networks))
    back = inverse(spec, to_frame[first])
    length = _common_heads(spec, gauges, shares)
    merged = act(spec, _with_scales(back, length), middle)
    exact = spec.exact()
    elements = {}
    for name in networks:
        elements[name] = restricted(exact, compose(spec, back, to_frame[name]))
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


def _check_networks(networks: Mapping[Name, Parameters]) -> None:
    """Raise unless networks have the same tensors, all finite; the message names the network."""
    if len(networks) < 2:
        raise SymgeomError(f"Cannot merge {len(networks)} networks: give at least two.")
    first = next(iter(networks.values()))
    for name, params in networks.items():
        what = f"network {name!r}"
        check_same_tensors(params, first, what)
        check_finite(params, what)


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


def _canonical(spec: SymmetrySpec, name: object, params: Parameters, dead_units: str) -> Canonical:
    """Return a network on the torus; a complaint names it."""
    try:
        return canonicalise(spec, params, dead_units=dead_units)
    except SymgeomError as mistake:
        raise SymgeomError(f"Network {name!r}: {mistake}") from None


def _invariant(params: Parameters) -> float:
    """Return a number that canonical networks share with their copies alone."""
    # The squares of every sphere add up to 1, so that fourth powers are added up.
    real = [tensor for tensor in params.values() if tensor.is_floating_point()]
    return sum(float((tensor**4).sum()) for tensor in real)


def _middle(
    spec: SymmetrySpec, networks: Sequence[Parameters], shares: Sequence[float], path: str
) -> dict[str, Tensor]:
    """Return the middle of aligned canonical networks."""
    where = next(iter(networks[0].values())).device
    weights = torch.tensor(shares, dtype=torch.float64, device=where)
    if path == "linear":
        return combine(weights, networks)
    return frechet_point(Torus(spec), networks, weights)


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
