"""Put one minimum on the torus as the configuration asks."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.landscape.problem import Problem
from symgeom.quotient.gauge import Canonical, absorb_constant_inputs, canonicalise
from symgeom.symmetry.group import GroupElement, act, identity
from symgeom.symmetry.spec import SymmetrySpec


def all_data(problems: Mapping[str, Problem]) -> Problem:
    """Join the splits: an input that is constant must be so everywhere."""
    parts = list(problems.values())
    inputs, targets = (
        torch.cat([getattr(part, name) for part in parts]) for name in ("inputs", "targets")
    )
    return replace(parts[0], inputs=inputs, targets=targets)


def on_torus(
    spec: SymmetrySpec, params: Mapping[str, Tensor], network: Problem, options: Mapping, label: str
) -> tuple[Canonical, list[int]]:
    """Canonicalise one network, and return which constant inputs were absorbed; a complaint names it and the key that decides."""
    absorbed = []
    try:
        if options["constant_inputs"] == "absorb":
            params, absorbed = absorb_constant_inputs(
                spec, params, network.inputs, module=network.module
            )
        names = ("bias_in_norm", "dead_units", "importance_threshold", "stream")
        return canonicalise(spec, params, **{name: options[name] for name in names}), absorbed
    except SymgeomError as mistake:
        keys = "symmetry.dead_units, symmetry.importance_threshold, symmetry.stream and symmetry.constant_inputs"
        raise SymgeomError(
            f"{label}: {mistake} In the configuration these options are the keys {keys}."
        ) from None


def scaled(spec: SymmetrySpec, network: Mapping[str, Tensor], scales: Mapping) -> dict[str, Tensor]:
    """Scale the head by a length ("error": what is exact for the error only), or give units their signs ("sign_<group>")."""
    plain = identity(spec)
    chosen = {
        group.name: scales.get(group.exact_for, scales.get(f"sign_{group.name}"))
        for group in spec.groups
    }
    factors = {
        name: plain.scales[name] if value is None else plain.scales[name] * value
        for name, value in chosen.items()
    }
    return act(spec, GroupElement(plain.permutations, factors), network)
