"""Networks that others wrote: torchvision's models by name, and the user's own function by where it is.

Their weights come from the global generator of PyTorch. It is seeded from the given generator while
they are built, and put back afterwards, so that a study's weights depend on its seeds alone and
nothing else in the process moves.
"""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches

import torch
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.own_code import call, find, working_directory
from symgeom.ground.torchvision_door import import_torchvision


def torchvision(
    input_shape: Sequence[int],
    classes: int,
    options: Mapping[str, object] | None = None,
    *,
    generator: torch.Generator,
) -> nn.Module:
    """Build a classifier of torchvision by name, with random weights.

    Parameters
    ----------
    input_shape : sequence of int
        Shape of one image: 3 channels, height, width.
    classes : int
        Number of outputs.
    options : mapping, optional
        ``model``, a name in ``torchvision.models``, and what its function takes besides weights and
        the number of classes.
    generator : torch.Generator
        The source of the initial weights, which are distributed as torchvision does it.

    Returns
    -------
    nn.Module
        In float32.

    Raises
    ------
    SymgeomError
        If there is no such model, it does not take an option, weights are asked for, or the images
        have not 3 channels.

    Examples
    --------
    >>> network = torchvision((3, 32, 32), 7, {"model": "resnet18"}, generator=torch.Generator().manual_seed(0))
    >>> network.fc
    Linear(in_features=512, out_features=7, bias=True)
    """
    models, given = import_torchvision().models, dict(options or {})
    model = given.pop("model", None)
    known = models.list_models(module=models)
    if model not in known:
        near = get_close_matches(str(model), known, n=3) or ["resnet18", "vgg11", "mobilenet_v2"]
        raise SymgeomError(
            f"Cannot build network 'torchvision' with model {model!r}: torchvision has no such classifier. Give the "
            f"option 'model' a name of torchvision.models, for instance {', '.join(map(repr, near))}."
        )
    if given.keys() & {"weights", "num_classes"}:
        raise SymgeomError(
            f"Cannot build torchvision's '{model}' with options {sorted(given)}: a minimum starts from random weights, and the "
            "data give the number of classes. Leave out 'weights' and 'num_classes'."
        )
    if len(input_shape) != 3 or input_shape[0] != 3:
        raise SymgeomError(
            f"Cannot build torchvision's '{model}' for samples of shape {tuple(input_shape)}: it takes images of 3 channels "
            "(channel, height, width). Choose a data set of such images, or another network."
        )
    with _seeded(generator):
        try:
            return models.get_model(model, weights=None, num_classes=classes, **given)
        except (TypeError, ValueError) as error:
            raise SymgeomError(
                f"Cannot build torchvision's '{model}' with options {given}: {error}. Give what its function takes."
            ) from error


def own(
    where: str,
    input_shape: Sequence[int],
    classes: int,
    options: Mapping[str, object] | None,
    *,
    generator: torch.Generator,
) -> nn.Module:
    """Build a network with the user's own function.

    Parameters
    ----------
    where : str
        ``package.module:function``; the working directory is searched first.
    input_shape : sequence of int
        Shape of one sample.
    classes : int
        Number of outputs.
    options : mapping, optional
        A function that takes ``(input_shape, classes, options, *, generator)`` is called like that,
        any other one with the options as keywords.
    generator : torch.Generator
        The source of the initial weights.

    Returns
    -------
    nn.Module
        What the function returns.

    Raises
    ------
    SymgeomError
        If the function is not found, does not take the options, or returns no module.

    Examples
    --------
    >>> own("torch.nn:Linear", (3,), 2, {"in_features": 3, "out_features": 2}, generator=torch.Generator().manual_seed(0))
    Linear(in_features=3, out_features=2, bias=True)
    """
    with working_directory(), _seeded(generator):
        function, given = find(where, "network"), dict(options or {})
        if "generator" in inspect.signature(function).parameters:
            taken = (tuple(input_shape), classes, given), {"generator": generator}
        else:
            taken = (), given
        network = call(
            where,
            function,
            *taken,
            advice=", or write it as (input_shape, classes, options, *, generator)",
        )
    if not isinstance(network, nn.Module):
        raise SymgeomError(
            f"Cannot use network '{where}': the function returned a {type(network).__name__}. Return a torch.nn.Module."
        )
    return network


@contextmanager
def _seeded(generator: torch.Generator) -> Iterator[None]:
    """Seed PyTorch's global generator from another one, and put it back."""
    seed = int(torch.randint(2**62, (), generator=generator))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
