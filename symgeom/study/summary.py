"""A study in four small tables, with all single numbers.

They have one row per minimum, one per pair, one per simplex of minima and one per ensemble.

The labelled arrays of a study hold weights, curves and histories; what is committed, mailed or
opened in a spreadsheet is this.
"""

import math
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

ENSEMBLE = ("arm", "seed", "kind")
"""What an ensemble is: of an arm, the first seed that it is made of, and what its members are."""

CLAIMED = ("members", "scale", "attack", "budget")
"""What claims about ensembles are about, which stands in every row."""

SIMPLEX = ("arm", "seeds")
"""What a simplex is: minima of an arm, by the numbers of their seeds."""


class _Table:
    """Rows by what they are about, which grow by a column at a time.

    Parameters
    ----------
    case : str
        Stands first in every row.
    labels : sequence of str
        Names of the columns that say what a row is about.
    """

    def __init__(self, case: str, labels: Sequence[str]) -> None:
        self.case = case
        self.labels = labels
        self.columns: list[str] = []
        self.rows: dict[tuple, dict] = {}

    def add(self, column: str, keys: Sequence[tuple], values: Sequence) -> None:
        """Add a column, with a value for each of some rows."""
        self.columns.append(column)
        for key, value in zip(keys, values, strict=True):
            if key not in self.rows:
                self.rows[key] = {"case": self.case, **dict(zip(self.labels, key, strict=True))}
            self.rows[key][column] = value

    def listed(self) -> list[dict]:
        """Return the rows, all with the same columns; a value that is missing is empty text."""
        empty = dict.fromkeys(["case", *self.labels, *self.columns], "")
        return [empty | row for row in self.rows.values()]


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
    table = _Table(case, MINIMUM)
    for stage in stages.values():
        for name, array in stage.data_vars.items():
            for column, values in _single_values(str(name), array):
                in_order = values.transpose(*MINIMUM).values.ravel()
                table.add(column, _networks(values), in_order.tolist())
    return table.listed()


def _networks(array: xr.DataArray) -> list[tuple[str, int]]:
    """Return the arm and the seed of each minimum."""
    return list(product(array["arm"].values.tolist(), array["seed"].values.tolist()))


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
    table = _Table(case, list(ENDS))
    for stage in stages.values():
        ends = [stage[name].values.tolist() for name in ENDS]
        _add_named(table, stage, list(zip(*ends, strict=True)), "pair")
    return table.listed()


def simplices_table(case: str, stages: Mapping[str, xr.Dataset]) -> list[dict]:
    """List the simplices of a case with every single number that was measured of each.

    Parameters
    ----------
    case : str
        Name of the case, written into every row.
    stages : mapping of str to xr.Dataset
        Any of the stages with the dimension ``simplex``.

    Returns
    -------
    list of dict
        One row per simplex, with its arm and the seeds of its vertices; all have the same columns.
    """
    table = _Table(case, SIMPLEX)
    for stage in stages.values():
        arms = stage["simplex_arm"].values.tolist()
        sizes = stage["vertices"].values.tolist()
        seeds = stage["simplex_seed"].transpose("simplex", "vertex").values.tolist()
        simplices = []
        for arm, size, vertices in zip(arms, sizes, seeds, strict=True):
            words = " ".join(str(seed) for seed in vertices[:size])
            simplices.append((arm, words))
        _add_named(table, stage, simplices, "simplex")
    return table.listed()


def ensembles_table(case: str, stages: Mapping[str, xr.Dataset]) -> list[dict]:
    """List the ensembles of a case with every single number that was measured of each.

    Parameters
    ----------
    case : str
        Name of the case, written into every row.
    stages : mapping of str to xr.Dataset
        Any of the stages with the dimensions (arm, seed, kind).

    Returns
    -------
    list of dict
        One row per ensemble, with its arm, its first seed and its kind; none of arms without
        ensembles of a kind. All have the same columns.
    """
    table = _Table(case, ENSEMBLE)
    for stage in stages.values():
        keys = list(product(*(stage[name].values.tolist() for name in ENSEMBLE)))
        for label in CLAIMED:
            table.add(label, keys, [stage.attrs[label]] * len(keys))
        counts = stage["minima"].broadcast_like(stage["attacked_error"])
        table.add("minima", keys, counts.transpose(*ENSEMBLE).values.ravel().tolist())
        for name, array in stage.data_vars.items():
            if not set(ENSEMBLE) <= set(array.dims):
                continue
            for column, values in _labelled_columns(str(name), array):
                table.add(column, keys, values)
    return [row for row in table.listed() if _has_a_number(row)]


def _has_a_number(row: Mapping) -> bool:
    """Say whether anything was measured of what a row is about."""
    labels = (*ENSEMBLE, *CLAIMED, "minima")
    numbers = [value for name, value in row.items() if name not in labels]
    return any(isinstance(value, float) and math.isfinite(value) for value in numbers)


def _labelled_columns(name: str, array: xr.DataArray) -> Iterator[tuple[str, list]]:
    """Yield a column for each combination of labels of the further dimensions."""
    further = [str(dim) for dim in array.dims if dim not in ENSEMBLE]
    in_order = array.transpose(*ENSEMBLE, *further)
    for labels in product(*(array[dim].values for dim in further)):
        words = " ".join([name, *map(_word, labels)])
        values = in_order.sel(dict(zip(further, labels, strict=True)))
        yield words, values.values.ravel().tolist()


def _add_named(table: _Table, stage: xr.Dataset, keys: Sequence[tuple], along: str) -> None:
    """Add what a stage measured of pairs or simplices, a column for each name."""
    for name, array in stage.data_vars.items():
        for column, values in _named_columns(str(name), array, along):
            table.add(column, keys, values)


def _named_columns(name: str, array: xr.DataArray, along: str) -> Iterator[tuple[str, list]]:
    """Yield a column for each combination of names, if all further dimensions have names."""
    if along not in array.dims:
        return
    further = [dim for dim in array.dims if dim != along]
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
        As from the functions above; columns that a row lacks stay empty.
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
