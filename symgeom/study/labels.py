"""Label arrays: dimensions, units and meanings, and the coordinates of minima and of pairs."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from symgeom.models.labels import LabelledArray
from symgeom.study.pairs import ENDS, Pair

MINIMUM = ("arm", "seed")
"""The axes of what is measured of a minimum."""

MOMENTS = ("start", "end")
"""When a network is measured: before the first step, and at the minimum."""

MOMENT = (*MINIMUM, "moment")
"""The axes of what is measured of a network at both moments."""

NO_BUDGET = "no budget"
"""How a seed ends, at its first evaluation, whose budget is that of a seed that diverged."""

DEPTH = "depth"
"""The axis of networks that are kept at several training losses: in nats, the largest first."""

END = 0.0
"""What stands for the end of training on the axis of depths."""

Labelled = dict[str, xr.Variable]
"""Variables or coordinates by name."""


def labelled(dims: Sequence[str] | str, values: object, units: str, long_name: str) -> xr.Variable:
    """Return an array with its dimensions, units and meaning.

    Parameters
    ----------
    dims : str or sequence of str
        Names of its axes.
    values : array_like
        The array.
    units : str
        Its unit, "1" for a pure number.
    long_name : str
        What it means.

    Returns
    -------
    xr.Variable
        The labelled array.

    Examples
    --------
    >>> labelled("seed", [0.5, 0.25], "nat", "training loss").attrs["units"]
    'nat'
    """
    return xr.Variable(dims, np.asarray(values), {"units": units, "long_name": long_name})


def from_model(arrays: Mapping[str, LabelledArray]) -> Labelled:
    """Return the arrays of a model as variables.

    Parameters
    ----------
    arrays : mapping of str to LabelledArray
        Named arrays or coordinates of an experiment.

    Returns
    -------
    dict of str to xr.Variable
        The same, by the same names.

    Examples
    --------
    >>> from_model({"loss": LabelledArray("step", [0.5], "1", "squared error")})["loss"].dims
    ('step',)
    """
    return {name: labelled(*array) for name, array in arrays.items()}


def names(dim: str, values: Sequence[str], long_name: str) -> Labelled:
    """Return a coordinate that names the entries of an axis.

    Parameters
    ----------
    dim : str
        The axis.
    values : sequence of str
        The names.
    long_name : str
        What they are names of.

    Returns
    -------
    dict of str to xr.Variable
        The coordinate, by the name of the axis.

    Examples
    --------
    >>> list(names("split", ["train", "test"], "part of the data"))
    ['split']
    """
    return {dim: labelled(dim, list(values), "1", long_name)}


def as_attributes(options: Mapping) -> dict[str, object]:
    """Return options as attributes of a dataset: each as text, so that nested ones fit, too.

    Parameters
    ----------
    options : mapping
        A section of the configuration.

    Returns
    -------
    dict of str to str
        The same, as text.

    Examples
    --------
    >>> as_attributes({"samples": None, "layers": True})
    {'samples': 'None', 'layers': 'True'}
    """
    return {name: str(value) for name, value in options.items()}


def minima_dataset(
    arms: Sequence[str],
    seeds: Sequence[int],
    variables: Mapping[str, xr.Variable],
    *,
    coordinates: Mapping[str, xr.Variable] | None = None,
    attrs: Mapping[str, object] | None = None,
) -> xr.Dataset:
    """Return what was measured of single minima.

    Parameters
    ----------
    arms, seeds : sequence
        The minima: every seed of every arm.
    variables : mapping of str to xr.Variable
        What was measured, over ``arm`` and ``seed`` first.
    coordinates : mapping of str to xr.Variable, optional
        Labels of further axes.
    attrs : mapping, optional
        How it was measured.

    Returns
    -------
    xr.Dataset
        With the coordinates ``arm`` and ``seed``.

    Examples
    --------
    >>> loss = labelled(("arm", "seed"), [[0.5, 0.25]], "nat", "training loss")
    >>> minima_dataset(["sgd"], [0, 1], {"loss": loss}).sel(arm="sgd", seed=1)["loss"].item()
    0.25
    """
    labels: dict[str, object] = {"arm": ("arm", list(arms)), "seed": ("seed", list(seeds))}
    labels |= coordinates or {}
    return xr.Dataset(dict(variables), labels, dict(attrs or {}))


def pairs_dataset(
    pairs: Sequence[Pair],
    variables: Mapping[str, xr.Variable],
    *,
    coordinates: Mapping[str, xr.Variable] | None = None,
    attrs: Mapping[str, object] | None = None,
) -> xr.Dataset:
    """Return what was measured of pairs of minima.

    Parameters
    ----------
    pairs : sequence of Pair
        The pairs.
    variables : mapping of str to xr.Variable
        What was measured, over ``pair`` first.
    coordinates : mapping of str to xr.Variable, optional
        Labels of further axes.
    attrs : mapping, optional
        How it was measured.

    Returns
    -------
    xr.Dataset
        With the coordinates ``first_arm``, ``first_seed``, ``second_arm``, ``second_seed``.

    Examples
    --------
    >>> distance = labelled("pair", [0.5], "rad", "distance on the torus")
    >>> pairs_dataset([("sgd", 0, "adam", 1)], {"distance": distance})["second_arm"].item()
    'adam'
    """
    labels: dict[str, object] = {}
    for column, (name, kind) in enumerate(ENDS.items()):
        labels[name] = ("pair", np.array([pair[column] for pair in pairs], dtype=kind))
    labels |= coordinates or {}
    return xr.Dataset(dict(variables), labels, dict(attrs or {}))
