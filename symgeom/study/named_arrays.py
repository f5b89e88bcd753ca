"""Arrays that a stage fills row by row, each begun when its first values come."""

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor


class NamedArrays(dict[str, np.ndarray]):
    """Arrays by name, with the same leading axes; NaN where nothing was put.

    Parameters
    ----------
    shape : tuple of int
        Lengths of the leading axes.

    Examples
    --------
    >>> arrays = NamedArrays((2,))
    >>> arrays.put("loss", (1,), 0.5)
    >>> arrays["loss"]
    array([nan, 0.5])
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def put(
        self,
        name: str,
        index: tuple[int, ...],
        values: Tensor | np.ndarray | float | Sequence[float],
    ) -> None:
        """Put values into an array, in float64.

        Parameters
        ----------
        name : str
            Which array.
        index : tuple of int
            Where on the leading axes the values go.
        values : array_like
            What goes there; all that goes into one array has one shape.
        """
        row = values.cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
        self.begin(name, row.shape)
        self[name][index] = row

    def begin(self, name: str, shape: tuple[int, ...]) -> None:
        """Begin an array, so that it is there if nothing is put into it.

        Parameters
        ----------
        name : str
            Which array; one that has begun stays as it is.
        shape : tuple of int
            Of what would be put there.
        """
        if name not in self:
            self[name] = np.full((*self.shape, *shape), np.nan)

    def begin_all(self, values: Mapping[str, Tensor | np.ndarray | Sequence[float]]) -> None:
        """Begin an array for each of some values, and put none of them there.

        Parameters
        ----------
        values : mapping of str to array_like
            Values by the name of their array.
        """
        for name, row in values.items():
            self.begin(name, np.shape(row))
