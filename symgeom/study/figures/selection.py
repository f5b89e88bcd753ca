"""Which networks and pairs a figure shows, and how their spread is summarised.

A minimum that diverged or missed the stop rule is in no curve; :func:`left_out` names it. Over
seeds, which are independent, a figure shows the mean and Student's interval of it. Pairs share
networks and are not independent; for them it shows the mean and the range in which the middle 80 %
of the pairs lie, which describes them and claims nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from numpy.typing import NDArray

MIDDLE = (10, 90)
"""Percentiles of pairs that bands and bars show."""


def usable_seeds(minima: xr.Dataset, arms: Sequence[str]) -> dict[str, list[int]]:
    """List the seeds that can be used, of each arm that has any.

    Parameters
    ----------
    minima : xr.Dataset
        With ``usable`` (arm, seed).
    arms : sequence of str
        All arms of the study, in order.

    Returns
    -------
    dict of str to list of int
        Arms in order.
    """
    stored = set(minima["arm"].values.tolist())
    seeds = minima["seed"].values
    usable = {}
    for arm in arms:
        if arm in stored:
            good = minima["usable"].sel(arm=arm).values.astype(bool)
            if good.any():
                usable[arm] = seeds[good].tolist()
    return usable


def trained_seeds(minima: xr.Dataset, arms: Sequence[str]) -> tuple[dict[str, list[int]], str]:
    """List the usable seeds of the arms that were trained here, for figures of what training did.

    Parameters
    ----------
    minima : xr.Dataset
        With ``usable`` and ``status`` (arm, seed).
    arms : sequence of str
        All arms of the study, in order.

    Returns
    -------
    seeds : dict of str to list of int
        Of each arm that has any.
    remark : str
        "Not shown: known (trained elsewhere).", or nothing.
    """
    trained = {}
    elsewhere = []
    for arm, seeds in usable_seeds(minima, arms).items():
        imported = bool((minima["status"].sel(arm=arm) == "imported").any())
        if imported:
            elsewhere.append(arm)
        else:
            trained[arm] = seeds
    remark = f"Not shown: {', '.join(elsewhere)} (trained elsewhere)." if elsewhere else ""
    return trained, remark


def counts(members: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """Count the seeds, or pairs, of each arm.

    Parameters
    ----------
    members : mapping of str to sequence of int
        As from :func:`usable_seeds`.

    Returns
    -------
    dict of str to int
        The numbers.

    Examples
    --------
    >>> counts({"sgd": [0, 2], "sam": [1]})
    {'sgd': 2, 'sam': 1}
    """
    return {arm: len(seeds) for arm, seeds in members.items()}


def left_out(minima: xr.Dataset, arms: Sequence[str]) -> str:
    """Name the runs that no figure shows, and why.

    Parameters
    ----------
    minima : xr.Dataset
        With ``usable`` and ``status`` (arm, seed): in words, or nothing where there was no such
        run.
    arms : sequence of str
        All arms of the study, in order.

    Returns
    -------
    str
        "Left out: sam seed 2 (diverged), plain seeds 0, 1 (epoch limit).", or nothing.
    """
    stored = set(minima["arm"].values.tolist())
    seeds = minima["seed"].values.tolist()
    seeds_of: dict[tuple[str, str], list[str]] = {}
    for arm in arms:
        if arm in stored:
            endings = minima["status"].sel(arm=arm).values
            usable = minima["usable"].sel(arm=arm).values
            for seed, ended, good in zip(seeds, endings, usable, strict=True):
                if ended and not good:
                    seeds_of.setdefault((arm, str(ended)), []).append(str(seed))
    names = []
    for (arm, ended), numbers in seeds_of.items():
        noun = "seed" if len(numbers) == 1 else "seeds"
        names.append(f"{arm} {noun} {', '.join(numbers)} ({ended})")
    return f"Left out: {', '.join(names)}." if names else ""


def representative(groups: Sequence[str], *, most: int = 3) -> tuple[list[str], str]:
    """Choose the unit groups for which there is room, at equal distances from first to last.

    Parameters
    ----------
    groups : sequence of str
        From input to output.
    most : int
        For how many there is room; at least two.

    Returns
    -------
    groups : list of str
        Those to show.
    remark : str
        That there are more, or nothing.

    Examples
    --------
    >>> representative(["a", "b", "c", "d", "e"])
    (['a', 'c', 'e'], '3 of 5 unit groups are shown.')
    """
    if len(groups) <= most:
        return list(groups), ""
    positions = np.linspace(0, len(groups) - 1, most).round().astype(int)
    shown = [groups[position] for position in positions]
    return shown, f"{most} of {len(groups)} unit groups are shown."


def grouped(stage: xr.Dataset, prefix: str) -> tuple[list[str], str]:
    """Find the unit groups of a measurement that has one array for each.

    Parameters
    ----------
    stage : xr.Dataset
        With arrays ``<prefix>_<group>``.
    prefix : str
        What was measured.

    Returns
    -------
    groups : list of str
        Those to show.
    remark : str
        That there are more, or nothing.
    """
    names = [str(name) for name in stage.data_vars]
    measured = [name for name in names if name.startswith(f"{prefix}_")]
    groups = [name.removeprefix(f"{prefix}_") for name in measured]
    return representative(groups)


@dataclass(frozen=True, eq=False)
class PairKind:
    """The pairs between the networks of two arms, or within one.

    Attributes
    ----------
    first, second : str
        Two arms, in the order of the study; the same one for pairs within an arm.
    members : array of int
        Positions of the pairs along ``pair``; never empty.
    """

    first: str
    second: str
    members: NDArray[np.intp]


def pair_kinds(pairs: xr.Dataset, usable: Mapping[str, Sequence[int]]) -> list[PairKind]:
    """Sort the pairs of usable networks by their two arms.

    Parameters
    ----------
    pairs : xr.Dataset
        With the coordinates ``first_arm``, ``first_seed``, ``second_arm``, ``second_seed`` along
        ``pair``.
    usable : mapping of str to sequence of int
        As from :func:`usable_seeds`.

    Returns
    -------
    list of PairKind
        In the order of the study.
    """
    arms = list(usable)
    members: dict[tuple[int, int], list[int]] = {}
    for position, (first, second) in enumerate(zip(*_ends(pairs), strict=True)):
        if _can_be_used(first, usable) and _can_be_used(second, usable):
            ranks = sorted((arms.index(first[0]), arms.index(second[0])))
            members.setdefault((ranks[0], ranks[1]), []).append(position)
    kinds = []
    for first_rank, second_rank in sorted(members):
        positions = np.array(members[first_rank, second_rank])
        kinds.append(PairKind(arms[first_rank], arms[second_rank], positions))
    return kinds


def measured_kinds(
    pairs: xr.Dataset, usable: Mapping[str, Sequence[int]], values: NDArray
) -> list[PairKind]:
    """Sort the pairs of usable networks that were measured by their two arms.

    Parameters
    ----------
    pairs : xr.Dataset
        As for :func:`pair_kinds`.
    usable : mapping of str to sequence of int
        As from :func:`usable_seeds`.
    values : array, shape (pair,)
        What was measured, NaN where it was not.

    Returns
    -------
    list of PairKind
        In the order of the study.
    """
    kinds = []
    for kind in pair_kinds(pairs, usable):
        members = kind.members[np.isfinite(values[kind.members])]
        if len(members):
            kinds.append(PairKind(kind.first, kind.second, members))
    return kinds


def _ends(pairs: xr.Dataset) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """Return the first and the second network of every pair: its arm and its seed."""
    columns = []
    for end in ("first", "second"):
        arms = pairs[f"{end}_arm"].values.tolist()
        seeds = pairs[f"{end}_seed"].values.tolist()
        columns.append(list(zip(arms, seeds, strict=True)))
    return columns[0], columns[1]


def _can_be_used(network: tuple[str, int], usable: Mapping[str, Sequence[int]]) -> bool:
    arm, seed = network
    return seed in usable.get(arm, ())


def pairs_inside(
    pairs: xr.Dataset, usable: Mapping[str, Sequence[int]]
) -> dict[str, NDArray[np.intp]]:
    """Find the pairs inside each arm whose two networks can be used.

    Parameters
    ----------
    pairs : xr.Dataset
        As for :func:`pair_kinds`.
    usable : mapping of str to sequence of int
        As from :func:`usable_seeds`.

    Returns
    -------
    dict of str to array of int
        Positions along ``pair``, of each arm that has any.
    """
    inside = {}
    for kind in pair_kinds(pairs, usable):
        if kind.first == kind.second:
            inside[kind.first] = kind.members
    return inside


def mean_interval(values: NDArray, level: float) -> tuple[NDArray, NDArray, NDArray]:
    """Return the mean over seeds and Student's interval of it.

    Parameters
    ----------
    values : array, shape (seed, ...)
        One value, or one curve, per seed.
    level : float
        Coverage of the interval.

    Returns
    -------
    mean, low, high : array, shape (...)
        The ends are NaN for a single seed.

    Examples
    --------
    >>> [round(float(x), 3) for x in mean_interval(np.array([1.0, 2.0, 3.0]), 0.95)]
    [2.0, -0.484, 4.484]
    """
    from scipy.special import stdtrit

    n = len(values)
    mean = values.mean(axis=0)
    if n < 2:
        unknown = np.full_like(mean, np.nan)
        return mean, unknown, unknown
    quantile = stdtrit(n - 1, (1 + level) / 2)
    half = quantile * values.std(axis=0, ddof=1) / np.sqrt(n)
    return mean, mean - half, mean + half


@dataclass(frozen=True, eq=False)
class Matrix:
    """A number for each two arms.

    Attributes
    ----------
    arms : list of str
        Names of rows and columns.
    means, numbers : array, shape (arm, arm)
        Symmetric: means over pairs, NaN where there is none, and how many pairs there are.
    """

    arms: list[str]
    means: NDArray[np.float64]
    numbers: NDArray[np.int64]


def matrix_of_arms(
    values: NDArray, pairs: xr.Dataset, usable: Mapping[str, Sequence[int]]
) -> Matrix:
    """Average over the pairs of each two arms.

    Parameters
    ----------
    values : array, shape (pair,)
        One value per pair.
    pairs : xr.Dataset
        The pairs' coordinates, as for :func:`pair_kinds`.
    usable : mapping of str to sequence of int
        As from :func:`usable_seeds`.

    Returns
    -------
    Matrix
        Of the arms that have any pair.
    """
    kinds = pair_kinds(pairs, usable)
    paired = {arm for kind in kinds for arm in (kind.first, kind.second)}
    arms = [arm for arm in usable if arm in paired]
    shape = (len(arms), len(arms))
    means = np.full(shape, np.nan)
    numbers = np.zeros(shape, dtype=np.int64)
    for kind in kinds:
        row = arms.index(kind.first)
        column = arms.index(kind.second)
        mean = values[kind.members].mean()
        for cell in ((row, column), (column, row)):
            means[cell] = mean
            numbers[cell] = len(kind.members)
    return Matrix(arms, means, numbers)
