"""What training asks of an optimizer; what one of the user's own answers is looked at."""

from collections.abc import Mapping

from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.own_code import told
from symgeom.ground.types import Parameters
from symgeom.learning.optimizers.method import Gradient, Method, State


def start_of(method: Method, params: Parameters, seeds: Tensor | None) -> State:
    """Return the state of an optimizer before the first step.

    Parameters
    ----------
    method : Method
        The optimizer.
    params, seeds
        As :meth:`~symgeom.learning.optimizers.method.Method.start` takes them.

    Returns
    -------
    State
        What it returns.

    Raises
    ------
    SymgeomError
        If the user's own code fails.
    """
    if _is_ours(method):
        return method.start(params, seeds)
    try:
        return method.start(params, seeds)
    except SymgeomError:
        raise
    except Exception as error:  # the user's own code runs here
        raise SymgeomError(_failed(method, "start", error)) from error


def direction_of(
    method: Method, gradient_at: Gradient, params: Parameters, state: State
) -> tuple[dict[str, Tensor], State]:
    """Return the direction of a step, which has the names and shapes of the networks.

    Parameters
    ----------
    method : Method
        The optimizer.
    gradient_at, params, state
        As :meth:`~symgeom.learning.optimizers.method.Method.direction` takes them.

    Returns
    -------
    direction, state
        What it returns.

    Raises
    ------
    SymgeomError
        If the user's own code fails, or returns anything else.
    """
    if _is_ours(method):
        return method.direction(gradient_at, params, state)
    try:
        answer = method.direction(gradient_at, params, state)
    except SymgeomError:
        raise
    except Exception as error:  # the user's own code runs here
        raise SymgeomError(_failed(method, "direction", error)) from error
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise SymgeomError(
            f"Cannot train with optimizer '{method.name}': its direction returns a "
            f"{type(answer).__name__}. Return a direction and the state after the step."
        )
    direction = answer[0]
    fits = isinstance(direction, Mapping) and direction.keys() == params.keys()
    if not fits or any(direction[name].shape != params[name].shape for name in params):
        raise SymgeomError(
            f"Cannot train with optimizer '{method.name}': its direction does not have the names "
            f"and shapes of the networks, {_shapes(params)}. Return one tensor for each of these."
        )
    return answer


def _is_ours(method: Method) -> bool:
    """Return whether an optimizer is one of symgeom, whose faults show as what they are."""
    return type(method).__module__.startswith("symgeom.")


def _failed(method: Method, what: str, error: Exception) -> str:
    return (
        f"Cannot train with optimizer '{method.name}': its {what} fails with {told(error)}. "
        "Correct it."
    )


def _shapes(params: Parameters) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in params.items()}
