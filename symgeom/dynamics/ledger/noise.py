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

from collections.abc import Callable, Collection, Mapping

import torch
from torch import Tensor

from symgeom.ground.types import Parameters

Pairing = Callable[[Parameters, Parameters], Tensor]

_SUMS = ("noise", "fresh", "bend", "cross", "behind")


class NoiseSplit:
    """Follow the noise in the directions of stacked networks.

    Parameters
    ----------
    pair : callable
        Two stacked vectors to their pairings, shape (member, column).
    zeros : Tensor of float64, shape (member, column)
        What pairings look like.
    names : collection of str
        The tensors that pairings look at: of directions of the past no others are kept.
    momentum, weight_decay : float
        Of the method.
    every : int
        Steps from one measurement to the next; the first is made at the second step.

    Examples
    --------
    >>> product = lambda u, v: (u["w"] * v["w"]).sum(1, keepdim=True).double()
    >>> split = NoiseSplit(product, torch.zeros(1, 1).double(), names=["w"], momentum=0.0, weight_decay=0.0, every=1)
    >>> forces = [{"w": torch.tensor([[value]])} for value in (1.0, 3.0)]
    >>> for force in forces:
    ...     noise = split.step(torch.tensor([0]), force, product(force, force), torch.zeros(1, 1), torch.zeros(1, 1), 0.1)
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
        self._pair, self._names, self._momentum, self._weight_decay = (
            pair,
            names,
            momentum,
            weight_decay,
        )
        # N and the n_t that is held; R, C and <theta, v_{t-2}> of the step before.
        self._sums = {name: zeros.clone() for name in _SUMS}
        self._past: list[dict[str, Tensor]] = []
        self._members = torch.arange(len(zeros))
        self._rate, self._steps, self._every = 0.0, 0, every

    def step(
        self,
        members: Tensor,
        direction: Parameters,
        bend: Tensor,
        work: Tensor,
        memory: Tensor,
        rate: float,
    ) -> Tensor:
        """Return the part of the squared step that is noise, for the members that take it.

        Parameters
        ----------
        members : Tensor of int64, shape (k,)
            Which members these are: all of the step before, or some.
        direction : Parameters
            Their directions, which nobody changes later.
        bend, work, memory : Tensor, shape (k, column)
            The direction paired with itself, with the weights, and the weights with the direction
            before.
        rate : float
            Learning rate of this step.

        Returns
        -------
        Tensor of float64, shape (k, column)
            An estimate; zero at the first step.
        """
        momentum, sums = (
            self._momentum,
            {name: total[members] for name, total in self._sums.items()},
        )
        self._keep_only(members)
        cross, fresh = torch.zeros_like(bend), sums["fresh"]
        if self._past and (self._due(0) or (momentum > 0 and self._due(1))):
            cross = self._pair(direction, self._past[0])
        if self._past and self._due(0):
            far = (
                self._pair(direction, self._past[1])
                if len(self._past) > 1
                else torch.zeros_like(bend)
            )
            fresh = self._fresh(sums, bend, work, memory, cross, far)
        noise = momentum**2 * sums["noise"] + fresh
        for name, value in zip(
            _SUMS, (noise, fresh, bend, cross, memory - rate * cross), strict=True
        ):
            self._sums[name][members] = value
        self._past = [{name: direction[name] for name in self._names}, *self._past[: momentum > 0]]
        self._rate, self._steps = rate, self._steps + 1
        return noise

    def _due(self, ahead: int) -> bool:
        return (self._steps + ahead) % self._every == 1 % self._every

    def _fresh(
        self,
        sums: dict[str, Tensor],
        bend: Tensor,
        work: Tensor,
        memory: Tensor,
        cross: Tensor,
        far: Tensor,
    ) -> Tensor:
        """Pair the force with its change: what is added up are the direction, the one before it, and the weights."""
        momentum, slack = self._momentum, 1 + self._momentum - self._weight_decay * self._rate
        moved = bend - slack * cross + momentum * far
        carried = cross - slack * sums["bend"] + momentum * sums["cross"]
        decayed = work - slack * memory + momentum * sums["behind"]
        return moved - momentum * carried - self._weight_decay * decayed

    def _keep_only(self, members: Tensor) -> None:
        """Leave out of the kept directions the members that are gone."""
        if not torch.equal(members, self._members):
            rows = torch.isin(self._members, members)
            self._past = [
                {name: tensor[rows] for name, tensor in past.items()} for past in self._past
            ]
            self._members = members

    def state(self) -> dict[str, object]:
        """Return what the next step needs, for a checkpoint.

        Returns
        -------
        dict
            Nested dicts and lists of tensors.
        """
        sums = {name: total.clone() for name, total in self._sums.items()}
        return {
            "sums": sums,
            "past": self._past,
            "members": self._members,
            "rate": self._rate,
            "steps": self._steps,
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """Go on from what :meth:`state` returned.

        Parameters
        ----------
        state : mapping
            On any device.
        """
        device = self._sums["noise"].device
        self._sums = {name: total.to(device) for name, total in state["sums"].items()}
        self._past = [
            {name: tensor.to(device) for name, tensor in past.items()} for past in state["past"]
        ]
        self._members, self._rate, self._steps = state["members"], state["rate"], state["steps"]
