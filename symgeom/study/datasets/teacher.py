r"""Synthetic data: standard normal inputs, labelled by a random network (the teacher).

The teacher is a multilayer perceptron with ReLU, He's initial weights and no biases; the label is
the largest output, :math:`\arg\max_c\,(f_c(x) - \bar f_c)`, after each output's mean over the
training inputs was subtracted, so that classes are about equally frequent.
"""

from collections.abc import Sequence

import torch

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.learning.networks.mlp import build_mlp
from symgeom.study.datasets.data import Choice, Data


def teacher(
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
        If a number is not a positive whole number, there is one class, or a class got no training
        sample.

    Examples
    --------
    >>> teacher(Choice(), features=5, samples=100).train_inputs.shape
    torch.Size([100, 5])
    """
    counts = {
        "features": features,
        "classes": classes,
        "samples": samples,
        "test_samples": test_samples,
    }
    for name, count in counts.items():
        if type(count) is not int or count < (2 if name == "classes" else 1):
            raise SymgeomError(
                f"Cannot make data set 'teacher' with {name} = {count!r}: give a whole number, 2 classes or more."
            )
    generator = stream("teacher", choice.split)
    options = {"widths": widths, "bias": False, "initialisation": "he"}
    network = build_mlp((features,), classes, options, generator=generator).double()
    inputs = torch.randn(samples + test_samples, features, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        outputs = network(inputs)
    targets = (outputs - outputs[:samples].mean(0)).argmax(1)
    absent = (targets[:samples].bincount(minlength=classes) == 0).nonzero().flatten().tolist()
    if absent:
        raise SymgeomError(
            f"Cannot make data set 'teacher': classes {absent} of {classes} got none of the {samples} training samples. Ask for "
            "more samples, or fewer classes."
        )
    train, test = choice.indices("teacher", targets[:samples], targets[samples:])
    test = test + samples
    return choice.normalised(
        Data(inputs[train], targets[train], inputs[test], targets[test], classes, "teacher")
    )
