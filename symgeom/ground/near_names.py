"""A name that does not exist is answered with the nearest that does."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches


def with_near_names(
    attribute: Callable[[str], object], names: Sequence[str], package: str
) -> Callable[[str], object]:
    """Suggest the nearest public name where one is misspelt.

    Parameters
    ----------
    attribute : callable
        Returns what a public name stands for: the ``__getattr__`` of a package.
    names : sequence of str
        The public names.
    package : str
        The name of the package, for the message.

    Returns
    -------
    callable
        The ``__getattr__`` that suggests.

    Examples
    --------
    >>> with_near_names({"discover": 1}.get, ["discover"], "symgeom")("dicover")
    Traceback (most recent call last):
    ...
    AttributeError: symgeom has no public name 'dicover'; did you mean 'discover'?
    """

    def attribute_or_advice(name: str) -> object:
        if name in names:
            return attribute(name)
        near = get_close_matches(name, names, n=1)
        advice = f"did you mean '{near[0]}'?" if near else f"dir({package}) lists what it has."
        sentence = f"{package} has no public name '{name}'; {advice}"
        # Python adds a suggestion of its own unless the name is there already.
        raise AttributeError(sentence, name=name)

    return attribute_or_advice
