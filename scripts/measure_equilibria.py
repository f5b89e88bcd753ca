"""Measure how far every unit is from the noise equilibrium, at initialisation and at the minimum."""

from collections.abc import Mapping

import numpy as np
import torch
from _case import Case, build_network
from _console import progress
from _labels import labelled, names, write_minima
from _launch import launch
from _problems import problems_of
from _stage import read_networks, read_symmetry
from _training import strengths

from symgeom.dynamics.noise import decay_ratio, noise_equilibrium, noise_force
from symgeom.ground.types import cast, parameters

MOMENTS = ("start", "end")


def main(
    *,
    case: str,
    stores: Mapping,
    network: Mapping,
    arms: list,
    recipes: Mapping,
    seeds: list,
    batch_sizes: Mapping,
    options: Mapping,
    equilibria: str,
    config_digest: str,
) -> None:
    found, spec, ends = (
        Case.read(stores["data"], network),
        read_symmetry(stores["symmetry"]),
        read_networks(stores["minima"]),
    )
    problem = problems_of(found, "float64", samples=options["samples"])["train"]
    shape, normalised = (len(arms), len(seeds), len(MOMENTS)), found.folded or problem.batch_norm
    # A network trained with batch norm has other charges than the folded one that is measured: nothing is known of its noise.
    charged = (
        [] if normalised else [group for group in spec.exact().groups if group.scale == "positive"]
    )
    distance, units = (
        np.full(shape, np.nan),
        {group.name: np.full((*shape, group.size), np.nan) for group in charged},
    )
    with progress("measure equilibria", len(ends)) as bar:
        for arm, seed in (
            place for place in ends if charged and place[0] in recipes
        ):  # trained here, in known noise
            bar.update()
            decay = decay_ratio(**strengths(recipes[arm]), batch_size=batch_sizes[arm])
            start = parameters(
                build_network(found.data, network, ("initialisation", case, arm, seed, 0))
            )
            for moment, params in enumerate(
                found.prepared(params, "float64") for params in (start, ends[arm, seed])
            ):
                displaced = noise_equilibrium(
                    spec, params, noise_force(spec, problem, params), decay=decay
                )
                place = arms.index(arm), seeds.index(seed), moment
                distance[place] = torch.cat(list(displaced.values())).abs().nanmedian()
                for name, displacement in cast(displaced, torch.float64).items():
                    units[name][place] = displacement.cpu()
    dims, meaning = (
        ("arm", "seed", "moment"),
        "logarithm of the scale that leads each unit of {} to its noise equilibrium",
    )
    variables = {
        f"displacement_{name}": labelled((*dims, name), each, "1", meaning.format(name))
        for name, each in units.items()
    }
    variables["displacement"] = labelled(
        dims, distance, "1", "median over units of the absolute displacement"
    )
    along = names("moment", MOMENTS, "before the first step, or at the minimum")
    write_minima(
        equilibria,
        arms,
        seeds,
        variables,
        coordinates=along,
        attrs=dict(batch_sizes),
        config_digest=config_digest,
    )


if __name__ == "__main__":
    launch(main, snakemake)
