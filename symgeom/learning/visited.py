"""Keep networks that training visits: an observer for :func:`symgeom.learning.training.train`.

Training yields one network per seed. What else it went through makes ensembles: the replicas of
replicated SGD at their end, of which it yields the centre, or the networks along the way, whose
mean stochastic weight averaging yields.
"""

from collections import deque

from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_range
from symgeom.ground.types import Parameters


class VisitedNetworks:
    """Keep the last networks of every member, at equal distances in steps.

    Give the observer to ``train(..., observe=...)``, and ask for :meth:`networks` afterwards.
    Statistics of batch norms that are recomputed are those of the start: they are measured wherever
    the networks are evaluated.

    Parameters
    ----------
    every : int
        Steps between two networks; with the steps of an epoch, they are those at the ends of
        epochs, and the last one is that at the end of training.
    last : int
        How many to keep of every member.

    Examples
    --------
    >>> import torch
    >>> visited = VisitedNetworks(every=1, last=2)
    >>> for step in range(3):
    ...     weights = {"w": torch.tensor([[float(step)]])}
    ...     visited(step, weights, weights, weights, 0.1, torch.tensor([0]))
    >>> [float(network["w"]) for network in visited.networks(0)]
    [1.0, 2.0]
    """

    keeps_weights = False
    """Whether steps must leave weights as they are: no, because they are copied."""

    def __init__(self, *, every: int, last: int = 1) -> None:
        check_range(every, "the steps between networks", least=1)
        check_range(last, "the number of networks to keep", least=1)
        self._every = every
        self._last = last
        self._visits: dict[int, deque[dict[str, Tensor]]] = {}

    def __call__(
        self,
        step: int,
        before: Parameters,
        direction: Parameters,
        after: Parameters,
        learning_rate: float,
        members: Tensor,
        /,
    ) -> None:
        """Look at one step of training."""
        if (step + 1) % self._every:
            return
        for row, member in enumerate(members.tolist()):
            network = {name: tensor[row].clone() for name, tensor in after.items()}
            visits = self._visits.setdefault(member, deque(maxlen=self._last))
            visits.append(network)

    def networks(self, member: int) -> list[dict[str, Tensor]]:
        """Return what is kept of a member.

        Parameters
        ----------
        member : int
            The seed; of a method with replicas ``seed * replicas + replica``.

        Returns
        -------
        list of dict of str to Tensor
            The earliest network first.

        Raises
        ------
        SymgeomError
            If nothing is.
        """
        if member not in self._visits:
            raise SymgeomError(
                f"Cannot return networks of member {member}: of members {sorted(self._visits)} "
                f"some are kept, every {self._every} steps. Name one of them, or lower every."
            )
        return list(self._visits[member])
