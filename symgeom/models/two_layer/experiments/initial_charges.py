"""The charges of random starts beside their moments in closed form."""

import numpy as np

from symgeom.ground.randomness import stream
from symgeom.models.labels import Labelled, LabelledArray
from symgeom.models.two_layer.activations import charges_of
from symgeom.models.two_layer.moments import INCOMING, initial_moments

NETWORK_SIZES = ((100, 100, 100), (100, 100, 200), (200, 100, 100))
"""Outputs, samples and units."""


def draw_charges(draws: int) -> Labelled:
    """Draw starts, and compare the sum of their charges with its moments.

    The weights have a variance of one over the number of entries that are read.

    Parameters
    ----------
    draws : int
        How many. The authors' number is 1,000.

    Returns
    -------
    arrays, coordinates : dict of str to LabelledArray
        Sums, with their mean and variance in closed form (figures 4 and 5).

    Examples
    --------
    >>> arrays, _ = draw_charges(2)
    >>> arrays["start_mean"].values[0].tolist()  # of linear networks
    [0.0, 100.0, -100.0]
    """
    totals = np.zeros((len(INCOMING), len(NETWORK_SIZES), draws))
    expected = np.zeros((len(INCOMING), len(NETWORK_SIZES), 2))
    for s, (outputs, samples, units) in enumerate(NETWORK_SIZES):
        seed = stream("two layers", outputs, samples, units).initial_seed()
        generator = np.random.default_rng(seed)
        for draw in range(draws):
            u = generator.standard_normal((outputs, units)) / units**0.5
            v = generator.standard_normal((units, samples)) / samples**0.5
            totals[:, s, draw] = [charges_of(activation, u, v).sum() for activation in INCOMING]
        for a, activation in enumerate(INCOMING):
            expected[a, s] = initial_moments(activation, outputs, samples, units)
    axes = ("activation", "network_size")
    words = "of the sum of all charges at the start, in closed form"
    arrays = {
        "start_charge": LabelledArray(
            (*axes, "draw"), totals, "weight^2", "sum of all charges at the start"
        ),
        "start_mean": LabelledArray(axes, expected[..., 0], "weight^2", f"mean {words}"),
        "start_variance": LabelledArray(axes, expected[..., 1], "weight^4", f"variance {words}"),
    }
    labels = [f"{outputs}, {units}, {samples}" for outputs, samples, units in NETWORK_SIZES]
    coordinates = {
        "network_size": LabelledArray("network_size", labels, "1", "outputs, units, samples")
    }
    return arrays, coordinates
