r"""Adam: steps scaled by running moments of the gradient.

With :math:`g` the mini-batch gradient plus coupled weight decay, elementwise,

.. math:: m' = \beta_1 m + (1-\beta_1) g, \quad v' = \beta_2 v + (1-\beta_2) g^2, \quad
          d = \frac{m'/(1-\beta_1^t)}{\sqrt{v'/(1-\beta_2^t)} + \epsilon}.

It is not equivariant: the elementwise division breaks every continuous symmetry of the network.

References
----------
Kingma and Ba, "Adam: a method for stochastic optimization" (1412.6980), algorithm 1.
"""

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from symgeom.optimizers.arithmetic import decayed, zeros_like
from symgeom.optimizers.method import Gradient, Method, State, check_number
from symgeom.types import Parameters


@final
@dataclass(frozen=True)
class Adam(Method):
    """Adam with bias correction.

    Attributes
    ----------
    beta1, beta2 : float
        Memory of the first and second moment.
    epsilon : float
        Added to the root of the second moment, in the units of the gradient (part of the method, not a guard).

    Examples
    --------
    >>> params = {"w": torch.full((1, 2), 3.0)}
    >>> method = Adam(learning_rate=0.1)
    >>> method.direction(lambda at: at, params, method.start(params))[0]["w"].round(decimals=6)
    tensor([[1., 1.]])
    """

    name: ClassVar[str] = "adam"
    equivariant: ClassVar[bool] = False
    preconditioned: ClassVar[bool] = True
    momentum: ClassVar[float] = 0.0
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    schedule: str = "constant"
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        self.check()
        check_number(self, "beta1", least=0, below=1)
        check_number(self, "beta2", least=0, below=1)
        check_number(self, "epsilon", above=0)

    def start(self, params: Parameters) -> State:
        """Start without memory."""
        first = next(iter(params.values()))
        count = torch.zeros(len(first), dtype=torch.float64, device=first.device)
        return {"first": zeros_like(params), "second": zeros_like(params), "steps": {"count": count}}

    def direction(self, gradient_at: Gradient, params: Parameters, state: State) -> tuple[dict[str, Tensor], State]:
        """Return the corrected first moment over the root of the corrected second."""
        gradient = decayed(gradient_at(params), params, self.weight_decay)
        count = state["steps"]["count"] + 1
        steps = int(count[0])  # the same for all members
        direction, first, second = {}, {}, {}
        for name, tensor in gradient.items():
            first[name] = self.beta1 * state["first"][name] + (1 - self.beta1) * tensor
            second[name] = self.beta2 * state["second"][name] + (1 - self.beta2) * tensor.square()
            mean = first[name] / (1 - self.beta1**steps)
            variance = second[name] / (1 - self.beta2**steps)
            direction[name] = mean / (variance.sqrt() + self.epsilon)
        return direction, {"first": first, "second": second, "steps": {"count": count}}
