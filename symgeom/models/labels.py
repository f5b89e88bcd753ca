"""Arrays with their dimensions, units and meanings."""

from typing import NamedTuple

from numpy.typing import ArrayLike


class LabelledArray(NamedTuple):
    """An array that says what it is.

    Attributes
    ----------
    dimensions : str or tuple of str
        The names of its axes.
    values : array or list
        The numbers, or words.
    unit : str
        Of the values.
    meaning : str
        What the values are.
    """

    dimensions: str | tuple[str, ...]
    values: ArrayLike
    unit: str
    meaning: str


Labelled = tuple[dict[str, LabelledArray], dict[str, LabelledArray]]
"""Arrays and coordinates by name."""
