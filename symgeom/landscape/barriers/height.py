"""The height of a barrier, from the values along a path."""

from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.ground.doors import door

DEFINITIONS = ("above_line", "maximum")
"""The height of a barrier: the largest rise above the line between the ends, or the maximum."""


@door
def barrier(t: Tensor, values: Tensor, *, definition: str = "above_line") -> Tensor:
    """Return the height of the barrier along a path.

    Parameters
    ----------
    t : Tensor, shape (t,) or (..., t)
        Increasing from 0 to 1: one grid for all, or one for each.
    values : Tensor, shape (..., t)
        Loss or error along the path.
    definition : {"above_line", "maximum"}
        The largest rise above the straight line between the values at the ends, or the largest
        value.

    Returns
    -------
    Tensor, shape (...)
        In the unit of the values; NaN where any of them is NaN (an end that diverged, say).

    Raises
    ------
    SymgeomError
        If the definition is unknown, or if ``t`` is not an increasing grid from 0 to 1 with one
        point per value.

    Examples
    --------
    >>> import torch
    >>> t, error = torch.tensor([0.0, 0.5, 1.0]), torch.tensor([0.0, 0.5, 0.5])
    >>> barrier(t, error), barrier(t, error, definition="maximum")
    (tensor(0.2500), tensor(0.5000))
    """
    check_choice(definition, DEFINITIONS, "definition of the barrier")
    _check_grid(t, values)
    heights = rise(t, values) if definition == "above_line" else values
    return heights.amax(-1)


def rise(t: Tensor, values: Tensor) -> Tensor:
    """Return the height of values above the straight line between those at the ends.

    Parameters
    ----------
    t : Tensor, shape (t,) or (..., t)
        From 0 to 1.
    values : Tensor, shape (..., t)
        Values along the path.

    Returns
    -------
    Tensor, shape (..., t)
        Zero at the ends.

    Examples
    --------
    >>> import torch
    >>> rise(torch.tensor([0.0, 0.5, 1.0]), torch.tensor([1.0, 5.0, 3.0]))
    tensor([0., 3., 0.])
    """
    times = t.to(values)
    first = values[..., :1]
    last = values[..., -1:]
    return values - ((1 - times) * first + times * last)


def _check_grid(t: Tensor, values: Tensor) -> None:
    """Raise unless there is one value for each point of a grid that increases from 0 to 1."""
    if not t.ndim or not t.numel():
        raise SymgeomError(
            f"Cannot measure a barrier on a grid of shape {tuple(t.shape)}: give its points from 0 "
            "to 1."
        )
    first = t[..., 0]
    last = t[..., -1]
    fits = t.shape in (values.shape, values.shape[-1:])
    begins_and_ends = (first == 0).all() and (last == 1).all()
    increases = (t.diff() > 0).all()
    if not fits or not begins_and_ends or not increases:
        raise SymgeomError(
            f"Cannot measure a barrier on a grid of shape {tuple(t.shape)} from "
            f"t = {first.min():.6g} to {last.max():.6g} with values of shape "
            f"{tuple(values.shape)}: give one value for each point of a grid that increases "
            "from 0 to 1."
        )
