r"""Stochastic gradient descent with the heavy ball.

.. math:: v' = \beta v + g + \lambda\theta, \qquad \theta' = \theta - \eta v',

with :math:`g` the mini-batch gradient, :math:`\beta` the momentum (no damping, not Nesterov's) and :math:`\lambda` the coupled
weight decay: ``torch.optim.SGD``. It is equivariant under every orthogonal symmetry and exactly accountable under rescaling.

References
----------
Polyak, "Some methods of speeding up the convergence of iteration methods" (1964).
"""

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor

from symgeom.optimizers.arithmetic import decayed, heavy_ball, zeros_like
from symgeom.optimizers.method import Gradient, Method, State
from symgeom.types import Parameters


@final
@dataclass(frozen=True)
class SGD(Method):
    """Heavy-ball stochastic gradient descent; the attributes are those of :class:`Method`.

    Examples
    --------
    >>> import torch
    >>> params = {"w": torch.ones(1, 2)}
    >>> method = SGD(learning_rate=0.1)
    >>> method.direction(lambda at: at, params, method.start(params))[0]
    {'w': tensor([[1., 1.]])}
    """

    name: ClassVar[str] = "sgd"
    equivariant: ClassVar[bool] = True
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "constant"

    def __post_init__(self) -> None:
        self.check()

    def start(self, params: Parameters) -> State:
        """Start at rest."""
        return {"velocity": zeros_like(params)}

    def direction(self, gradient_at: Gradient, params: Parameters, state: State) -> tuple[dict[str, Tensor], State]:
        """Return the new velocity."""
        force = decayed(gradient_at(params), params, self.weight_decay)
        velocity = heavy_ball(state["velocity"], force, self.momentum)
        return velocity, {"velocity": velocity}
