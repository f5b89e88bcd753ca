"""Networks that others wrote: torchvision's models by name, and functions of the user's own.

Their weights come from the global generator of PyTorch. While they are built, it is seeded from the
generator that the caller gives; afterwards it is put back. So the weights of a study depend on its
seeds alone, and nothing else in the process moves.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches

import torch
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.own_code import call, find, signature_of, working_directory
from symgeom.ground.torchvision_door import import_torchvision


def build_torchvision(
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
        The source of the initial weights, whose distribution is that of torchvision.

    Returns
    -------
    nn.Module
        In float32.

    Raises
    ------
    SymgeomError
        If there is no such model, it does not take an option, weights are asked for, or the images
        do not have 3 channels.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> network = build_torchvision((3, 32, 32), 7, {"model": "resnet18"}, generator=generator)
    >>> network.fc
    Linear(in_features=512, out_features=7, bias=True)
    """
    models = import_torchvision().models
    model_options = dict(options or {})
    model = model_options.pop("model", None)
    available = models.list_models(module=models)
    if model not in available:
        raise SymgeomError(_no_such_model(model, available))
    if "weights" in model_options or "num_classes" in model_options:
        raise SymgeomError(
            f"Cannot build torchvision's '{model}' with options {sorted(model_options)}: a minimum "
            "starts from random weights, and the data give the number of classes. "
            "Leave out 'weights' and 'num_classes'."
        )
    if len(input_shape) != 3 or input_shape[0] != 3:
        raise SymgeomError(
            f"Cannot build torchvision's '{model}' for samples of shape {tuple(input_shape)}: it "
            "takes images of 3 channels (channel, height, width). "
            "Choose a data set of such images, or another network."
        )
    with _seeded(generator):
        try:
            return models.get_model(model, weights=None, num_classes=classes, **model_options)
        except Exception as error:  # torchvision's own code runs here
            raise SymgeomError(
                f"Cannot build torchvision's '{model}' with options {model_options}: {error}. "
                "Give what its function takes."
            ) from error


def _no_such_model(model: object, available: Sequence[str]) -> str:
    """Return the message about a model that torchvision does not have."""
    near = get_close_matches(str(model), available, n=3)
    if not near:
        near = ["resnet18", "vgg11", "mobilenet_v2"]
    return (
        f"Cannot build network 'torchvision' with model {model!r}: torchvision has no such "
        "classifier. Give the option 'model' a name of torchvision.models, "
        f"for instance {', '.join(map(repr, near))}."
    )


def build_users_network(
    reference: str,
    input_shape: Sequence[int],
    classes: int,
    options: Mapping[str, object] | None,
    *,
    generator: torch.Generator,
) -> nn.Module:
    """Build a network with the user's own function.

    Parameters
    ----------
    reference : str
        ``package.module:function``; the working directory is searched first.
    input_shape : sequence of int
        Shape of one sample.
    classes : int
        Number of outputs.
    options : mapping, optional
        A function that takes ``(input_shape, classes, options, *, generator)`` is called like that;
        any other is called with the options as keywords.
    generator : torch.Generator
        The source of the initial weights.

    Returns
    -------
    nn.Module
        What the function returns.

    Raises
    ------
    SymgeomError
        If the function is not found, does not take the options, fails, or returns no module.

    Examples
    --------
    >>> options = {"in_features": 3, "out_features": 2}
    >>> generator = torch.Generator().manual_seed(0)
    >>> build_users_network("torch.nn:Linear", (3,), 2, options, generator=generator)
    Linear(in_features=3, out_features=2, bias=True)
    """
    words: tuple[object, ...] = ()
    keywords = dict(options or {})
    with working_directory(), _seeded(generator):
        function = find(reference, "network")
        if "generator" in signature_of(function).parameters:
            words = (tuple(input_shape), classes, keywords)
            keywords = {"generator": generator}
        advice = ", or write it as (input_shape, classes, options, *, generator)"
        network = call(reference, function, words, keywords, advice=advice)
    if not isinstance(network, nn.Module):
        raise SymgeomError(
            f"Cannot use network '{reference}': the function returned a {type(network).__name__}. "
            "Return a torch.nn.Module."
        )
    return network


@contextmanager
def _seeded(generator: torch.Generator) -> Iterator[None]:
    """Seed PyTorch's global generator from another one, and put it back."""
    seed = int(torch.randint(2**62, (), generator=generator))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
