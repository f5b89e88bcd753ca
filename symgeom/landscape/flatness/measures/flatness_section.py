"""What the stage ``flatness`` measures: local energies and margins.

The first imports are the list: a measure joins by one line among them.
"""

# In the order in which they are taken.
# isort: off
from symgeom.landscape.flatness.measures import (
    relative_noise as relative_noise,
    torus_noise as torus_noise,
    additive_noise as additive_noise,
    rescaled_noise as rescaled_noise,
    random_escape as random_escape,
    layer_noise as layer_noise,
    layer_margin as layer_margin,
    canonical_margin as canonical_margin,
)
# isort: on

from symgeom.landscape.flatness.measures.options import PRECISION, SAMPLES
from symgeom.landscape.flatness.measures.record import Measure, Option
from symgeom.landscape.flatness.measures.section import Section, measures_of

MEASURES = measures_of(dict(globals()))


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
