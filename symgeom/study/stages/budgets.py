"""The budget that an arm takes over from another one: gradients of single samples, seed by seed.

A seed trains on past the stop rule until it has spent what the seed of its number spent in the
other arm. Schedules take as long as the other arm's would at most: that depends on no seed, so that
the numbers do not depend on which seeds share a job.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import xarray as xr

from symgeom.learning.training import Trained
from symgeom.store import read_store
from symgeom.study.labels import NO_BUDGET
from symgeom.study.stored_networks import LOST

READ = ("arm", "seed", "epoch", "status", "epochs", "sample_gradients", "history_loss")
"""What is read of the minima of the other arm."""


@dataclass(frozen=True)
class Budget:
    """What the seeds of an arm have spent, in gradients of single samples.

    Attributes
    ----------
    arm : str
        The arm.
    spent : tuple of int
        One number per seed; 0 for a seed that diverged.
    most : int
        What a seed spends that trains to the epoch limit of the arm; 0 if all diverged at once.
    depth : float or None
        The training loss at which its case is compared, if it is compared at a common depth: what
        the seeds are to come to, in place of a stop rule. NaN if there is none.
    """

    arm: str
    spent: tuple[int, ...]
    most: int
    depth: float | None = None

    @property
    def budgets(self) -> tuple[int, ...]:
        """Return the budgets for training.

        Returns
        -------
        tuple of int
            At least 1: a seed without a budget trains up to the first evaluation, because the
            ledger of a job begins with all its seeds.
        """
        return tuple(max(1, spent) for spent in self.spent)

    @classmethod
    def read(cls, path: str, seeds: Sequence[int]) -> Self:
        """Read the budget from the store of an arm's minima.

        Parameters
        ----------
        path : str
            The store.
        seeds : sequence of int
            Which seeds, in this order.

        Returns
        -------
        Budget
            What they have spent.
        """
        return cls.of(read_store(path, only=READ), seeds)

    @classmethod
    def of(cls, minima: xr.Dataset, seeds: Sequence[int]) -> Self:
        """Return what seeds of an arm have spent.

        Parameters
        ----------
        minima : xr.Dataset
            The minima of the arm, as :func:`~symgeom.study.stages.training.measure` labels them.
        seeds : sequence of int
            Which seeds, in this order.

        Returns
        -------
        Budget
            Of seeds that diverged, nothing.
        """
        arm = minima["arm"].values.tolist()[0]
        of_seeds = minima.sel(arm=arm, seed=list(seeds))
        gradients = of_seeds["sample_gradients"]
        spent = gradients.where(of_seeds["status"] != LOST, 0)
        trained = of_seeds["epochs"] > 0
        per_epoch = (gradients / of_seeds["epochs"].where(trained)).max().fillna(0)
        limit = minima.sizes["epoch"] - 1
        most = limit * int(per_epoch)
        return cls(arm, tuple(map(int, spent.values)), most, minima.attrs.get("depth"))

    def stop_rule(self) -> dict[str, float]:
        """Return the stop rule of a case that is compared at a common depth.

        Returns
        -------
        dict of str to float
            Fields of a plan; empty if the case has a stop rule of its own.

        Examples
        --------
        >>> Budget("rsgd", (600, 900), most=3000, depth=0.1).stop_rule()
        {'stop_error': 1.0, 'stop_loss': 0.1}
        """
        if self.depth is None:
            return {}
        nowhere = math.isnan(self.depth)
        return {"stop_error": 1.0, "stop_loss": 0.0 if nowhere else self.depth}

    def attributes(self) -> dict[str, str | float]:
        """Return what minima at this budget say of it.

        Returns
        -------
        dict of str to str or float
            The other arm, and the common depth if there is one.
        """
        if self.depth is None:
            return {"budget_of": self.arm}
        return {"budget_of": self.arm, "depth": self.depth}

    def epochs(self, per_epoch: int) -> int:
        """Return how many epochs the largest budget of the arm allows.

        Parameters
        ----------
        per_epoch : int
            Gradients of single samples that an epoch costs here.

        Returns
        -------
        int
            At least one.

        Examples
        --------
        >>> Budget("rsgd", (600, 900), most=3000).epochs(per_epoch=200)
        15
        """
        return max(1, math.ceil(self.most / per_epoch))

    def named(self, trained: Trained) -> Trained:
        """Say of the seeds without a budget that they have none.

        Parameters
        ----------
        trained : Trained
            What training at this budget has yielded.

        Returns
        -------
        Trained
            The same with its status.
        """
        states = []
        for budget, state in zip(self.spent, trained.status, strict=True):
            states.append(state if budget else NO_BUDGET)
        return replace(trained, status=tuple(states))
