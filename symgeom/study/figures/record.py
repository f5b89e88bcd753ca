"""The record of a figure: what it shows, what it is drawn from, and which studies ask for it.

Every figure is one module of this package that ends in such a record. The module's documentation is
what a reader is told: its first line is the figure's title, the rest is its caption, in a small
part of reStructuredText.

A study asks for a figure by its configuration. What a study does not ask for is not drawn, and
neither is what a network of signs is known not to have. What another network turns out not to allow
is drawn as a sentence that says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from symgeom.ground.checks import SymgeomError
from symgeom.study.figures.style import paper
from symgeom.study.signs import is_of_signs

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results

Configuration = Mapping[str, object]
"""A study's configuration, or the part of it that holds for one case."""

VERDICTS = "Verdicts: how clear is each verdict?"
TRAINING = "Training: how were the minima reached?"
FLATNESS = "Flatness: are some minima flatter, and do they generalise better?"
DISTANCES = "Distances: how far apart are minima, modulo symmetries?"
CONNECTION = "Connection: is there a way between two minima at almost no error?"
DYNAMICS = "Dynamics: what does training conserve, and where does its noise drive the weights?"
ENSEMBLES = "Ensembles: what do networks with nearly the same function buy?"
THEORY = "Theory: what do models say that can be solved?"


def setting(configuration: Configuration, name: str) -> object:
    """Look up what a configuration says.

    Parameters
    ----------
    configuration : mapping
        The configuration.
    name : str
        A key with those above it, such as "claims.level".

    Returns
    -------
    object
        Its value.

    Raises
    ------
    SymgeomError
        If there is no such key.

    Examples
    --------
    >>> setting({"claims": {"level": 0.95}}, "claims.level")
    0.95
    """
    value: object = configuration
    for word in name.split("."):
        if not isinstance(value, Mapping) or word not in value:
            raise SymgeomError(
                f"Cannot look up '{name}' in the configuration: there is no '{word}'. "
                "Correct the name in the figure's record, or the configuration."
            )
        value = value[word]
    return value


def always(configuration: Configuration) -> bool:
    """Say that every study asks for a figure.

    Parameters
    ----------
    configuration : mapping
        Whatever it says.

    Returns
    -------
    bool
        True.
    """
    return True


def never(configuration: Configuration) -> bool:
    """Say that no study asks for something.

    Parameters
    ----------
    configuration : mapping
        Whatever it says.

    Returns
    -------
    bool
        False.
    """
    return False


def asks_for(*names: str) -> Callable[[Configuration], bool]:
    """Make the condition that a configuration asks for one of several things.

    Parameters
    ----------
    *names : str
        Keys; one that is null, false, zero or empty asks for nothing.

    Returns
    -------
    callable
        From a configuration to whether it asks for any.

    Examples
    --------
    >>> asks_for("flatness.layers")({"flatness": {"layers": False}})
    False
    """

    def condition(configuration: Configuration) -> bool:
        return any(setting(configuration, name) for name in names)

    return condition


def asks_within(section: str, option: str) -> Callable[[Configuration], bool]:
    """Make the condition that a configuration asks for an option of a section that may be null.

    Parameters
    ----------
    section : str
        The section.
    option : str
        One of its keys; false, zero or empty asks for nothing.

    Returns
    -------
    callable
        From a configuration to whether it asks for both.

    Examples
    --------
    >>> asks_within("neighbours", "attacks")({"neighbours": None})
    False
    """
    return all_of(asks_for(section), asks_for(f"{section}.{option}"))


def all_of(*conditions: Callable[[Configuration], bool]) -> Callable[[Configuration], bool]:
    """Make the condition that others hold.

    Parameters
    ----------
    *conditions : callable
        From a configuration to whether they hold; each is asked where those before it hold.

    Returns
    -------
    callable
        From a configuration to whether all hold.

    Examples
    --------
    >>> all_of(always, never)({})
    False
    """
    return lambda configuration: all(condition(configuration) for condition in conditions)


def does_experiment(*names: str) -> Callable[[Configuration], bool]:
    """Make the condition that a configuration asks for experiments with models of noise.

    Parameters
    ----------
    *names : str
        The experiments.

    Returns
    -------
    callable
        From a configuration to whether it asks for all of them.

    Examples
    --------
    >>> does_experiment("split_inputs")({"noise_models": None})
    False
    """

    def condition(configuration: Configuration) -> bool:
        if not setting(configuration, "noise_models"):
            return False
        experiments = setting(configuration, "noise_models.experiments")
        return isinstance(experiments, Mapping) and experiments.keys() >= set(names)

    return condition


def trains_networks(configuration: Configuration) -> bool:
    """Tell whether a study trains any of its arms here; the others are read from checkpoints.

    Parameters
    ----------
    configuration : mapping
        With the section ``arms``.

    Returns
    -------
    bool
        Whether it does.
    """
    arms = setting(configuration, "arms")
    if not isinstance(arms, Mapping):
        return False
    return any(setting(recipe, "method") != "checkpoints" for recipe in arms.values())


def has_scales(configuration: Configuration) -> bool:
    """Tell whether the units of a case may have scales: those of networks of signs have none.

    Parameters
    ----------
    configuration : mapping
        The one that holds for a case.

    Returns
    -------
    bool
        Whether they may.
    """
    network = setting(configuration, "network")
    return not (isinstance(network, Mapping) and is_of_signs(network))


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes
    ----------
    name : str
        That of its module and of its files.
    text : str
        Title and caption: the documentation of its module.
    question : str
        What it helps to answer; figures of one question stand together in the report.
    stages : tuple of str
        Those that it is drawn from; none for a figure of the claims.
    drawing : callable
        From results to matplotlib's figure, within :func:`~symgeom.study.figures.style.paper`.
    settings : tuple of str
        Keys of the configuration on which the picture depends, such as "claims.level".
    asked : callable
        Whether a study with a configuration asks for the figure.
    in_reference : callable
        Whether the picture is among what is kept of a study when its arrays are gone.
    model : str
        The model with known theory that it is of; nothing for a figure of every case.
    """

    name: str
    text: str
    question: str
    stages: tuple[str, ...]
    drawing: Callable[[Results], Picture]
    settings: tuple[str, ...] = ()
    asked: Callable[[Configuration], bool] = always
    in_reference: Callable[[Configuration], bool] = always
    model: str = ""

    @property
    def title(self) -> str:
        """The first line of its text, a sentence."""
        return self.text.strip().partition("\n")[0]

    @property
    def caption(self) -> str:
        """What follows the title."""
        return self.text.strip().partition("\n")[2].strip()

    @property
    def words(self) -> dict[str, object]:
        """What the report says of the figure: its question, title and caption, and its stages."""
        return {
            "question": self.question,
            "title": self.title,
            "caption": self.caption,
            "stages": list(self.stages),
        }

    def draw(self, results: Results) -> Picture:
        """Draw the figure.

        Parameters
        ----------
        results : Results
            Holds the stages that the figure is drawn from.

        Returns
        -------
        matplotlib.figure.Figure
            The picture.
        """
        with paper():
            return self.drawing(results)


def figure_named(name: str) -> Figure:
    """Return the record of a figure.

    Parameters
    ----------
    name : str
        The name of the figure, which is that of its module.

    Returns
    -------
    Figure
        The record.
    """
    module = import_module(f"symgeom.study.figures.{name}")
    figure: Figure = module.FIGURE
    return figure
