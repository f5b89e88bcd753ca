"""What a checkpoint of a training holds."""

from typing import TypedDict

import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.learning.training.members import StackState
from symgeom.learning.training.plan import Trained
from symgeom.learning.training.record import RecordState


class SavedOutcome(TypedDict):
    """The outcome of a first stage; see :class:`~symgeom.learning.training.plan.Trained`."""

    parameters: Parameters
    status: tuple[str, ...]
    epochs: Tensor
    gradients: Tensor
    sample_gradients: Tensor
    loss: Tensor
    error: Tensor
    together: bool
    resumed_from: int


class Saved(TypedDict):
    """All that a killed training goes on from.

    Attributes
    ----------
    generators : list of Tensor
        The states of the members' generators.
    observer : dict or None
        What the observer knows, if there is one.
    earlier : SavedOutcome or None
        The outcome of the first stage, if there is one and it has ended.
    record : RecordState
        What is recorded of every seed.
    stack : StackState
        The networks still in training.
    """

    generators: list[Tensor]
    observer: dict[str, object] | None
    earlier: SavedOutcome | None
    record: RecordState
    stack: StackState


def saved_outcome(trained: Trained) -> SavedOutcome:
    """Return the outcome of a first stage, for a checkpoint."""
    return {
        "parameters": trained.parameters,
        "status": trained.status,
        "epochs": trained.epochs,
        "gradients": trained.gradients,
        "sample_gradients": trained.sample_gradients,
        "loss": trained.loss,
        "error": trained.error,
        "together": trained.together,
        "resumed_from": trained.resumed_from,
    }


def restored_outcome(saved: SavedOutcome, device: torch.device) -> Trained:
    """Undo :func:`saved_outcome`, with the networks on a device."""
    outcome = saved.copy()
    networks = saved["parameters"]
    outcome["parameters"] = {name: tensor.to(device) for name, tensor in networks.items()}
    return Trained(**outcome)
