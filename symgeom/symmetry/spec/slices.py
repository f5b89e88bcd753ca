"""The entries that units own: one view of a leg, and matrices (unit, d) in and out of it."""

from torch import Tensor

from symgeom.symmetry.spec.architecture import Leg


def view(tensor: Tensor, leg: Leg, size: int) -> Tensor:
    """View the entries of a leg in the tensor itself.

    Parameters
    ----------
    tensor : Tensor
        The leg's tensor, of one network.
    leg : Leg
        Where the units lie.
    size : int
        Number of units.

    Returns
    -------
    Tensor, shape (..., outer, size, block, ...)
        Axis ``leg.axis`` is replaced by three, so that the units lie along axis ``leg.axis + 1``;
        all other axes stay where they are. Writing on the view writes on the tensor.

    Examples
    --------
    >>> import torch
    >>> from symgeom.symmetry.spec import Leg
    >>> view(torch.zeros(5, 7), Leg("w", axis=1, start=1, block=2), 3).shape
    torch.Size([5, 1, 3, 2])
    """
    for axis, start, stop in leg.region:
        tensor = tensor.narrow(axis, start, stop - start)
    run = tensor.narrow(leg.axis, leg.start, leg.outer * size * leg.block)
    return run.unflatten(leg.axis, (leg.outer, size, leg.block))


def are_nested(legs: tuple[Leg, Leg], sizes: tuple[int, int]) -> bool:
    """Return whether the units of one leg are the same parts of every unit of another.

    They are two digits of the numbers of the same entries, so that what permutes or scales one
    leaves the other as it is: heads, and the coordinates that all heads share.

    Parameters
    ----------
    legs : tuple of Leg
        Two legs.
    sizes : tuple of int
        How many units each has.

    Returns
    -------
    bool
        Whether they lie so, in the same entries of the same axis.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg
    >>> heads, coordinates = Leg("query", 0, block=3), Leg("query", 0, outer=2)
    >>> are_nested((heads, coordinates), (2, 3)), are_nested((heads, heads), (2, 2))
    (True, False)
    """
    places = set()
    for leg, size in zip(legs, sizes, strict=True):
        length = leg.outer * size * leg.block
        places.add((leg.tensor, leg.axis, leg.region, leg.start, length))
    runs = [leg.block * size for leg, size in zip(legs, sizes, strict=True)]
    first, second = legs
    lies_within = first.block % runs[1] == 0 or second.block % runs[0] == 0
    return len(places) == 1 and lies_within


def _segment(tensor: Tensor, leg: Leg, size: int) -> Tensor:
    """View the leg as ``(outer, size, block, rest...)``."""
    units = leg.axis + 1
    return view(tensor, leg, size).movedim((leg.axis, units, units + 1), (0, 1, 2))


def take(tensor: Tensor, leg: Leg, size: int) -> Tensor:
    """Return the entries that each unit owns on a leg.

    Parameters
    ----------
    tensor : Tensor
        The leg's tensor, of one network.
    leg : Leg
        Where the units lie.
    size : int
        Number of units.

    Returns
    -------
    Tensor, shape (size, d)
        Row ``k`` holds unit ``k``'s slice, flattened.

    Examples
    --------
    >>> import torch
    >>> from symgeom.symmetry.spec import Leg
    >>> take(torch.arange(6.0).reshape(2, 3), Leg("w", axis=1), 3)
    tensor([[0., 3.],
            [1., 4.],
            [2., 5.]])
    """
    return _segment(tensor, leg, size).movedim(1, 0).reshape(size, -1)


def put(tensor: Tensor, leg: Leg, rows: Tensor) -> Tensor:
    """Return a copy of a tensor with other slices of its units; the inverse of :func:`take`.

    Parameters
    ----------
    tensor : Tensor
        The leg's tensor, of one network; not modified.
    leg : Leg
        Where the units lie.
    rows : Tensor, shape (size, d)
        As returned by :func:`take`.

    Returns
    -------
    Tensor
        Same shape as ``tensor``.

    Examples
    --------
    >>> import torch
    >>> from symgeom.symmetry.spec import Leg
    >>> put(torch.zeros(2, 2), Leg("w", axis=1), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[1., 3.],
            [2., 4.]])
    """
    result = tensor.clone()
    slices = _segment(result, leg, len(rows)).movedim(1, 0)
    slices.copy_(rows.reshape(slices.shape))
    return result


def multiply(tensor: Tensor, leg: Leg, factors: Tensor) -> None:
    """Multiply the slice of every unit by a number of its own, in place.

    Parameters
    ----------
    tensor : Tensor
        The leg's tensor, of one network.
    leg : Leg
        Where the units lie.
    factors : Tensor, shape (size,)
        The numbers.

    Examples
    --------
    >>> import torch
    >>> from symgeom.symmetry.spec import Leg
    >>> weights = torch.ones(2, 2)
    >>> multiply(weights, Leg("w", axis=1), torch.tensor([2.0, 3.0]))
    >>> weights
    tensor([[2., 3.],
            [2., 3.]])
    """
    units = view(tensor, leg, len(factors))
    axes_after = units.ndim - leg.axis - 2
    units.mul_(factors.reshape(-1, *[1] * axes_after))
