"""Measure how far every unit is from the noise equilibrium, at initialisation and at the minimum."""

from collections.abc import Mapping

import numpy as np
import torch
from _console import progress
from _labels import labelled, names, write_minima
from _launch import launch
from _problems import build_network, read_problems
from _stage import read_networks, read_symmetry

from symgeom.equilibrium import decay_ratio, noise_equilibrium, noise_force
from symgeom.optimizers import build
from symgeom.store import read_store
from symgeom.types import cast, parameters

MOMENTS = ("start", "end")


def main(
    *,
    case: str,
    stores: Mapping,
    network: Mapping,
    recipes: Mapping,
    seeds: list,
    batch_size: int,
    equilibria: str,
    config_digest: str,
) -> None:
    spec, problem = read_symmetry(stores["symmetry"]), read_problems(stores["data"], network, "float64")["train"]
    data, ends, arms = read_store(stores["data"]), read_networks(stores["minima"]), list(recipes)
    shape = (len(arms), len(seeds), len(MOMENTS))
    distance, charged = np.full(shape, np.nan), [group for group in spec.exact().groups if group.scale == "positive"]
    units = {group.name: np.full((*shape, group.size), np.nan) for group in charged}
    with progress("measure equilibria", len(ends)) as bar:
        for (arm, seed), end in ends.items() if charged else ():
            bar.update()
            method = build(recipes[arm]["method"], {key: value for key, value in recipes[arm].items() if key != "method"})
            strengths = {name: getattr(method, name) for name in ("learning_rate", "weight_decay", "momentum")}
            decay = decay_ratio(**strengths, batch_size=batch_size)
            start = parameters(build_network(data, network, ("initialisation", case, arm, seed, 0)))
            for moment, params in enumerate(cast(params, torch.float64) for params in (start, end)):
                found = noise_equilibrium(spec, params, noise_force(spec, problem, params), decay=decay)
                place = arms.index(arm), seeds.index(seed), moment
                distance[place] = torch.cat(list(found.values())).abs().nanmedian()
                for name, displacement in found.items():
                    units[name][place] = displacement
    dims, meaning = ("arm", "seed", "moment"), "logarithm of the scale that leads each unit of {} to its noise equilibrium"
    variables = {f"displacement_{name}": labelled((*dims, name), units[name], "1", meaning.format(name)) for name in units}
    variables["displacement"] = labelled(dims, distance, "1", "median over units of the absolute displacement")
    coordinates = names("moment", MOMENTS, "before the first step, or at the minimum")
    attrs = {"batch_size": batch_size}
    write_minima(equilibria, arms, seeds, variables, coordinates=coordinates, attrs=attrs, config_digest=config_digest)


if __name__ == "__main__":
    launch(main, snakemake)
