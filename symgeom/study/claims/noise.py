"""Claims about the force of SGD's noise (N1): charges move as the measured force points.

Each asks, unit by unit, whether a force that is measured at the minimum, on all training samples,
agrees with what the ledger booked step by step on the way there, over the last quarter of the steps
of a training. Chance is what shuffled units would show: nearly all units of a layer are pushed to
one side, so that a fraction of one half is no control.

How near trainings come to the equilibrium itself is no claim. At the stop rule noise has almost
ceased, and the equilibrium follows the balance of norms under weight decay; over the training as a
whole, noise may still have moved charges by more than decay has. The notes say by how much.

References
----------
Ziyin, Wang, Li, Wu, "Parameter Symmetry and Noise Equilibrium of Stochastic Gradient Descent",
NeurIPS 2024 (arXiv 2402.07193), equation 5, for SGD.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from symgeom.study.claims.claim import Claim
from symgeom.study.claims.correlation import spearman
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.question import Answer, Question, ask_difference, ask_mean
from symgeom.study.claims.selection import Network, Selection, select_minima

LAST = 0.75
"""Share of the steps of a training after which its last part begins."""

SOURCE = "Ziyin et al., NeurIPS 2024 (arXiv 2402.07193), equation 5"


CAUSES = ("noise", "weight_decay", "discretisation")
"""What is read of the ledgers, in the order of :class:`Units`."""


@dataclass(frozen=True, eq=False)
class Units:
    """The units of a layer over the last part of a training.

    Attributes
    ----------
    force : array, shape (unit,)
        The variance of the sample gradients at the minimum, incoming minus outgoing.
    pull : array, shape (unit,)
        The force, less what decay takes from the charge.
    noise, decay, steps : array, shape (unit,)
        What the ledger booked as noise, as decay and as finite steps, what momentum carried on
        included.
    change : array, shape (unit,)
        By how much the charge has changed.
    """

    force: NDArray
    pull: NDArray
    noise: NDArray
    decay: NDArray
    steps: NDArray
    change: NDArray


Comparison = Callable[[Units], float]
"""From the units of a layer to a number."""

Layers = dict[Network, list[Units]]
"""The layers of every network, by arm and seed."""


def layers(measured: Measured, arms: Sequence[str]) -> Layers:
    """Return the layers of some networks over the last part of their training.

    Parameters
    ----------
    measured : Measured
        With ``force_<group>(arm, seed, moment, <group>)`` and ``decay_ratio(arm, seed)`` in the
        stage "equilibria", ``charge_<group>`` and ``term_<group>`` in "ledgers".
    arms : sequence of str
        Of the networks.

    Returns
    -------
    dict of (str, int) to list of Units
        Units without any force, which are dead, are left out. Nothing of a network whose force is
        not known.
    """
    equilibria = measured.stages["equilibria"].sel(moment="end")
    ledgers = measured.stages["ledgers"]
    steps = ledgers["step"].values
    seen = [arm for arm in arms if arm in equilibria["arm"] and arm in ledgers["arm"]]
    seeds = equilibria["seed"].values.tolist()
    networks = [(arm, seed) for arm in seen for seed in seeds if seed in ledgers["seed"]]
    ratio = _by_network(equilibria["decay_ratio"], networks)
    of_networks: Layers = {network: [] for network in networks}
    for group in _groups(measured):
        forces = _by_network(equilibria[f"force_{group}"], networks)
        charges = _by_network(ledgers[f"charge_{group}"].transpose(..., "step", group), networks)
        booked = ledgers[f"term_{group}"].transpose(..., "step", group)
        causes = {cause: _by_network(_caused(booked, cause), networks) for cause in CAUSES}
        for network in networks:
            force = forces[network]
            moves = force != 0
            if not np.isfinite(force).all() or not moves.any():
                continue
            charge = charges[network]
            first, last = _ends(steps, charge)
            pull = force - ratio[network] * charge[last]
            change = charge[last] - charge[first]
            of_causes = [rows[network][last] - rows[network][first] for rows in causes.values()]
            columns = [column[moves] for column in (force, pull, *of_causes, change)]
            of_networks[network].append(Units(*columns))
    return of_networks


def _by_network(array: xr.DataArray, networks: Sequence[Network]) -> dict[Network, NDArray]:
    """Return the values of every network."""
    ordered = array.transpose("arm", "seed", ...)
    arms = ordered["arm"].values.tolist()
    seeds = ordered["seed"].values.tolist()
    values = {}
    for arm, seed in networks:
        values[arm, seed] = ordered.values[arms.index(arm), seeds.index(seed)]
    return values


def _groups(measured: Measured) -> list[str]:
    """Return the groups of which forces and ledgers are stored."""
    groups = []
    for name in measured.stages["equilibria"].data_vars:
        group = str(name).removeprefix("force_")
        if group != name and f"term_{group}" in measured.stages["ledgers"]:
            groups.append(group)
    return groups


def _ends(steps: NDArray, charge: NDArray) -> tuple[int, int]:
    """Return the snapshots between which the last part of a training lies."""
    taken = np.flatnonzero(np.isfinite(charge).all(axis=1))
    last = int(taken[-1])
    before = taken[steps[taken] <= LAST * steps[last]]
    return int(before[-1]), last


def _caused(booked: xr.DataArray, cause: str) -> xr.DataArray:
    """Return what a cause changed, in the step itself and by what momentum carried on."""
    carried = booked.sel(term=f"carried_{cause}", drop=True)
    return booked.sel(term=cause, drop=True) + carried


def agreement(units: Units) -> float:
    """Return the fraction of units that the noise moved the way the force points.

    Parameters
    ----------
    units : Units
        Of a layer.

    Returns
    -------
    float
        Between 0 and 1.
    """
    return float(np.mean((units.force > 0) == (units.noise > 0)))


def by_chance(units: Units) -> float:
    """Return the mean of the same fraction over all orders of the units.

    Parameters
    ----------
    units : Units
        Of a layer.

    Returns
    -------
    float
        Between 0 and 1.
    """
    pushed = float(np.mean(units.force > 0))
    moved = float(np.mean(units.noise > 0))
    return pushed * moved + (1 - pushed) * (1 - moved)


def above_chance(units: Units) -> float:
    """Return by how much the fraction exceeds that of shuffled units.

    Parameters
    ----------
    units : Units
        Of a layer.

    Returns
    -------
    float
        Between -1/2 and 1/2.
    """
    return agreement(units) - by_chance(units)


def order_of_noise(units: Units) -> float:
    """Return the rank correlation of the force with what was booked as noise.

    Parameters
    ----------
    units : Units
        Of a layer.

    Returns
    -------
    float
        NaN where one of the two is the same for all units.
    """
    return _rank_correlation(units.force, units.noise)


def order_of_change(units: Units) -> float:
    """Return the rank correlation of force and decay with the whole change of the charge.

    Parameters
    ----------
    units : Units
        Of a layer.

    Returns
    -------
    float
        NaN where one of the two is the same for all units.
    """
    return _rank_correlation(units.pull, units.change)


class Networks:
    """The networks of some roles, compared layer by layer.

    Parameters
    ----------
    measured : Measured
        See :func:`layers`.
    *roles : str
        Of their arms.
    """

    def __init__(self, measured: Measured, *roles: str) -> None:
        self._minima = measured.minima
        self._arms = measured.arms(*roles)
        self._layers = layers(measured, self._arms)

    def compared(self, compare: Comparison) -> Selection:
        """Return what is compared, as a mean over the layers of every usable network.

        Parameters
        ----------
        compare : callable
            From the units of a layer to a number.

        Returns
        -------
        Selection
            One unit per network of which something is known.
        """
        arms = sorted({arm for arm, _ in self._layers})
        seeds = sorted({seed for _, seed in self._layers})
        means = np.full((len(arms), len(seeds)), np.nan)
        for (arm, seed), of_network in self._layers.items():
            numbers = [compare(units) for units in of_network]
            if numbers:
                means[arms.index(arm), seeds.index(seed)] = np.mean(numbers)
        table = xr.DataArray(means, {"arm": arms, "seed": seeds}, ("arm", "seed"))
        return select_minima(table, self._minima, self._arms)

    def mean(self, compare: Comparison) -> float:
        """Return the mean over the usable networks.

        Parameters
        ----------
        compare : callable
            From the units of a layer to a number.

        Returns
        -------
        float
            Of the layers' means.
        """
        return float(self.compared(compare).values.mean())


def sign_of_noise(measured: Measured) -> Question:
    """Ask whether noise moved units the way its force points.

    Parameters
    ----------
    measured : Measured
        See :func:`layers`.

    Returns
    -------
    Question
        The mean of :func:`above_chance`.
    """
    networks = Networks(measured, "reference")

    def remark() -> str:
        fraction = networks.mean(agreement)
        chance = networks.mean(by_chance)
        noise = networks.mean(lambda units: _sum(units.noise))
        decay = networks.mean(lambda units: _sum(units.decay))
        steps = networks.mean(lambda units: _sum(units.steps))
        phase = "noise" if noise > decay else "decay"
        return (
            f"fraction {fraction:.2f}, of shuffled units {chance:.2f}; in the phase of {phase}: it "
            f"moved the charges of a layer by {max(noise, decay):.2g} in all, the other by "
            f"{min(noise, decay):.2g}, finite steps by {steps:.2g} weight²"
        )

    question = ask_mean(networks.compared(above_chance), measured.named("reference"))
    return _remarked(question, remark)


def size_of_noise(measured: Measured) -> Question:
    """Ask whether noise moved those units more on which its force is larger.

    Parameters
    ----------
    measured : Measured
        See :func:`layers`.

    Returns
    -------
    Question
        The mean of :func:`order_of_noise`.
    """
    selection = Networks(measured, "reference").compared(order_of_noise)
    return ask_mean(selection, measured.named("reference"))


def change_against_adaptive(measured: Measured) -> Question:
    """Ask whether charges change as predicted where the theory holds, and not where it does not.

    Parameters
    ----------
    measured : Measured
        See :func:`layers`.

    Returns
    -------
    Question
        The difference of the means of :func:`order_of_change`.
    """
    selection = Networks(measured, "reference", "adaptive").compared(order_of_change)
    question = ask_difference(selection, measured, first="reference", second="adaptive")

    def remark() -> str:
        reference = Networks(measured, "reference").mean(order_of_change)
        adaptive = Networks(measured, "adaptive").mean(order_of_change)
        return f"reference {reference:.2f}, adaptive {adaptive:.2f}"

    return _remarked(question, remark)


def _rank_correlation(first: NDArray, second: NDArray) -> float:
    once = np.ones((1, len(first)), dtype=np.int64)
    return float(spearman(first, second, once)[0])


def _sum(changes: NDArray) -> float:
    return float(np.abs(changes).sum())


def _remarked(question: Question, remark: Callable[[], str]) -> Question:
    """Return a question whose answer says more."""

    def answer() -> Answer:
        return replace(question.answer(), remark=remark())

    return replace(question, answer=answer)


def has_forces(measured: Measured) -> bool:
    """Say whether the force of the noise is known, and what it did was booked.

    Parameters
    ----------
    measured : Measured
        With the stages "ledgers" and "equilibria".

    Returns
    -------
    bool
        Whether any group has both.
    """
    return len(_groups(measured)) > 0


def has_adaptive(measured: Measured) -> bool:
    """Say whether an adaptive optimizer stands beside that.

    Parameters
    ----------
    measured : Measured
        See :func:`has_forces`.

    Returns
    -------
    bool
        Whether any arm plays that role.
    """
    return has_forces(measured) and len(measured.arms("adaptive")) > 0


OF_FORCES = partial(
    Claim,
    source=SOURCE,
    unit_of_n="seeds",
    threshold=0.0,
    direction="above",
    stages=("minima", "ledgers", "equilibria"),
    applies=has_forces,
)
"""A claim about the forces on units and what became of their charges."""

CLAIMS = (
    OF_FORCES(
        identifier="N1",
        statement=(
            "Over the last quarter of a training with {reference}, the noise of mini-batches moves "
            "the charge of a unit the way that the force of the noise, measured at the minimum, "
            "points."
        ),
        statistic=(
            "fraction of the units for which the signs agree, minus that of shuffled units, mean "
            "over layers and seeds"
        ),
        ask=sign_of_noise,
    ),
    OF_FORCES(
        identifier="N1-size",
        statement=(
            "Over the last quarter of a training with {reference}, noise moves those units of a "
            "layer more on which its force, measured at the minimum, is larger."
        ),
        statistic=(
            "rank correlation of the force with the change booked as noise, mean over layers and "
            "seeds"
        ),
        ask=size_of_noise,
    ),
    OF_FORCES(
        identifier="N1-adaptive",
        statement=(
            "Over the last quarter of a training, the charges change as the force of the noise and "
            "weight decay say with {reference}, more than with {adaptive}, which moves them at "
            "first order."
        ),
        source="control of N1, ours",
        statistic=(
            "rank correlation of force minus decay with the change of the charges, mean over "
            "layers and seeds, first minus second"
        ),
        ask=change_against_adaptive,
        applies=has_adaptive,
    ),
)
