"""Certify the symmetries of every minimum and put it on the torus."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters
from symgeom.landscape.problem import Problem
from symgeom.quotient.gauge import Canonical, absorb_constant_inputs, canonicalise
from symgeom.store import parameters_to_variables
from symgeom.study.cases import Case
from symgeom.study.labels import (
    MINIMUM,
    Labelled,
    as_attributes,
    labelled,
    minima_dataset,
    names,
)
from symgeom.study.stored_networks import Minima
from symgeom.symmetry.certificate import certify
from symgeom.symmetry.group import GroupElement
from symgeom.symmetry.spec import SymmetrySpec

CERTIFIED = 256
"""Samples on which a certificate compares the outputs."""

GAUGE = ("bias_in_norm", "dead_units", "importance_threshold", "stream")
"""The options that the canonical form takes."""


def measure(case: Case, spec: SymmetrySpec, minima: Minima, *, options: Mapping) -> xr.Dataset:
    """Put minima on the torus.

    Parameters
    ----------
    case : Case
        The case.
    spec : SymmetrySpec
        Its architecture.
    minima : Minima
        The networks as trained; those that diverged are NaN.
    options : mapping
        The section ``symmetry`` of the configuration.

    Returns
    -------
    xr.Dataset
        The canonical networks, their certificates, and what was removed.

    Raises
    ------
    SymgeomError
        If a network does not have the symmetries of the spec, or no canonical form.
    """
    problem = _joined(case.problems("float64"))
    inputs = case.without_ties(problem.inputs[:CERTIFIED])
    table = _Table(spec, minima.shape, like=case.any_network())
    for key, network in minima.networks.items():
        arm, seed = key
        params = case.signed(case.prepared(network, "float64"))
        label = f"Minimum {arm}/{seed}"
        canonical, absorbed = _on_torus(spec, params, problem, options, label)
        proof = certify(
            spec,
            problem.module,
            params,
            inputs=inputs,
            generator=stream("certificate", arm, seed),
            draws=options["certificate_draws"],
        )
        residual = proof.require().residual
        table.put(minima.index(key), canonical, certificate=residual, absorbed=len(absorbed))
    return minima_dataset(
        minima.arms,
        minima.seeds,
        table.variables(),
        coordinates=names("group", table.groups, "unit group"),
        attrs=as_attributes(options),
    )


def removed(spec: SymmetrySpec, element: GroupElement) -> dict[str, Tensor]:
    """Return what the canonical form has removed from a network, beside scales of its units.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    element : GroupElement
        What made the network canonical.

    Returns
    -------
    dict of str to Tensor
        As the attribute ``records`` of :class:`~symgeom.study.gauges.Gauges`: ``head_length`` (1
        without a head), and ``sign_<group>`` of groups with signs.
    """
    records = {"head_length": torch.ones((), dtype=torch.float64)}
    for group in spec.groups:
        if group.exact_for == "error":
            records["head_length"] = 1 / element.scales[group.name].flatten()[0]
        if group.scale == "sign":
            records[f"sign_{group.name}"] = element.scales[group.name].sign()
    return records


class _Table:
    """Arrays over arm and seed: NaN, or 0 where they count, until a network is put there."""

    def __init__(self, spec: SymmetrySpec, shape: tuple[int, int], *, like: Parameters) -> None:
        self.spec = spec
        self.groups = [group.name for group in spec.groups]
        self.tensors = {name: _empty(shape, tensor) for name, tensor in like.items()}
        self.certificate = np.full(shape, np.nan)
        self.head_length = np.full(shape, np.nan)
        self.absorbed = np.zeros(shape, int)
        self.dead = np.zeros((*shape, len(spec.groups)), int)
        self.weak = np.zeros((*shape, len(spec.groups)), int)
        self.signs: dict[str, np.ndarray] = {}
        for group in spec.groups:
            if group.scale == "sign":
                self.signs[group.name] = np.full((*shape, group.size), np.nan)

    def put(
        self, index: tuple[int, int], canonical: Canonical, *, certificate: float, absorbed: int
    ) -> None:
        """Put a canonical network, and what was removed from it, where it belongs."""
        records = removed(self.spec, canonical.element)
        self.certificate[index] = certificate
        self.head_length[index] = records["head_length"]
        self.absorbed[index] = absorbed
        self.dead[index] = [len(canonical.dead.get(name, ())) for name in self.groups]
        self.weak[index] = [len(canonical.weak.get(name, ())) for name in self.groups]
        for name, values in self.signs.items():
            values[index] = records[f"sign_{name}"]
        for name, tensor in canonical.parameters.items():
            self.tensors[name][index] = tensor

    def variables(self) -> Labelled:
        """Return the arrays with labels."""
        proved = "largest relative change of the outputs under random group elements"
        length = "length of the head before normalisation"
        constant = "constant inputs moved into the biases"
        dead = "dropped units without incoming weights"
        weak = "dropped units below the importance threshold"
        of_groups = (*MINIMUM, "group")
        variables = {
            **parameters_to_variables(self.spec, self.tensors, leading=MINIMUM),
            "certificate": labelled(MINIMUM, self.certificate, "1", proved),
            "head_length": labelled(MINIMUM, self.head_length, "1", length),
            "absorbed_inputs": labelled(MINIMUM, self.absorbed, "1", constant),
            "dead_units": labelled(of_groups, self.dead, "1", dead),
            "weak_units": labelled(of_groups, self.weak, "1", weak),
        }
        for name, values in self.signs.items():
            sign = f"sign that was given to each unit of {name}"
            variables[f"sign_{name}"] = labelled((*MINIMUM, name), values, "1", sign)
        return variables


def _joined(problems: Mapping[str, Problem]) -> Problem:
    """Join the splits: an input that is constant must be so everywhere."""
    parts = list(problems.values())
    inputs = torch.cat([part.inputs for part in parts])
    targets = torch.cat([part.targets for part in parts])
    return replace(parts[0], inputs=inputs, targets=targets)


def _on_torus(
    spec: SymmetrySpec, params: Parameters, problem: Problem, options: Mapping, label: str
) -> tuple[Canonical, list[int]]:
    """Return the canonical network and its absorbed inputs; complain with names and keys."""
    absorbed: list[int] = []
    gauge = {name: options[name] for name in GAUGE}
    try:
        if options["constant_inputs"] == "absorb":
            params, absorbed = absorb_constant_inputs(
                spec, params, problem.inputs, module=problem.module
            )
        return canonicalise(spec, params, **gauge), absorbed
    except SymgeomError as mistake:
        raise SymgeomError(
            f"{label}: {mistake} In the configuration these options are the keys "
            "symmetry.dead_units, symmetry.importance_threshold, symmetry.stream and "
            "symmetry.constant_inputs."
        ) from None


def _empty(shape: tuple[int, ...], tensor: Tensor) -> np.ndarray:
    """Return an array for tensors like one of a network: NaN, or 0 where it counts."""
    nothing = np.nan if tensor.is_floating_point() else 0
    return np.full((*shape, *tensor.shape), nothing, tensor.numpy().dtype)
