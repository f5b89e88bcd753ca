"""What the stage ``flatness`` measures: local energies and margins."""

from symgeom.landscape.flatness.measures import (
    additive_noise,
    canonical_margin,
    layer_margin,
    layer_noise,
    relative_noise,
    rescaled_noise,
    torus_noise,
)
from symgeom.landscape.flatness.measures.options import PRECISION, SAMPLES
from symgeom.landscape.flatness.measures.record import Measure, Option
from symgeom.landscape.flatness.measures.section import Section

MEASURES = (
    relative_noise.MEASURE,
    torus_noise.MEASURE,
    additive_noise.MEASURE,
    rescaled_noise.MEASURE,
    layer_noise.MEASURE,
    layer_margin.MEASURE,
    canonical_margin.MEASURE,
)
"""In the order in which they are taken."""


def noises_option(measures: tuple[Measure, ...]) -> Option:
    """Return the option that asks for noises beside the relative one.

    Parameters
    ----------
    measures : tuple of Measure
        Those under a noise that the option may ask for, and others.

    Returns
    -------
    Option
        Its values are the words of these noises.
    """
    titles: dict[str, list[str]] = {}
    for measure in measures:
        if measure.noise:
            titles.setdefault(measure.noise, []).append(measure.title)
    told = [f"`{word}`: {' and '.join(titles[word])}" for word in titles]
    schema = {"type": "array", "uniqueItems": True, "items": {"enum": list(titles)}}
    return Option("noises", schema, "; ".join(["noises beside the relative one", *told]))


FLATNESS = Section(
    "flatness",
    MEASURES,
    shared=(
        noises_option(MEASURES),
        Option("samples", SAMPLES, "samples on which noisy networks are evaluated"),
        Option("precision", PRECISION, "precision in which noisy networks are evaluated"),
    ),
    meaning="how much noise of the weights every minimum bears",
)
