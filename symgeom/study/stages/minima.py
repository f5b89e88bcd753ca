"""Label the minima of an arm: weights, losses and errors, how training ended, its history."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from symgeom.ground.types import Parameters, unstack
from symgeom.landscape.problem import Problem
from symgeom.landscape.problem.evaluation import evaluate
from symgeom.learning.training import Trained
from symgeom.store import parameters_to_variables
from symgeom.study.labels import DEPTH, END, MINIMUM, Labelled, labelled, minima_dataset
from symgeom.study.stored_networks import LOST, is_measurable
from symgeom.symmetry.spec import SymmetrySpec

USABLE = ("reached", "imported")
"""States of seeds that are minima."""


def label_minima(
    spec: SymmetrySpec,
    trained: Trained,
    problems: Mapping[str, Problem],
    *,
    measured: Parameters | None = None,
) -> Labelled:
    """Label the minima of one arm.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture as trained, which names the axes.
    trained : Trained
        What training yields.
    problems : mapping of str to Problem
        The landscape of each split.
    measured : Parameters, optional
        The stacked networks whose losses and errors count, if they are others than those that were
        trained (with their batch norms folded).

    Returns
    -------
    dict of str to xr.Variable
        Over arm and seed.
    """
    stacked = {name: tensor[None] for name, tensor in trained.parameters.items()}
    variables: Labelled = dict(parameters_to_variables(spec, stacked, leading=MINIMUM))
    losses = {}
    for split, problem in problems.items():
        values = evaluate(problem, measured or trained.parameters)
        loss, error = values[:, None].cpu().numpy()
        losses[split] = loss[0]
        misclassified = f"fraction of {split} samples misclassified"
        variables[f"{split}_loss"] = labelled(MINIMUM, loss, "nat", f"{split} loss")
        variables[f"{split}_error"] = labelled(MINIMUM, error, "1", misclassified)
    variables |= _label_training(trained, _states(trained, losses["train"]))
    if trained.pretraining:
        variables |= _label_pretraining(trained.pretraining)
    return variables


def _states(trained: Trained, losses: np.ndarray) -> list[str]:
    """Return how every seed ended; one that is too large to be measured has diverged."""
    states = []
    for state, network, loss in zip(
        trained.status, unstack(trained.parameters), losses.tolist(), strict=True
    ):
        states.append(state if is_measurable(network, loss) else LOST)
    return states


def _label_training(trained: Trained, states: Sequence[str]) -> Labelled:
    """Label how the training of every seed went and ended."""
    usable = [state in USABLE for state in states]
    ended = (
        "how the seed ended: reached, epoch limit, budget spent, no budget or diverged; or imported"
    )
    is_minimum = "whether the seed reached the stop rule, or was imported"
    budget = "the same in single samples: the budget"
    columns: dict[str, tuple[object, str]] = {
        "status": (list(states), ended),
        "usable": (usable, is_minimum),
        "epochs": (trained.epochs, "epochs run"),
        "gradient_evaluations": (trained.gradients, "mini-batch gradients evaluated"),
        "sample_gradients": (trained.sample_gradients, budget),
    }
    variables: Labelled = {}
    for name, (column, meaning) in columns.items():
        variables[name] = labelled(MINIMUM, [column], "1", meaning)
    along = (*MINIMUM, "epoch")
    variables["history_loss"] = labelled(along, trained.loss[None], "nat", "training loss")
    variables["history_error"] = labelled(along, trained.error[None], "1", "training error")
    return variables


def _label_pretraining(first_stage: Trained) -> Labelled:
    """Label how a first stage on random labels ended: whether the seeds memorised them."""
    last_epoch = first_stage.epochs[:, None]
    error = first_stage.error.gather(1, last_epoch)[:, 0]
    columns: dict[str, tuple[object, str]] = {
        "status": (list(first_stage.status), "how the first stage ended, on random labels"),
        "error": (error, "error on the random labels at the end of the first stage"),
        "epochs": (first_stage.epochs, "epochs of the first stage"),
    }
    variables: Labelled = {}
    for name, (column, meaning) in columns.items():
        variables[f"pretraining_{name}"] = labelled(MINIMUM, [column], "1", meaning)
    return variables


def minima_of_arm(
    arm: str, seeds: list[int], variables: Labelled, *, attrs: Mapping[str, object]
) -> xr.Dataset:
    """Return the minima of one arm as a dataset.

    Parameters
    ----------
    arm : str
        The arm.
    seeds : list of int
        Its seeds.
    variables : dict of str to xr.Variable
        Of :func:`label_minima`.
    attrs : mapping
        How they were made.

    Returns
    -------
    xr.Dataset
        Over arm, seed and epoch.
    """
    epochs = range(variables["history_loss"].sizes["epoch"])
    epoch = {"epoch": labelled("epoch", epochs, "1", "epoch")}
    return minima_dataset([arm], seeds, variables, coordinates=epoch, attrs=attrs)


def along_depths(networks: Sequence[xr.Dataset], depths: Sequence[float]) -> xr.Dataset:
    """Join the networks of an arm at its depths and at the end of training.

    Parameters
    ----------
    networks : sequence of xr.Dataset
        The arm as it was at each depth, and last as training left it.
    depths : sequence of float
        The training losses.

    Returns
    -------
    xr.Dataset
        With the axis ``depth`` first, on which ``END`` comes last.
    """
    axis = labelled(DEPTH, [*depths, END], "nat", "training loss reached; 0: end of training")
    joined = xr.concat(
        networks,
        DEPTH,
        data_vars="all",
        coords="minimal",
        compat="override",
        combine_attrs="override",
    )
    return joined.assign_coords({DEPTH: axis})
