r"""Sharpness-aware minimisation: descend along the gradient of the worst point nearby.

Each step takes two gradients of the same mini-batch,

.. math:: \epsilon = \rho\, g(\theta) / \lVert g(\theta) \rVert, \qquad
          v' = \beta v + g(\theta + \epsilon) + \lambda\theta, \qquad \theta' = \theta - \eta v',

the norm being that of one network's whole gradient, without weight decay. A network whose gradient
is zero is not perturbed.

*Adaptive* sharpness-aware minimisation measures the neighbourhood in proportion to the weights,
:math:`T = |\theta| + \zeta` elementwise,

.. math:: \epsilon = \rho\, T^2 g(\theta) / \lVert T g(\theta) \rVert .

With :math:`\zeta = 0` the worst point of a rescaled network is the rescaled worst point: the radius
does not depend on the representative.

References
----------
Foret et al., "Sharpness-aware minimization for efficiently improving generalization" (2010.01412),
algorithm 1 with p = 2. Kwon et al., "ASAM: adaptive sharpness-aware minimization" (2102.11600),
algorithm 1, with eta for our zeta (``offset``). Differs from the source: biases count like all
weights (in its code, they do not), and the offset is 0 by default (there 0.01): for invariance.
"""

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.learning.optimizers.arithmetic import heavy_ball, per_member, squared_norms, zeros_like
from symgeom.learning.optimizers.method import Gradient, Method, State
from symgeom.learning.optimizers.options import NOT_NEGATIVE, check_number, check_switch


@final
@dataclass(frozen=True)
class SAM(Method):
    """Sharpness-aware minimisation over heavy-ball SGD.

    Attributes
    ----------
    rho : float
        Radius of the perturbation: in the units of the parameters, or relative to them if adaptive
        (0.5 is then usual).
    adaptive : bool
        Whether the neighbourhood is measured in proportion to the weights.
    offset : float
        Added to the size of every weight, if adaptive.

    Examples
    --------
    >>> params = {"w": torch.tensor([[3.0, 4.0]])}
    >>> method = SAM(learning_rate=0.1, rho=0.5)
    >>> method.direction(lambda at: at, params, method.start(params))[0]["w"]
    tensor([[3.3000, 4.4000]])
    """

    name: ClassVar[str] = "sam"
    equivariant: ClassVar[bool] = False
    gradients_per_step: ClassVar[int] = 2
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "constant"
    rho: float = 0.05
    adaptive: bool = False
    offset: float = 0.0

    def __post_init__(self) -> None:
        self.check()
        check_number(self.name, "rho", self.rho, NOT_NEGATIVE)
        check_number(self.name, "offset", self.offset, NOT_NEGATIVE)
        check_switch(self.name, "adaptive", self.adaptive)

    def start(self, params: Parameters, seeds: Tensor | None = None) -> State:
        """Start at rest."""
        return {"velocity": zeros_like(params)}

    def direction(
        self, gradient_at: Gradient, params: Parameters, state: State
    ) -> tuple[dict[str, Tensor], State]:
        """Return the new velocity, driven by the gradient at the perturbed point."""
        worst = self._perturbed(params, gradient_at(params))
        velocity = heavy_ball(
            state["velocity"],
            gradient_at(worst),
            params,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
        )
        return velocity, {"velocity": velocity}

    def _perturbed(self, params: Parameters, gradient: Parameters) -> dict[str, Tensor]:
        """Return the worst point nearby, to first order."""
        measured = gradient  # its norm is the slope, measured in the metric of the neighbourhood
        ascent = gradient
        if self.adaptive:
            measured, ascent = self._adapted(params, gradient)
        norm = squared_norms(measured).sqrt()
        scale = torch.where(norm > 0, self.rho / norm, torch.zeros_like(norm))
        perturbed = dict(params)
        for name, tensor in ascent.items():
            perturbed[name] = torch.addcmul(params[name], per_member(scale, tensor), tensor)
        return perturbed

    def _adapted(
        self, params: Parameters, gradient: Parameters
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the gradient multiplied by the sizes of the weights, once and twice."""
        once = {}
        twice = {}
        for name, tensor in gradient.items():
            sizes = params[name].abs().add_(self.offset)
            once[name] = sizes * tensor
            twice[name] = sizes.mul_(once[name])
        return once, twice
