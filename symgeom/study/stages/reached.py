"""Say which networks of a case reached the stop rule, how far the others came, and what to change.

A study compares minima. Of a case without two of them everything would be measured and nothing
decided: it stops after training, unless the configuration asks it to go on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from symgeom.ground.checks import SymgeomError
from symgeom.study.labels import NO_BUDGET

EPOCH_LIMIT = "epoch limit"
BUDGET_SPENT = "budget spent"
"""How seeds end in training that are no minima."""

PAIR = 2
"""How many networks can be compared."""

Asked = Mapping[str, tuple[str, float]]
"""What an arm is trained to: of "epochs", and of "stop_error" and "stop_loss" or of "depths", the
key and the value."""


@dataclass(frozen=True)
class Reached:
    """What training left of a case.

    Attributes
    ----------
    case : str
        Name of the case.
    networks, usable : dict of str to int
        Of every arm how many networks there are, and how many of them are minima.
    words : str
        The same for people: one line if all are, else also a line for every arm, with the keys
        that could be changed.
    """

    case: str
    networks: dict[str, int]
    usable: dict[str, int]
    words: str

    def check(self) -> None:
        """Raise unless two networks can be compared, or the only one that was asked for is usable.

        Raises
        ------
        SymgeomError
            If too few of them are minima.
        """
        total = sum(self.networks.values())
        usable = sum(self.usable.values())
        if usable < min(total, PAIR):
            raise SymgeomError(
                f"Cannot compare the minima of case '{self.case}': {usable} of {total} networks "
                "reached the stop rule. Change the keys that are named above for every arm, or set "
                "training.go_on_without_usable: true for a report in which no claim is decided."
            )


def measure(case: str, minima: xr.Dataset, asked: Mapping[str, Asked]) -> Reached:
    """Count the networks that reached the stop rule.

    Parameters
    ----------
    case : str
        Name of the case.
    minima : xr.Dataset
        Its networks, of all arms.
    asked : mapping of str to mapping
        What every arm that is trained here had to reach, and the keys that say so.

    Returns
    -------
    Reached
        Numbers and words.
    """
    networks = {}
    usable = {}
    lines = []
    for arm in minima["arm"].values.tolist():
        seeds = minima.sel(arm=arm)
        networks[arm] = seeds.sizes["seed"]
        usable[arm] = int(seeds["usable"].sum())
        faults = _faults(arm, seeds, asked.get(arm, {}))
        lines.append("; ".join([f"  {arm}: {usable[arm]} of {networks[arm]}", *faults]))
    total = sum(networks.values())
    good = sum(usable.values())
    words = f"Case {case}: {good} of {total} networks {_goal(minima)}.\n"
    if good < total or any(";" in line for line in lines):
        words += "\n".join(lines) + "\n"
    return Reached(case, networks, usable, words)


def of_all_parts(parts: Sequence[Reached]) -> Reached:
    """Count what training left of a case that is split into parts.

    Parameters
    ----------
    parts : sequence of Reached
        What it left of every part.

    Returns
    -------
    Reached
        Numbers of all arms, and one line of words.

    Examples
    --------
    >>> first = Reached("mlp", {"sgd": 2, "adam": 2}, {"sgd": 0, "adam": 1}, "")
    >>> second = Reached("mlp", {"sgd": 2}, {"sgd": 1}, "")
    >>> of_all_parts([first, second]).usable
    {'sgd': 1, 'adam': 1}
    """
    networks: dict[str, int] = {}
    usable: dict[str, int] = {}
    for part in parts:
        for arm, number in part.networks.items():
            networks[arm] = networks.get(arm, 0) + number
            usable[arm] = usable.get(arm, 0) + part.usable[arm]
    case = parts[0].case
    total = sum(networks.values())
    words = f"Case {case}: {sum(usable.values())} of all {total} networks can be compared.\n"
    return Reached(case, networks, usable, words)


def _goal(minima: xr.Dataset) -> str:
    """Say what usable networks have done."""
    return "came to the common depth" if "depth" in minima.attrs else "reached the stop rule"


def _faults(arm: str, seeds: xr.Dataset, asked: Asked) -> list[str]:
    """Say what became of the seeds of an arm that are no minima, or that are not sharp."""
    faults = []
    for status in (EPOCH_LIMIT, BUDGET_SPENT):
        short = seeds.isel(seed=np.flatnonzero(seeds["status"].values == status))
        if short.sizes["seed"]:
            faults.append(_short_of(short, status, asked))
    without_budget = int((seeds["status"] == NO_BUDGET).sum())
    if without_budget:
        faults.append(f"{without_budget} without a budget: the seeds that were to set it diverged")
    diverged = int((seeds["status"] == "diverged").sum())
    if diverged:
        advice = f": lower arms.{arm}.learning_rate" if asked else ""
        faults.append(f"{diverged} diverged{advice}")
    if "pretraining_status" in seeds:
        unlearned = np.flatnonzero(seeds["pretraining_status"].values == EPOCH_LIMIT)
        if len(unlearned):
            faults.append(_unlearned(arm, seeds["pretraining_error"].values[unlearned]))
    return faults


def _short_of(short: xr.Dataset, status: str, asked: Asked) -> str:
    """Say how far seeds came within epochs or budget, and which keys would let them be minima."""
    epochs_key, epochs = asked["epochs"]
    keys = [epochs_key]
    end = f"ended at epoch {epochs}"
    if status == BUDGET_SPENT:
        keys = []
        end = "had spent the budget of the other arm"
    measures = []
    limits = {"loss": asked.get("stop_loss") or _depth(short, asked)}
    if "stop_error" in asked:
        limits["error"] = asked["stop_error"]
    for name, (key, most) in limits.items():
        values = short[f"train_{name}"].values
        measures.append(f"training {name} {_range(values)} (asked: {most:g})")
        if values.max() > most:
            keys.append(key)
    ended = f"{short.sizes['seed']} {end} with {' and '.join(measures)}"
    return f"{ended}: raise {' or '.join(keys)}"


def _depth(short: xr.Dataset, asked: Asked) -> tuple[str, float]:
    """Return the depth at which the case is compared; without one the easiest, and its key."""
    key, easiest = asked["depths"]
    depth = short.attrs["depth"]
    return key, easiest if np.isnan(depth) else depth


def _unlearned(arm: str, errors: Sequence[float] | np.ndarray) -> str:
    """Say which error seeds left on the random labels that they were to memorise."""
    return (
        f"{len(errors)} did not memorise the random labels of the first stage (error "
        f"{_range(errors)} left), and no claim takes them for sharp: raise "
        f"arms.{arm}.pretraining_epochs or arms.{arm}.pretraining_error"
    )


def _range(values: Sequence[float] | np.ndarray) -> str:
    """Write the smallest and the largest of some numbers."""
    ends = dict.fromkeys([f"{min(values):.3g}", f"{max(values):.3g}"])
    return " to ".join(ends)
