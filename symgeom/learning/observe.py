"""Keep a ledger while training runs: an observer for :func:`symgeom.learning.training.train`.

The ledger opens with the weights before the first step and books every step. It measures the
charges at steps that lie geometrically, with many early when most happens, and whenever a member
leaves the stack.

A conservation law needs the gradient on every leg of its group. Groups with a frozen leg are left
out of the ledger, and named.
"""

from collections.abc import Mapping
from typing import NamedTuple, TypedDict, cast

import numpy as np
import torch
from torch import Tensor

from symgeom.dynamics.ledger import Ledger, LedgerRecord, LedgerState
from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters
from symgeom.learning.optimizers.method import Method
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.spec import SymmetrySpec


class _Seen(NamedTuple):
    """The last step that was booked: its number, the weights after it, and whose they are."""

    step: int
    params: Parameters
    members: Tensor


class _Booked(TypedDict):
    """What an observer keeps in a checkpoint: the account, the last step, and what trains."""

    ledger: LedgerState
    step: int
    params: Parameters
    members: Tensor
    moved: list[str]


class LedgerObserver:
    """Book every training step.

    Give the observer to ``train(..., observe=...)``, and call :meth:`close` afterwards.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    method : Method
        The optimizer.
    steps : int
        The most steps that the training can take.
    snapshots : int
        About how many times to measure the charges, apart from the start and the ends.
    symmetric : bool
        Whether the loss that is trained has the symmetries of the spec. Where it may not (dropout
        between layers whose units mix), what the gradient does to a charge is measured and booked
        as the optimizer's.

    Examples
    --------
    >>> from symgeom.learning.optimizers.sgd import SGD
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> legs = (Leg("in", 0), Leg("out", 1, power=-1))
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, legs),))
    >>> observe = LedgerObserver(spec, SGD(momentum=0.0), steps=1, snapshots=2)
    >>> before = {"in": torch.tensor([[[2.0]]]), "out": torch.tensor([[[3.0]]])}
    >>> direction = {"in": before["out"], "out": before["in"]}  # the gradient of in * out
    >>> after = {name: before[name] - 0.5 * direction[name] for name in before}
    >>> observe(0, before, direction, after, 0.5, torch.tensor([0]))
    >>> observe.close().defect["hidden1"].flatten()
    tensor([0., 0.], dtype=torch.float64)
    """

    def __init__(
        self,
        spec: SymmetrySpec,
        method: Method,
        *,
        steps: int,
        snapshots: int,
        symmetric: bool = True,
    ) -> None:
        self._spec = spec
        self._method = method
        self._equivariant = method.equivariant and symmetric
        numbers = np.geomspace(1, max(steps, 1), snapshots).astype(int)
        self._measured = set(numbers.tolist())
        self._ledger: Ledger | None = None
        self._last: _Seen | None = None
        self._moved: list[str] = []

    @property
    def left_out(self) -> tuple[str, ...]:
        """Return the charged groups that have a frozen leg, once a step was seen.

        Returns
        -------
        tuple of str
            Their names; the ledger has no entry of them.
        """
        if self._ledger is None:
            return ()
        charged = charged_groups(self._spec.exact())
        booked = charged.trained(self._moved).groups
        return tuple(group.name for group in charged.groups if group not in booked)

    @property
    def keeps_weights(self) -> bool:
        """Return whether the weights before a step are needed after it.

        They open the account; and a method that is not equivariant needs them in every step.

        Returns
        -------
        bool
            If not, the step may overwrite them.
        """
        return self._ledger is None or not self._equivariant

    def __call__(
        self,
        step: int,
        before: Parameters,
        direction: Parameters,
        after: Parameters,
        learning_rate: float,
        members: Tensor,
    ) -> None:
        """Book one step of the members that are still in training."""
        if self._ledger is None:
            self._ledger = self._opened(before, list(direction))
        elif self._last is not None and len(members) < len(self._last.members):
            _measure_last(self._ledger, self._last, remaining=members)
        self._ledger.record(before, direction, learning_rate=learning_rate, members=members)
        if step + 1 in self._measured:
            self._ledger.snapshot(step + 1, after, members=members)
        self._last = _Seen(step + 1, after, members)

    def close(self) -> LedgerRecord:
        """Measure the members that trained to the end and return the ledger.

        Returns
        -------
        LedgerRecord
            One entry per member of the training.

        Raises
        ------
        SymgeomError
            If no step was booked.
        """
        if self._ledger is None or self._last is None:
            raise SymgeomError(
                "Cannot close a ledger in which no step was booked: give the observer to "
                "train(..., observe=...) first."
            )
        nobody = torch.tensor([], dtype=torch.int64)
        _measure_last(self._ledger, self._last, remaining=nobody)
        return self._ledger.result()

    def state(self) -> dict[str, object]:
        """Return what has been booked and measured, for a checkpoint of the training.

        Returns
        -------
        dict
            Nested dicts of tensors and numbers; empty before the first step.
        """
        if self._ledger is None or self._last is None:
            return {}
        return {
            "ledger": self._ledger.state(),
            "step": self._last.step,
            "params": dict(self._last.params),
            "members": self._last.members,
            "moved": self._moved,
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """Go on from a checkpoint of the same training.

        Parameters
        ----------
        state : mapping
            What :meth:`state` returned, on any device.
        """
        if not state:
            return
        booked = cast(_Booked, state)
        self._last = _Seen(booked["step"], booked["params"], booked["members"])
        # The account is replaced: the networks that it begins with only say how many there are,
        # and of which shapes.
        members = len(booked["ledger"]["charge"])
        networks = {}
        for name, tensor in booked["params"].items():
            networks[name] = tensor[:1].expand(members, *tensor.shape[1:])
        self._ledger = self._opened(networks, booked["moved"])
        self._ledger.restore(booked["ledger"])

    def _opened(self, start: Parameters, moved: list[str]) -> Ledger:
        """Return a ledger that begins with some networks, of the groups that training moves."""
        method = self._method
        self._moved = moved
        # A preconditioned decay is no decay of the charge: all that such a method does to first
        # order is booked as its own.
        weight_decay = 0.0 if method.preconditioned else method.weight_decay
        ledger = Ledger(
            self._spec.trained(moved),
            start,
            momentum=method.momentum,
            weight_decay=weight_decay,
            equivariant=self._equivariant,
        )
        ledger.snapshot(0, start)
        return ledger


def _measure_last(ledger: Ledger, last: _Seen, *, remaining: Tensor) -> None:
    """Measure the members that left after the last step."""
    gone = ~torch.isin(last.members, remaining)
    networks = {name: tensor[gone] for name, tensor in last.params.items()}
    ledger.snapshot(last.step, networks, members=last.members[gone])
