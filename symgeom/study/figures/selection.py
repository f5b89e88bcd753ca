"""Which networks and pairs a figure shows, and how their spread is summarised.

A minimum that diverged or missed the stop rule is in no curve; :func:`left_out` names it. Over
seeds, which are independent, a figure shows the mean and Student's interval of it. Pairs share
networks and are not independent; for them it shows the mean and the range in which the middle 80 %
of the pairs lie, which describes them and claims nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from scipy.special import stdtrit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

MIDDLE = (10, 90)
"""Percentiles of pairs that bands and bars show."""


def stage(case: xr.DataTree, name: str) -> xr.Dataset:
    """Return the arrays of a stage; none if the study has no such stage.

    Parameters
    ----------
    case : xr.DataTree
        The case.
    name : str
        The stage.

    Returns
    -------
    xr.Dataset
        The arrays.

    Examples
    --------
    >>> list(stage(xr.DataTree(), "maps"))
    []
    """
    return case[name].to_dataset() if name in case.children else xr.Dataset()


def usable(minima: xr.Dataset, arms: Sequence[str]) -> dict[str, list[int]]:
    """List the seeds of each arm that reached the stop rule.

    Parameters
    ----------
    minima : xr.Dataset
        With ``usable`` (arm, seed).
    arms : sequence of str
        All arms of the study, in order.

    Returns
    -------
    dict of str to list of int
        Arms in order; an arm without data has none.
    """
    known = set(minima["arm"].values.tolist())
    seeds = minima["seed"].values
    return {
        arm: seeds[minima["usable"].sel(arm=arm).values.astype(bool)].tolist()
        if arm in known
        else []
        for arm in arms
    }


def seen(minima: xr.Dataset, arms: Sequence[str]) -> tuple[dict[str, list[int]], str]:
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
    kept = {arm: seeds for arm, seeds in usable(minima, arms).items() if seeds}
    elsewhere = [arm for arm in kept if (minima["status"].sel(arm=arm) == "imported").any()]
    remark = f"Not shown: {', '.join(elsewhere)} (trained elsewhere)." if elsewhere else ""
    return {arm: seeds for arm, seeds in kept.items() if arm not in elsewhere}, remark


def counts(usable: dict[str, list[int]]) -> dict[str, int]:
    """Count the seeds of each arm.

    Parameters
    ----------
    usable : dict of str to list of int
        As from :func:`usable`.

    Returns
    -------
    dict of str to int
        The numbers.

    Examples
    --------
    >>> counts({"sgd": [0, 2], "sam": []})
    {'sgd': 2, 'sam': 0}
    """
    return {arm: len(seeds) for arm, seeds in usable.items()}


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
        "Left out: sam seed 2 (diverged).", or nothing.
    """
    ended, kept = (minima[name].transpose("arm", "seed").values for name in ("status", "usable"))
    rows = {arm: row for row, arm in enumerate(minima["arm"].values.tolist())}
    names = [
        f"{arm} seed {seed} ({ended[rows[arm], column]})"
        for arm in arms
        if arm in rows
        for column, seed in enumerate(minima["seed"].values.tolist())
        if ended[rows[arm], column] and not kept[rows[arm], column]
    ]
    return f"Left out: {', '.join(names)}." if names else ""


def representative(groups: Sequence[str]) -> list[str]:
    """Choose the unit groups for which there is room: all of up to three, else the first, the middle and the last.

    Parameters
    ----------
    groups : sequence of str
        From input to output.

    Returns
    -------
    list of str
        At most three.

    Examples
    --------
    >>> representative(["a", "b", "c", "d", "e"])
    ['a', 'c', 'e']
    """
    chosen = {0, len(groups) // 2, len(groups) - 1} if len(groups) > 3 else range(len(groups))
    return [groups[place] for place in sorted(chosen)]


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
    found = [
        str(name).removeprefix(f"{prefix}_")
        for name in stage.data_vars
        if str(name).startswith(f"{prefix}_")
    ]
    groups = representative(found)
    return groups, f"{len(groups)} of {len(found)} unit groups are shown." if len(groups) < len(
        found
    ) else ""


def within(pairs: xr.Dataset, usable: dict[str, list[int]]) -> Iterator[tuple[str, str, NDArray]]:
    """Go through the kinds of pairs: which pairs have their first network in one arm and their second in another.

    Parameters
    ----------
    pairs : xr.Dataset
        With the coordinates ``first_arm``, ``first_seed``, ``second_arm``, ``second_seed`` along
        ``pair``.
    usable : dict of str to list of int
        As from :func:`usable`.

    Yields
    ------
    first, second : str
        Two arms, in the order of the study; the same one for pairs within an arm.
    members : array of int
        Positions along ``pair`` of the pairs of this kind whose two networks can be used; never
        empty.
    """
    ends = [
        list(
            zip(
                pairs[f"{end}_arm"].values.tolist(),
                pairs[f"{end}_seed"].values.tolist(),
                strict=True,
            )
        )
        for end in ("first", "second")
    ]
    arms = list(usable)
    kinds: dict[tuple[str, str], list[int]] = {}
    for place, (first, second) in enumerate(zip(*ends, strict=True)):
        if all(arm in usable and seed in usable[arm] for arm, seed in (first, second)):
            kind = tuple(sorted((first[0], second[0]), key=arms.index))
            kinds.setdefault(kind, []).append(place)
    for first, second in sorted(kinds, key=lambda kind: (arms.index(kind[0]), arms.index(kind[1]))):
        yield first, second, np.array(kinds[first, second])


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
    n, middle = len(values), values.mean(axis=0)
    if n < 2:
        return middle, np.full_like(middle, np.nan), np.full_like(middle, np.nan)
    half = stdtrit(n - 1, (1 + level) / 2) * values.std(axis=0, ddof=1) / np.sqrt(n)
    return middle, middle - half, middle + half


def matrix(
    values: NDArray, pairs: xr.Dataset, usable: dict[str, list[int]]
) -> tuple[list[str], NDArray, NDArray]:
    """Average over the pairs of each two arms.

    Parameters
    ----------
    values : array, shape (pair,)
        One value per pair.
    pairs : xr.Dataset
        The pairs' coordinates, as for :func:`within`.
    usable : dict of str to list of int
        As from :func:`usable`.

    Returns
    -------
    arms : list of str
        Those with any pair.
    means, numbers : array, shape (arm, arm)
        Symmetric; the mean is NaN where there is no pair.
    """
    kinds = list(within(pairs, usable))
    arms = [arm for arm in usable if any(arm in kind[:2] for kind in kinds)]
    means, numbers = (
        np.full((len(arms), len(arms)), np.nan),
        np.zeros((len(arms), len(arms)), dtype=int),
    )
    for first, second, members in kinds:
        for place in (
            (arms.index(first), arms.index(second)),
            (arms.index(second), arms.index(first)),
        ):
            means[place], numbers[place] = values[members].mean(), len(members)
    return arms, means, numbers
