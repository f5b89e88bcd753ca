r"""Synthetic data: standard normal inputs, labelled by a random network (the teacher).

The teacher is a multilayer perceptron with ReLU, He's initial weights and no biases; the label is
the largest output, :math:`\arg\max_c\,(f_c(x) - \bar f_c)`, after each output's mean over the
training inputs was subtracted, so that classes are about equally frequent.
"""

from collections.abc import Mapping, Sequence

import torch

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.learning.networks.mlp import build_mlp
from symgeom.study.datasets.checking import check_memory
from symgeom.study.datasets.choice import Choice
from symgeom.study.datasets.data import Data

NAME = "teacher"


def read(
    choice: Choice,
    *,
    features: int = 20,
    classes: int = 2,
    samples: int = 1000,
    test_samples: int = 1000,
    widths: Sequence[int] = (32,),
) -> Data:
    """Draw inputs and let a random network label them.

    Parameters
    ----------
    choice : Choice
        Which samples, and their scale; ``choice.split`` is the seed of the inputs and of the
        teacher.
    features : int
        Entries of an input.
    classes : int
        Outputs of the teacher, at least 2.
    samples, test_samples : int
        Samples of training and of testing.
    widths : sequence of int
        Hidden layers of the teacher; none makes it linear.

    Returns
    -------
    Data
        Inputs of float64, shape (sample, features).

    Raises
    ------
    SymgeomError
        If a number is not a positive whole number, there is one class, or all does not fit into
        memory.

    Examples
    --------
    >>> read(Choice(), features=5, samples=100).train_inputs.shape
    torch.Size([100, 5])
    """
    _check_count("features", features, least=1)
    _check_count("classes", classes, least=2)
    _check_count("samples", samples, least=1)
    _check_count("test_samples", test_samples, least=1)
    needed = (samples + test_samples) * (features + classes) * torch.float64.itemsize
    check_memory(needed, f"data set '{NAME}'", "Ask for fewer samples, features or classes.")
    generator = stream(NAME, choice.split)
    options: Mapping[str, object] = {"widths": widths, "bias": False, "initialisation": "he"}
    network = build_mlp((features,), classes, options, generator=generator).double()
    inputs = torch.randn(samples + test_samples, features, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        outputs = network(inputs)
    targets = (outputs - outputs[:samples].mean(0)).argmax(1)
    train_targets = targets[:samples]
    test_targets = targets[samples:]
    train, test = choice.indices(NAME, train_targets, test_targets, classes=classes)
    return Data(
        inputs[:samples][train],
        train_targets[train],
        inputs[samples:][test],
        test_targets[test],
        classes,
        NAME,
    )


def _check_count(option: str, count: object, *, least: int) -> None:
    """Raise unless an option is a whole number of at least so many."""
    if type(count) is not int or count < least:
        raise SymgeomError(
            f"Cannot make data set '{NAME}' with {option} = {count!r}: give a whole number, "
            f"{least} or more."
        )
