"""Label arrays and write them: what every measuring stage ends with."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from symgeom.store import write_store

Pair = tuple[str, int, str, int]
ENDS = ("first_arm", "first_seed", "second_arm", "second_seed")


def labelled(dims: Sequence[str] | str, values: object, units: str, long_name: str) -> xr.Variable:
    """Return an array with its dimensions, units and meaning."""
    return xr.Variable(dims, np.asarray(values), {"units": units, "long_name": long_name})


def names(dim: str, values: Sequence[str], long_name: str) -> dict[str, xr.Variable]:
    """Return a coordinate of names."""
    return {dim: labelled(dim, list(values), "1", long_name)}


def filled(
    arrays: dict[str, np.ndarray],
    name: str,
    shape: tuple[int, ...],
    place: tuple[int, ...],
    values: object,
) -> None:
    """Put values at a place of a named array, which begins as NaN everywhere."""
    values = values.cpu().numpy() if hasattr(values, "cpu") else np.asarray(values)
    arrays.setdefault(name, np.full((*shape, *values.shape), np.nan))[place] = values


def write_pairs(
    path: str,
    pairs: Sequence[Pair],
    variables: Mapping,
    *,
    coordinates: Mapping,
    attrs: Mapping,
    config_digest: str,
) -> None:
    """Write what was measured of pairs of minima."""
    ends = {name: ("pair", [pair[column] for pair in pairs]) for column, name in enumerate(ENDS)}
    dataset = xr.Dataset(dict(variables), ends | dict(coordinates), dict(attrs))
    seeds = sorted({seed for pair in pairs for seed in pair[1::2]})
    write_store(path, dataset, config_digest=config_digest, seeds=seeds)


def write_minima(
    path: str,
    arms: Sequence[str],
    seeds: Sequence[int],
    variables: Mapping,
    *,
    coordinates: Mapping,
    attrs: Mapping,
    config_digest: str,
) -> None:
    """Write what was measured of single minima."""
    labels = {"arm": ("arm", list(arms)), "seed": ("seed", list(seeds))}
    dataset = xr.Dataset(dict(variables), labels | dict(coordinates), dict(attrs))
    write_store(path, dataset, config_digest=config_digest, seeds=list(seeds))
