"""A study in two small tables: one row per minimum, one row per pair of minima, all their single numbers as columns.

The labelled arrays of a study hold weights, curves and histories; what is committed, mailed or
opened in a spreadsheet is this.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from symgeom.ground.whole_files import whole
from symgeom.study.claims.flatness import mean_local_energy

MINIMUM, PAIR = ("arm", "seed"), ("first_arm", "first_seed", "second_arm", "second_seed")
DIGITS = 6
"""Significant digits of a number in a table."""


def minima_table(case: str, stages: Mapping[str, xr.Dataset]) -> list[dict]:
    """List the minima of a case with every single number that was measured of each.

    Parameters
    ----------
    case : str
        Name of the case, written into every row.
    stages : mapping of str to xr.Dataset
        Any of the stages with the dimensions (arm, seed). Of curves over noise amplitudes the mean
        is kept, of quantiles each, of ledgers the charges at both ends and what each term changed,
        averaged over units.

    Returns
    -------
    list of dict
        One row per minimum, in the order of the arrays; all rows have the same columns.

    Examples
    --------
    >>> error = xr.DataArray([[0.1, 0.2]], {"arm": ["sgd"], "seed": [0, 1]}, ("arm", "seed"))
    >>> minima_table("tiny", {"minima": xr.Dataset({"test_error": error})})[1]
    {'case': 'tiny', 'arm': 'sgd', 'seed': 1, 'test_error': 0.2}
    """
    columns: dict[str, xr.DataArray] = {}
    for stage in stages.values():
        for name, array in stage.data_vars.items():
            columns |= dict(_single(str(name), array))
    rows: dict[tuple, dict] = {}
    for name, array in columns.items():
        for arm, seed in (
            (arm, seed) for arm in array["arm"].values for seed in array["seed"].values
        ):
            row = rows.setdefault(
                (str(arm), int(seed)), {"case": case, "arm": str(arm), "seed": int(seed)}
            )
            row[name] = array.sel(arm=arm, seed=seed).item()
    return [dict.fromkeys(["case", *MINIMUM, *columns], "") | row for row in rows.values()]


def _single(name: str, array: xr.DataArray) -> Iterator[tuple[str, xr.DataArray]]:
    """Yield what is one value per minimum: the array itself, or the mean of its curves, or its quantiles."""
    more = [str(dim) for dim in array.dims if dim not in MINIMUM]
    if not set(MINIMUM) <= set(array.dims):
        return
    if not more:
        yield name, array
    elif more == ["amplitude"] and name.endswith("_energy"):
        yield f"mean_{name}", mean_local_energy(xr.Dataset({"local_energy": array}))
    elif more == ["quantile"]:
        for share in array["quantile"].values:
            yield f"{name}_{share:g}", array.sel(quantile=share)
    elif "step" in more and name.startswith(("charge_", "term_")):
        yield from _booked(name, array.mean([dim for dim in more if dim not in ("step", "term")]))


def _booked(name: str, means: xr.DataArray) -> Iterator[tuple[str, xr.DataArray]]:
    """Yield the account of a group's charges, averaged over units: start and end, or what each term had changed at the end."""
    seen = means.notnull()
    last = means.isel(step=seen.cumsum("step").argmax("step"))  # seeds end at different steps
    if "term" in means.dims:
        yield from ((f"{name} {term}", last.sel(term=term)) for term in means["term"].values)
    else:
        first = means.isel(step=0).where(
            seen.sum("step") > 1
        )  # of what was trained elsewhere the start is not known
        yield from ((f"{name} start", first), (f"{name} end", last))


def pairs_table(case: str, stages: Mapping[str, xr.Dataset]) -> list[dict]:
    """List the pairs of minima of a case with every single number that was measured of each.

    Parameters
    ----------
    case : str
        Name of the case, written into every row.
    stages : mapping of str to xr.Dataset
        Any of the stages with the dimension ``pair``. Arrays with one more dimension of names
        (variants, splits, stages) become one column for each name; curves and units are left out.

    Returns
    -------
    list of dict
        One row per pair, all with the same columns; empty text where a stage did not measure a
        pair.
    """
    rows: dict[tuple, dict] = {}
    names: list[str] = []
    for stage in stages.values():
        keys = list(zip(*(stage[name].values.tolist() for name in PAIR), strict=True))
        for name, array in stage.data_vars.items():
            for column, values in _named(str(name), array):
                names.append(column)
                for key, value in zip(keys, values, strict=True):
                    row = rows.setdefault(key, {"case": case} | dict(zip(PAIR, key, strict=True)))
                    row[column] = value
    return [dict.fromkeys(["case", *PAIR, *names], "") | row for row in rows.values()]


def _named(name: str, array: xr.DataArray) -> Iterator[tuple[str, list]]:
    """Yield a column for each combination of names along the further dimensions, if all of them are names."""
    more = [dim for dim in array.dims if dim != "pair"]
    if "pair" not in array.dims or any(
        dim not in array.coords or array[dim].dtype.kind != "U" or dim == "group" for dim in more
    ):
        return
    if not more:
        yield name, array.values.tolist()
        return
    flat = array.transpose("pair", *more).stack(column=more)
    for place, label in enumerate(flat["column"].values):
        words = [str(word) for word in np.atleast_1d(np.array(label, dtype=object))]
        yield f"{name} {' '.join(words)}", flat.values[:, place].tolist()


def write_table(path: str | Path, rows: Sequence[Mapping]) -> None:
    """Write rows as CSV, numbers with :data:`DIGITS` significant digits.

    Parameters
    ----------
    path : str or Path
        The file to write.
    rows : sequence of mapping
        As from :func:`minima_table` or :func:`pairs_table`; columns that a row lacks stay empty.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    with whole(path) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows({name: _short(value) for name, value in row.items()} for row in rows)


def _short(value: object) -> object:
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else value
