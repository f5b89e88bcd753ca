r"""The exact account of every charge along training: what changed it, step by step, and whether the account closes.

Training moves :math:`\theta' = \theta - \eta v'` along :math:`v' = \beta v + \lambda\theta + f`
with momentum :math:`\beta`, coupled weight decay :math:`\lambda` and the force :math:`f` of the
loss. With :math:`Q = \langle\theta, M\theta\rangle` a charge, :math:`P = \langle\theta, Mv\rangle`
and :math:`R = \langle v', Mv'\rangle`,

.. math:: P' = \beta P + \lambda Q + \langle\theta, Mf\rangle, \qquad Q \leftarrow Q - 2\eta P' + \eta^2 R, \qquad
          P \leftarrow P' - \eta R

is exact for every mini-batch and every learning rate, also one that changes from step to step. A
charge changes by the sum of

* ``weight_decay``: :math:`-2\eta\lambda Q`;
* ``momentum_memory``: :math:`-2\eta\beta P`, the work of the velocity carried over (past decay
  included);
* ``noise`` and ``discretisation``: together :math:`\eta^2 R`, because steps are finite; which part
  of it is noise of the mini-batches, consecutive steps tell (:mod:`symgeom.dynamics.ledger.noise`),
  their sum is exact;
* ``optimizer``: :math:`-2\eta\langle\theta, Mf\rangle`. It is zero when :math:`f` is the gradient
  of the loss, or of a mini-batch, at :math:`\theta`, and is then *not measured*. For other methods
  it is the measured first-order change :math:`-2\eta\langle\theta, Mv'\rangle` minus the two terms
  above.

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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.dynamics.ledger.noise import NoiseSplit
from symgeom.dynamics.ledger.pairs import StackedPairing
from symgeom.ground.checks import SymgeomError, check_same_tensors
from symgeom.ground.types import Parameters, cast
from symgeom.symmetry.spec import SymmetrySpec

TERMS = ("weight_decay", "momentum_memory", "noise", "discretisation", "optimizer")
"""What changes a charge, in the order of the ``term`` axis."""

NOISE_EVERY = 4
"""Steps from one measurement of the noise to the next."""

_ACCOUNT = ("charge", "scale", "memory", "terms")


@dataclass(frozen=True, eq=False)
class LedgerRecord:
    """Charges and what changed them; NaN where a member was not part of a snapshot.

    Attributes
    ----------
    step : Tensor of int64, shape (snapshot,)
        Training steps done at each snapshot.
    charge : dict of str to Tensor, shape (member, snapshot, unit)
        Measured charges, in float64; of linear groups, here and below, (unit, unit) in the place of
        unit.
    scale : dict of str to Tensor, shape (member, snapshot, unit)
        Sum of the squared lengths that a charge is the difference of, the largest at any snapshot
        so far: what a defect is small against, also for a unit that has withered.
    terms : dict of str to Tensor, shape (member, snapshot, term, unit)
        Changes since the start, summed over steps, in the order of :data:`TERMS`.
    defect : dict of str to Tensor, shape (member, snapshot, unit)
        Charge minus start and terms: rounding, or a fault.
    """

    step: Tensor
    charge: dict[str, Tensor]
    scale: dict[str, Tensor]
    terms: dict[str, Tensor]
    defect: dict[str, Tensor]


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
    >>> theta = {"in": torch.tensor([[[2.0]]]), "out": torch.tensor([[[3.0]]])}  # one member; loss: in * out
    >>> ledger = Ledger(spec, theta, momentum=0.0, weight_decay=0.0, equivariant=True)
    >>> ledger.snapshot(0, theta)
    >>> direction = {"in": theta["out"], "out": theta["in"]}
    >>> ledger.record(theta, direction, learning_rate=0.5)
    >>> theta = {name: theta[name] - 0.5 * direction[name] for name in theta}
    >>> ledger.snapshot(1, theta)
    >>> ledger.result().charge["hidden1"].flatten(), ledger.result().defect["hidden1"].flatten()
    (tensor([-5.0000, -3.7500], dtype=torch.float64), tensor([0., 0.], dtype=torch.float64))
    """

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
                f"Cannot keep the ledger for momentum {momentum} and weight decay {weight_decay}: momentum must lie in [0, 1), "
                "weight decay must not be negative."
            )
        if noise_every < 1:
            raise SymgeomError(
                f"Cannot measure the noise at every {noise_every} steps: give 1 or more."
            )
        self._momentum, self._weight_decay, self._equivariant = momentum, weight_decay, equivariant
        self._pair = StackedPairing(spec, params)
        exact = cast(params, torch.float64)
        self._charge, self._scale = self._pair(exact, exact), self._pair.bound(exact)
        self._memory = torch.zeros_like(
            self._charge
        )  # P: the pairing of the weights with the last direction
        self._terms = torch.stack([self._memory] * len(TERMS))
        options = {
            "names": tuple(self._pair.like),
            "momentum": momentum,
            "weight_decay": weight_decay,
            "every": noise_every,
        }
        self._split = NoiseSplit(self._pair, self._memory, **options)
        self._snapshots: dict[int, dict[str, Tensor]] = {}

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
            The stacked directions, momentum and weight decay included; kept until the step after
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
        decay, carried = (
            self._weight_decay * self._charge[rows],
            self._momentum * self._memory[rows],
        )
        if self._equivariant:
            force = torch.zeros_like(decay)
        else:
            self._rows(params, members)
            force = self._pair(params, direction) - decay - carried
        bend, work = self._pair(direction, direction), decay + carried + force
        who = torch.arange(len(self._charge))[rows]
        noise = self._split.step(who, direction, bend, work, self._memory[rows], learning_rate)
        finite = [-0.5 * learning_rate * part for part in (noise, bend - noise)]
        changes = torch.stack([decay, carried, *finite, force]) * (-2 * learning_rate)
        self._terms[:, rows] += changes
        self._charge[rows] += sum(
            changes
        )  # one after the other: a reduction rounds by the size of the stack
        self._memory[rows] = work - learning_rate * bend

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
            empty = torch.full_like(self._charge, torch.nan)
            self._snapshots[step] = {
                "charge": empty,
                "scale": empty.clone(),
                "defect": empty.clone(),
                "terms": torch.full_like(self._terms, torch.nan),
            }
        entry = self._snapshots[step]
        exact = cast(params, torch.float64)
        measured = self._pair(exact, exact)
        entry["charge"][rows] = measured
        self._scale[rows] = torch.maximum(self._scale[rows], self._pair.bound(exact))
        entry["scale"][rows] = self._scale[rows]
        entry["terms"][:, rows] = self._terms[:, rows]
        entry["defect"][rows] = measured - self._charge[rows]

    def state(self) -> dict[str, object]:
        """Return the account so far, for a checkpoint.

        Returns
        -------
        dict
            Nested dicts of tensors, copies.
        """
        copies = {
            step: {name: tensor.clone() for name, tensor in entry.items()}
            for step, entry in self._snapshots.items()
        }
        account = {name: getattr(self, f"_{name}").clone() for name in _ACCOUNT}
        return {**account, "split": self._split.state(), "snapshots": copies}

    def restore(self, state: Mapping[str, object]) -> None:
        """Go on from an account of the same networks.

        Parameters
        ----------
        state : mapping
            What :meth:`state` returned.
        """
        device = self._charge.device
        for name in _ACCOUNT:
            setattr(self, f"_{name}", state[name].to(device))
        self._split.restore(state["split"])
        self._snapshots = {
            step: {name: t.to(device) for name, t in entry.items()}
            for step, entry in state["snapshots"].items()
        }

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
                "Cannot report on a ledger without snapshots: call snapshot(step, params) before and after training."
            )
        steps = sorted(self._snapshots)
        entries = [self._snapshots[step] for step in steps]

        def by_group(field: str, order: tuple[int, ...]) -> dict[str, Tensor]:
            return self._pair.by_group(
                torch.stack([entry[field] for entry in entries]).permute(order)
            )

        plain = {field: by_group(field, (1, 0, 2)) for field in ("charge", "scale", "defect")}
        return LedgerRecord(
            step=torch.tensor(steps), terms=by_group("terms", (2, 0, 1, 3)), **plain
        )

    def _rows(self, stacked: Parameters, members: Tensor | Sequence[int] | None) -> slice | Tensor:
        rows = slice(None) if members is None else torch.as_tensor(members)
        count = len(self._charge) if members is None else len(self._charge[rows])
        like = self._pair.like
        check_same_tensors(
            {name: stacked[name][:0] for name in like if name in stacked},
            like,
            "the step or snapshot",
        )
        for name in like:
            if len(stacked[name]) != count:
                raise SymgeomError(
                    f"Cannot book tensor '{name}' with {len(stacked[name])} members for {count} members of the ledger: say which "
                    "ones they are (members=...)."
                )
        return rows
