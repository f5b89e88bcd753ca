"""Label arrays: dimensions, units and meanings, and the coordinates of minima and of pairs."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from torch import Tensor

Pair = tuple[str, int, str, int]
"""Arm and seed of the first network of a pair, arm and seed of the second."""

ENDS = ("first_arm", "first_seed", "second_arm", "second_seed")
"""The coordinates of a pair, in the order of :data:`Pair`."""

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


def filled(
    arrays: dict[str, np.ndarray],
    name: str,
    *,
    shape: tuple[int, ...],
    index: tuple[int, ...],
    values: Tensor | np.ndarray | float | Sequence[float],
) -> None:
    """Put values into a named array, which begins as NaN everywhere.

    Parameters
    ----------
    arrays : dict of str to ndarray
        The arrays so far; the one of this name is added if it is missing.
    name : str
        Which array.
    shape : tuple of int
        Lengths of its leading axes.
    index : tuple of int
        Where on the leading axes the values go.
    values : array_like
        What goes there; all calls for one array give values of one shape.

    Examples
    --------
    >>> arrays = {}
    >>> filled(arrays, "loss", shape=(2,), index=(1,), values=0.5)
    >>> arrays["loss"]
    array([nan, 0.5])
    """
    array = values.cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    if name not in arrays:
        arrays[name] = np.full((*shape, *array.shape), np.nan)
    arrays[name][index] = array


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
    minima = {"arm": ("arm", list(arms)), "seed": ("seed", list(seeds))}
    return xr.Dataset(dict(variables), minima | dict(coordinates or {}), dict(attrs or {}))


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
    ends = {name: ("pair", [pair[column] for pair in pairs]) for column, name in enumerate(ENDS)}
    return xr.Dataset(dict(variables), ends | dict(coordinates or {}), dict(attrs or {}))


def seeds_of_pairs(pairs: Sequence[Pair]) -> list[int]:
    """Return the seeds of some pairs, each once, in ascending order.

    Parameters
    ----------
    pairs : sequence of Pair
        The pairs.

    Returns
    -------
    list of int
        The seeds of both ends.

    Examples
    --------
    >>> seeds_of_pairs([("sgd", 2, "sgd", 0), ("sgd", 0, "adam", 1)])
    [0, 1, 2]
    """
    seeds: set[int] = set()
    for pair in pairs:
        seeds.update(pair[1::2])
    return sorted(seeds)
