"""Move a network in hand to a point of its orbit, write it, and prove that its function stayed."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from symgeom.commands.comparison_text import heading
from symgeom.commands.saying import number
from symgeom.dynamics.fibre.points import move_to_point, move_to_shortest
from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters, cast
from symgeom.learning.weights.reading import read_checkpoint
from symgeom.learning.weights.writing import write_weights
from symgeom.study.in_hand.facts import facts_of_hand
from symgeom.study.in_hand.record import InHand
from symgeom.symmetry.bilinear import charged_groups

STILL = 1e-9
"""Logarithm of a scale up to which a unit counts as not moved."""


def balance_weights(
    hand: InHand, point: str, output: Path, *, samples: int | None, overwrite: bool
) -> dict:
    """Move a network to a point of its orbit, and write it.

    Parameters
    ----------
    hand : InHand
        One file.
    point : {"balanced", "noise"}
        Where to.
    output : Path
        The file to write.
    samples : int or None
        Training samples on which noise is measured; None for all.
    overwrite : bool
        Whether an existing file is replaced.

    Returns
    -------
    dict of str to object
        Beside what is known of the file: how many units moved, squared lengths before and after,
        and the certificate: by how much outputs changed, exactly and as they were written.

    Raises
    ------
    SymgeomError
        If no unit can be rescaled, the point needs data and there are none, or outputs change.
    """
    label = next(iter(hand.files))
    weights = hand.files[label]
    before = cast(hand.params(label), torch.float64)
    outputs = hand.outputs(before)
    moved, scales = _moved(hand, before, point, samples)
    change = hand.proved_change(label, outputs, moved, command="balance")
    write_weights(output, moved, weights, overwrite=overwrite)
    written = read_checkpoint(output, hand.case.trained).params
    logarithms = torch.cat([scale.log() for scale in scales.values()])
    return {
        **facts_of_hand(hand),
        "point": point,
        "output": str(output),
        "moved_units": int((logarithms.abs() > STILL).sum()),
        "largest_factor": float(logarithms.abs().max().exp()),
        "squared_length": {
            "before": _squared_length(hand, before),
            "after": _squared_length(hand, moved),
        },
        "output_change": {
            "exact": change,
            "written": hand.output_change(outputs, cast(written, torch.float64)),
        },
    }


def _moved(
    hand: InHand, params: Parameters, point: str, samples: int | None
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the network at a point of its orbit, and the scales that led there."""
    trainable = _trainable(hand)
    groups = charged_groups(hand.spec.exact().trained(trainable), "positive").groups
    if not groups:
        raise SymgeomError(
            f"Cannot balance network '{hand.name}': no group of its units can be rescaled. "
            "Give one that has such units (between two layers with ReLU)."
        )
    if point == "balanced":
        moved, element = move_to_shortest(hand.spec, params, trainable)
    elif hand.has_data:
        problem = hand.case.problems("float64", samples=samples)["train"]
        moved, element = move_to_point(hand.spec, problem, params, point)
    else:
        raise SymgeomError(
            "Cannot find the noise equilibrium without data, whose gradients are the noise: give "
            "--data, or take --to balanced."
        )
    return moved, {group.name: element.scales[group.name] for group in groups}


def _trainable(hand: InHand) -> list[str]:
    """Return the names of the weights that are not frozen."""
    weights = hand.network.named_parameters()
    return [name for name, weight in weights if weight.requires_grad]


def _squared_length(hand: InHand, params: Parameters) -> float:
    """Return the sum of all squared weights."""
    return sum(float(params[name].square().sum()) for name in _trainable(hand))


def balance_text(facts: Mapping) -> str:
    """Say what has been done.

    Parameters
    ----------
    facts : mapping
        As from :func:`balance_weights`.

    Returns
    -------
    str
        A few lines.
    """
    length = facts["squared_length"]
    change = facts["output_change"]
    names = {"balanced": "the balanced point", "noise": "the noise equilibrium"}
    return (
        f"{heading(facts)}\n\n"
        f"Moved to {names[facts['point']]}: {facts['moved_units']} units, the farthest by a factor "
        f"of {number(facts['largest_factor'])}; squared length {number(length['before'], 4)} "
        f"before, {number(length['after'], 4)} after.\n"
        f"Certificate: outputs change by {change['exact']:.1g} of their size, and by "
        f"{change['written']:.1g} in the precision of the file.\n"
        f"Written: {facts['output']}"
    )
