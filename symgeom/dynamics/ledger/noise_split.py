r"""How much of what finite steps do to a charge is noise of the mini-batches.

With :math:`f_t` the force of step :math:`t` and :math:`v_t = \beta v_{t-1} + \lambda\theta_t + f_t`
its direction, independent mini-batches share only their mean, so that

.. math:: n_t = \langle f_t, M f_t\rangle - \langle f_t, M f_{t-1}\rangle

has the expectation of the noise alone, up to the little by which the mean gradient changes from
step to step. (Batches that are drawn without replacement overlap less than independent ones; what
:math:`n_t` then estimates is the noise of batches drawn with replacement.) Noise of earlier steps
lives on in the velocity, :math:`N_t = \beta^2 N_{t-1} + n_t`, and of the square of a step,
:math:`R_t = \langle v_t, M v_t\rangle`, the part :math:`N_t` is noise and the rest would be there
in full batches. Since

.. math:: f_t - f_{t-1} = v_t - a v_{t-1} + \beta v_{t-2}, \qquad a = 1 + \beta - \lambda\eta_{t-1},

no force needs to be computed: two more pairings of directions suffice, :math:`C_t = \langle v_t, M
v_{t-1}\rangle` and :math:`D_t = \langle v_t, M v_{t-2}\rangle`, and :math:`C_{t-1}`. One
:math:`n_t` is one draw of what a training averages over, so that not all are needed: it is measured
at the second step and then at every fourth (``every``), and held in between.

References
----------
The noise term is that of Ziyin et al. (2402.07193), equation 5; to estimate it from consecutive
steps is ours.
"""

from collections.abc import Callable, Collection
from typing import NamedTuple, TypedDict

import torch
from torch import Tensor

from symgeom.ground.types import Parameters

Pairing = Callable[[Parameters, Parameters], Tensor]
"""From two stacked vectors to their pairings, shape (member, column)."""

_SUMS = ("noise", "fresh", "bend", "cross", "behind")


class Step(NamedTuple):
    """A training step of some members, and the pairings that the ledger knows of it.

    Attributes
    ----------
    members : Tensor of int64, shape (k,)
        Which members take it: all of the step before, or fewer.
    direction : Parameters
        Their directions, which nobody changes later.
    rate : float
        The learning rate.
    bend : Tensor of float64, shape (k, column)
        The direction paired with itself: :math:`R`.
    work : Tensor of float64, shape (k, column)
        The direction paired with the weights: :math:`P'`.
    memory : Tensor of float64, shape (k, column)
        The direction of the step before paired with the weights: :math:`P`.
    """

    members: Tensor
    direction: Parameters
    rate: float
    bend: Tensor
    work: Tensor
    memory: Tensor


class SplitState(TypedDict):
    """What the next step needs of the steps before."""

    sums: dict[str, Tensor]
    past: list[dict[str, Tensor]]
    members: Tensor
    rate: float
    steps: int


class NoiseSplit:
    """Follow the noise in the directions of stacked networks.

    Parameters
    ----------
    pair : callable
        Two stacked vectors to their pairings, shape (member, column).
    zeros : Tensor of float64, shape (member, column)
        What pairings look like.
    names : collection of str
        The tensors that pairings look at: of directions of the past no others are stored.
    momentum, weight_decay : float
        Of the method.
    every : int
        Steps from one measurement to the next; the first is made at the second step.

    Examples
    --------
    >>> def product(u, v):
    ...     return (u["w"] * v["w"]).sum(1, keepdim=True).double()
    >>> nothing = torch.zeros(1, 1).double()
    >>> split = NoiseSplit(product, nothing, names=["w"], momentum=0.0, weight_decay=0.0, every=1)
    >>> for value in (1.0, 3.0):
    ...     force = {"w": torch.tensor([[value]])}
    ...     bend = product(force, force)
    ...     noise = split.step(Step(torch.tensor([0]), force, 0.1, bend, nothing, nothing))
    >>> noise  # 3 * 3 - 3 * 1
    tensor([[6.]], dtype=torch.float64)
    """

    def __init__(
        self,
        pair: Pairing,
        zeros: Tensor,
        *,
        names: Collection[str],
        momentum: float,
        weight_decay: float,
        every: int,
    ) -> None:
        self._pair = pair
        self._names = names
        self._momentum = momentum
        self._weight_decay = weight_decay
        self._every = every
        # N and the n_t that is held; R, C and <theta, v_{t-2}> of the step before.
        self._sums = {name: zeros.clone() for name in _SUMS}
        self._past: list[dict[str, Tensor]] = []
        self._members = torch.arange(len(zeros))
        self._rate = 0.0
        self._steps = 0

    def step(self, step: Step) -> Tensor:
        """Return the part of the squared step that is noise, for the members that take it.

        Parameters
        ----------
        step : Step
            The step.

        Returns
        -------
        Tensor of float64, shape (k, column)
            An estimate; zero at the first step.
        """
        sums = {name: total[step.members] for name, total in self._sums.items()}
        self._forget_others(step.members)
        cross = self._cross(step)
        fresh = sums["fresh"]
        if self._past and self._is_due():
            fresh = self._fresh(step, sums, cross, self._far(step))
        noise = self._momentum**2 * sums["noise"] + fresh
        self._sums["noise"][step.members] = noise
        self._sums["fresh"][step.members] = fresh
        self._sums["bend"][step.members] = step.bend
        self._sums["cross"][step.members] = cross
        self._sums["behind"][step.members] = step.memory - step.rate * cross
        self._remember(step)
        return noise

    def _is_due(self, *, ahead: int = 0) -> bool:
        """Return whether the noise is measured at this step, or at one that lies ahead."""
        return (self._steps + ahead) % self._every == 1 % self._every

    def _cross(self, step: Step) -> Tensor:
        """Return the direction paired with that of the step before, if anyone needs it."""
        needed = self._is_due() or (self._momentum > 0 and self._is_due(ahead=1))
        if self._past and needed:
            return self._pair(step.direction, self._past[0])
        return torch.zeros_like(step.bend)

    def _far(self, step: Step) -> Tensor:
        """Return the direction paired with that of the step before the last."""
        if len(self._past) > 1:
            return self._pair(step.direction, self._past[1])
        return torch.zeros_like(step.bend)

    def _fresh(self, step: Step, sums: dict[str, Tensor], cross: Tensor, far: Tensor) -> Tensor:
        """Pair the force with its change."""
        # The force is a sum of the direction, the one before it, and the weights.
        momentum = self._momentum
        slack = 1 + momentum - self._weight_decay * self._rate
        moved = step.bend - slack * cross + momentum * far
        carried = cross - slack * sums["bend"] + momentum * sums["cross"]
        decayed = step.work - slack * step.memory + momentum * sums["behind"]
        return moved - momentum * carried - self._weight_decay * decayed

    def _forget_others(self, members: Tensor) -> None:
        """Leave out of the past directions the members that are gone."""
        if torch.equal(members, self._members):
            return
        rows = torch.isin(self._members, members)
        past = []
        for direction in self._past:
            past.append({name: tensor[rows] for name, tensor in direction.items()})
        self._past = past
        self._members = members

    def _remember(self, step: Step) -> None:
        """Store the direction; with momentum, also the one before it."""
        last = {name: step.direction[name] for name in self._names}
        earlier = self._past[:1] if self._momentum > 0 else []
        self._past = [last, *earlier]
        self._rate = step.rate
        self._steps += 1

    def state(self) -> SplitState:
        """Return what the next step needs, for a checkpoint.

        Returns
        -------
        dict
            Nested dicts and lists of tensors.
        """
        return {
            "sums": {name: total.clone() for name, total in self._sums.items()},
            "past": self._past,
            "members": self._members,
            "rate": self._rate,
            "steps": self._steps,
        }

    def restore(self, state: SplitState) -> None:
        """Go on from what :meth:`state` returned.

        Parameters
        ----------
        state : dict
            On any device.
        """
        device = self._sums["noise"].device
        self._sums = {name: total.to(device) for name, total in state["sums"].items()}
        self._past = []
        for direction in state["past"]:
            self._past.append({name: tensor.to(device) for name, tensor in direction.items()})
        self._members = state["members"]
        self._rate = state["rate"]
        self._steps = state["steps"]
