"""The made-up dynamics of the made-up study: ledgers, noise equilibria, walks along valleys,
starts, and the two-layer model."""

from functools import cache

import numpy as np
import xarray as xr
from synthetic_landscape import ARMS, described, networks

GROUPS = {"hidden1": 12, "hidden2": 10, "head": 1}
SEEDS = 3
IMBALANCES = [-4.0, -1.0, 0.0, 1.0, 4.0]


def ledgers(random: np.random.Generator, seeds: int = SEEDS) -> xr.Dataset:
    both, snapshots = (len(ARMS), seeds), 20
    causes = ["weight_decay", "noise", "discretisation", "optimizer"]
    terms = [*causes, *(f"carried_{cause}" for cause in causes)]
    first_order = np.where(np.array(sorted(ARMS)) == "adam", 0.7, 0.0)
    variables: dict[str, tuple] = {
        "closure": (("arm", "seed"), 10 ** random.uniform(-15, -13, both)),
        "first_order": (("arm", "seed"), np.broadcast_to(first_order[:, None], both)),
    }
    for group in ("hidden1", "hidden2"):
        size = GROUPS[group]
        booked = random.normal(0, 1e-2, (*both, snapshots, len(terms), size)).cumsum(2)
        booked[..., 0, :] *= -1
        booked[..., 3::4, :] *= 20 * first_order[:, None, None, None, None]
        dims = ("arm", "seed", "step")
        variables[f"term_{group}"] = ((*dims, "term", group), booked)
        variables[f"charge_{group}"] = (
            (*dims, group),
            random.normal(0.1, 0.3, (*both, 1, size)) + booked.sum(3),
        )
        variables[f"defect_{group}"] = (
            (*dims, group),
            random.normal(0, 1e-15, (*both, snapshots, size)),
        )
    steps = np.round(np.linspace(0, 500, snapshots))
    return described(variables, networks(seeds) | {"term": terms, "step": steps})


def equilibria(random: np.random.Generator, seeds: int = SEEDS) -> xr.Dataset:
    both, variables = (len(ARMS), seeds), {}
    for group in ("hidden1", "hidden2"):
        units = random.normal(0, 1, (*both, 2, GROUPS[group])) * np.array([0.6, 0.25])[:, None]
        units[0, 0, 1, 0], units[1, 1, 1, 1] = np.inf, np.nan
        variables[f"displacement_{group}"] = (("arm", "seed", "moment", group), units)
    everything = np.concatenate([np.abs(value[1]) for value in variables.values()], -1)
    variables["displacement"] = (("arm", "seed", "moment"), np.nanmedian(everything, -1))
    for group in ("hidden1", "hidden2"):
        forces = random.normal(0.02, 0.05, (*both, 2, GROUPS[group]))
        forces[..., 1, -1] = 0.0
        variables[f"force_{group}"] = (("arm", "seed", "moment", group), forces)
    variables["decay_ratio"] = (("arm", "seed"), np.full(both, 0.02))
    return described(variables, networks(seeds) | {"moment": ["start", "end"]})


def orbits(random: np.random.Generator, seeds: int = SEEDS) -> xr.Dataset:
    """The noise equilibrium is flatter than the minimum and near the flattest network; one seed
    has no finite trace."""
    points = ["trained", "balanced", "noise", "flattest", "random", "shuffled"]
    both = (len(ARMS), seeds, len(points))
    levels = np.array([1, 1.2, 0.8, 0.76, 2.5, 1.3]) * random.uniform(0.97, 1.03, both)
    levels[..., 0] = 1.0
    base = random.uniform(20, 40, both[:2])[..., None]
    trace = base * levels
    trace[-1, 0] = np.nan
    dims = ("arm", "seed", "point")
    variables = {
        "trace": (dims, trace),
        "eigenvalue": (dims, base * levels**1.4 / 6),
        "gradient_variance": (dims, base * levels / 30),
        "squared_length": (dims, np.broadcast_to([400, 380.0, 700, 650, 900, 720], both)),
        "distance": (dims, np.broadcast_to([0, 3.0, 5, 5, 5, 5], both)),
        "change": (dims, np.full(both, 1e-15)),
    }
    dataset = described(variables, networks(seeds) | {"point": points})
    return dataset.assign_attrs(matrix="Hessian")


def valleys(random: np.random.Generator, seeds: int = SEEDS) -> xr.Dataset:
    """Sharpness doubles at the outermost imbalances, the rate rises by half; one seed could not
    be moved."""
    both, steps = (len(ARMS), seeds, 2), np.abs(IMBALANCES) / 4
    moved = ("arm", "seed", "moment", "imbalance")
    base = random.uniform(5, 10, both)[..., None]
    variables = {
        "eigenvalue": (moved, base * 2**steps),
        "own_eigenvalue": (moved[:3], 1.1 * base[..., 0]),
        "rate": (moved, 0.1 * base * 1.5**steps),
        "squared_length": (moved, base * 2**steps),
        "change": (moved, np.full((*both, len(IMBALANCES)), 1e-15)),
        "flow_loss": (
            (*moved, "time"),
            np.exp(-np.array([1.0, 10.0]) * (1 + steps[:, None])) * base[..., None],
        ),
        "flow_drift": (moved, np.full((*both, len(IMBALANCES)), 1e-6)),
    }
    for name in ("eigenvalue", "own_eigenvalue", "rate"):
        variables[name][1][-1, 0] = np.nan
    for group in ("hidden1", "hidden2"):
        for kind, spread in (("charge", 0.3), ("size", 0.1)):
            values = random.normal(kind == "size", spread, (*both, GROUPS[group]))
            variables[f"{kind}_{group}"] = ((*moved[:3], group), values)
    return described(
        variables,
        networks(seeds)
        | {"moment": ["start", "end"], "imbalance": IMBALANCES, "time": [1.0, 10.0]},
    )


def charts(random: np.random.Generator, seeds: int = SEEDS) -> xr.Dataset:
    """The first two seeds of every arm: a pass in the middle, the flattest networks beside the
    noise equilibrium, the sharp arm sharper."""
    t, imbalances = np.linspace(0, 1, 5), np.sinh(np.linspace(-2, 2, 9))
    points = {"trained": (1.3, 0.1), "balanced": (1.5, 0), "noise": (1.04, 0.8)}
    points["flattest"] = (1.0, 0.7)
    arms = sorted(ARMS)
    ends = [(arm, min(1, seeds - 1) * seed) for arm in arms for seed in (0, 1)]
    height = 0.01 + np.array([0.1 + 0.3 * (arm == "adversarial") for arm in arms])[:, None] * (
        np.sin(np.pi * t)
    )
    floor = 20 * (1 + 5 * height) * random.uniform(0.9, 1.1, (len(arms), 1))
    both = (len(arms), len(t), len(imbalances))
    levels, places = np.array(list(points.values())).T
    variables = {
        "loss": (("pair", "t", "imbalance"), np.broadcast_to(height[..., None], both)),
        "error": (("pair", "t", "imbalance"), np.broadcast_to(height[..., None] / 2, both)),
        "trace": (
            ("pair", "t", "imbalance"),
            1.1 * floor[..., None] * np.cosh(np.arcsinh(imbalances - 0.7)) ** 1.5,
        ),
        "point_trace": (("pair", "t", "point"), floor[..., None] * levels),
        "point_imbalance": (
            ("pair", "t", "point"),
            np.broadcast_to(places, (*both[:2], len(points))),
        ),
    }
    labels: dict[str, object] = {"t": t, "imbalance": imbalances, "point": list(points)}
    for column, end in enumerate(("first", "second")):
        chosen = ends[column::2]
        labels[f"{end}_arm"] = ("pair", [arm for arm, _ in chosen])
        labels[f"{end}_seed"] = ("pair", [seed for _, seed in chosen])
    return described(variables, labels).assign_attrs(matrix="Hessian", undefined=[])


def initialisations(random: np.random.Generator, _: int = SEEDS) -> xr.Dataset:
    kinds, variables = ["uniform", "he", "glorot", "orthogonal"], {}
    for group in ("hidden1", "hidden2"):
        axes = ("initialisation", "draw", group)
        centre = np.linspace(-1, 1, len(kinds))[:, None, None]
        variables[f"charge_{group}"] = (
            axes,
            centre + random.normal(0, 0.2, (len(kinds), 20, GROUPS[group])),
        )
        variables[f"mean_{group}"] = (
            axes[::2],
            np.broadcast_to(centre[:, 0], (len(kinds), GROUPS[group])),
        )
        variables[f"variance_{group}"] = (axes[::2], np.full((len(kinds), GROUPS[group]), 0.04))
    return described(variables, {"initialisation": kinds})


def ellipse() -> xr.DataTree:
    """The model itself; imported here, because other figures must not load torch."""
    from symgeom.study.stages.ellipses import measure

    options = {"steepness": 3.0, "learning_rate": 0.02, "steps": 30}
    return xr.DataTree.from_dict({"ellipses": measure(options)})


def two_layer() -> xr.DataTree:
    """The model itself, for a few steps; imported here, because other figures must not load
    torch."""
    from symgeom.models.two_layer.experiments import EXPERIMENTS

    variables, coordinates = {}, {}
    for experiment, size in zip(EXPERIMENTS.values(), (200, 200, 20, 5), strict=True):
        arrays, places = experiment(size)
        variables |= {name: (dims, values) for name, (dims, values, *_) in arrays.items()}
        coordinates |= {name: (dims, values) for name, (dims, values, *_) in places.items()}
    return xr.DataTree.from_dict({"descents": described(variables, coordinates)})


def teleportation(draws: int = 3) -> xr.Dataset:
    """Trainings from points of an orbit: a steepest point that helps at small rates only."""
    random = np.random.default_rng(5)
    points = ["not moved", "steepest", "flattest", "straightest", "random corner"]
    bounds, rates, records = [0.5, 1.0], [0.05, 0.1, 0.2, 0.3, 0.4], 9
    shape = (len(points), len(bounds), len(rates), draws)
    factor = np.array([1.0, 0.8, 1.1, 1.4, 0.75])[:, None, None, None]
    epochs = factor * np.array([40.0, 20, 12, 10, 11])[:, None] + random.normal(0, 0.5, shape)
    epochs[1, 1, -1, 0] = np.nan
    spent = np.broadcast_to(np.array([0, 0.2, 1.2, 15.0, 0])[:, None, None, None], shape)
    axes = ("point", "bound", "rate", "draw")
    variables = {
        "loss": ((*axes, "record"), random.uniform(0, 2, (*shape, records))),
        "spent": (axes, spent),
        "change": (axes, random.uniform(0, 1e-15, shape)),
        "at_bound": (axes, random.uniform(0, 1, shape)),
        "reached": (axes, epochs + spent),
        "error": (axes, random.uniform(0.05, 0.15, shape)),
        "trace": (axes, random.uniform(20, 40, shape)),
    }
    coordinates = {"point": points, "bound": bounds, "rate": rates}
    return described(variables, coordinates | {"epoch": ("record", np.arange(records))})


@cache
def noise_models() -> xr.DataTree:
    """All experiments with models of noise, for a few steps; imported here for the same reason."""
    from symgeom.models.noise.experiments.catalogue import EXPERIMENTS
    from symgeom.study.stages.noise_models import measure

    few = {"relu_flow": 2, "training_on": 1}  # steps of those that measure much at each
    made_up = {"teleportation": teleportation()}  # whose searches take seconds
    stages = {}
    for name, experiment in EXPERIMENTS.items():
        data = {"pictures": "digits", "root": ""} if experiment.on_pictures else None
        if name in made_up:
            stages[name] = made_up[name]
        else:
            stages[name] = measure(name, few.get(name, 8), 3, data=data)
    return xr.DataTree.from_dict(stages)
