"""Measure how far every unit is from the noise equilibrium, at its start and at the minimum."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from symgeom.dynamics.noise import decay_ratio, noise_equilibrium, noise_force
from symgeom.ground.types import Parameters, cast, parameters
from symgeom.landscape.problem import Problem
from symgeom.study.cases import Case
from symgeom.study.labels import Labelled, labelled, minima_dataset, names
from symgeom.study.networks import Networks
from symgeom.study.progress import progress
from symgeom.study.stages.training import build_method
from symgeom.symmetry.spec import SymmetrySpec, UnitGroup

MOMENTS = ("start", "end")
MOMENT = ("arm", "seed", "moment")


@dataclass(frozen=True)
class Noise:
    """What decides the balance of an arm's noise with its weight decay.

    Attributes
    ----------
    recipe : mapping
        Name and options of the arm's optimizer.
    batch_size : int
        Samples of a mini-batch.
    """

    recipe: Mapping
    batch_size: int

    def decay(self) -> float:
        """Return the strength of weight decay relative to noise.

        Returns
        -------
        float
            See :func:`symgeom.dynamics.noise.decay_ratio`.
        """
        method = build_method(self.recipe)
        return decay_ratio(
            learning_rate=method.learning_rate,
            weight_decay=method.weight_decay,
            momentum=method.momentum,
            batch_size=self.batch_size,
        )


def measure(
    case: Case,
    spec: SymmetrySpec,
    minima: Networks,
    *,
    name: str,
    seeds: Sequence[int],
    noises: Mapping[str, Noise | None],
    samples: int | None,
) -> xr.Dataset:
    """Measure how far networks are from the noise equilibrium, as they start and at the minimum.

    Parameters
    ----------
    case : Case
        The case.
    spec : SymmetrySpec
        The architecture as measured.
    minima : OnDemand
        The networks as trained, by arm and seed.
    name : str
        Name of the case, which the random streams of its starts have.
    seeds : sequence of int
        Of all arms.
    noises : mapping of str to Noise or None
        The noise of every arm; None where nobody saw it.
    samples : int, optional
        Samples on which the noise is measured; by default all.

    Returns
    -------
    xr.Dataset
        Displacements of every unit, and their median, over arm, seed and moment; NaN where the
        noise is unknown. A network that was trained with batch norm has other charges than the
        folded one that is measured: nothing is known of its noise.
    """
    problem = case.problems("float64", samples=samples)["train"]
    arms = list(noises)
    shape = (len(arms), len(seeds), len(MOMENTS))
    groups = _charged_groups(case, spec, problem)
    median = np.full(shape, np.nan)
    displacement = {group.name: np.full((*shape, group.size), np.nan) for group in groups}
    with progress("measure equilibria", len(minima)) as bar:
        for arm, seed in minima:
            noise = noises[arm]
            if noise is None or not groups:
                continue
            bar.update()
            decay = noise.decay()
            start = parameters(case.start((name, arm, seed, 0)))
            for moment, network in enumerate((start, minima[arm, seed])):
                index = (arms.index(arm), seeds.index(seed), moment)
                params = case.prepared(network, "float64")
                displaced = _displacement(spec, problem, params, decay)
                median[index] = torch.cat(list(displaced.values())).abs().nanmedian()
                for group_name, values in cast(displaced, torch.float64).items():
                    displacement[group_name][index] = values.cpu()

    variables: Labelled = {}
    for group_name, array in displacement.items():
        variables[f"displacement_{group_name}"] = labelled(
            (*MOMENT, group_name),
            array,
            "1",
            f"logarithm of the scale that leads each unit of {group_name} to its noise equilibrium",
        )
    variables["displacement"] = labelled(
        MOMENT, median, "1", "median over units of the absolute displacement"
    )
    batch_sizes = {arm: noise.batch_size for arm, noise in noises.items() if noise is not None}
    moments = names("moment", MOMENTS, "before the first step, or at the minimum")
    return minima_dataset(arms, seeds, variables, coordinates=moments, attrs=batch_sizes)


def _charged_groups(case: Case, spec: SymmetrySpec, problem: Problem) -> list[UnitGroup]:
    """Return the groups whose units have a noise equilibrium; none of networks with batch norm."""
    if case.folded or problem.batch_norm:
        return []
    return [group for group in spec.exact().groups if group.scale == "positive"]


def _displacement(
    spec: SymmetrySpec, problem: Problem, params: Parameters, decay: float
) -> dict[str, Tensor]:
    force = noise_force(spec, problem, params)
    return noise_equilibrium(spec, params, force, decay=decay)
