"""Measure how flat every minimum is: local energy under multiplicative noise, and the top of the Hessian's spectrum."""

from collections.abc import Mapping

import numpy as np
import torch
from _console import progress
from _labels import labelled, write_minima
from _launch import launch
from _problems import read_problems
from _stage import read_networks

from symgeom.flatness.hessian import hessian_eigenvalues
from symgeom.flatness.local_energy import local_energy
from symgeom.randomness import stream
from symgeom.types import cast


def main(
    *, case: str, stores: Mapping, network: Mapping, arms: list, seeds: list, options: Mapping, flatness: str, config_digest: str
) -> None:
    problem = read_problems(stores["data"], network, options["precision"])["train"]
    networks, shape = read_networks(stores["minima"]), (len(arms), len(seeds))
    energy, energy_error, loss = (np.full((*shape, len(options["amplitudes"])), np.nan) for _ in range(3))
    values, residuals = (np.full((*shape, options["eigenvalues"]), np.nan) for _ in range(2))
    with progress("measure flatness", len(networks)) as bar:
        for (arm, seed), params in networks.items():
            bar.update()
            place = arms.index(arm), seeds.index(seed)
            params = cast(params, getattr(torch, options["precision"]))
            noise = stream("local energy", case, arm, seed)
            local = local_energy(problem, params, amplitudes=options["amplitudes"], draws=options["draws"], generator=noise)
            energy[place], energy_error[place], loss[place] = local.error_increase, local.standard_error, local.loss_increase
            begin, tolerance = stream("lanczos", case, arm, seed), options["eigenvalue_tolerance"]
            found = hessian_eigenvalues(problem, params, count=options["eigenvalues"], tolerance=tolerance, generator=begin)
            values[place], residuals[place] = found.values, found.residuals
    along, ranked = ("arm", "seed", "amplitude"), ("arm", "seed", "rank")
    variables = {
        "local_energy": labelled(along, energy, "1", "mean increase of the training error under relative noise"),
        "local_energy_standard_error": labelled(along, energy_error, "1", "standard error of the local energy over draws"),
        "local_energy_loss": labelled(along, loss, "nat", "mean increase of the training loss under relative noise"),
        "eigenvalue": labelled(ranked, values, "nat/weight^2", "largest eigenvalues of the Hessian of the training loss"),
        "eigenvalue_residual": labelled(ranked, residuals, "nat/weight^2", "residual of the eigenvalue"),
    }
    coordinates = {
        "amplitude": labelled("amplitude", options["amplitudes"], "1", "standard deviation of the noise, relative to each weight")
    }
    attrs = {"draws": options["draws"], "noise": "multiplicative", "precision": options["precision"]}
    write_minima(flatness, arms, seeds, variables, coordinates=coordinates, attrs=attrs, config_digest=config_digest)


if __name__ == "__main__":
    launch(main, snakemake)
