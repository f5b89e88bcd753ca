"""All claims, in the order of the table; to add one, add its record, or its file here."""

from itertools import chain

from symgeom.study.claims import (
    ablation,
    barriers,
    chains,
    controls,
    displacements,
    distances,
    dynamics,
    ensembles,
    escapes,
    flatness,
    losses,
    margin,
    matching,
    noise,
    noise_flow,
    noise_linear,
    noise_nonlinear,
    orbits,
    robustness,
    simplices,
    star,
    teleportation,
    theory,
    valley,
)
from symgeom.study.claims.claim import Claim

FILES = (
    flatness,
    distances,
    barriers,
    ablation,
    escapes,
    losses,
    chains,
    margin,
    star,
    simplices,
    matching,
    controls,
    dynamics,
    noise,
    displacements,
    orbits,
    valley,
    ensembles,
    robustness,
    theory,
    noise_linear,
    noise_flow,
    noise_nonlinear,
    teleportation,
)
"""One file per question."""

CLAIMS: tuple[Claim, ...] = tuple(chain.from_iterable(file.CLAIMS for file in FILES))
"""All claims."""

CLAIMS_OF_CASES = tuple(claim for claim in CLAIMS if not claim.model)
"""The claims that are asked of every case of a study."""

CLAIMS_OF_MODELS = tuple(claim for claim in CLAIMS if claim.model)
"""The claims that are asked of models with known theory."""
