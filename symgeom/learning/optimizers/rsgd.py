r"""Replicated SGD: replicas that attract each other find wide flat minima.

Each seed trains :math:`y` replicas :math:`w_a`, from their own starts and on their own
mini-batches, on the loss

.. math:: \frac1y \sum_a L_a(w_a) + \gamma\,\frac1y \sum_a \lVert w_a - \bar w\rVert^2,
          \qquad \bar w = \frac1y\sum_a w_a,

with the learning rate multiplied by :math:`y`. The factors cancel: each replica follows heavy-ball
SGD on :math:`g_a + 2\gamma\,(w_a - \bar w)`, and :math:`\gamma = 0` gives :math:`y` independent
runs. *Focusing*: the coupling begins at :math:`\gamma_0`, by default such that both terms of the
loss are equal, and is multiplied once per epoch so as to grow by the factor :math:`G` over all
epochs. Training yields the centre of mass :math:`\bar w`.

Differs from the source: the coupling never exceeds :math:`1/(2\eta)`, where one step without
momentum puts every replica on the centre (beyond :math:`(1+\beta)/\eta` explicit steps diverge);
and the weight decay is not multiplied by :math:`y`.

References
----------
Pittorino et al., "Entropic gradient descent algorithms and wide flat minima" (2006.07897); the
factors, the focusing and the defaults are those of its authors' code, SacredDNN. Baldassi et al.,
"Unreasonable effectiveness of learning neural networks" (1605.06444), the replicated loss.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from symgeom.ground.types import Parameters, cast
from symgeom.learning.optimizers.arithmetic import (
    decayed,
    heavy_ball,
    per_member,
    squared_norms,
    zeros_like,
)
from symgeom.learning.optimizers.method import Gradient, Method, State
from symgeom.learning.optimizers.options import (
    NOT_NEGATIVE,
    POSITIVE,
    check_number,
    check_whole,
)


@final
@dataclass(frozen=True)
class ReplicatedSGD(Method):
    """Replicated SGD with focusing; member = seed * replicas + replica.

    Attributes
    ----------
    replicas : int
        Replicas of a seed, at least 2.
    coupling : float or None
        The coupling at the first epoch. If None, it is the mean training loss of the replicas over
        their mean squared distance to the centre.
    growth : float
        Factor by which the coupling grows over the epochs.

    Examples
    --------
    >>> method = ReplicatedSGD(replicas=2)
    >>> method.output({"w": torch.tensor([[1.0], [3.0], [4.0], [6.0]])}, {})
    {'w': tensor([[2.],
            [5.]])}
    """

    name: ClassVar[str] = "rsgd"
    equivariant: ClassVar[bool] = False
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "constant"
    replicas: int = 3
    coupling: float | None = None
    growth: float = 1e4

    def __post_init__(self) -> None:
        self.check()
        check_number(self.name, "growth", self.growth, POSITIVE)
        if self.coupling is not None:
            check_number(self.name, "coupling", self.coupling, NOT_NEGATIVE)
        check_whole(self.name, "replicas", self.replicas, least=2, otherwise="use 'sgd'")

    @property
    def members_per_seed(self) -> int:
        """Return the number of replicas."""
        return self.replicas

    def start(self, params: Parameters, seeds: Tensor | None = None) -> State:
        """Start at rest, uncoupled until the first epoch begins."""
        first = next(iter(params.values()))
        none = torch.zeros(len(first), dtype=torch.float64, device=first.device)
        return {"velocity": zeros_like(params), "coupling": {"first": none, "now": none}}

    def begin_epoch(
        self,
        params: Parameters,
        state: State,
        *,
        progress: float,
        loss_at: Callable[[Parameters], Tensor],
    ) -> State:
        """Set the coupling of the epoch, one value per seed."""
        first = state["coupling"]["first"]
        if progress == 0:
            first = self._first_coupling(params, loss_at)
        now = (first * self.growth**progress).clamp(max=1 / (2 * self.learning_rate))
        return {**state, "coupling": {"first": first, "now": now}}

    def direction(
        self, gradient_at: Gradient, params: Parameters, state: State
    ) -> tuple[dict[str, Tensor], State]:
        """Return the new velocity, driven by the gradient and by the coupling to the centre."""
        force = decayed(gradient_at(params), params, self.weight_decay)
        away = self.displacement({name: params[name] for name in force})
        for name, distance in away.items():
            coupling = per_member(state["coupling"]["now"], distance)
            force[name] = torch.addcmul(force[name], coupling, distance, value=2)
        velocity = heavy_ball(
            state["velocity"],
            force,
            params,
            momentum=self.momentum,
            weight_decay=0.0,
        )
        return velocity, {**state, "velocity": velocity}

    def output(self, params: Parameters, state: State) -> dict[str, Tensor]:
        """Return the centres of mass, one per seed."""
        return self._centre(params)

    def _centre(self, params: Parameters) -> dict[str, Tensor]:
        """Return the mean of the replicas of every seed."""
        return {name: self._sum(tensor) / self.replicas for name, tensor in params.items()}

    def displacement(self, params: Parameters) -> dict[str, Tensor]:
        """Return the replicas relative to their centres.

        Parameters
        ----------
        params : Parameters
            Stacked members.

        Returns
        -------
        dict of str to Tensor
            Stacked members; the sum over the replicas of a seed is zero.
        """
        displacements = {}
        for name, centre in self._centre(params).items():
            centres = centre.repeat_interleave(self.replicas, 0)
            displacements[name] = params[name] - centres
        return displacements

    def _sum(self, tensor: Tensor) -> Tensor:
        """Return the sums over the replicas of every seed."""
        # A reduction might choose its order by the number of seeds, which would change the last
        # bit; so the replicas are added one by one.
        total = tensor.new_zeros(())
        for replica in tensor.unflatten(0, (-1, self.replicas)).unbind(1):
            total = total + replica
        return total

    def _first_coupling(
        self, params: Parameters, loss_at: Callable[[Parameters], Tensor]
    ) -> Tensor:
        """Return the coupling at the first epoch, one value per member."""
        if self.coupling is not None:
            first = next(iter(params.values()))
            couplings = torch.full((len(first),), self.coupling, dtype=torch.float64)
            return couplings.to(first.device)
        losses = loss_at(params).to(torch.float64)
        squares = squared_norms(self.displacement(cast(params, torch.float64)))
        ratio = self._sum(losses) / self._sum(squares)
        # Replicas that start at one point need no attraction, and would ask for an infinite one.
        finite = torch.where(torch.isfinite(ratio), ratio, torch.zeros_like(ratio))
        return finite.repeat_interleave(self.replicas)
