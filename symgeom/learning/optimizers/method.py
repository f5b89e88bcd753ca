r"""What an optimizer is: a direction for stacked networks.

One step of every method reads :math:`\theta' = \theta - \eta\,d`, with the learning rate
:math:`\eta` a function of the epoch and the direction :math:`d` the method's own. A method is plain
data (its options) and pure functions: what it remembers between steps is a *state* that the caller
carries, named slots of stacked tensors whose leading axis is the member. A member is one network of
the stack: there is one per seed, unless a method trains several replicas per seed (then member =
seed * replicas + replica).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from symgeom.ground.checks import check_choice
from symgeom.ground.schedule import cosine_decay
from symgeom.ground.types import Parameters
from symgeom.learning.optimizers.options import BELOW_ONE, NOT_NEGATIVE, POSITIVE, check_number

State = Mapping[str, Parameters]
"""What a method remembers between steps: slots by name, of stacked tensors by name."""

Gradient = Callable[[Parameters], dict[str, Tensor]]
"""From stacked networks to the stacked gradients of this step's mini-batches."""

SCHEDULES = ("constant", "cosine", "step")
MILESTONES = (1 / 2, 3 / 4, 15 / 16)
"""Shares of the epochs after which the schedule "step" divides the learning rate by 5.

They are those of SacredDNN (:mod:`symgeom.learning.optimizers.rsgd`).
"""


@dataclass(frozen=True)
class Pretraining:
    """A first stage on random labels.

    Attributes
    ----------
    method : Method
        What trains the first stage.
    epochs : int
        At most so many.
    stop_error : float
        The stage ends for a seed whose error on its random labels is at most this.
    corruption : float
        Share of the samples whose label is random; the others keep their true one.
    copies : int
        Copies of every training input, each with a label of its own.
    zeroed : float
        Probability with which each entry of a copy is set to zero.
    """

    method: "Method"
    epochs: int
    stop_error: float
    corruption: float = 1.0
    copies: int = 1
    zeroed: float = 0.0


class Method(ABC):
    """An optimizer of stacked networks; its subclasses are final.

    Attributes
    ----------
    name : str
        What the config calls it.
    learning_rate : float
        At the first epoch.
    momentum : float
        Of the heavy ball, 0 if there is none.
    weight_decay : float
        Coupled: ``weight_decay * theta`` is added to the gradient (the gradient of half of it times
        the squared norm).
    schedule : {"constant", "cosine", "step"}
        The learning rate over the epochs: constant, half a cosine to nearly 0, or divided by 5
        after 1/2, 3/4 and 15/16 of them.
    equivariant : bool
        Whether the direction is ``v' = momentum * v + g + weight_decay * theta``, where ``g`` is
        the mini-batch gradient at ``theta``.
    preconditioned : bool
        Whether the weight decay, too, passes through a preconditioner, so that it shrinks no charge
        by itself.
    members_per_seed : int
        How many networks one seed trains together.
    gradients_per_step : int
        How many gradients of its mini-batch :meth:`direction` asks for; the length of a schedule at
        a given budget follows from it. What is spent is counted.
    draws_noise : bool
        Whether :meth:`start` needs a noise seed for every member.
    """

    name: ClassVar[str]
    gradients_per_step: ClassVar[int] = 1
    draws_noise: ClassVar[bool] = False
    learning_rate: float
    momentum: float
    weight_decay: float
    schedule: str

    @property
    @abstractmethod
    def equivariant(self) -> bool:
        """Return whether the direction is that of the heavy ball (a class attribute will do)."""

    @property
    def preconditioned(self) -> bool:
        """Return whether the weight decay passes through a preconditioner (by default, no)."""
        return False

    @property
    def members_per_seed(self) -> int:
        """Return how many networks one seed trains together (by default, one)."""
        return 1

    @abstractmethod
    def start(self, params: Parameters, seeds: Tensor | None = None) -> State:
        """Return the state before the first step.

        Parameters
        ----------
        params : Parameters
            Stacked networks.
        seeds : Tensor of int64, shape (member,), optional
            Where the noise of each member begins; only for a method that ``draws_noise``, which
            cannot do without.

        Returns
        -------
        State
            Every tensor with a leading axis of members.
        """

    @abstractmethod
    def direction(
        self, gradient_at: Gradient, params: Parameters, state: State
    ) -> tuple[dict[str, Tensor], State]:
        """Return the direction of one step, and the state after it.

        Parameters
        ----------
        gradient_at : callable
            The stacked gradients of this step's mini-batches, as a function of stacked networks.
        params : Parameters
            Stacked networks.
        state : State
            What :meth:`start` or the last step returned.

        Returns
        -------
        direction : dict of str to Tensor
            One entry per trainable tensor.
        state : State
            For the next step.
        """

    def learning_rate_at(self, epoch: float, epochs: int) -> float:
        """Return the factor of the direction in an epoch: the learning rate as scheduled.

        Parameters
        ----------
        epoch : float
            Counted from 0.
        epochs : int
            How many there are at most.

        Returns
        -------
        float
            The learning rate.
        """
        progress = epoch / epochs
        if self.schedule == "step":
            return self.learning_rate / 5 ** sum(progress >= milestone for milestone in MILESTONES)
        if self.schedule == "cosine":
            return self.learning_rate * cosine_decay(progress)
        return self.learning_rate

    def begin_epoch(
        self,
        params: Parameters,
        state: State,
        *,
        progress: float,
        loss_at: Callable[[Parameters], Tensor],
    ) -> State:
        """Return the state with which an epoch begins (by default, unchanged).

        Parameters
        ----------
        params : Parameters
            Stacked networks.
        state : State
            After the last epoch.
        progress : float
            Share of the epochs done, 0 at the first.
        loss_at : callable
            The training losses of stacked networks, shape (member,).

        Returns
        -------
        State
            For the next step.
        """
        return state

    def output(self, params: Parameters, state: State) -> dict[str, Tensor]:
        """Return what training yields, one network per seed (by default, the members).

        Parameters
        ----------
        params : Parameters
            Stacked members.
        state : State
            After their last step.

        Returns
        -------
        dict of str to Tensor
            Stacked seeds.
        """
        return dict(params)

    def never_finishes(self, epochs: int) -> str | None:
        """Return why no training of so many epochs could count as finished (by default, None).

        Parameters
        ----------
        epochs : int
            The epoch limit.

        Returns
        -------
        str or None
            What stands in the way, and which option or limit to change; None if nothing does.
        """
        return None

    def may_stop(self, state: State) -> bool:
        """Return whether what training yields may count as finished (by default, always).

        Parameters
        ----------
        state : State
            At the end of an epoch.

        Returns
        -------
        bool
            The same for all members.
        """
        return True

    def pretraining(self) -> Pretraining | None:
        """Return the first stage, if the method has one.

        Returns
        -------
        Pretraining or None
            By default none.
        """
        return None

    def check(self) -> None:
        """Raise if one of the options that every method has makes no sense.

        Raises
        ------
        SymgeomError
            If the learning rate is not positive, or the momentum, the weight decay or the schedule
            is out of range.
        """
        check_number(self.name, "learning_rate", self.learning_rate, POSITIVE)
        check_number(self.name, "momentum", self.momentum, BELOW_ONE)
        check_number(self.name, "weight_decay", self.weight_decay, NOT_NEGATIVE)
        check_choice(self.schedule, SCHEDULES, f"schedule of optimizer '{self.name}'")
