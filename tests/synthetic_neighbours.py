"""Made-up ensembles: an orbit as good as independent minima, better than everything else."""

import numpy as np
import xarray as xr
from synthetic_landscape import ROLES, described

KINDS = {
    "single": (1, 0.30),
    "orbit": (1, 0.20),
    "linear_orbit": (1, 0.30),
    "perturbation": (1, 0.26),
    "inverse": (1, 0.27),
    "shuffled": (1, 0.28),
    "permutation": (1, 0.25),
    "geodesic": (2, 0.20),
    "chain": (2, 0.20),
    "simplex": (3, 0.20),
    "independent": (2, 0.21),
}
"""Of every kind, how many minima it is made of, and its level."""

LABELS = {
    "scale": [0.1, 1.0],
    "attack": ["fgsm", "pgd"],
    "budget": [0.05, 0.1],
    "aim": ["aimed", "transferred", "either"],
    "corruption": ["noise", "contrast"],
    "severity": [1, 3],
}
ABOUT = {"scale": 0.1, "attack": "pgd", "budget": 0.1, "members": 2}
CLEAN = (
    "error",
    "vote_error",
    "member_error",
    "loss",
    "calibration_error",
    "disagreement",
    "distance",
)
"""The scores on inputs as they are."""


def neighbours(
    random: np.random.Generator,
    seeds: int,
    *,
    arms: list[str],
    hold: bool = True,
    kinds: dict[str, tuple] = KINDS,
) -> xr.Dataset:
    """Ensembles of the minima of the reference; of other arms the single minima."""
    levels = np.array([level for _, level in kinds.values()])
    base = levels + random.normal(0, 1e-3, (len(arms), seeds, len(kinds)))
    others = [number for number, arm in enumerate(arms) if arm != ROLES["reference"]]
    base[np.ix_(others, range(seeds), range(1, len(kinds)))] = np.nan
    if not hold:
        base = 0.5 - base

    def over(*dims: str, add: object = 0.0) -> tuple:
        sizes = [len(LABELS[dim]) for dim in dims]
        whole = base.reshape(*base.shape, *[1] * len(sizes)) + np.broadcast_to(add, sizes)
        return ("arm", "seed", "kind", *dims), whole

    worse = np.array([0.0, 0.1])
    aims = np.array([0.02, 0.0, 0.02]) if hold else np.array([-0.02, 0.0, -0.02])
    attacked = worse[:, None, None] + worse[:, None] + aims
    variables = {name: over("scale", add=worse) for name in CLEAN}
    variables["attacked_error"] = over()
    variables["robust_error"] = over("attack", "budget", "aim", add=attacked)
    variables["corrupted_error"] = over("corruption", "severity", add=worse)
    variables["minima"] = ("kind", [count for count, _ in kinds.values()])
    titles = [f"the {name}" for name in kinds]
    labels = {"arm": arms, "seed": list(range(seeds)), "kind": list(kinds)}
    labels |= {"kind_title": ("kind", titles)} | LABELS
    return described(variables, labels, ABOUT)
