"""All kinds of paths; to add one, write its file and name it here."""

from collections.abc import Mapping

from symgeom.study.variants.geodesic import GEODESIC
from symgeom.study.variants.hamming import HAMMING
from symgeom.study.variants.kind import PathKind, Variant
from symgeom.study.variants.latent import LATENT
from symgeom.study.variants.linear import LINEAR
from symgeom.study.variants.repaired import REPAIRED

KINDS: tuple[PathKind, ...] = (LINEAR, GEODESIC, REPAIRED, LATENT, HAMMING)


def asked_variants(options: Mapping) -> list[tuple[Variant, PathKind]]:
    """Return the variants that a study asks for, each with its kind.

    Parameters
    ----------
    options : mapping
        The section ``paths`` of the configuration.

    Returns
    -------
    list of (Variant, PathKind)
        Of real and of binary networks, in the order of the stores.

    Examples
    --------
    >>> variants = asked_variants({"compare": "none", "repair": False})
    >>> [variant.name for variant, kind in variants if kind.binary]
    ['latent raw', 'latent aligned', 'hamming raw', 'hamming aligned']
    """
    variants = []
    for kind in KINDS:
        for variant in kind.variants:
            if variant.asked(options):
                variants.append((variant, kind))
    return variants
