r"""Adam: steps scaled by running moments of the gradient.

With :math:`g` the mini-batch gradient plus coupled weight decay, elementwise,

.. math:: m' = \beta_1 m + (1-\beta_1) g, \quad v' = \beta_2 v + (1-\beta_2) g^2, \quad
          d = \frac{m'/(1-\beta_1^t)}{\sqrt{v'/(1-\beta_2^t)} + \epsilon}.

*Decoupled* weight decay (AdamW) stays out of the moments: :math:`\lambda\theta` is added to the
direction :math:`d`, so that a step shrinks every weight by the factor :math:`1 - \eta\lambda`.

It is not equivariant: the elementwise division breaks every continuous symmetry of the network.

References
----------
Kingma and Ba, "Adam: a method for stochastic optimization" (1412.6980), algorithm 1. Loshchilov and
Hutter, "Decoupled weight decay regularization" (1711.05101), algorithm 2. Differs from the source:
the decay is multiplied by the learning rate, as in PyTorch.
"""

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.learning.optimizers.arithmetic import decayed, zeros_like
from symgeom.learning.optimizers.method import Gradient, Method, State
from symgeom.learning.optimizers.options import BELOW_ONE, POSITIVE, check_number, check_switch


@final
@dataclass(frozen=True)
class Adam(Method):
    """Adam with bias correction.

    Attributes
    ----------
    beta1, beta2 : float
        Memory of the first and second moment.
    epsilon : float
        Added to the root of the second moment, in the units of the gradient (part of the method,
        not a guard).
    decoupled : bool
        Whether the weight decay is AdamW's.

    Examples
    --------
    >>> params = {"w": torch.full((1, 2), 3.0)}
    >>> method = Adam(learning_rate=0.1)
    >>> method.direction(lambda at: at, params, method.start(params))[0]["w"].round(decimals=6)
    tensor([[1., 1.]])
    """

    name: ClassVar[str] = "adam"
    equivariant: ClassVar[bool] = False
    momentum = 0.0
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    schedule: str = "constant"
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    decoupled: bool = False

    def __post_init__(self) -> None:
        self.check()
        check_number(self.name, "beta1", self.beta1, BELOW_ONE)
        check_number(self.name, "beta2", self.beta2, BELOW_ONE)
        check_number(self.name, "epsilon", self.epsilon, POSITIVE)
        check_switch(self.name, "decoupled", self.decoupled)

    @property
    def preconditioned(self) -> bool:
        """Return whether the weight decay passes through the moments."""
        return not self.decoupled

    def start(self, params: Parameters, seeds: Tensor | None = None) -> State:
        """Start without memory."""
        first = next(iter(params.values()))
        count = torch.zeros(len(first), dtype=torch.float64, device=first.device)
        return {
            "first": zeros_like(params),
            "second": zeros_like(params),
            "steps": {"count": count},
        }

    def direction(
        self, gradient_at: Gradient, params: Parameters, state: State
    ) -> tuple[dict[str, Tensor], State]:
        """Return the corrected first moment over the root of the corrected second one."""
        gradient = gradient_at(params)
        if not self.decoupled:
            gradient = decayed(gradient, params, self.weight_decay)
        count = state["steps"]["count"] + 1
        steps = int(count[0])  # the same for all members
        first = {}
        second = {}
        direction = {}
        for name, tensor in gradient.items():
            first[name] = torch.lerp(state["first"][name], tensor, 1 - self.beta1)
            second[name] = self._second_moment(state["second"][name], tensor)
            direction[name] = self._corrected(first[name], second[name], steps)
        if self.decoupled:
            direction = decayed(direction, params, self.weight_decay)
        return direction, {"first": first, "second": second, "steps": {"count": count}}

    def _second_moment(self, before: Tensor, gradient: Tensor) -> Tensor:
        """Return the running mean of the squared gradient after one more gradient."""
        remembered = torch.mul(before, self.beta2)
        return remembered.addcmul_(gradient, gradient, value=1 - self.beta2)

    def _corrected(self, first: Tensor, second: Tensor, steps: int) -> Tensor:
        """Return the direction, corrected for moments that began at zero."""
        variance = torch.div(second, 1 - self.beta2**steps)
        deviation = variance.sqrt_().add_(self.epsilon)
        return torch.div(first, deviation).div_(1 - self.beta1**steps)
