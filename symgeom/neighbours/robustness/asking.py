"""Ask a predictor, anyone's own function perhaps, and look at what it returns."""

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.own_code import told
from symgeom.neighbours.robustness.predicting import Predictor

TOTAL = 1e-3
"""How far from one the probabilities of a sample may add up, for rounding."""


def predict(predictor: Predictor, inputs: Tensor, targets: Tensor) -> Tensor:
    """Ask a predictor, and look at what it returns.

    Parameters
    ----------
    predictor : callable
        What is asked.
    inputs : Tensor, shape (sample, ...)
        The samples.
    targets : Tensor of int64, shape (sample,)
        The true classes, each of which needs a probability.

    Returns
    -------
    Tensor, shape (sample, class)
        Log probabilities.

    Raises
    ------
    SymgeomError
        If it returns something else.
    """
    log_probabilities = _asked(predictor, inputs)
    shape = tuple(log_probabilities.shape)
    if len(shape) != 2 or shape[0] != len(inputs) or shape[1] < 2:
        raise SymgeomError(
            f"Cannot use a predictor that returns a tensor of shape {shape} for "
            f"{len(inputs)} samples: it must return log probabilities (sample, class) of at least "
            "two classes."
        )
    if not 0 <= targets.min() <= targets.max() < shape[1]:
        raise SymgeomError(
            f"Cannot use a predictor of {shape[1]} classes with targets from "
            f"{targets.min()} to {targets.max()}: give classes from 0 to {shape[1] - 1}."
        )
    totals = log_probabilities.detach().exp().sum(1)
    wrong = ~((totals - 1).abs() < TOTAL)
    if wrong.any():
        raise SymgeomError(
            f"Cannot use this predictor: the probabilities of {wrong.sum()} of {len(inputs)} "
            f"samples do not add up to one (of the first, to {totals[wrong][0]:.6g}). It must "
            "return log probabilities (log_softmax), of networks that did not diverge."
        )
    return log_probabilities


@torch.no_grad()
def misclassified_samples(
    predictor: Predictor, inputs: Tensor, targets: Tensor, chunk: int
) -> Tensor:
    """Return which samples are misclassified.

    Parameters
    ----------
    predictor : callable
        What is judged.
    inputs : Tensor, shape (sample, ...)
        The samples.
    targets : Tensor of int64, shape (sample,)
        Their classes.
    chunk : int
        Samples that are predicted at once.

    Returns
    -------
    Tensor of bool, shape (sample,)
        True where the most likely class is another one.
    """
    parts = []
    for samples, classes in zip(inputs.split(chunk), targets.split(chunk), strict=True):
        log_probabilities = predict(predictor, samples, classes)
        parts.append(log_probabilities.argmax(1) != classes)
    return torch.cat(parts)


def _asked(predictor: Predictor, inputs: Tensor) -> Tensor:
    """Return what a predictor returns, or say why it does not return a tensor."""
    try:
        log_probabilities = predictor(inputs)
    except SymgeomError:
        raise
    except Exception as error:  # the user's own code may run here
        raise SymgeomError(_no_prediction(inputs, f"it raises {told(error)}")) from error
    if not isinstance(log_probabilities, Tensor):
        returned = type(log_probabilities).__name__
        raise SymgeomError(_no_prediction(inputs, f"it returns a {returned}"))
    return log_probabilities


def _no_prediction(inputs: Tensor, reason: str) -> str:
    return (
        f"Cannot use this predictor: of inputs of shape {tuple(inputs.shape)} {reason}. Give a "
        "function from inputs (sample, ...) to log probabilities (sample, class)."
    )
