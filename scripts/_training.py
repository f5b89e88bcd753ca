"""How an arm trains: its optimizer, where its seeds start, the order of their data, and what the configuration says beside."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from _case import Case, build_network
from tqdm import tqdm

from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters, stack
from symgeom.learning.optimizers import build
from symgeom.learning.optimizers.method import Method
from symgeom.learning.training import Checkpoint, Plan, choose_device
from symgeom.study.datasets.augment import augmentation


def method_of(recipe: Mapping) -> Method:
    """Build an arm's optimizer."""
    return build(recipe["method"], {key: value for key, value in recipe.items() if key != "method"})


def strengths(recipe: Mapping) -> dict[str, float]:
    """Return what the balance of an arm's noise with its weight decay depends on."""
    return {
        name: getattr(method_of(recipe), name)
        for name in ("learning_rate", "weight_decay", "momentum")
    }


def precision_of(training: Mapping) -> str:
    """Return the precision of the weights: bfloat16 is that of the forward pass only."""
    return "float32" if training["precision"] == "bfloat16" else training["precision"]


def starts(case: Case, members: Sequence[tuple], precision: str) -> dict[str, torch.Tensor]:
    """Return the stacked initial networks, each from a stream of its own."""
    first = [
        parameters(build_network(case.data, case.options, ("initialisation", *member)))
        for member in members
    ]
    device = choose_device(case.options["device"])
    return {
        name: tensor.to(device)
        for name, tensor in cast(stack(first), getattr(torch, precision)).items()
    }


def orders(members: Sequence[tuple], training: Mapping) -> list[torch.Generator]:
    """Return the generators of the order of the data: one for each member, or equal ones for all seeds."""
    shared = training.get("order", "independent") == "shared"
    return [
        stream("order", case, arm, "shared" if shared else seed, replica)
        for case, arm, seed, replica in members
    ]


def plan_of(case: Case, training: Mapping, *, place: Path, digest: str, bar: tqdm) -> Plan:
    """Return how to train, with a checkpoint at a place."""

    def advance(epoch: int, _: int, text: str) -> None:
        bar.update(epoch - bar.n)
        bar.set_postfix_str(text, refresh=False)

    limits = {
        name: training[name]
        for name in (
            "batch_size",
            "epochs",
            "stop_error",
            "stop_loss",
            "evaluate_every",
            "together",
        )
    }
    augment = augmentation(
        training.get("augmentation", "none"), black=case.data["black"].values.tolist()
    )
    autocast = torch.bfloat16 if training["precision"] == "bfloat16" else None
    checkpoint = Checkpoint(place, every=training["checkpoint_every"], digest=digest)
    return Plan(
        **limits, augment=augment, autocast=autocast, checkpoint=checkpoint, progress=advance
    )
