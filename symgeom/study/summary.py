"""A study in two small tables: one row per minimum and one per pair, with all single numbers.

The labelled arrays of a study hold weights, curves and histories; what is committed, mailed or
opened in a spreadsheet is this.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path

import xarray as xr

from symgeom.ground.whole_files import write_rows
from symgeom.landscape.flatness.measures.catalogue import tabled_curves
from symgeom.study.claims.flatness import mean_local_energy
from symgeom.study.labels import MINIMUM
from symgeom.study.pairs import ENDS

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
        is kept, of quantiles, moments, imbalances and points each, of ledgers the charges at both
        ends and what each term changed, averaged over units.

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
            columns.update(_single_values(str(name), array))
    rows: dict[tuple[str, int], dict] = {}
    for name, array in columns.items():
        for (arm, seed), value in _values_of_minima(array):
            if (arm, seed) not in rows:
                rows[arm, seed] = {"case": case, "arm": arm, "seed": seed}
            rows[arm, seed][name] = value
    empty = dict.fromkeys(["case", *MINIMUM, *columns], "")
    return [empty | row for row in rows.values()]


def _values_of_minima(array: xr.DataArray) -> Iterator[tuple[tuple[str, int], object]]:
    """Yield the arm and the seed of each minimum, with its value."""
    values = array.transpose(*MINIMUM).values.tolist()
    arms = array["arm"].values.tolist()
    seeds = array["seed"].values.tolist()
    for arm, row in zip(arms, values, strict=True):
        for seed, value in zip(seeds, row, strict=True):
            yield (str(arm), int(seed)), value


def _single_values(name: str, array: xr.DataArray) -> Iterator[tuple[str, xr.DataArray]]:
    """Yield what is one value per minimum: the array, the mean of its curves, or its quantiles."""
    if not set(MINIMUM) <= set(array.dims):
        return
    further = [str(dim) for dim in array.dims if dim not in MINIMUM]
    if not further:
        yield name, array
    elif name in tabled_curves() and further == ["amplitude"]:
        curves = xr.Dataset({"local_energy": array})
        yield f"mean_{name}", mean_local_energy(curves)
    elif further in (["moment"], ["moment", "imbalance"], ["point"]):
        for labels in product(*(array[dim].values for dim in further)):
            words = " ".join(_word(label) for label in labels)
            yield f"{name} {words}", array.sel(dict(zip(further, labels, strict=True)))
    elif further == ["quantile"]:
        for share in array["quantile"].values:
            yield f"{name}_{share:g}", array.sel(quantile=share)
    elif "step" in further and name.startswith(("charge_", "term_")):
        units = [dim for dim in further if dim not in ("step", "term")]
        yield from _booked(name, array.mean(units))


def _word(label: str | float) -> str:
    """Return a name as it is, and a number with few digits."""
    return str(label) if isinstance(label, str) else f"{label:g}"


def _booked(name: str, means: xr.DataArray) -> Iterator[tuple[str, xr.DataArray]]:
    """Yield the start and the end of the mean charge, or what each term had changed at the end."""
    recorded = means.notnull()
    last_step = recorded.cumsum("step").argmax("step")  # seeds end at different steps
    last = means.isel(step=last_step)
    if "term" in means.dims:
        for term in means["term"].values:
            yield f"{name} {term}", last.sel(term=term)
    else:
        # Of what was trained elsewhere the start is not known.
        has_start = recorded.sum("step") > 1
        yield f"{name} start", means.isel(step=0).where(has_start)
        yield f"{name} end", last


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
    columns: list[str] = []
    for stage in stages.values():
        ends = [stage[name].values.tolist() for name in ENDS]
        pairs = list(zip(*ends, strict=True))
        for name, array in stage.data_vars.items():
            for column, values in _named_columns(str(name), array):
                columns.append(column)
                for pair, value in zip(pairs, values, strict=True):
                    if pair not in rows:
                        rows[pair] = {"case": case, **dict(zip(ENDS, pair, strict=True))}
                    rows[pair][column] = value
    empty = dict.fromkeys(["case", *ENDS, *columns], "")
    return [empty | row for row in rows.values()]


def _named_columns(name: str, array: xr.DataArray) -> Iterator[tuple[str, list]]:
    """Yield a column for each combination of names, if all further dimensions have names."""
    if "pair" not in array.dims:
        return
    further = [dim for dim in array.dims if dim != "pair"]
    if not all(_is_named(array, dim) for dim in further):
        return
    if not further:
        yield name, array.values.tolist()
        return
    for label in product(*(array[dim].values for dim in further)):
        words = " ".join(str(part) for part in label)
        column = array.sel(dict(zip(further, label, strict=True)))
        yield f"{name} {words}", column.values.tolist()


def _is_named(array: xr.DataArray, dim: Hashable) -> bool:
    """Say whether a dimension has names of a fixed set; groups of units are too many."""
    if dim == "group" or dim not in array.coords:
        return False
    return array[dim].dtype.kind == "U"


def write_table(path: str | Path, rows: Sequence[Mapping]) -> None:
    """Write rows as CSV, numbers with :data:`DIGITS` significant digits.

    Parameters
    ----------
    path : str or Path
        The file to write.
    rows : sequence of mapping
        As from :func:`minima_table` or :func:`pairs_table`; columns that a row lacks stay empty.
    """
    columns: dict[str, None] = {}
    for row in rows:
        columns |= dict.fromkeys(row)
    short = []
    for row in rows:
        short.append({name: _short(value) for name, value in row.items()})
    write_rows(path, list(columns), short)


def _short(value: object) -> object:
    """Return a number with few digits, and everything else as it is."""
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else value
