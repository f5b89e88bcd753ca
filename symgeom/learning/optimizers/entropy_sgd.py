r"""Entropy-SGD: descend on the local entropy, whose gradient points to the mean of a walk nearby.

Local entropy is the logarithm of the volume of low loss around a point :math:`x`, seen through a
Gaussian window of scope :math:`\gamma`; its gradient is :math:`-\gamma\,(x - \langle x'\rangle)`,
the mean being over

.. math:: p(x') \propto \exp\Big(-L(x') - \frac\gamma2 \lVert x' - x\rVert^2\Big).

An inner loop estimates the mean by a running one. It is a walk of Langevin dynamics with the heavy
ball, every step of which has a mini-batch of its own. An outer step then moves :math:`x`, and the
next walk begins there, at rest:

.. math:: v' = \beta v + g(x') + \lambda x' + \gamma\,(x' - x), \quad
          x' \leftarrow x' - \eta'\,\big(v' + \epsilon\,\sqrt{2/\eta'}\;\xi\big), \quad
          \mu \leftarrow \alpha\mu + (1-\alpha)\,x'; \qquad x \leftarrow x - \eta\,(x - \mu).

*Scoping*: :math:`\gamma` grows by a factor over all epochs, so that the window closes. Training
yields :math:`x`. Every inner step costs a gradient: compare with other methods at an equal number
of gradients.

References
----------
Chaudhari et al., "Entropy-SGD: biasing gradient descent into wide valleys" (1611.01838),
algorithm 1. Pittorino et al., "Entropic gradient descent algorithms and wide flat minima"
(2006.07897). Differs from the source: our :math:`\eta` is its :math:`\eta\gamma`, the share of the way to the
mean; :math:`\gamma` grows by epoch, not by step, and never exceeds :math:`1/\eta'`, where one step
without momentum leads back to :math:`x`; the running mean keeps the share :math:`\alpha` of itself,
as in code that both groups use (the algorithm exchanges :math:`\alpha` and :math:`1-\alpha`);
weight decay acts in the inner loop only, and the outer step has no momentum.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters
from symgeom.learning.optimizers.arithmetic import decayed, heavy_ball, per_member, zeros_like
from symgeom.learning.optimizers.method import Gradient, Method, State
from symgeom.learning.optimizers.options import (
    BELOW_ONE,
    NOT_NEGATIVE,
    POSITIVE,
    check_number,
    check_whole,
)


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
    >>> method = EntropySGD(
    ...     inner_steps=1, inner_learning_rate=0.5, momentum=0.0, noise=0.0, averaging=0.0
    ... )
    >>> start = method.start(params, torch.tensor([1]))
    >>> direction, state = method.direction(lambda at: at, params, start)

    The walk halves the weight, and the outer point goes where the walk ends.

    >>> method.output(params, state)
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
        check_whole(self.name, "inner_steps", self.inner_steps, least=1, otherwise="use 'sgd'")
        check_number(self.name, "inner_learning_rate", self.inner_learning_rate, POSITIVE)
        check_number(self.name, "scope", self.scope, NOT_NEGATIVE)
        check_number(self.name, "scope_growth", self.scope_growth, POSITIVE)
        check_number(self.name, "noise", self.noise, NOT_NEGATIVE)
        check_number(self.name, "averaging", self.averaging, BELOW_ONE)

    def learning_rate_at(self, epoch: float, epochs: int) -> float:
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
                "Cannot start optimizer 'entropy_sgd' without seeds of its noise: "
                "give an integer per member."
            )
        anchor = {}
        for name, tensor in params.items():
            if tensor.is_floating_point():
                anchor[name] = tensor.clone()
        first = next(iter(anchor.values()))
        none = torch.zeros(len(first), dtype=torch.int64, device=first.device)
        return {
            "anchor": anchor,
            "mean": anchor,
            "velocity": zeros_like(params),
            "outer": _outer(self.scope, self.learning_rate, none),
            "steps": {"inner": none, "total": none, "seed": seeds.to(first.device)},
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
        learning_rate = super().learning_rate_at(progress, 1)
        outer = _outer(scope, learning_rate, state["outer"]["scope"])
        return {**state, "outer": outer}

    def direction(
        self, gradient_at: Gradient, params: Parameters, state: State
    ) -> tuple[dict[str, Tensor], State]:
        """Return the direction of one step of a walk, whose last step leads to the outer point."""
        velocity = self._velocity(gradient_at, params, state)
        direction = self._shaken(velocity, state["steps"])
        mean = dict(state["mean"])
        for name, tensor in direction.items():
            reached = torch.sub(params[name], tensor, alpha=self.inner_learning_rate)
            mean[name] = torch.lerp(reached, mean[name], self.averaging)
        steps = dict(state["steps"])
        steps["total"] = steps["total"] + 1
        steps["inner"] = steps["inner"] + 1
        walk = {**state, "mean": mean, "velocity": velocity, "steps": steps}
        if int(steps["inner"][0]) < self.inner_steps:  # the same for all members
            return direction, walk
        anchor = self._anchor(walk)
        for name in direction:
            direction[name] = (params[name] - anchor[name]) / self.inner_learning_rate
        return direction, _restarted(walk, anchor)

    def output(self, params: Parameters, state: State) -> dict[str, Tensor]:
        """Return the outer points."""
        return {**params, **state["anchor"]}

    def _velocity(
        self, gradient_at: Gradient, params: Parameters, state: State
    ) -> dict[str, Tensor]:
        """Return the velocity of the walk after a step, without the noise."""
        anchor = state["anchor"]
        force = decayed(gradient_at(params), params, self.weight_decay)
        for name, tensor in force.items():
            scope = per_member(state["outer"]["scope"], tensor)
            force[name] = torch.addcmul(tensor, scope, params[name] - anchor[name])
        return heavy_ball(
            state["velocity"],
            force,
            params,
            momentum=self.momentum,
            weight_decay=0.0,
        )

    def _shaken(self, velocity: Parameters, steps: Parameters) -> dict[str, Tensor]:
        """Add the noise of one step, which each member draws from its own seed."""
        if self.noise == 0:
            return dict(velocity)
        amplitude = self.noise * (2 / self.inner_learning_rate) ** 0.5
        numbers = zip(steps["seed"].tolist(), steps["total"].tolist(), strict=True)
        generators = [stream("walk", seed, step) for seed, step in numbers]
        direction = {}
        for name, tensor in velocity.items():
            noise = _noise(tensor, generators)
            direction[name] = torch.add(tensor, noise, alpha=amplitude)
        return direction

    def _anchor(self, walk: State) -> dict[str, Tensor]:
        """Return the outer point after a walk."""
        anchor = dict(walk["anchor"])
        for name in walk["velocity"]:
            mean = walk["mean"][name]
            share = per_member(walk["outer"]["learning_rate"], mean)
            anchor[name] = torch.addcmul(anchor[name], share, mean - anchor[name])
        return anchor


def _outer(scope: float, learning_rate: float, like: Tensor) -> dict[str, Tensor]:
    """Return what an outer step depends on, one value per member."""
    return {
        "scope": torch.full_like(like, scope, dtype=torch.float64),
        "learning_rate": torch.full_like(like, learning_rate, dtype=torch.float64),
    }


def _noise(tensor: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """Return standard normal numbers for every member, drawn on the CPU."""
    draws = []
    for generator in generators:
        draw = torch.randn(tensor.shape[1:], generator=generator, dtype=tensor.dtype)
        draws.append(draw)
    return torch.stack(draws).to(tensor.device)


def _restarted(walk: State, anchor: Parameters) -> State:
    """Return the state in which a new walk begins at the outer point, at rest."""
    steps = dict(walk["steps"])
    steps["inner"] = torch.zeros_like(steps["inner"])
    return {
        **walk,
        "anchor": anchor,
        "mean": anchor,
        "velocity": zeros_like(walk["velocity"]),
        "steps": steps,
    }
