"""Which networks and pairs enter a claim.

Measurements come as arrays over ``(arm, seed)`` or over ``pair``. Both are flattened to *units*
that name the networks they consist of: a minimum has one member, a pair has two. A unit counts as
often as the product of the multiplicities of its members says. Minima that are not usable
(diverged, or short of the stop rule) and units without a finite value are left out by name.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from symgeom.study.claims.jackknife import Strata, mean

Network = tuple[str, int]
"""The arm and the seed of a trained network."""


@dataclass(frozen=True, eq=False)
class Selection:
    """Usable units and the networks they consist of.

    Attributes
    ----------
    strata : array of str, shape (network,)
        The arm of each usable network.
    members : array of int, shape (unit, member)
        The networks of each unit.
    values : array, shape (unit, column)
        What was measured.
    left_out : tuple of str
        Names of what was left out, with the reason.
    """

    strata: NDArray[np.str_]
    members: NDArray[np.int64]
    values: NDArray[np.float64]
    left_out: tuple[str, ...]

    def weights(self, counts: NDArray) -> NDArray:
        """Return the weight of each unit, shape (subset, unit).

        Parameters
        ----------
        counts : array of int, shape (subset, network)
            The multiplicities of the networks.

        Returns
        -------
        array of int, shape (subset, unit)
            The products over the members of each unit.
        """
        return counts[:, self.members].prod(axis=-1)

    def within(self, arms: Strata) -> NDArray[np.bool_]:
        """Return which units have all their members in one and the same of these arms.

        Parameters
        ----------
        arms : sequence of str
            Names of arms.

        Returns
        -------
        array of bool, shape (unit,)
            Which units.
        """
        member_arms = self.strata[self.members]
        first_arm = member_arms[:, 0]
        alike = (member_arms == member_arms[:, :1]).all(axis=1)
        return alike & np.isin(first_arm, list(arms))

    def of_arms(self, arms: Sequence[str]) -> "Selection":
        """Return the networks of some arms, and the units that consist of them alone.

        Parameters
        ----------
        arms : sequence of str
            Names of arms.

        Returns
        -------
        Selection
            The networks of other arms are left out by name of their arm.
        """
        inside = np.isin(self.strata, list(arms))
        left_out = list(self.left_out)
        names, sizes = np.unique(self.strata[~inside], return_counts=True)
        for arm, size in zip(names.tolist(), sizes.tolist(), strict=True):
            left_out.append(f"{arm} (has {size} {'networks' if size > 1 else 'network'})")
        units = inside[self.members].all(axis=1)
        members = np.searchsorted(np.flatnonzero(inside), self.members[units])
        return Selection(self.strata[inside], members, self.values[units], tuple(left_out))

    def mean_of(self, units: NDArray[np.bool_], counts: NDArray) -> NDArray:
        """Return the mean of each column over some units.

        Parameters
        ----------
        units : array of bool, shape (unit,)
            Which units.
        counts : array of int, shape (subset, network)
            The multiplicities of the networks.

        Returns
        -------
        array, shape (subset, column)
            The means.
        """
        return mean(self.values[units], self.weights(counts)[:, units])


def select_minima(
    array: xr.DataArray, minima: xr.Dataset, arms: Sequence[str] | None = None
) -> Selection:
    """Flatten a measurement of single minima.

    Parameters
    ----------
    array : xr.DataArray, dims (arm, seed) and at most one more
        What was measured.
    minima : xr.Dataset
        With ``usable(arm, seed)``.
    arms : sequence of str, optional
        Only these; all by default.

    Returns
    -------
    Selection
        One unit per usable minimum with finite values.
    """
    networks, left_out = usable_networks(minima, arms)
    rows = _rows_of(array, networks)
    finite = np.asarray(np.isfinite(rows).all(axis=1))
    finite_arms = []
    for (arm, seed), is_finite in zip(networks, finite, strict=True):
        if is_finite:
            finite_arms.append(arm)
        else:
            left_out.append(f"{arm}/{seed} (no finite value)")
    strata = np.array(finite_arms, dtype=str)
    members = np.arange(len(strata))[:, None]
    return Selection(strata, members, rows[finite], tuple(left_out))


def _rows_of(array: xr.DataArray, networks: Sequence[Network]) -> NDArray[np.float64]:
    """Return a row for each network, of NaN where it was not measured."""
    measured = array.transpose("arm", "seed", ...)
    columns = math.prod(measured.shape[2:])
    values = measured.values.reshape(*measured.shape[:2], columns)
    arms = measured.indexes["arm"].get_indexer([arm for arm, _ in networks])
    seeds = measured.indexes["seed"].get_indexer([seed for _, seed in networks])
    is_measured = (arms >= 0) & (seeds >= 0)
    rows = np.full((len(networks), columns), np.nan)
    rows[is_measured] = values[arms[is_measured], seeds[is_measured]]
    return rows


def select_pairs(
    array: xr.DataArray, minima: xr.Dataset, arms: Sequence[str] | None = None
) -> Selection:
    """Flatten a measurement of pairs of minima.

    Parameters
    ----------
    array : xr.DataArray, dims (pair) and at most one more
        With the coordinates ``first_arm``, ``first_seed``, ``second_arm``, ``second_seed`` along
        ``pair``.
    minima : xr.Dataset
        With ``usable(arm, seed)``.
    arms : sequence of str, optional
        Only pairs with both members in these arms; all by default.

    Returns
    -------
    Selection
        One unit per pair of usable minima with finite values.
    """
    networks, left_out = usable_networks(minima, arms)
    index_of = {network: index for index, network in enumerate(networks)}
    array = array.transpose("pair", ...)
    columns = math.prod(array.shape[1:])
    rows = array.values.reshape(array.sizes["pair"], columns).astype(float)
    used_rows = []
    members = []
    for row, (first, second) in enumerate(pair_ends(array)):
        if first not in index_of or second not in index_of:
            continue
        if np.isfinite(rows[row]).all():
            used_rows.append(row)
            members.append([index_of[first], index_of[second]])
        else:
            name = f"{first[0]}/{first[1]} to {second[0]}/{second[1]}"
            left_out.append(f"{name} (no finite value)")
    strata = np.array([arm for arm, _ in networks], dtype=str)
    pairs = np.array(members, dtype=np.int64).reshape(-1, 2)
    return Selection(strata, pairs, rows[used_rows], tuple(left_out))


def pair_ends(pairs: xr.DataArray | xr.Dataset) -> list[tuple[Network, Network]]:
    """Return the two networks of each pair.

    Parameters
    ----------
    pairs : xr.DataArray or xr.Dataset
        With the coordinates ``first_arm``, ``first_seed``, ``second_arm``, ``second_seed`` along
        ``pair``.

    Returns
    -------
    list of tuple
        In the order of the pairs.
    """
    first_arms = pairs["first_arm"].values.tolist()
    first_seeds = pairs["first_seed"].values.tolist()
    second_arms = pairs["second_arm"].values.tolist()
    second_seeds = pairs["second_seed"].values.tolist()
    firsts = zip(first_arms, first_seeds, strict=True)
    seconds = zip(second_arms, second_seeds, strict=True)
    return list(zip(firsts, seconds, strict=True))


def usable_networks(
    minima: xr.Dataset, arms: Sequence[str] | None = None
) -> tuple[list[Network], list[str]]:
    """Return the usable networks, in the order in which selections number them.

    Parameters
    ----------
    minima : xr.Dataset
        With ``usable(arm, seed)``.
    arms : sequence of str, optional
        Only these; all by default.

    Returns
    -------
    networks : list of (str, int)
        Sorted by arm and seed.
    left_out : list of str
        The others by name, with the reason.
    """
    usable = minima["usable"].transpose("arm", "seed")
    flags = usable.values.astype(bool)
    states = _states(minima)
    reasons: dict[Network, str] = {}
    for row, arm in enumerate(usable["arm"].values):
        for column, seed in enumerate(usable["seed"].values):
            reasons[str(arm), int(seed)] = "" if flags[row, column] else states[row][column]
    networks = []
    left_out = []
    for (arm, seed), reason in sorted(reasons.items()):
        if arms is not None and arm not in arms:
            continue
        if reason:
            left_out.append(f"{arm}/{seed} ({reason})")
        else:
            networks.append((arm, seed))
    return networks, left_out


def _states(minima: xr.Dataset) -> list[list[str]]:
    """Return how the training of every network ended, over arm and seed."""
    if "status" not in minima:
        return [["not usable"] * minima.sizes["seed"]] * minima.sizes["arm"]
    status = minima["status"].transpose("arm", "seed")
    return np.where(status.values == "", "not trained", status.values).tolist()
