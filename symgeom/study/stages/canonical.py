"""Certify the symmetries of every minimum and put it on the torus."""

from collections.abc import Mapping, Sequence
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
from symgeom.study.labels import labelled, minima_dataset, names
from symgeom.study.networks import Networks
from symgeom.symmetry.certificate import certify
from symgeom.symmetry.spec import SymmetrySpec

CERTIFIED = 256
"""Samples on which a certificate compares the outputs."""

GAUGE = ("bias_in_norm", "dead_units", "importance_threshold", "stream")
"""The options that the canonical form takes."""

MINIMUM = ("arm", "seed")


def measure(
    case: Case,
    spec: SymmetrySpec,
    minima: Networks,
    *,
    arms: Sequence[str],
    seeds: Sequence[int],
    options: Mapping,
) -> xr.Dataset:
    """Put the minima of some arms and seeds on the torus.

    Parameters
    ----------
    case : Case
        The case.
    spec : SymmetrySpec
        Its architecture.
    minima : OnDemand
        The networks as trained, by arm and seed.
    arms, seeds : sequence
        Which minima; those that diverged are NaN.
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
    shape = (len(arms), len(seeds))
    per_group = (*shape, len(spec.groups))
    head = spec.groups[-1].name
    certificate = np.full(shape, np.nan)
    lengths = np.full(shape, np.nan)
    absorbed_inputs = np.zeros(shape, int)
    dead = np.zeros(per_group, int)
    weak = np.zeros(per_group, int)
    signs = {}
    for group in spec.groups:
        if group.scale == "sign":
            signs[group.name] = np.full((*shape, group.size), np.nan)
    tensors: dict[str, np.ndarray] = {}

    for (arm, seed), minimum in minima.items():
        index = (arms.index(arm), seeds.index(seed))
        params = case.signed(case.prepared(minimum, "float64"))
        proof = certify(
            spec,
            problem.module,
            params,
            inputs=inputs,
            generator=stream("certificate", arm, seed),
            draws=options["certificate_draws"],
        )
        canonical, absorbed = _on_torus(spec, params, problem, options, f"Minimum {arm}/{seed}")
        certificate[index] = proof.require().residual
        lengths[index] = 1 / float(canonical.element.scales[head][0])
        absorbed_inputs[index] = len(absorbed)
        for name, values in signs.items():
            values[index] = canonical.element.scales[name].sign()
        dead[index] = [len(canonical.dead.get(group.name, ())) for group in spec.groups]
        weak[index] = [len(canonical.weak.get(group.name, ())) for group in spec.groups]
        for name, tensor in canonical.parameters.items():
            if name not in tensors:
                tensors[name] = _empty(shape, tensor)
            tensors[name][index] = tensor

    of_groups = (*MINIMUM, "group")
    variables = {
        **parameters_to_variables(spec, tensors, leading=MINIMUM),
        "certificate": labelled(
            MINIMUM,
            certificate,
            "1",
            "largest relative change of the outputs under random group elements",
        ),
        "head_length": labelled(MINIMUM, lengths, "1", "length of the head before normalisation"),
        "absorbed_inputs": labelled(
            MINIMUM, absorbed_inputs, "1", "constant inputs moved into the biases"
        ),
        "dead_units": labelled(of_groups, dead, "1", "dropped units without incoming weights"),
        "weak_units": labelled(
            of_groups, weak, "1", "dropped units below the importance threshold"
        ),
    }
    for name, values in signs.items():
        meaning = f"sign that was given to each unit of {name}"
        variables[f"sign_{name}"] = labelled((*MINIMUM, name), values, "1", meaning)
    return minima_dataset(
        arms,
        seeds,
        variables,
        coordinates=names("group", [group.name for group in spec.groups], "unit group"),
        attrs={key: str(value) for key, value in options.items()},
    )


def _joined(problems: Mapping[str, Problem]) -> Problem:
    """Join the splits: an input that is constant must be so everywhere."""
    parts = list(problems.values())
    inputs = torch.cat([part.inputs for part in parts])
    targets = torch.cat([part.targets for part in parts])
    return replace(parts[0], inputs=inputs, targets=targets)


def _on_torus(
    spec: SymmetrySpec, params: Parameters, problem: Problem, options: Mapping, label: str
) -> tuple[Canonical, list[int]]:
    # A complaint names the network and the keys that decide.
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
