r"""Entropy-SGD: descend on the local entropy, whose gradient points to the mean of a random walk nearby.

Local entropy is the logarithm of the volume of low loss around a point :math:`x`, seen through a
Gaussian window of scope :math:`\gamma`; its gradient is :math:`-\gamma\,(x - \langle x'\rangle)`,
the mean being over

.. math:: p(x') \propto \exp\Big(-L(x') - \frac\gamma2 \lVert x' - x\rVert^2\Big).

An inner loop, a walk of some steps of Langevin dynamics with the heavy ball, each on a mini-batch
of its own, estimates the mean by a running one; an outer step then moves :math:`x`, and the next
walk begins there, at rest:

.. math:: v' = \beta v + g(x') + \lambda x' + \gamma\,(x' - x), \quad x' \leftarrow x' - \eta'\,\big(v' + \epsilon\,
          \sqrt{2/\eta'}\;\xi\big), \quad \mu \leftarrow \alpha\mu + (1-\alpha)\,x'; \qquad x \leftarrow x - \eta\,(x - \mu).

*Scoping*: :math:`\gamma` grows by a factor over all epochs, so that the window closes. Training
yields :math:`x`. Every inner step costs a gradient: compare with other methods at an equal number
of gradients.

References
----------
Chaudhari et al., "Entropy-SGD: biasing gradient descent into wide valleys" (1611.01838), algorithm
1. Pittorino et al., "Entropic gradient descent algorithms and wide flat minima" (2006.07897).
Differs from the source: our :math:`\eta` is its :math:`\eta\gamma`, the share of the way to the
mean; :math:`\gamma` grows by epoch, not by step, and never exceeds :math:`1/\eta'`, where one step
without momentum leads back to :math:`x`; the running mean keeps the share :math:`\alpha` of itself,
as in code that both groups use (the algorithm exchanges :math:`\alpha` and :math:`1-\alpha`);
weight decay acts in the inner loop only, and the outer step has no momentum.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters
from symgeom.learning.optimizers.arithmetic import decayed, heavy_ball, per_member, zeros_like
from symgeom.learning.optimizers.method import Gradient, Method, State
from symgeom.learning.optimizers.options import check_number, check_whole


@final
@dataclass(frozen=True)
class EntropySGD(Method):
    """Entropy-SGD with scoping; one training step is one inner step.

    Attributes
    ----------
    learning_rate : float
        Of the outer step, the share of the way to the mean; the schedule is its own.
    momentum : float
        Of the inner steps.
    inner_steps : int
        Steps of the walk, each with a gradient, between two outer steps.
    inner_learning_rate : float
        Of the walk.
    scope : float
        Strength of the attraction to the outer point at the first epoch.
    scope_growth : float
        Factor by which the scope grows over the epochs.
    noise : float
        Strength of the noise of the walk.
    averaging : float
        Share of itself that the running mean keeps in every inner step.

    Examples
    --------
    >>> params = {"w": torch.tensor([[4.0]])}
    >>> method = EntropySGD(inner_steps=1, inner_learning_rate=0.5, momentum=0.0, noise=0.0, averaging=0.0)
    >>> direction, state = method.direction(lambda at: at, params, method.start(params, torch.tensor([1])))
    >>> method.output(params, state)  # the walk halves the weight, and the outer point goes where it ends
    {'w': tensor([[2.]])}
    """

    name: ClassVar[str] = "entropy_sgd"
    equivariant: ClassVar[bool] = False
    draws_noise: ClassVar[bool] = True
    learning_rate: float = 1.0
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "constant"
    inner_steps: int = 20
    inner_learning_rate: float = 0.1
    scope: float = 0.1
    scope_growth: float = 100.0
    noise: float = 1e-4
    averaging: float = 0.75

    def __post_init__(self) -> None:
        self.check()
        check_whole(self, "inner_steps", least=1, otherwise="use 'sgd'")
        check_number(self, "inner_learning_rate", above=0)
        check_number(self, "scope", least=0)
        check_number(self, "scope_growth", above=0)
        check_number(self, "noise", least=0)
        check_number(self, "averaging", least=0, below=1)

    def learning_rate_at(self, epoch: int, epochs: int) -> float:
        """Return the learning rate of the walk, which is constant."""
        return self.inner_learning_rate

    def start(self, params: Parameters, seeds: Tensor | None = None) -> State:
        """Start the walk at the outer point, at rest.

        Parameters
        ----------
        params : Parameters
            Stacked networks.
        seeds : Tensor of int64, shape (member,)
            Where the noise of each member begins: it depends on the seed and the number of the step
            only.

        Returns
        -------
        State
            Outer points, running means, velocities, and what counts.

        Raises
        ------
        SymgeomError
            If there are no seeds.
        """
        if seeds is None:
            raise SymgeomError(
                "Cannot start optimizer 'entropy_sgd' without seeds of its noise: give an integer per member."
            )
        anchor = {
            name: tensor.clone() for name, tensor in params.items() if tensor.is_floating_point()
        }
        like = next(iter(anchor.values()))
        number = torch.zeros(len(like), dtype=torch.int64, device=like.device)
        options = {"scope": self.scope, "learning_rate": self.learning_rate}
        return {
            "anchor": anchor,
            "mean": anchor,
            "velocity": zeros_like(params),
            "outer": {
                name: torch.full_like(number, value, dtype=torch.float64)
                for name, value in options.items()
            },
            "steps": {"inner": number, "total": number, "seed": seeds.to(like.device)},
        }

    def begin_epoch(
        self,
        params: Parameters,
        state: State,
        *,
        progress: float,
        loss_at: Callable[[Parameters], Tensor],
    ) -> State:
        """Set the scope and the learning rate of the outer steps."""
        scope = min(self.scope * self.scope_growth**progress, 1 / self.inner_learning_rate)
        now = {"scope": scope, "learning_rate": super().learning_rate_at(progress, 1)}
        return {
            **state,
            "outer": {
                name: torch.full_like(tensor, now[name]) for name, tensor in state["outer"].items()
            },
        }

    def direction(
        self, gradient_at: Gradient, params: Parameters, state: State
    ) -> tuple[dict[str, Tensor], State]:
        """Return the direction of one step of the walk; the last one of a walk leads to the new outer point."""
        steps = {
            **state["steps"],
            "total": state["steps"]["total"] + 1,
            "inner": state["steps"]["inner"] + 1,
        }
        anchor, scope = state["anchor"], state["outer"]["scope"]
        force = decayed(gradient_at(params), params, self.weight_decay)
        for name, tensor in force.items():
            force[name] = torch.addcmul(
                tensor, per_member(scope, tensor), params[name] - anchor[name]
            )
        velocity = heavy_ball(
            state["velocity"], force, params, momentum=self.momentum, weight_decay=0.0
        )
        direction = self._shaken(velocity, state["steps"])
        mean = dict(state["mean"])
        for name, tensor in direction.items():
            reached = torch.sub(params[name], tensor, alpha=self.inner_learning_rate)
            mean[name] = torch.lerp(reached, mean[name], self.averaging)
        if int(steps["inner"][0]) < self.inner_steps:  # the same for all members
            return direction, {**state, "mean": mean, "velocity": velocity, "steps": steps}
        share, outer = state["outer"]["learning_rate"], dict(anchor)
        for name in direction:
            outer[name] = torch.addcmul(
                anchor[name], per_member(share, mean[name]), mean[name] - anchor[name]
            )
            direction[name] = (params[name] - outer[name]) / self.inner_learning_rate
        rest = {name: torch.zeros_like(tensor) for name, tensor in velocity.items()}
        steps["inner"] = torch.zeros_like(steps["inner"])
        return direction, {
            **state,
            "anchor": outer,
            "mean": outer,
            "velocity": rest,
            "steps": steps,
        }

    def output(self, params: Parameters, state: State) -> dict[str, Tensor]:
        """Return the outer points."""
        return {**params, **state["anchor"]}

    def _shaken(self, velocity: Parameters, steps: Parameters) -> dict[str, Tensor]:
        """Add the noise of one step, of each member from its own seed."""
        if self.noise == 0:
            return dict(velocity)
        amplitude = self.noise * (2 / self.inner_learning_rate) ** 0.5
        sources = [
            stream("walk", *words)
            for words in zip(steps["seed"].tolist(), steps["total"].tolist(), strict=True)
        ]

        def noise(tensor: Tensor) -> Tensor:
            draws = [
                torch.randn(tensor.shape[1:], generator=source, dtype=tensor.dtype)
                for source in sources
            ]
            return torch.stack(draws).to(tensor.device)

        return {
            name: torch.add(tensor, noise(tensor), alpha=amplitude)
            for name, tensor in velocity.items()
        }
