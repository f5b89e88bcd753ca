"""A made-up study with the arrays of a real one: five arms of three seeds, of which one
diverged and one missed the stop rule."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import synthetic_neighbours
import xarray as xr
from synthetic_dynamics import (
    GROUPS,
    SEEDS,
    charts,
    equilibria,
    initialisations,
    ledgers,
    orbits,
    valleys,
)
from synthetic_landscape import (
    ARMS,
    BINARY,
    ROLES,
    chains,
    curvature,
    described,
    flatness,
    maps,
    networks,
    pair_coordinates,
    pairs,
    paths,
    roughness,
    sharpness,
    simplices,
)

SETTINGS = {
    "level": 0.95,
    "stop_error": 0.0,
    "stop_loss": 0.01,
    "threshold": 0.001,
    "resolution": 1 / 1437,
}
SETTINGS |= {"roles": ROLES}


def minima(random: np.random.Generator, seeds: int = SEEDS) -> xr.Dataset:
    shape, epochs = (len(ARMS), seeds), 60
    status = np.zeros(shape, int)
    status[sorted(ARMS).index("sam"), -1], status[sorted(ARMS).index("adam"), 0] = 2, 1
    length = random.integers(25, 50, shape)
    length[status == 2], length[status == 1] = 7, epochs
    epoch = np.arange(epochs + 1)
    loss = 2.3 * np.exp(
        -epoch * (5.4 / length)[..., None] * random.uniform(0.95, 1.05, (*shape, epochs + 1))
    )
    error = np.clip(0.9 * np.exp(-epoch * (9 / length)[..., None]), 0, 1)
    error[error < 1 / 1437] = 0
    loss[status == 2, 5:] *= 30
    for curve in (loss, error):
        curve[epoch > length[..., None]] = np.nan
    last = np.take_along_axis(error, length[..., None], -1)[..., 0]
    cost = np.array([{"rsgd": 3, "sam": 2}.get(arm, 1) for arm in sorted(ARMS)])[:, None]
    both = ("arm", "seed")
    pretraining = np.full(shape, np.nan)
    pretraining[sorted(ARMS).index("adversarial")] = 0.03
    pretraining[sorted(ARMS).index("adversarial"), -1] = 0.84
    memorised = np.select([pretraining < 0.1, pretraining >= 0.1], ["reached", "epoch limit"], "")
    variables = {
        "pretraining_error": (both, pretraining),
        "pretraining_status": (both, memorised),
        "file_notes": (both, np.where(pretraining > 0, "Removed 'module.' from their names.", "")),
        "train_error": (both, last),
        "test_error": (
            both,
            0.02 + 0.008 * np.sqrt(sharpness())[:, None] * random.uniform(0.8, 1.2, shape),
        ),
        "train_loss": (both, np.take_along_axis(loss, length[..., None], -1)[..., 0]),
        "test_loss": (both, random.uniform(0.05, 0.1, shape)),
        "status": (both, np.array(["reached", "epoch limit", "diverged"])[status]),
        "usable": (both, status == 0),
        "epochs": (both, length),
        "gradient_evaluations": (both, length * 11),
        "sample_gradients": (both, length * 1437 * cost),
        "history_loss": ((*both, "epoch"), loss),
        "history_error": ((*both, "epoch"), error),
    }
    return described(variables, networks(seeds) | {"epoch": epoch})


def distances(random: np.random.Generator, seeds: int = SEEDS) -> xr.Dataset:
    n, titles = len(pairs(seeds)), ["random networks", "shuffled signs", "shuffled inputs"]
    base = np.array([1.5, 1.05 + 0.0])[None, :, None] + random.normal(0, 0.02, (n, 2, 4))
    base[:, 1] += 0.05 * np.log2(roughness(seeds))[:, None] + np.array([0, 0.1, -0.05, -0.6])
    controls = np.array([[1.57, 1.32], [1.56, 1.28], [1.57, 1.3]])[..., None]
    controls = controls + random.normal(0, 0.01, (n, 3, 2, 4))
    ends = np.array([[pair[1], pair[3], pair[0] == pair[2]] for pair in pairs(seeds)])
    controls[~((ends[:, 1] - ends[:, 0] == 1) & (ends[:, 2] == 1))] = np.nan
    variables = {
        "distance": (("pair", "stage"), base[..., 0]),
        "group_distance": (("pair", "stage", "group"), base[..., 1:]),
        "control_distance": (("pair", "control", "stage"), controls[..., 0]),
        "group_control_distance": (("pair", "control", "stage", "group"), controls[..., 1:]),
    }
    labels = {
        "stage": ["normalised", "aligned"],
        "group": list(GROUPS),
        "control": ["random", "signs", "columns"],
        "control_title": ("control", titles),
    }
    return described(variables, pair_coordinates(seeds) | labels)


def canonical(random: np.random.Generator, seeds: int = SEEDS) -> xr.Dataset:
    both = (len(ARMS), seeds)
    variables = {
        "certificate": (("arm", "seed"), 10 ** random.uniform(-16, -15, both)),
        "head_length": (("arm", "seed"), random.uniform(3, 5, both)),
        "dead_units": (("arm", "seed", "group"), np.zeros((*both, 3), int)),
    }
    return described(variables, networks(seeds) | {"group": list(GROUPS)})


def alignments(random: np.random.Generator, seeds: int = SEEDS) -> xr.Dataset:
    count = len(pairs(seeds))
    objective = random.normal(100, 1, (count, 2))
    variables = {
        "objective": ("pair", objective.max(1)),
        "start_objective": (("pair", "start"), objective),
        "converged": ("pair", np.ones(count, bool)),
        "ties": (("pair", "group"), np.zeros((count, len(GROUPS)), int)),
    }
    return described(variables, pair_coordinates(seeds) | {"group": list(GROUPS)})


_ALL = (
    minima,
    canonical,
    flatness,
    distances,
    paths,
    chains,
    ledgers,
    equilibria,
    alignments,
    curvature,
    maps,
)


def neighbours(random: np.random.Generator, seeds: int = SEEDS) -> xr.Dataset:
    return synthetic_neighbours.neighbours(random, seeds, arms=sorted(ARMS))


_ALL += (valleys, initialisations, simplices, orbits, charts, neighbours)
STAGES = {stage.__name__: stage for stage in _ALL}


def case(stages: Iterable[str] = STAGES, *, seeds: int = SEEDS) -> xr.DataTree:
    """Return the node of one case, as open_study gives it."""
    random = {name: np.random.default_rng(number) for number, name in enumerate(STAGES)}
    return xr.DataTree.from_dict({name: STAGES[name](random[name], seeds) for name in stages})


def binary_case() -> xr.DataTree:
    """Return the node of a case of binary networks: no curvature, other noises and other paths."""
    study = case(["minima"])
    study["flatness"] = xr.DataTree(flatness(np.random.default_rng(2), SEEDS, noise="flips"))
    study["curvature"] = xr.DataTree(xr.Dataset(coords=networks(SEEDS)))
    study["paths"] = xr.DataTree(paths(np.random.default_rng(4), SEEDS, variants=tuple(BINARY)))
    study["distances"] = xr.DataTree(distances(np.random.default_rng(3)))
    return study


def write_benchmark(path: Path, seconds: str, memory: str) -> None:
    """Write what Snakemake measures of a job."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:00\t{memory}\n")


@dataclass(frozen=True)
class MadeUpClaim:
    """What a figure needs of a claim."""

    identifier: str
    statement: str
    statistic: str
    direction: str
    threshold: float
    estimate: float
    low: float
    high: float
    n: int
    unit_of_n: str
    verdict: str
    source: str = "toroids"
    note: str = ""
    case: str = "mlp"
    kind: str = "claim"
    family_verdict: str = ""
    gated: str = ""


def _claim(
    identifier: str, statement: str, statistic: str, n: tuple, claimed: tuple, measured: tuple
) -> MadeUpClaim:
    (size, unit), (direction, threshold, verdict) = n, claimed
    return MadeUpClaim(
        identifier, statement, statistic, direction, threshold, *measured, size, unit, verdict
    )


CLAIMS = [
    _claim(
        *("H1a", "Replicated SGD reaches flatter minima than SGD.", "difference of local energies"),
        *((3, "seeds"), ("below", 0, "supported"), (-0.12, -0.16, -0.07)),
    ),
    _claim(
        *(
            "H1b",
            "Flatter minima generalise better, over all minima of all arms together.",
            "rank correlation with the test error",
        ),
        *((13, "minima"), ("above", 0, "undecided"), (0.3, -0.1, 0.6)),
    ),
    _claim(
        *(
            "H2",
            "Pairs of flat minima are closer than pairs of sharp ones.",
            "difference of distances (rad)",
        ),
        *((15, "pairs"), ("below", 0, "contradicted"), (0.05, 0.02, 0.09)),
    ),
    replace(
        _claim(
            *("H3a", "Barriers are lower between flat minima.", "difference of barriers"),
            *((15, "pairs"), ("below", 0, "undecided"), (0.11, 0.07, 0.18)),
        ),
        gated="minima of flat and sharp end at training errors of 0.1 and 0.2",
    ),
    _claim(
        *("C1", "The ledgers close.", "largest relative defect"),
        *((15, "minima"), ("below", 1e-10, "supported"), (3e-14, 1e-14, 5e-14)),
    ),
    _claim(
        *(
            "N1",
            "Noise moves the charge of a unit the way that its force points.",
            "fraction of the units, minus that of shuffled units",
        ),
        *((0, "seeds"), ("above", 0, "undecided"), (np.nan, np.nan, np.nan)),
    ),
]
