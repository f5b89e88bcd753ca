r"""Stochastic weight averaging: the mean of what SGD visits at a high, constant learning rate.

From a certain share of the epochs on, the learning rate is constant, and after every so many of
these epochs the weights :math:`\theta` enter the mean,

.. math:: \bar\theta \leftarrow \bar\theta + \frac{\theta - \bar\theta}{n + 1},

where :math:`n` is the number of terms that it has. Training yields the mean, or before its first
term the weights; SGD itself never sees the mean. A seed does not count as finished before its mean
has enough terms.

References
----------
Izmailov et al., "Averaging weights leads to wider optima and better generalization" (1803.05407),
algorithm 1. Differs from the source: the mean begins with the first epoch at the constant learning
rate, not with the weights before it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from symgeom.ground.schedule import Averaging
from symgeom.ground.types import Parameters
from symgeom.learning.optimizers.arithmetic import heavy_ball, per_member, zeros_like
from symgeom.learning.optimizers.method import Gradient, Method, State
from symgeom.learning.optimizers.options import BELOW_ONE, POSITIVE, check_number, check_whole


@final
@dataclass(frozen=True)
class AveragedSGD(Method):
    """Heavy-ball SGD whose weights are averaged in the end.

    Attributes
    ----------
    average_from : float
        Share of the epochs after which averaging begins.
    average_every : int
        Epochs between two terms of the mean.
    averages_least : int
        Terms that the mean must have before a seed may stop.
    averaging_learning_rate : float
        Constant, while averages are taken.

    Examples
    --------
    >>> method = AveragedSGD(average_from=0.5)
    >>> [method.learning_rate_at(epoch, 4) for epoch in range(4)]
    [0.1, 0.1, 0.05, 0.05]
    """

    name: ClassVar[str] = "swa"
    equivariant: ClassVar[bool] = True
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "constant"
    average_from: float = Averaging.average_from
    average_every: int = Averaging.average_every
    averages_least: int = Averaging.averages_least
    averaging_learning_rate: float = 0.05

    def __post_init__(self) -> None:
        self.check()
        rate = self.averaging_learning_rate
        check_number(self.name, "average_from", self.average_from, BELOW_ONE)
        check_number(self.name, "averaging_learning_rate", rate, POSITIVE)
        check_whole(self.name, "average_every", self.average_every, least=1)
        check_whole(self.name, "averages_least", self.averages_least, least=1)

    def learning_rate_at(self, epoch: float, epochs: int) -> float:
        """Return the scheduled learning rate, or the constant one once averaging has begun."""
        if epoch / epochs >= self.average_from:
            return self.averaging_learning_rate
        return super().learning_rate_at(epoch, epochs)

    def start(self, params: Parameters, seeds: Tensor | None = None) -> State:
        """Start at rest, with an empty mean."""
        first = next(iter(params.values()))
        none = torch.zeros(len(first), dtype=torch.int64, device=first.device)
        return {
            "velocity": zeros_like(params),
            "mean": zeros_like(params),
            "counts": {"terms": none, "epochs": none},
        }

    def begin_epoch(
        self,
        params: Parameters,
        state: State,
        *,
        progress: float,
        loss_at: Callable[[Parameters], Tensor],
    ) -> State:
        """Take the last epoch's end into the mean if it is due, and count the epoch."""
        counts = dict(state["counts"])
        mean = state["mean"]
        if self._due(state):
            mean = self._mean(params, state)
            counts["terms"] = counts["terms"] + 1
        if progress >= self.average_from:
            counts["epochs"] = counts["epochs"] + 1
        return {**state, "mean": mean, "counts": counts}

    def direction(
        self, gradient_at: Gradient, params: Parameters, state: State
    ) -> tuple[dict[str, Tensor], State]:
        """Return the new velocity."""
        velocity = heavy_ball(
            state["velocity"],
            gradient_at(params),
            params,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
        )
        return velocity, {**state, "velocity": velocity}

    def output(self, params: Parameters, state: State) -> dict[str, Tensor]:
        """Return the means, with this epoch's end if it is due; or the weights, if none is."""
        if self._due(state):
            return {**params, **self._mean(params, state)}
        if _count(state, "terms") > 0:
            return {**params, **state["mean"]}
        return dict(params)

    def never_finishes(self, epochs: int) -> str | None:
        """Return why the mean could never have enough terms, if so."""
        averaging = Averaging(self.average_from, self.average_every, self.averages_least)
        return averaging.obstacle(epochs)

    def may_stop(self, state: State) -> bool:
        """Return whether the means have enough terms."""
        terms = _count(state, "terms")
        if self._due(state):
            terms += 1
        return terms >= self.averages_least

    def _due(self, state: State) -> bool:
        """Return whether the weights at the end of this epoch are to enter the mean."""
        terms = _count(state, "terms")
        return _count(state, "epochs") == (terms + 1) * self.average_every

    def _mean(self, params: Parameters, state: State) -> dict[str, Tensor]:
        """Return the means with the weights as one more term."""
        share = 1 / (state["counts"]["terms"] + 1).to(torch.float64)
        means = {}
        for name, mean in state["mean"].items():
            means[name] = torch.addcmul(mean, per_member(share, mean), params[name] - mean)
        return means


def _count(state: State, name: str) -> int:
    """Return a count, which is the same for all members."""
    return int(state["counts"][name][0])
