"""Write a network in hand in the form of a file that it came from."""

from dataclasses import replace
from pathlib import Path

from torch import Tensor

from symgeom.learning.weights.writing import write_weights
from symgeom.study.in_hand.record import InHand


def write_like(
    hand: InHand, label: str, params: dict[str, Tensor], output: Path, *, overwrite: bool
) -> None:
    """Write a network that is given up under the names and in the precisions of a file.

    Parameters
    ----------
    hand : InHand
        The files.
    label : str
        Which of them.
    params : dict of str to Tensor
        The network; it is empty afterwards.
    output : Path
        The file to write.
    overwrite : bool
        Whether an existing file is replaced.
    """
    weights = hand.read(label)
    rounded = {}
    for name in list(weights.params):
        dtype = weights.params.pop(name).dtype
        rounded[name] = params.pop(name).to("cpu", dtype)
    write_weights(output, rounded, replace(weights, params=rounded), overwrite=overwrite)
