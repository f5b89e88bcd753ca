"""Keep a ledger while training runs: an observer for :func:`symgeom.learning.training.train`.

The ledger opens with the weights before the first step, books every step, and measures the charges
at steps that lie geometrically (many early, when most happens), and whenever a member leaves the
stack.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from symgeom.dynamics.ledger import Ledger, LedgerRecord
from symgeom.ground.types import Parameters
from symgeom.learning.optimizers.method import Method
from symgeom.symmetry.spec import SymmetrySpec


class LedgerObserver:
    """Book every training step; give it to ``train(..., observe=...)`` and call :meth:`close` afterwards.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    method : Method
        The optimizer.
    steps : int
        Training steps at most.
    snapshots : int
        About how many times to measure the charges, apart from the start and the ends.

    Examples
    --------
    >>> from symgeom.learning.optimizers.sgd import SGD
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> observe = LedgerObserver(spec, SGD(momentum=0.0), steps=1, snapshots=2)
    >>> before = {"in": torch.tensor([[[2.0]]]), "out": torch.tensor([[[3.0]]])}
    >>> direction = {"in": before["out"], "out": before["in"]}  # the gradient of in * out
    >>> after = {name: before[name] - 0.5 * direction[name] for name in before}
    >>> observe(0, before, direction, after, 0.5, torch.tensor([0]))
    >>> observe.close().defect["hidden1"].flatten()
    tensor([0., 0.], dtype=torch.float64)
    """

    def __init__(self, spec: SymmetrySpec, method: Method, *, steps: int, snapshots: int) -> None:
        self._spec, self._method = spec, method
        self._measured = set(
            np.unique(np.geomspace(1, max(steps, 1), snapshots).astype(int)).tolist()
        )
        self._ledger: Ledger | None = None
        self._last: tuple[int, Parameters, Tensor] | None = None

    @property
    def keeps_weights(self) -> bool:
        """Return whether the weights before a step are needed after it: they open the account, or are paired with the step."""
        return self._ledger is None or not self._method.equivariant

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
            self._open(before)
        elif len(members) < len(self._last[2]):
            self._measure_last(gone_from=members)
        self._ledger.record(before, direction, learning_rate=learning_rate, members=members)
        if step + 1 in self._measured:
            self._ledger.snapshot(step + 1, after, members=members)
        self._last = step + 1, after, members

    def close(self) -> LedgerRecord:
        """Measure the members that trained to the end and return the ledger.

        Returns
        -------
        LedgerRecord
            One entry per member of the training.
        """
        self._measure_last(gone_from=torch.tensor([], dtype=torch.int64))
        return self._ledger.result()

    def state(self) -> dict[str, object]:
        """Return what has been booked and measured, for a checkpoint of the training.

        Returns
        -------
        dict
            Nested dicts of tensors and numbers; empty before the first step.
        """
        if self._ledger is None:
            return {}
        step, params, members = self._last
        return {
            "ledger": self._ledger.state(),
            "step": step,
            "params": dict(params),
            "members": members,
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """Go on from a checkpoint of the same training.

        Parameters
        ----------
        state : mapping
            What :meth:`state` returned, on any device.
        """
        if state:
            self._last = state["step"], state["params"], state["members"]
            count = len(state["ledger"]["charge"])
            # The account is replaced: the networks that it begins with only say how many there are, and of which shapes.
            self._open(
                {
                    name: tensor[:1].expand(count, *tensor.shape[1:])
                    for name, tensor in state["params"].items()
                }
            )
            self._ledger.restore(state["ledger"])

    def _open(self, start: Parameters) -> None:
        method = self._method
        # A preconditioned decay is no decay of the charge: all that such a method does first-order is booked as its own.
        decay = 0.0 if method.preconditioned else method.weight_decay
        options = {
            "momentum": method.momentum,
            "weight_decay": decay,
            "equivariant": method.equivariant,
        }
        self._ledger = Ledger(self._spec, start, **options)
        self._ledger.snapshot(0, start)

    def _measure_last(self, *, gone_from: Tensor) -> None:
        step, params, members = self._last
        gone = ~torch.isin(members, gone_from)
        self._ledger.snapshot(
            step, {name: tensor[gone] for name, tensor in params.items()}, members=members[gone]
        )
