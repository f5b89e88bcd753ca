r"""The exact account of every charge along training: what changed it, step by step.

Training moves :math:`\theta' = \theta - \eta v'` along :math:`v' = \beta v + \lambda\theta + f`
with momentum :math:`\beta`, coupled weight decay :math:`\lambda` and the force :math:`f` of the
loss. With :math:`Q = \langle\theta, M\theta\rangle` a charge, :math:`P = \langle\theta, Mv\rangle`
and :math:`R = \langle v', Mv'\rangle`,

.. math:: P' = \beta P + \lambda Q + \langle\theta, Mf\rangle, \qquad
          Q \leftarrow Q - 2\eta P' + \eta^2 R, \qquad
          P \leftarrow P' - \eta R

is exact for every mini-batch and every learning rate, also one that changes from step to step. A
charge changes by the sum of

* ``weight_decay``: :math:`-2\eta\lambda Q`;
* ``noise`` and ``discretisation``: together :math:`\eta^2 R`, because steps are finite; which part
  of it is noise of the mini-batches, consecutive steps tell
  (:mod:`symgeom.dynamics.ledger.noise_split`), their sum is exact;
* ``optimizer``: :math:`-2\eta\langle\theta, Mf\rangle`. It is zero when :math:`f` is the gradient
  of the loss, or of a mini-batch, at :math:`\theta`, and is then *not measured*. For other methods
  it is the measured first-order change :math:`-2\eta\langle\theta, Mv'\rangle` minus those of decay
  and momentum;
* momentum, :math:`-2\eta\beta P`: what the velocity carries over does work on the weights in every
  later step. :math:`P` is linear in its sources :math:`\lambda Q`, :math:`-\eta N`,
  :math:`-\eta(R-N)` (:math:`N` is the part of :math:`R` that is noise) and
  :math:`\langle\theta, Mf\rangle`, so that it splits without a remainder into
  ``carried_weight_decay``, ``carried_noise``, ``carried_discretisation`` and ``carried_optimizer``.
  With constant sources, momentum multiplies the effect of each by the same factor; noise does most
  of its work in this way.

The *defect* is the measured charge minus its start and all terms. For an equivariant method (SGD,
heavy ball) the account follows the charge without measuring it again, so that a defect beyond
rounding is a fault: of the optimizer, or of the spec. For other methods the defect only tests that
the weights moved as they were said to. For groups that matrices mix the same holds of the matrices
:math:`Q`, :math:`R` and the symmetric part of :math:`P`. A method whose decay passes through a
preconditioner (Adam) is to be given ``weight_decay=0``: all its first-order change is then
``optimizer``.

References
----------
The recursion generalises Ziyin et al. (2402.07193), appendix D (one step of SGD), to momentum and
coupled decay. Differs from Kunin et al., "Neural mechanics" (2012.04728): exact sums instead of the
continuous-time oscillator.
"""

from collections.abc import Sequence
from typing import TypedDict

import torch
from torch import Tensor

from symgeom.dynamics.ledger.noise_split import NoiseSplit, SplitState, Step
from symgeom.dynamics.ledger.record import CAUSES, TERMS, LedgerRecord
from symgeom.dynamics.ledger.stacked_pairing import StackedPairing
from symgeom.ground.architecture import check_same_tensors
from symgeom.ground.checks import SymgeomError
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast
from symgeom.symmetry.spec import SymmetrySpec

NOISE_EVERY = 4
"""Steps from one measurement of the noise to the next."""


class LedgerState(TypedDict):
    """The account of a ledger so far."""

    charge: Tensor
    scale: Tensor
    memory: Tensor
    terms: Tensor
    split: SplitState
    snapshots: dict[int, dict[str, Tensor]]


class Ledger:
    """Book the changes of every charge of stacked networks while they train.

    A step costs one reduction over the weights, and on average up to 3/4 of another for the split
    of the noise; one more for a method that is not equivariant. Charges are measured at snapshots
    only.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture; groups with a positive scale that is exact for the loss, and linear
        groups, have charges.
    params : Parameters
        The stacked networks before the first step (leading axis: member).
    momentum : float
        Factor by which the direction of the last step enters the next one.
    weight_decay : float
        Coupled decay: the multiple of the weights in the direction.
    equivariant : bool
        Whether the rest of the direction is the gradient of a loss at the weights, so that it
        leaves every charge alone.
    noise_every : int
        Steps from one measurement of the noise to the next (no other term depends on it but
        ``discretisation``).

    Raises
    ------
    SymgeomError
        If the spec does not belong to the networks, or momentum, weight decay or the number of
        steps is out of range.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> theta = {"in": torch.tensor([[[2.0]]]), "out": torch.tensor([[[3.0]]])}  # one member
    >>> ledger = Ledger(spec, theta, momentum=0.0, weight_decay=0.0, equivariant=True)
    >>> ledger.snapshot(0, theta)
    >>> direction = {"in": theta["out"], "out": theta["in"]}  # the gradient of in * out
    >>> ledger.record(theta, direction, learning_rate=0.5)
    >>> theta = {name: theta[name] - 0.5 * direction[name] for name in theta}
    >>> ledger.snapshot(1, theta)
    >>> record = ledger.result()
    >>> record.charge["hidden1"].flatten()
    tensor([-5.0000, -3.7500], dtype=torch.float64)
    >>> record.defect["hidden1"].flatten()
    tensor([0., 0.], dtype=torch.float64)
    """

    @door
    def __init__(
        self,
        spec: SymmetrySpec,
        params: Parameters,
        *,
        momentum: float,
        weight_decay: float,
        equivariant: bool,
        noise_every: int = NOISE_EVERY,
    ) -> None:
        if not (0 <= momentum < 1 and weight_decay >= 0):
            raise SymgeomError(
                f"Cannot keep the ledger for momentum {momentum} and weight decay {weight_decay}: "
                "momentum must lie in [0, 1), weight decay must not be negative."
            )
        if noise_every < 1:
            raise SymgeomError(
                f"Cannot measure the noise at every {noise_every} steps: give 1 or more."
            )
        self._momentum = momentum
        self._weight_decay = weight_decay
        self._equivariant = equivariant
        self._pair = StackedPairing(spec, params)
        exact = cast(params, torch.float64)
        self._charge = self._pair(exact, exact)
        self._scale = self._pair.bound(exact)
        nothing = torch.zeros_like(self._charge)
        # P, the pairing of the weights with the last direction: what each cause left in it.
        self._memory = torch.stack([nothing] * len(CAUSES))
        self._terms = torch.stack([nothing] * len(TERMS))
        self._split = NoiseSplit(
            self._pair,
            nothing,
            names=tuple(self._pair.like),
            momentum=momentum,
            weight_decay=weight_decay,
            every=noise_every,
        )
        self._snapshots: dict[int, dict[str, Tensor]] = {}

    @door
    def record(
        self,
        params: Parameters,
        direction: Parameters,
        *,
        learning_rate: float,
        members: Tensor | Sequence[int] | None = None,
    ) -> None:
        """Book one training step ``params - learning_rate * direction``.

        Parameters
        ----------
        params : Parameters
            The stacked networks before the step (looked at only if the method is not equivariant).
        direction : Parameters
            The stacked directions, momentum and weight decay included; stored until the step after
            next, and not to be changed.
        learning_rate : float
            Of this step.
        members : Tensor of int64 or bool, or sequence of int, optional
            The members that take the step, one for each entry of the leading axis (or a mask of all
            members); all by default.

        Raises
        ------
        SymgeomError
            If the leading axis does not hold one direction per member.
        """
        rows = self._rows(direction, members)
        memory = self._memory[:, rows]
        carried = self._momentum * memory
        decay = self._weight_decay * self._charge[rows]
        inherited = decay + _added(carried)
        if self._equivariant:
            force = torch.zeros_like(decay)
        else:
            self._rows(params, members)
            force = self._pair(params, direction) - inherited
        bend = self._pair(direction, direction)
        numbers = torch.arange(len(self._charge))[rows]
        step = Step(
            numbers, direction, learning_rate, bend, work=inherited + force, memory=_added(memory)
        )
        noise = self._split.step(step)
        # What each cause leaves in P. Half of what finite steps leave there was done on the way.
        left = [decay, -learning_rate * noise, -learning_rate * (bend - noise), force]
        done = [left[0], left[1] / 2, left[2] / 2, left[3]]
        changes = torch.cat([torch.stack(done), carried]) * (-2 * learning_rate)
        self._terms[:, rows] += changes
        self._charge[rows] += _added(changes)
        self._memory[:, rows] = carried + torch.stack(left)

    @door
    def snapshot(
        self, step: int, params: Parameters, *, members: Tensor | Sequence[int] | None = None
    ) -> None:
        """Measure the charges and put them beside the account.

        Parameters
        ----------
        step : int
            Training steps done; a second snapshot of the same step adds its members to the first.
        params : Parameters
            The stacked networks. A member that has left may be measured again with its last
            weights.
        members : Tensor of int64 or bool, or sequence of int, optional
            The members these are, one for each entry of the leading axis (or a mask of all
            members); all by default.

        Raises
        ------
        SymgeomError
            If the leading axis does not hold one network per member.
        """
        rows = self._rows(params, members)
        if step not in self._snapshots:
            self._snapshots[step] = self._empty_snapshot()
        snapshot = self._snapshots[step]
        exact = cast(params, torch.float64)
        measured = self._pair(exact, exact)
        self._scale[rows] = torch.maximum(self._scale[rows], self._pair.bound(exact))
        snapshot["charge"][rows] = measured
        snapshot["scale"][rows] = self._scale[rows]
        snapshot["terms"][:, rows] = self._terms[:, rows]
        snapshot["defect"][rows] = measured - self._charge[rows]

    def state(self) -> LedgerState:
        """Return the account so far, for a checkpoint.

        Returns
        -------
        dict
            Nested dicts of tensors, copies.
        """
        snapshots = {}
        for step, snapshot in self._snapshots.items():
            snapshots[step] = {name: tensor.clone() for name, tensor in snapshot.items()}
        return {
            "charge": self._charge.clone(),
            "scale": self._scale.clone(),
            "memory": self._memory.clone(),
            "terms": self._terms.clone(),
            "split": self._split.state(),
            "snapshots": snapshots,
        }

    def restore(self, state: LedgerState) -> None:
        """Go on from an account of the same networks.

        Parameters
        ----------
        state : dict
            What :meth:`state` returned.
        """
        device = self._charge.device
        self._charge = state["charge"].to(device)
        self._scale = state["scale"].to(device)
        self._memory = state["memory"].to(device)
        self._terms = state["terms"].to(device)
        self._split.restore(state["split"])
        self._snapshots = {}
        for step, snapshot in state["snapshots"].items():
            self._snapshots[step] = {name: tensor.to(device) for name, tensor in snapshot.items()}

    def result(self) -> LedgerRecord:
        """Return all snapshots, ordered by step.

        Returns
        -------
        LedgerRecord
            One array per group; a copy that later steps do not touch.

        Raises
        ------
        SymgeomError
            If no snapshot was taken.
        """
        if not self._snapshots:
            raise SymgeomError(
                "Cannot report on a ledger without snapshots: call snapshot(step, params) before "
                "and after training."
            )
        # The snapshot is the second axis, behind the member.
        return LedgerRecord(
            step=torch.tensor(sorted(self._snapshots)),
            charge=self._by_group("charge", (1, 0, 2)),
            scale=self._by_group("scale", (1, 0, 2)),
            terms=self._by_group("terms", (2, 0, 1, 3)),
            defect=self._by_group("defect", (1, 0, 2)),
        )

    def _by_group(self, field: str, axes: tuple[int, ...]) -> dict[str, Tensor]:
        """Return a field of all snapshots by group, its axes in another order."""
        values = [self._snapshots[step][field] for step in sorted(self._snapshots)]
        return self._pair.by_group(torch.stack(values).permute(axes))

    def _empty_snapshot(self) -> dict[str, Tensor]:
        unknown = torch.full_like(self._charge, torch.nan)
        return {
            "charge": unknown,
            "scale": unknown.clone(),
            "defect": unknown.clone(),
            "terms": torch.full_like(self._terms, torch.nan),
        }

    def _rows(self, stacked: Parameters, members: Tensor | Sequence[int] | None) -> slice | Tensor:
        """Return which rows of the account are meant, or raise if the stack does not fit them."""
        rows: slice | Tensor = slice(None)
        count = len(self._charge)
        everyone = torch.arange(count)
        if members is not None:
            numbers = everyone[torch.as_tensor(members)]
            count = len(numbers)
            # A slice is a view: as long as all members train, nothing is copied to and fro.
            rows = slice(None) if torch.equal(numbers, everyone) else numbers
        like = self._pair.like
        without_members = {name: stacked[name][:0] for name in like if name in stacked}
        check_same_tensors(without_members, like, "the step or snapshot")
        for name in like:
            if len(stacked[name]) != count:
                raise SymgeomError(
                    f"Cannot book tensor '{name}' with {len(stacked[name])} members for {count} "
                    "members of the ledger: say which ones they are (members=...)."
                )
        return rows


def _added(parts: Tensor) -> Tensor:
    """Return the sum over the first axis, one after the other."""
    first, *others = parts.unbind()  # a reduction would round by the size of the stack
    return sum(others, start=first)
