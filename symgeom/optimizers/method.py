r"""What an optimizer is: a direction for stacked networks.

One step of every method reads :math:`\theta' = \theta - \eta\,d`, with the learning rate :math:`\eta` a function of the epoch and
the direction :math:`d` the method's own. A method is plain data (its options) and pure functions: what it remembers between steps
is a *state* that the caller carries, named slots of stacked tensors whose leading axis is the member. A member is one network of
the stack: one per seed, but for methods that train several replicas per seed (member = seed * replicas + replica).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from symgeom.checks import SymgeomError, check_choice
from symgeom.types import Parameters

State = Mapping[str, Parameters]
Gradient = Callable[[Parameters], dict[str, Tensor]]
"""From stacked networks to the stacked gradients of this step's mini-batches."""

SCHEDULES = ("constant", "cosine")


@dataclass(frozen=True)
class Pretraining:
    """A first stage on uniformly random labels.

    Attributes
    ----------
    method : Method
        What trains the first stage.
    epochs : int
        At most so many.
    stop_error : float
        The stage ends for a seed whose error on its random labels is at most this.
    """

    method: "Method"
    epochs: int
    stop_error: float


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
        Coupled: ``weight_decay * theta`` is added to the gradient (the gradient of half of it times the squared norm).
    schedule : {"constant", "cosine"}
        The learning rate over the epochs.
    equivariant : bool
        Whether the direction is ``v' = momentum * v + g + weight_decay * theta`` with ``g`` the mini-batch gradient at ``theta``.
    preconditioned : bool
        Whether the weight decay, too, passes through a preconditioner, so that it shrinks no charge by itself.
    members_per_seed : int
        Networks that one seed trains together.
    """

    name: ClassVar[str]
    equivariant: ClassVar[bool]
    preconditioned: ClassVar[bool] = False
    learning_rate: float
    momentum: float
    weight_decay: float
    schedule: str
    members_per_seed = 1

    @abstractmethod
    def start(self, params: Parameters) -> State:
        """Return the state before the first step.

        Parameters
        ----------
        params : Parameters
            Stacked networks.

        Returns
        -------
        State
            Every tensor with a leading axis of members.
        """

    @abstractmethod
    def direction(self, gradient_at: Gradient, params: Parameters, state: State) -> tuple[dict[str, Tensor], State]:
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

    def learning_rate_at(self, epoch: int, epochs: int) -> float:
        """Return the learning rate of an epoch: constant, or half a cosine from ``learning_rate`` to nearly 0.

        Parameters
        ----------
        epoch : int
            Counted from 0.
        epochs : int
            How many there are at most.

        Returns
        -------
        float
            The learning rate.
        """
        return self.learning_rate * (0.5 * (1 + math.cos(math.pi * epoch / epochs)) if self.schedule == "cosine" else 1.0)

    def begin_epoch(self, params: Parameters, state: State, *, progress: float, loss_at: Callable[[Parameters], Tensor]) -> State:
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

    def output(self, params: Parameters) -> dict[str, Tensor]:
        """Return what training yields, one network per seed (by default, the members).

        Parameters
        ----------
        params : Parameters
            Stacked members.

        Returns
        -------
        dict of str to Tensor
            Stacked seeds.
        """
        return dict(params)

    def pretraining(self) -> Pretraining | None:
        """Return the first stage, if the method has one.

        Returns
        -------
        Pretraining or None
            By default none.
        """
        return None

    def check(self) -> None:
        """Raise if an option that every method has makes no sense.

        Raises
        ------
        SymgeomError
            If the learning rate is not positive, or the momentum, the weight decay or the schedule is out of range.
        """
        check_number(self, "learning_rate", above=0)
        check_number(self, "momentum", least=0, below=1)
        check_number(self, "weight_decay", least=0)
        check_choice(self.schedule, SCHEDULES, f"schedule of optimizer '{self.name}'")


def check_number(
    method: Method, option: str, *, least: float = -math.inf, above: float = -math.inf, below: float = math.inf
) -> None:
    """Raise unless an option is a finite number in its range.

    Parameters
    ----------
    method : Method
        Whose option.
    option : str
        Name of the attribute.
    least, above, below : float
        The range: ``least <= value``, ``above < value < below``.

    Raises
    ------
    SymgeomError
        If the option is no number, or out of range.

    Examples
    --------
    >>> from symgeom.optimizers.sgd import SGD
    >>> check_number(SGD(learning_rate=0.1), "learning_rate", above=0)
    """
    value = getattr(method, option)
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not number or value < least or not above < value < below:
        low = f"at least {least:g}" if math.isfinite(least) else f"above {above:g}"
        high = f" and below {below:g}" if math.isfinite(below) else ""
        raise SymgeomError(
            f"Cannot use optimizer '{method.name}' with {option} = {value!r}: it must be a number {low}{high} "
            "(in YAML write 1.0e-4, not 1e-4)."
        )
