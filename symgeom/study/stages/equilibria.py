"""Measure how far every unit is from the noise equilibrium, at its start and at the minimum.

The equilibrium is that of a whole training: the learning rate is integrated over the epochs that a
seed has trained, as scheduled, so that start and end have the same strength of decay. Near the
balance of noise and decay a unit relaxes by the share 4 x weight decay x effective step in each
step. In trainings of a few thousand steps these shares are less than one altogether: the last
epochs of a schedule, whose rates are small, lead no unit to an equilibrium of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from symgeom.dynamics.noise import (
    decay_ratio,
    effective_batch_size,
    effective_learning_rate,
    net_force,
    noise_force,
    unit_displacements,
)
from symgeom.ground.types import cast, parameters
from symgeom.landscape.problem import Problem
from symgeom.landscape.sample_gradients import draws_in_training
from symgeom.study.cases import Case
from symgeom.study.labels import (
    MINIMUM,
    MOMENT,
    MOMENTS,
    Labelled,
    labelled,
    minima_dataset,
    names,
)
from symgeom.study.pairs import Key
from symgeom.study.progress import progress
from symgeom.study.stages.training import build_method
from symgeom.study.stored_networks import Minima
from symgeom.symmetry.spec import SymmetrySpec, UnitGroup


@dataclass(frozen=True)
class Noise:
    """What decides the balance of an arm's noise with its weight decay.

    Attributes
    ----------
    recipe : mapping
        Name and options of the arm's optimizer.
    batch_size : int
        Samples of a mini-batch.
    limit : int
        The limit of epochs, by which schedules go.
    """

    recipe: Mapping
    batch_size: int
    limit: int

    def decay(self, epochs: int, *, samples: int) -> float:
        """Return the strength of weight decay relative to noise over a training.

        Parameters
        ----------
        epochs : int
            So many it took.
        samples : int
            In the training set, which every epoch shuffles.

        Returns
        -------
        float
            See :func:`symgeom.dynamics.noise.decay_ratio`.
        """
        method = build_method(self.recipe)
        rates = [method.learning_rate_at(epoch, self.limit) for epoch in range(epochs)]
        size = effective_batch_size(self.batch_size, samples=samples, momentum=method.momentum)
        return decay_ratio(
            learning_rate=effective_learning_rate(rates),
            weight_decay=method.weight_decay,
            momentum=method.momentum,
            batch_size=size,
        )


def measure(
    case: Case,
    spec: SymmetrySpec,
    minima: Minima,
    *,
    noises: Mapping[str, Noise],
    epochs: Mapping[Key, int],
    samples: int | None,
) -> xr.Dataset:
    """Measure how far networks are from the noise equilibrium, as they start and at the minimum.

    Parameters
    ----------
    case : Case
        The case.
    spec : SymmetrySpec
        The architecture as measured.
    minima : Minima
        The networks as trained.
    noises : mapping of str to Noise
        The noise of the arms whose training was seen.
    epochs : mapping of (str, int) to int
        How many epochs each network has trained.
    samples : int, optional
        Samples on which the noise is measured; by default all.

    Returns
    -------
    xr.Dataset
        Forces and displacements of every unit, and the median of the latter, over arm, seed and
        moment, and the strength of decay over arm and seed; NaN where the noise is unknown,
        mini-batches hold all samples, or no step was taken. A group with a frozen leg is left out.
        A network that was trained with batch norm has other charges than the folded one that is
        measured: nothing is known of its noise, nor of that of dropout.
    """
    problem = case.problems("float64", samples=samples)["train"]
    spec = spec.trained(problem.trainable)
    groups = _charged_groups(case, spec, problem)
    table = _Table(groups, (*minima.shape, len(MOMENTS)))
    shuffled = len(case.data["train_targets"])
    noisy = {arm for arm, noise in noises.items() if noise.batch_size < shuffled}
    trained = {key for key, count in epochs.items() if count > 0 and key[0] in noisy}
    seen = [key for key in minima.networks if groups and key in trained]
    with progress("measure equilibria", len(seen)) as bar:
        for arm, seed in seen:
            decay = noises[arm].decay(epochs[arm, seed], samples=shuffled)
            networks = (case.start(arm, seed), minima.networks[arm, seed])
            for moment, network in enumerate(networks):
                params = case.prepared(network, "float64")
                force = noise_force(spec, problem, params)
                displacements = unit_displacements(spec, params, force, decay=decay)
                index = (*minima.index((arm, seed)), moment)
                table.put(index, displacements)
                table.put_forces(index, net_force(spec.exact(), force.variance))
            table.decay[minima.index((arm, seed))] = decay
            bar.update()
    return minima_dataset(
        minima.arms,
        minima.seeds,
        table.variables(),
        coordinates=names("moment", MOMENTS, "before the first step, or at the minimum"),
        attrs={arm: noise.batch_size for arm, noise in noises.items()},
    )


class _Table:
    """Forces and displacements over arm, seed and moment; NaN until they are measured."""

    def __init__(self, groups: Sequence[UnitGroup], shape: tuple[int, int, int]) -> None:
        self.median = np.full(shape, np.nan)
        self.decay = np.full(shape[:2], np.nan)
        self.of_units: dict[str, np.ndarray] = {}
        self.forces: dict[str, np.ndarray] = {}
        for group in groups:
            self.of_units[group.name] = np.full((*shape, group.size), np.nan)
            self.forces[group.name] = np.full((*shape, group.size), np.nan)

    def put(self, index: tuple[int, int, int], displacements: Mapping[str, Tensor]) -> None:
        """Put the displacements of a network where they belong."""
        of_all = torch.cat(list(displacements.values()))
        self.median[index] = of_all.abs().nanmedian()
        for group, values in cast(displacements, torch.float64).items():
            self.of_units[group][index] = values.cpu()

    def put_forces(self, index: tuple[int, int, int], forces: Mapping[str, Tensor]) -> None:
        """Put the forces on a network where they belong."""
        for group, values in cast(forces, torch.float64).items():
            self.forces[group][index] = values.cpu()

    def variables(self) -> Labelled:
        """Return the arrays with labels."""
        variables: Labelled = {}
        for group, array in self.of_units.items():
            scale = f"logarithm of the scale that leads each unit of {group}"
            variables[f"displacement_{group}"] = labelled(
                (*MOMENT, group), array, "1", f"{scale} to its noise equilibrium"
            )
        for group, array in self.forces.items():
            variance = f"variance of the sample gradients on each unit of {group}"
            variables[f"force_{group}"] = labelled(
                (*MOMENT, group), array, "nat^2/weight^2", f"{variance}, incoming minus outgoing"
            )
        typical = "median over units of the absolute displacement"
        variables["displacement"] = labelled(MOMENT, self.median, "1", typical)
        strength = "strength of weight decay relative to gradient noise, over the training"
        variables["decay_ratio"] = labelled(MINIMUM, self.decay, "nat^2/weight^4", strength)
        return variables


def _charged_groups(case: Case, spec: SymmetrySpec, problem: Problem) -> list[UnitGroup]:
    """Return the groups whose units have a noise equilibrium; none with batch norm or dropout."""
    if case.folded or problem.batch_norm:
        return []
    fresh = parameters(problem.module)
    if draws_in_training(problem, cast(fresh, torch.float64)):
        return []
    return [group for group in spec.exact().groups if group.scale == "positive"]
