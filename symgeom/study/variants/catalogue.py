"""All kinds of paths.

The first imports are the list: a kind joins by one line among them.
"""

# In the order of the stores.
# isort: off
from symgeom.study.variants.linear import LINEAR as LINEAR
from symgeom.study.variants.geodesic import GEODESIC as GEODESIC
from symgeom.study.variants.repaired import REPAIRED as REPAIRED
from symgeom.study.variants.latent import LATENT as LATENT
from symgeom.study.variants.hamming import HAMMING as HAMMING
# isort: on

from collections.abc import Mapping

from symgeom.study.variants.kind import PathKind, Variant

_LISTED = dict(globals()).values()
KINDS = tuple(value for value in _LISTED if isinstance(value, PathKind))


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
