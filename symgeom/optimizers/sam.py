r"""Sharpness-aware minimisation: descend along the gradient of the worst point nearby.

Each step takes two gradients of the same mini-batch,

.. math:: \epsilon = \rho\, g(\theta) / \lVert g(\theta) \rVert, \qquad
          v' = \beta v + g(\theta + \epsilon) + \lambda\theta, \qquad \theta' = \theta - \eta v',

the norm being that of one network's whole gradient, without weight decay. A network whose gradient is zero is not perturbed.

References
----------
Foret et al., "Sharpness-aware minimization for efficiently improving generalization" (2010.01412), algorithm 1 with p = 2.
"""

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from symgeom.optimizers.arithmetic import decayed, heavy_ball, squared_norms, zeros_like
from symgeom.optimizers.method import Gradient, Method, State, check_number
from symgeom.types import Parameters


@final
@dataclass(frozen=True)
class SAM(Method):
    """Sharpness-aware minimisation over heavy-ball SGD.

    Attributes
    ----------
    rho : float
        Radius of the perturbation, in the units of the parameters.

    Examples
    --------
    >>> params = {"w": torch.tensor([[3.0, 4.0]])}
    >>> method = SAM(learning_rate=0.1, rho=0.5)
    >>> method.direction(lambda at: at, params, method.start(params))[0]["w"]
    tensor([[3.3000, 4.4000]])
    """

    name: ClassVar[str] = "sam"
    equivariant: ClassVar[bool] = False
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "constant"
    rho: float = 0.05

    def __post_init__(self) -> None:
        self.check()
        check_number(self, "rho", least=0)

    def start(self, params: Parameters) -> State:
        """Start at rest."""
        return {"velocity": zeros_like(params)}

    def direction(self, gradient_at: Gradient, params: Parameters, state: State) -> tuple[dict[str, Tensor], State]:
        """Return the new velocity, driven by the gradient at the perturbed point."""
        first = gradient_at(params)
        norm = squared_norms(first).sqrt()
        scale = torch.where(norm > 0, self.rho / norm, torch.zeros_like(norm))
        perturbed = dict(params)
        for name, tensor in first.items():
            perturbed[name] = params[name] + scale.view((-1,) + (1,) * (tensor.ndim - 1)) * tensor
        force = decayed(gradient_at(perturbed), params, self.weight_decay)
        velocity = heavy_ball(state["velocity"], force, self.momentum)
        return velocity, {"velocity": velocity}
