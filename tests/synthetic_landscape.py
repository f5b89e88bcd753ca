"""The made-up landscape of the made-up study, and a binary one.

Noises, curvatures, paths, chains, maps and the perceptron.
"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import xarray as xr

ARMS = ["rsgd", "sam", "sgd", "adam", "adversarial"]
ROLES = {"flat": "rsgd", "reference": "sgd", "sharp": "adversarial"}
VARIANTS = [
    "linear raw",
    "linear normalised",
    "linear aligned",
    "linear both",
    "geodesic normalised",
    "geodesic both",
]
BINARY = ["latent raw", "latent aligned", "hamming raw", "hamming aligned"]
LAYERS = ["0", "2", "4"]
KINDS = ["typical-typical", "robust-typical", "robust-robust"]


def described(
    variables: Mapping[str, tuple], coordinates: Mapping, attrs: Mapping | None = None
) -> xr.Dataset:
    dataset = xr.Dataset(variables, coordinates, attrs)
    for variable in dataset.variables.values():
        variable.attrs = {"units": "1", "long_name": "made up"} | variable.attrs
    return dataset


def networks(seeds: int) -> dict:
    return {"arm": sorted(ARMS), "seed": list(range(seeds))}


def sharpness() -> np.ndarray:
    """How sharp each arm's minima are, in the (alphabetical) order of the arrays."""
    return np.array([0.3 * 2 ** ARMS.index(arm) for arm in sorted(ARMS)])


def pairs(seeds: int) -> list[tuple[str, int, str, int]]:
    inside = [
        (arm, first, arm, second) for arm in ARMS for first, second in combinations(range(seeds), 2)
    ]
    across = [
        (first, seed, second, seed)
        for first, second in combinations(ARMS, 2)
        for seed in range(seeds)
    ]
    star = [
        (first, i, second, j)
        for first, second in combinations(ARMS, 2)
        if {ROLES["reference"], ROLES["sharp"]} & {first, second}
        for i in range(seeds)
        for j in range(seeds)
        if i != j
    ]
    return inside + across + star


def pair_coordinates(seeds: int) -> dict:
    names = ("first_arm", "first_seed", "second_arm", "second_seed")
    return {
        name: ("pair", list(column))
        for name, column in zip(names, zip(*pairs(seeds), strict=True), strict=True)
    }


def roughness(seeds: int) -> np.ndarray:
    return np.array(
        [
            np.sqrt(0.3 * 2 ** ARMS.index(pair[0]) * 0.3 * 2 ** ARMS.index(pair[2]))
            for pair in pairs(seeds)
        ]
    )


def _energies(random: np.random.Generator, steepness: np.ndarray, amplitude: np.ndarray) -> dict:
    """Curves of all noises; those of raw noise have an order of their own, and a copy's are ten
    times as steep."""
    additive = steepness[::-1] * random.uniform(0.5, 2, steepness.shape)
    slopes = {
        "local_energy": steepness,
        "torus_energy": 0.7 * steepness,
        "additive_energy": additive,
    }
    slopes["rescaled_energy"] = additive * random.uniform(4, 16, steepness.shape)
    curves = {name: 0.9 * (1 - np.exp(-slope * amplitude**3)) for name, slope in slopes.items()}
    dims, variables = ("arm", "seed", "amplitude"), {}
    for name, energy in curves.items():
        variables |= {
            name: (dims, energy),
            f"{name}_standard_error": (dims, energy / 20),
            f"{name}_loss": (dims, 3 * energy),
        }
    return variables


def flatness(
    random: np.random.Generator, seeds: int, *, noise: str = "multiplicative"
) -> xr.Dataset:
    amplitude = np.arange(0.1, 0.65, 0.1)
    steepness = (sharpness()[:, None] * random.uniform(0.8, 1.2, (len(ARMS), seeds)))[..., None]
    variables = _energies(random, steepness, amplitude)
    quantile = np.array([0, 0.01, 0.1, 0.5])
    margin = (0.3 + quantile) / np.sqrt(steepness)
    variables |= dict.fromkeys(("margin", "spectral_margin"), (("arm", "seed", "quantile"), margin))
    variables["layer_margin"] = (
        ("arm", "seed", "layer", "quantile"),
        margin[:, :, None] * np.array([1, 2, 4])[:, None],
    )
    variables["layer_energy"] = (
        ("arm", "seed", "layer"),
        steepness * np.array([0.02, 0.008, 0.003]),
    )
    escape = 0.5 / np.sqrt(steepness[..., 0])
    variables |= {
        "escape_angle": (("arm", "seed"), escape),
        "escape_angle_standard_error": (("arm", "seed"), escape / 20),
        "escape_reached": (("arm", "seed"), np.ones_like(escape)),
    }
    if noise == "flips":
        variables = {
            name: array
            for name, array in variables.items()
            if name.startswith(("local_energy", "margin"))
        }
    coordinates = networks(seeds) | {"amplitude": amplitude, "quantile": quantile, "layer": LAYERS}
    return described(variables, coordinates, {"noise": noise, "escape_rise": 0.05})


def curvature(random: np.random.Generator, seeds: int) -> xr.Dataset:
    shape, both = (len(ARMS), seeds), ("arm", "seed")
    steepness = sharpness()[:, None] * random.uniform(0.8, 1.2, shape)
    variables = {
        "eigenvalue": ((*both, "rank"), 10 * steepness[..., None] / np.arange(1, 4)),
        "eigenvalue_residual": ((*both, "rank"), np.full((*shape, 3), 4e-4)),
        "layer_trace": ((*both, "layer"), 100 * steepness[..., None] * np.array([0.2, 0.5, 0.3])),
    }
    for name, agreement in (("trace", 0.6), ("relative_trace", 1.0), ("torus_trace", 0.9)):
        values = 100 * steepness**agreement * random.uniform(0.6, 1.6, shape)
        variables |= {name: (both, values), f"{name}_standard_error": (both, values / 10)}
    for name, spread in (
        ("relative_eigenvalue", 1.2),
        ("torus_eigenvalue", 1.5),
        ("sharpness", 3),
        ("adaptive_sharpness", 1.5),
    ):
        variables[name] = (both, steepness * random.uniform(1 / spread, spread, shape))
    probe = (*shape, 4, 30)
    bulk, outliers = (
        random.normal(0, 3e-3, (*probe[:-1], 20)),
        10.0 ** random.uniform(-2, 0.8, (*probe[:-1], 10)),
    )
    node = np.sort(np.concatenate([bulk, outliers], -1))
    weight = np.exp(-np.abs(node) / 0.01) + 1e-6
    variables["density_node"] = ((*both, "probe", "step"), node * steepness[..., None, None])
    variables["density_weight"] = ((*both, "probe", "step"), weight / weight.sum(-1, keepdims=True))
    return described(variables, networks(seeds) | {"layer": LAYERS, "rank": [0, 1, 2]})


def _row(variant: str) -> int:
    """Return the row of the panel of a variant: what compares ways to align stands below the
    rest."""
    kind, removed = variant.split()
    if removed == "greedy" or kind == "repaired":
        return 2
    return int(removed in ("aligned", "both"))


def paths(
    random: np.random.Generator, seeds: int, *, variants: tuple = tuple(VARIANTS)
) -> xr.Dataset:
    heights = dict(zip(VARIANTS, (0.8, 0.75, 0.2, 0.1, 0.7, 0.04), strict=True)) | {
        "geodesic greedy": 0.09,
        "repaired both": 0.03,
    }
    heights |= dict(zip(BINARY, (0.7, 0.2, 0.8, 0.1), strict=True))
    t, height = np.linspace(0, 1, 25), np.array([heights[variant] for variant in variants])
    size = len(pairs(seeds)), len(variants), 2
    peak = (
        height[None, :, None]
        * np.minimum(roughness(seeds), 1.2)[:, None, None]
        * random.uniform(0.8, 1, size)
    )
    across = np.array([first != second for first, _, second, _ in pairs(seeds)])
    partial = np.array(
        [
            variant not in ("geodesic both", "hamming aligned", "repaired both")
            for variant in variants
        ]
    )
    peak[np.ix_(across, partial)] = np.nan
    error = peak[..., None] * (4 * t * (1 - t)) ** 2 + np.array([0.0, 0.03])[:, None]
    dims = ("pair", "variant", "split")
    labels = {
        "variant": list(variants),
        "variant_title": ("variant", [f"made-up {name}" for name in variants]),
        "variant_row": ("variant", [_row(name) for name in variants]),
    }
    variables = {
        "error": ((*dims, "t"), error),
        "loss": ((*dims, "t"), 3 * error),
        "barrier": (dims, peak),
    }
    variables |= {"loss_barrier": (dims, 3 * peak), "peak": (dims, np.full(size, 0.5))}
    variables["relative_barrier"] = (dims, peak / 0.9)
    geodesics = [name for name in variants if name.startswith("geodesic")]
    if geodesics:
        columns = [list(variants).index(name) for name in geodesics]
        height = peak[:, columns, :1] * np.ones(2)
        ends = ("pair", "geodesic", "end")
        reached = np.where(np.isnan(height), np.nan, height > 0.03)
        angle = np.where(height > 0.03, 0.1 / np.sqrt(height), 1.1 + 0 * height)
        variables |= {"escape_angle": (ends, angle), "escape_reached": (ends, reached)}
        labels |= {"geodesic": geodesics, "end": ["first", "second"]}
    return described(
        variables,
        pair_coordinates(seeds) | labels | {"split": ["train", "test"], "t": t},
        {"escape_rise": 0.05},
    )


def chains(random: np.random.Generator, seeds: int) -> xr.Dataset:
    t, n = np.linspace(0, 1, 25), len(pairs(seeds))
    straight = 0.1 * np.minimum(roughness(seeds), 4) * random.uniform(0.8, 1.2, n)
    bend = np.where(random.random(n) < 0.6, 0.0, 0.01 * straight)
    error = bend[:, None, None] * (np.sin(2 * np.pi * t) ** 2) + np.array([0.0, 0.03])[:, None]
    epochs = np.where(bend < 0.001, random.integers(1, 20, n), np.nan)
    variables = {
        "error": (("pair", "split", "t"), error),
        "loss": (("pair", "split", "t"), 3 * error),
        "judged_t": (("pair", "judged_point"), np.broadcast_to(t, (n, len(t)))),
        "judged_error": (("pair", "judged_point"), error[:, 0]),
        "peak": ("pair", np.full(n, 0.25)),
        "bend_error": ("pair", bend),
        "straight_error": ("pair", straight),
        "epochs_needed": ("pair", epochs),
        "steps_needed": ("pair", 12 * epochs),
        "length_ratio": ("pair", random.uniform(1, 1.3, n)),
        "torus_length_ratio": ("pair", random.uniform(1, 1.2, n)),
        "bend_angle": ("pair", random.uniform(0.1, 0.6, n)),
    }
    attrs = {"kind": "polygonal", "bends": 1, "constraint": "none"}
    return described(
        variables, pair_coordinates(seeds) | {"split": ["train", "test"], "t": t}, attrs
    )


def maps(random: np.random.Generator, seeds: int) -> xr.Dataset:
    """Three basins whose walls are as high as their arms are sharp, on planes of different size."""
    planes = [[(arm, seed) for seed in range(3)] for arm in ARMS] + [
        [(ROLES[role], 0) for role in ROLES]
    ]
    place, x, y, error = [], [], [], []
    for plane in planes:
        rough = np.mean([ARMS.index(arm) for arm, _ in plane])
        corners = 6 * np.array([[0, 0], [1, 0], random.uniform([0.3, 0.7], [0.6, 0.9])])
        low, high = corners.min(0), corners.max(0)
        side = np.linspace(low - 0.25 * (high - low), high + 0.25 * (high - low), 21)
        points = np.stack(np.meshgrid(*side.T), -1)
        nearest = np.linalg.norm(points[..., None, :] - corners, axis=-1).min(-1)
        place.append(corners)
        x.append(side[:, 0])
        y.append(side[:, 1])
        error.append(0.9 * (1 - np.exp(-((nearest / 4) ** 4) * (0.02 + rough))))
    dims = ("plane", "row", "column")
    variables = {
        "error": (dims, np.array(error)),
        "loss": (dims, 3 * np.array(error)),
        "places": (("plane", "vertex", "axis"), place),
    }
    variables |= {"x": (("plane", "column"), x), "y": (("plane", "row"), y)}
    vertices = ("plane", "vertex")
    names = {"vertex_arm": (vertices, [[arm for arm, _ in plane] for plane in planes])}
    return described(
        variables,
        names | {"vertex_seed": (vertices, [[seed for _, seed in plane] for plane in planes])},
    )


def solutions(random: np.random.Generator, pairs_of_a_kind: int = 10) -> xr.Dataset:
    t, kind = np.linspace(0, 1, 41), np.repeat(KINDS, pairs_of_a_kind)
    barrier = np.repeat([0.03, 0.012, 0.0], pairs_of_a_kind) * random.uniform(0.7, 1.3, len(kind))
    variables = {
        "error": (("pair", "t"), barrier[:, None] * (4 * t * (1 - t)) ** 2),
        "barrier": ("pair", barrier),
        "kind": ("pair", kind),
        "angle": ("pair", random.uniform(1, 1.5, len(kind))),
        "margin": ("solution", random.uniform(-0.5, 0, 12)),
        "solution_kind": ("solution", np.repeat(["typical", "robust"], 6)),
        "solved": ("solution", np.arange(12) != 3),
    }
    return described(variables, {"t": t}, {"dimension": 500, "density": 3.0, "threshold": -0.5})


def perceptron() -> xr.DataTree:
    return xr.DataTree.from_dict({"solutions": solutions(np.random.default_rng(0))})


def simplices(random: np.random.Generator, seeds: int) -> xr.Dataset:
    """Middles of two and of all minima; the error rises with the arm and with their number."""
    corners = [
        (arm, chosen)
        for arm in ARMS
        for size in (2, 3)
        for chosen in combinations(range(min(seeds, 4)), size)
    ]
    sizes = np.array([len(chosen) for _, chosen in corners], int)
    table = np.array([[*chosen, -1][:3] for _, chosen in corners]).reshape(-1, 3)
    level = np.array([0.002 * 2 ** ARMS.index(arm) for arm, _ in corners])
    centre = (level * sizes * random.uniform(0.9, 1.1, len(corners)))[:, None] * np.array([1, 2])
    variables = {
        "centre_error": (("simplex", "split"), centre),
        "vertex_error": (("simplex", "split"), np.tile([0.0, 0.02], (len(corners), 1))),
    }
    coordinates = {
        "simplex_arm": ("simplex", np.array([arm for arm, _ in corners], dtype=str)),
        "vertices": ("simplex", sizes),
        "simplex_seed": (("simplex", "vertex"), table),
        "split": ["train", "test"],
    }
    return described(variables, coordinates)
