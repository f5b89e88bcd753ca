r"""The error of a predictor under attack, with its clean error beside.

The budget is a bound on the change of every single input (an :math:`L_\infty` ball), as a share of
the range of the data, and no input leaves that range. An attack is *aimed* at the predictor whose
error is measured, or *transferred*: made on another one.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_choice, check_range
from symgeom.ground.doors import check_attributes, door
from symgeom.neighbours.robustness.asking import misclassified_samples
from symgeom.neighbours.robustness.box import Box
from symgeom.neighbours.robustness.catalogue import ATTACKS
from symgeom.neighbours.robustness.chase import Chase
from symgeom.neighbours.robustness.data_range import DataRange
from symgeom.neighbours.robustness.kind import Effort
from symgeom.neighbours.robustness.predicting import Predictor


@dataclass(frozen=True, eq=False)
class Attack:
    """An attack.

    Attributes
    ----------
    kind : str
        One of :data:`~symgeom.neighbours.robustness.catalogue.ATTACKS`.
    budget : float
        The largest change of an input, as a share of the range of the data.
    data_range : DataRange
        Where inputs lie.
    steps : int
        Steps from every start; ``"fgsm"`` has one, ``"noise"`` none.
    restarts : int
        Random starts, the worst point of all of which counts; ``"fgsm"`` has none.
    chunk : int
        Samples whose gradients are formed at once; it changes nothing but time and memory.

    Examples
    --------
    >>> Attack("pgd", 8 / 255, DataRange(), steps=20, restarts=2).restarts
    2
    """

    kind: str
    budget: float
    data_range: DataRange
    steps: int = 20
    restarts: int = 1
    chunk: int = 128

    def __post_init__(self) -> None:
        check_attributes(self)
        check_choice(self.kind, ATTACKS, "attack")
        check_range(self.budget, "the budget, a share of the range of the data", least=0, most=1)
        check_range(self.steps, "the number of steps of an attack", least=1)
        check_range(self.restarts, "the number of starts of an attack", least=1)
        check_range(self.chunk, "the number of samples predicted at once", least=1)


@dataclass(frozen=True, eq=False)
class RobustError:
    """The error of a predictor under an attack.

    Attributes
    ----------
    clean, attacked : Tensor, shape ()
        Fractions of misclassified samples, in float64: as they are, and as the attack left them.
    wrong_clean, wrong_attacked : Tensor of bool, shape (sample,)
        Which samples these are.
    inputs : Tensor, shape (sample, ...)
        What the attack made of the samples: of the points that it looked at, the worst.
    looks : float
        Predictions that the attack asked for, over the number of samples: what it cost.
    """

    clean: Tensor
    attacked: Tensor
    wrong_clean: Tensor
    wrong_attacked: Tensor
    inputs: Tensor
    looks: float


@door
def robust_error(
    predictor: Predictor,
    inputs: Tensor,
    targets: Tensor,
    attack: Attack,
    *,
    generator: torch.Generator,
    source: Predictor | None = None,
) -> RobustError:
    """Measure the error of a predictor under an attack.

    Parameters
    ----------
    predictor : callable
        What is judged: from inputs to log probabilities (sample, class).
    inputs : Tensor, shape (sample, ...)
        The samples, in the range of the data.
    targets : Tensor of int64, shape (sample,)
        Their classes.
    attack : Attack
        Kind, budget and effort.
    generator : torch.Generator
        Draws starts and noise, on the CPU.
    source : callable, optional
        The predictor on which the attack is made; the one that is judged by default.

    Returns
    -------
    RobustError
        An aimed attack never has less than the clean error, because an attacker may also change
        nothing; a transferred one may.

    Raises
    ------
    SymgeomError
        If the targets are no classes, the inputs lie beyond the range, or a predictor returns no
        log probabilities.

    Examples
    --------
    >>> inputs = torch.tensor([[0.4], [0.9]])
    >>> targets = torch.tensor([0, 1])
    >>> def threshold(inputs):
    ...     return torch.cat([0.5 - inputs, inputs - 0.5], 1).log_softmax(1)
    >>> attack = Attack("fgsm", 0.2, DataRange())
    >>> result = robust_error(threshold, inputs, targets, attack, generator=torch.Generator())
    >>> result.clean.item(), result.attacked.item()
    (0.0, 0.5)
    """
    check_samples(inputs, targets)
    box = Box.around(inputs.detach(), budget=attack.budget, data_range=attack.data_range)
    chase = Chase(source or predictor, box, targets, attack.chunk)
    effort = Effort(attack.steps, attack.restarts)
    ATTACKS[attack.kind].run(chase, effort, generator)
    wrong_clean = misclassified_samples(predictor, inputs, targets, attack.chunk)
    wrong_attacked = misclassified_samples(predictor, chase.points, targets, attack.chunk)
    return RobustError(
        wrong_clean.double().mean(),
        wrong_attacked.double().mean(),
        wrong_clean,
        wrong_attacked,
        chase.points,
        chase.looks / len(inputs),
    )


def check_samples(inputs: Tensor, targets: Tensor) -> None:
    """Raise unless there is one class for each of at least one sample.

    Parameters
    ----------
    inputs : Tensor, shape (sample, ...)
        Samples.
    targets : Tensor of int64, shape (sample,)
        Classes.

    Raises
    ------
    SymgeomError
        If they do not fit.
    """
    if targets.is_floating_point():
        raise SymgeomError(
            f"Cannot count misclassified samples: the targets are real numbers ({targets.dtype}), "
            "as those of a regression. Give classes (int64); there is no error without them."
        )
    if targets.ndim != 1 or targets.dtype != torch.int64:
        raise SymgeomError(
            f"Cannot count misclassified samples: the targets have shape {tuple(targets.shape)} "
            f"and type {targets.dtype}. Give one class per sample (int64)."
        )
    if inputs.ndim < 2 or len(inputs) != len(targets) or len(inputs) == 0:
        raise SymgeomError(
            f"Cannot pair inputs of shape {tuple(inputs.shape)} with {len(targets)} targets: give "
            "inputs (sample, feature, ...) and one class for each of at least one sample."
        )
