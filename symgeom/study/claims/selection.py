"""Which networks and pairs enter a claim.

Measurements come as arrays over ``(arm, seed)`` or over ``pair``. Both are flattened to *units*
that name the networks they consist of: a minimum has one member, a pair has two. A unit's weight in
a bootstrap resample is the product of the multiplicities of its members. Minima that are not usable
(diverged, or short of the stop rule) and units without a finite value are left out by name.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from symgeom.study.claims.bootstrap import mean

Roles = Mapping[str, str | Sequence[str]]
"""Which arms play which part: ``{"flat": "rsgd", "reference": "sgd", "sharp": "adversarial", "equivariant": ["sgd", ...]}``."""


@dataclass(frozen=True, eq=False)
class Selection:
    """Usable units and the networks they consist of.

    Attributes
    ----------
    strata : array of str, shape (network,)
        The arm of each usable network.
    members : array of int, shape (unit, 1) or (unit, 2)
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
        """Return the weight of each unit, shape (resample, unit), from the multiplicities of the networks."""
        return counts[:, self.members].prod(axis=-1)

    def within(self, arms: Sequence[str]) -> NDArray[np.bool_]:
        """Return which units have all their members in one and the same of these arms, shape (unit,)."""
        arm = self.strata[self.members]
        return (arm == arm[:, :1]).all(axis=1) & np.isin(arm[:, 0], list(arms))

    def mean_of(self, units: NDArray[np.bool_], counts: NDArray) -> NDArray:
        """Return the mean of each column over some units, shape (resample, column)."""
        return mean(self.values[units], self.weights(counts)[:, units])


def arms_of(roles: Roles, *names: str) -> tuple[str, ...]:
    """Return the arms that play a role; none if the study has no such role.

    Parameters
    ----------
    roles : mapping of str to str or sequence of str
        The roles of the study.
    *names : str
        Which roles.

    Returns
    -------
    tuple of str
        Their arms.

    Examples
    --------
    >>> arms_of({"flat": "rsgd", "equivariant": ["sgd", "rsgd"]}, "flat", "equivariant", "sharp")
    ('rsgd', 'sgd', 'rsgd')
    """
    found = [roles.get(name, ()) for name in names]
    return tuple(arm for arms in found for arm in ([arms] if isinstance(arms, str) else arms))


def _networks(
    minima: xr.Dataset, arms: Sequence[str] | None
) -> tuple[list[tuple[str, int]], list[str]]:
    """Return the usable networks (arm, seed) of some arms (None: of all), sorted, and the names of the others."""
    usable = minima["usable"].transpose("arm", "seed")
    every = [
        (str(arm), int(seed)) for arm in usable["arm"].values for seed in usable["seed"].values
    ]
    flags = dict(zip(every, usable.values.astype(bool).reshape(-1), strict=True))
    asked = sorted(network for network in every if arms is None or network[0] in arms)
    left_out = [f"{arm}/{seed} (not usable)" for arm, seed in asked if not flags[arm, seed]]
    return [network for network in asked if flags[network]], left_out


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
    networks, left_out = _networks(minima, arms)
    measured = array.reindex(arm=minima["arm"], seed=minima["seed"]).transpose("arm", "seed", ...)
    rows = np.array(
        [measured.sel(arm=arm, seed=seed).values for arm, seed in networks], dtype=float
    )
    rows = rows.reshape(len(networks), math.prod(measured.shape[2:]))
    finite = np.isfinite(rows).all(axis=1)
    left_out += [
        f"{arm}/{seed} (no finite value)"
        for (arm, seed), good in zip(networks, finite, strict=True)
        if not good
    ]
    strata = np.array(
        [arm for (arm, _), good in zip(networks, finite, strict=True) if good], dtype=str
    )
    return Selection(strata, np.arange(len(strata))[:, None], rows[finite], tuple(left_out))


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
    networks, left_out = _networks(minima, arms)
    place = {network: index for index, network in enumerate(networks)}
    array = array.transpose("pair", ...)
    rows = array.values.reshape(array.sizes["pair"], math.prod(array.shape[1:])).astype(float)
    columns = [
        array[name].values.tolist()
        for name in ("first_arm", "first_seed", "second_arm", "second_seed")
    ]
    kept, members = [], []
    for index, (first_arm, first_seed, second_arm, second_seed) in enumerate(
        zip(*columns, strict=True)
    ):
        ends = (first_arm, first_seed), (second_arm, second_seed)
        if not all(end in place for end in ends):
            continue
        if np.isfinite(rows[index]).all():
            kept.append(index)
            members.append([place[end] for end in ends])
        else:
            left_out.append(
                f"{first_arm}/{first_seed} to {second_arm}/{second_seed} (no finite value)"
            )
    strata = np.array([arm for arm, _ in networks], dtype=str)
    return Selection(
        strata, np.array(members, dtype=np.int64).reshape(-1, 2), rows[kept], tuple(left_out)
    )
