"""Certify the symmetries of every minimum and put it on the torus."""

from collections.abc import Mapping

import numpy as np
import torch
from _labels import labelled, names, write_minima
from _launch import launch
from _problems import read_problems
from _stage import read_networks, read_symmetry

from symgeom.certify import certify
from symgeom.checks import SymgeomError
from symgeom.gauge import Canonical, canonicalise
from symgeom.randomness import stream
from symgeom.spec import SymmetrySpec
from symgeom.store import parameters_to_variables
from symgeom.types import cast


def main(
    *, stores: Mapping, network: Mapping, arms: list, seeds: list, options: Mapping, canonical: str, config_digest: str
) -> None:
    spec, problem = read_symmetry(stores["symmetry"]), read_problems(stores["data"], network, "float64")["train"]
    shape, draws = (len(arms), len(seeds)), options["certificate_draws"]
    certificate, lengths = np.full(shape, np.nan), np.full(shape, np.nan)
    dead, stacked = np.zeros((*shape, len(spec.groups)), int), {}
    for (arm, seed), params in read_networks(stores["minima"]).items():
        place, params = (arms.index(arm), seeds.index(seed)), cast(params, torch.float64)
        words, inputs = stream("certificate", arm, seed), problem.inputs[:256]
        proof = certify(spec, problem.module, params, inputs=inputs, generator=words, draws=draws)
        result = _canonical(spec, params, options, f"Minimum {arm}/{seed}")
        certificate[place], lengths[place] = proof.require().residual, 1 / float(result.element.scales[spec.groups[-1].name][0])
        dead[place] = [len(result.dead.get(group.name, ())) for group in spec.groups]
        for name, tensor in result.parameters.items():
            stacked.setdefault(name, np.full((*shape, *tensor.shape), np.nan))[place] = tensor
    variables = parameters_to_variables(spec, stacked, leading=("arm", "seed")) | {
        "certificate": labelled(
            ("arm", "seed"), certificate, "1", "largest relative change of the outputs under random group elements"
        ),
        "head_length": labelled(("arm", "seed"), lengths, "1", "length of the head before normalisation"),
        "dead_units": labelled(("arm", "seed", "group"), dead, "1", "dropped units"),
    }
    groups, attrs = (
        names("group", [group.name for group in spec.groups], "unit group"),
        {key: str(value) for key, value in options.items()},
    )
    write_minima(canonical, arms, seeds, variables, coordinates=groups, attrs=attrs, config_digest=config_digest)


def _canonical(spec: SymmetrySpec, params: Mapping, options: Mapping, label: str) -> Canonical:
    """Canonicalise one network; a complaint names it, and the key of the configuration that decides."""
    try:
        return canonicalise(spec, params, bias_in_norm=options["bias_in_norm"], dead_units=options["dead_units"])
    except SymgeomError as mistake:
        raise SymgeomError(f"{label}: {mistake} In the configuration this is the key symmetry.dead_units.") from None


if __name__ == "__main__":
    launch(main, snakemake)
