"""The words for a measure: what it stores, what it needs, and how it is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from symgeom.ground.types import Parameters
    from symgeom.landscape.problem import Problem
    from symgeom.quotient.torus import Torus

    Values = Mapping[str, Tensor | Sequence[float]]

FAMILIES = ("noise", "curvature", "worst case", "margin")
"""Kinds of measures, in the order in which figures show them."""


class Generators(Protocol):
    """From the name of a random stream, and words of its own, to its generator."""

    def __call__(self, name: str, *words: str) -> torch.Generator:
        """Return a generator that depends on the network and on these words alone."""
        ...


class Randomness(Protocol):
    """The random stream of one measure: from further words to a generator."""

    def __call__(self, *words: str) -> torch.Generator:
        """Return a generator that depends on the network, the measure and these words alone."""
        ...


@dataclass(frozen=True, eq=False)
class Context:
    """One network, with everything that a measure may need.

    Attributes
    ----------
    problem : Problem
        The landscape.
    params : Parameters
        The network.
    torus : Torus
        The architecture and its spheres.
    options : mapping
        The section of the configuration.
    generators : callable
        Random streams of this network, by name.
    binary : bool
        Whether of the weights only the signs count.
    """

    problem: Problem
    params: Parameters
    torus: Torus
    options: Mapping
    generators: Generators
    binary: bool = False


@dataclass(frozen=True)
class Array:
    """One array of a store.

    Attributes
    ----------
    name : str
        In the store.
    units : str
        Its unit, "1" for a pure number.
    meaning : str
        In a few words: the attribute ``long_name``.
    dims : tuple of str
        Further dimensions, after those of the minima.
    tabled : bool
        Whether the table of minima shows it: of curves over the amplitude the mean, of quantiles
        each. Values by rank, layer or probe are never shown there.
    """

    name: str
    units: str
    meaning: str
    dims: tuple[str, ...] = ()
    tabled: bool = True


@dataclass(frozen=True, eq=False)
class Option:
    """A key of the configuration.

    Attributes
    ----------
    name : str
        Of the key, within its section.
    schema : mapping
        What JSON Schema says of its value; ``$ref`` may point to the definitions of the whole
        schema.
    meaning : str
        What the reference of the keys says.
    """

    name: str
    schema: Mapping
    meaning: str


@dataclass(frozen=True)
class Row:
    """A row of the figure that compares measures: one number per minimum.

    Attributes
    ----------
    array : str
        The array. Of curves over the amplitude the mean is shown, of ranked values the first.
    label : str
        In words.
    family : str
        One of :data:`FAMILIES`; rows of one family stand together.
    invariant : bool
        Whether all networks that compute the same function by a rescaling of units have the same
        value.
    binary_label : str
        In words for networks of signs, if it differs.
    larger_is_flatter : bool
        Whether sharper minima have smaller values.
    """

    array: str
    label: str
    family: str
    invariant: bool
    binary_label: str = ""
    larger_is_flatter: bool = False


@dataclass(frozen=True)
class Panel:
    """A panel of the figure of noises, or of the figure of layers.

    Attributes
    ----------
    array : str
        The array: a curve over the amplitude, or values by layer.
    title : str
        Above the panel.
    axis : str
        What the horizontal axis shows (noises), or the vertical one (layers).
    scale : {"linear", "percent", "logarithmic"}
        Of the vertical axis: from zero, in percent from zero, or logarithmic.
    """

    array: str
    title: str
    axis: str
    scale: str = "linear"


@dataclass(frozen=True, eq=False)
class Measure:
    """A measure of one network.

    Attributes
    ----------
    name : str
        What the list of what was left out calls it.
    title : str
        What it is, in words.
    arrays : tuple of Array
        What it stores.
    compute : callable
        From a context and the measure's randomness to values, by the name of their array.
    stream : str
        Name of its random stream; empty if it draws nothing.
    options : tuple of Option
        The options that it reads.
    asked_by : tuple of str
        The options that must all be on (true, or not zero) for it to be taken.
    noise : str
        The word with which the option ``noises`` asks for it; empty if it is always taken.
    second_derivatives : bool
        Whether it needs a loss that can be differentiated twice.
    real_weights : bool
        Whether it needs weights that are more than signs.
    of_classes : bool
        Whether it needs one class for each sample.
    rows : tuple of Row
        Where the figure that compares measures shows it.
    panel : Panel or None
        Where the figures of noises and of layers show it.
    """

    name: str
    title: str
    arrays: tuple[Array, ...]
    compute: Callable[[Context, Randomness], Values]
    stream: str = ""
    options: tuple[Option, ...] = ()
    asked_by: tuple[str, ...] = ()
    noise: str = ""
    second_derivatives: bool = False
    real_weights: bool = True
    of_classes: bool = False
    rows: tuple[Row, ...] = ()
    panel: Panel | None = None

    def asked(self, options: Mapping) -> bool:
        """Return whether a configuration asks for this measure.

        Parameters
        ----------
        options : mapping
            The section of the configuration.

        Returns
        -------
        bool
            Whether it does.
        """
        on = [bool(options[name]) for name in self.asked_by]
        if self.noise:
            on.append(self.noise in options["noises"])
        return all(on)

    def obstacle(self, *, binary: bool, batch_norm: str | None, task: str = "classes") -> str:
        """Return why this measure cannot be taken of a network.

        Parameters
        ----------
        binary : bool
            Whether of the weights only the signs count.
        batch_norm : None or {"carried", "recompute"}
            Which statistics the batch norms use; None without batch norm.
        task : str
            What the outputs answer.

        Returns
        -------
        str
            Why; empty if it can be taken.
        """
        if binary and self.real_weights:
            return "the weights are signs"
        if batch_norm and self.second_derivatives:
            return "a loss with statistics of batches cannot be differentiated twice"
        if task != "classes" and self.of_classes:
            return "a sample has more answers than one class"
        return ""

    def values(self, context: Context) -> Values:
        """Take this measure of one network.

        Parameters
        ----------
        context : Context
            The network, with everything that the measure may need.

        Returns
        -------
        mapping of str to array_like
            Values by the name of their array.
        """
        return self.compute(context, partial(context.generators, self.stream))
