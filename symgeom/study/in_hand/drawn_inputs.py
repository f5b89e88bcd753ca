"""Inputs at random, for looking at a network without data: what is known of them, and the draw."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.calling import Inputs, NetworkCall
from symgeom.ground.checks import SymgeomError, names_shown

FEW = 2
"""Samples that are enough to read the graph of a network."""

UNNAMED = ""
"""Stands for the name of an input that is the only one, and given by position."""


@dataclass(frozen=True)
class InputForm:
    """What one input looks like.

    Attributes
    ----------
    shape : tuple of int
        Of one sample.
    tokens : int or None
        If it is given, inputs are whole numbers below it.
    """

    shape: tuple[int, ...]
    tokens: int | None = None


def input_forms(
    shapes: Mapping[str, tuple[int, ...]],
    tokens: Mapping[str, int],
    described: Mapping[str, InputForm],
) -> dict[str, InputForm]:
    """Put together what a user says of inputs, and what a network is described with.

    Parameters
    ----------
    shapes : mapping of str to tuple of int
        What was said of shapes, by the names of inputs.
    tokens : mapping of str to int
        How many tokens inputs are made of, by name; without a name, of all inputs that are not
        described as numbers.
    described : mapping of str to InputForm
        What the network is described with; what is said goes before it.

    Returns
    -------
    dict of str to InputForm
        By name; empty if nothing is known.

    Raises
    ------
    SymgeomError
        If one of several inputs has no name, or tokens are said of an input that is not there.

    Examples
    --------
    >>> input_forms({"ids": (5,), "picture": (3, 8, 8)}, {"ids": 31}, {})["ids"]
    InputForm(shape=(5,), tokens=31)
    """
    said = dict(shapes)
    if UNNAMED in said and len(described) == 1:
        said = {next(iter(described)): said.pop(UNNAMED), **said}
    forms = dict(described)
    for name, shape in said.items():
        forms[name] = InputForm(shape, forms[name].tokens if name in forms else None)
    if UNNAMED in forms and len(forms) > 1:
        others = names_shown([name for name in forms if name])
        raise SymgeomError(
            f"Cannot tell the inputs of a network apart: beside {others} one has no name. Name "
            "each of them (--input name=3,32,32)."
        )
    absent = [name for name in tokens if name and name not in forms]
    if absent:
        raise SymgeomError(
            f"Cannot draw tokens for input '{absent[0]}': of the inputs {names_shown(list(forms))} "
            "none has this name. Correct --tokens, or give its shape (--input)."
        )
    for name, form in forms.items():
        is_number = name in described and described[name].tokens is None
        count = tokens.get(name, form.tokens if is_number else tokens.get(UNNAMED, form.tokens))
        forms[name] = InputForm(form.shape, count)
    return forms


def example_inputs(
    forms: Mapping[str, InputForm], count: int, *, generator: torch.Generator
) -> Tensor | dict[str, Tensor]:
    """Draw a batch of inputs.

    Parameters
    ----------
    forms : mapping of str to InputForm
        What they look like, by name.
    count : int
        Number of samples.
    generator : torch.Generator
        The source of randomness.

    Returns
    -------
    Tensor or dict of str to Tensor
        Normal numbers in float64, or tokens: of one input without a name, or by name.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> example_inputs({"": InputForm((3,), 7)}, 2, generator=generator).dtype
    torch.int64
    """
    drawn = {name: _drawn(form, count, generator) for name, form in forms.items()}
    return drawn.get(UNNAMED, drawn)


def _drawn(form: InputForm, count: int, generator: torch.Generator) -> Tensor:
    """Draw a batch of one input."""
    shape = (count, *form.shape)
    if form.tokens:
        return torch.randint(form.tokens, shape, generator=generator)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def few_inputs(example: Inputs) -> NetworkCall:
    """Return the first samples of inputs of which each has an axis of samples.

    Parameters
    ----------
    example : Tensor, tuple, mapping or NetworkCall
        A batch.

    Returns
    -------
    NetworkCall
        As many as it takes to read the graph of a network.

    Examples
    --------
    >>> few = few_inputs({"ids": torch.zeros(8, 5), "picture": torch.zeros(8, 3)})
    >>> [tuple(tensor.shape) for tensor in few.tensors]
    [(2, 5), (2, 3)]
    """
    return NetworkCall.of(example).mapped(lambda tensor: tensor[:FEW])
