"""What commands ask of the stages of a study: what the default study asks, a test compares them."""

from collections.abc import Mapping
from pathlib import Path

DATA_ROOT = Path("results/data")
"""Where data sets lie or are downloaded to."""

ALIGNMENT: Mapping = {
    "method": "iterated",
    "starts": 2,
    "activation_samples": 500,
    "controls": ["random", "signs", "columns"],
}

PATHS: Mapping = {
    "points": 9,
    "refinements": 1,
    "escape_rise": 0.05,
    "cross_arm": "matched",
    "star": ["reference", "sharp"],
    "compare": "greedy",
    "repair": False,
    "samples": None,
    "precision": "float32",
}

FLATNESS: Mapping = {
    "amplitudes": [0.1, 0.2, 0.3, 0.4, 0.5],
    "draws": 10,
    "noises": ["torus", "additive"],
    "escape_rise": 0.05,
    "layers": True,
    "samples": None,
    "precision": "float32",
}

CURVATURE: Mapping = {
    "eigenvalues": 3,
    "eigenvalue_tolerance": 1e-3,
    "probes": 6,
    "density_steps": 0,
    "layers": False,
    "radius": 0.05,
    "adaptive_radius": 0.5,
    "ascent_steps": 1,
    "samples": 500,
}

BIAS_IN_NORM = True
"""Whether a unit's bias is part of its incoming vector."""
