"""The signs of straight lines between latent weights of binary networks."""

from symgeom.landscape.binary.path import LatentPath
from symgeom.study.variants.kind import Between, PathKind, Variant


def latent_path(between: Between) -> list[LatentPath]:
    """Return the path of the signs of interpolated latent weights.

    Parameters
    ----------
    between : Between
        The networks.

    Returns
    -------
    list of LatentPath
        One path.
    """
    return [LatentPath(*between.ends, between.case.binary)]


LATENT = PathKind(
    binary=True,
    variants=(
        Variant("latent", "raw", "signs of latent weights, raw", row=0),
        Variant("latent", "aligned", "signs of latent weights, aligned", row=1),
    ),
    paths=latent_path,
)
