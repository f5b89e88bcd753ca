r"""Stochastic gradient descent with the heavy ball.

.. math:: v' = \beta v + g + \lambda\theta, \qquad \theta' = \theta - \eta v',

with :math:`g` the mini-batch gradient, :math:`\beta` the momentum (no damping) and :math:`\lambda`
the coupled weight decay: ``torch.optim.SGD``. It is equivariant under every orthogonal symmetry and
exactly accountable under rescaling.

With Nesterov's momentum, :math:`\theta' = \theta - \eta\,(g + \lambda\theta + \beta v')`, it is no
heavy ball: the ledger then books what it does to the charges as the optimizer's own.

References
----------
Polyak, "Some methods of speeding up the convergence of iteration methods" (1964). Sutskever et al.,
"On the importance of initialization and momentum in deep learning" (2013), section 2: Nesterov's
momentum (in PyTorch's form).
"""

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters
from symgeom.learning.optimizers.arithmetic import heavy_ball, zeros_like
from symgeom.learning.optimizers.method import Gradient, Method, State
from symgeom.learning.optimizers.options import check_switch


@final
@dataclass(frozen=True)
class SGD(Method):
    """Stochastic gradient descent with momentum.

    Attributes
    ----------
    nesterov : bool
        Whether the momentum is Nesterov's.

    Examples
    --------
    >>> import torch
    >>> params = {"w": torch.ones(1, 2)}
    >>> method = SGD(learning_rate=0.1)
    >>> method.direction(lambda at: at, params, method.start(params))[0]
    {'w': tensor([[1., 1.]])}
    """

    name: ClassVar[str] = "sgd"
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "constant"
    nesterov: bool = False

    def __post_init__(self) -> None:
        self.check()
        check_switch(self.name, "nesterov", self.nesterov)
        if self.nesterov and self.momentum == 0:
            raise SymgeomError(
                "Cannot use optimizer 'sgd' with nesterov = True and momentum = 0: "
                "give it a momentum, or leave nesterov out."
            )

    @property
    def equivariant(self) -> bool:
        """Return whether the direction is that of the heavy ball."""
        return not self.nesterov

    def start(self, params: Parameters, seeds: Tensor | None = None) -> State:
        """Start at rest."""
        return {"velocity": zeros_like(params)}

    def direction(
        self, gradient_at: Gradient, params: Parameters, state: State
    ) -> tuple[dict[str, Tensor], State]:
        """Return the new velocity, or what Nesterov's momentum makes of it."""
        gradient = gradient_at(params)
        velocity = self._pushed(state["velocity"], gradient, params)
        direction = velocity
        if self.nesterov:
            # The velocity that the next step would have if the gradient did not change.
            direction = self._pushed(velocity, gradient, params)
        return direction, {"velocity": velocity}

    def _pushed(
        self, velocity: Parameters, gradient: Parameters, params: Parameters
    ) -> dict[str, Tensor]:
        """Return a velocity after one step of the heavy ball."""
        return heavy_ball(
            velocity,
            gradient,
            params,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
        )
