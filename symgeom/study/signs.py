"""Networks of signs, whose weights are +1 and -1: they have no scales, and no geodesics."""

from collections.abc import Mapping

NAMES = ("binary_mlp", "binary_lenet")
"""Those that a configuration can name."""


def is_of_signs(network: Mapping[str, object]) -> bool:
    """Tell whether a network is known to be one of signs before it is built.

    Parameters
    ----------
    network : mapping
        The section ``network`` of a case.

    Returns
    -------
    bool
        Whether its name says so; a network of the user's own is looked at when it is built.

    Examples
    --------
    >>> is_of_signs({"name": "binary_mlp", "options": {"widths": [201]}})
    True
    """
    return network["name"] in NAMES
