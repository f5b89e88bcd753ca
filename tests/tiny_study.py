"""Two studies of a second or two each, computed stage by stage without Snakemake."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np
import xarray as xr
import yaml

from symgeom.quotient.torus import Torus
from symgeom.store import write_store
from symgeom.study.cases import Case
from symgeom.study.elements import read_elements
from symgeom.study.gauges import Gauges
from symgeom.study.pairs import Pair
from symgeom.study.stages import alignments, canonical, data, symmetry, training
from symgeom.study.stored_networks import Minima, read_networks
from symgeom.symmetry.group import identity
from symgeom.symmetry.spec import SymmetrySpec

TESTS = Path(__file__).parent
REAL = yaml.safe_load((TESTS / "small_study.yaml").read_text())
BINARY = yaml.safe_load((TESTS / "small_binary.yaml").read_text())

SEEDS = [0, 1]
WIDTHS = (64, 8, 6, 10)
"""Of the real network: inputs, hidden layers, classes."""

DIGITS = {"name": "digits", "options": {"subset": 150}}
"""Data of the real study."""

ARMS = {
    "sgd": {"method": "sgd", "learning_rate": 0.1, "weight_decay": 1e-3, "momentum": 0.5},
    "adam": {"method": "adam", "learning_rate": 0.01},
    "wild": {"method": "sgd", "learning_rate": 1e200},
}
"""Arms of the real study; all seeds of the last one diverge."""

BINARY_ARMS = {
    "sgd": {"method": "sgd", "learning_rate": 0.05, "momentum": 0.9},
    "adam": {"method": "adam", "learning_rate": 0.01},
}


@dataclass(frozen=True, eq=False)
class TinyStudy:
    """A case whose minima are trained, canonical and aligned.

    ``options`` is a configuration, ``minima_of`` and ``ledgers_of`` hold what training an arm
    yields, and all stores that stages read lie in ``folder``.
    """

    folder: Path
    options: Mapping
    case: Case
    spec: SymmetrySpec
    trained_spec: SymmetrySpec
    minima_of: Mapping[str, xr.Dataset]
    ledgers_of: Mapping[str, xr.Dataset]
    minima: Minima
    canonical: xr.Dataset
    alignments: xr.Dataset
    pairs: Sequence[Pair]

    @cached_property
    def torus(self) -> Torus:
        """The torus of the architecture."""
        return Torus(self.spec, self.options["symmetry"]["bias_in_norm"])

    @cached_property
    def gauges(self) -> Gauges:
        """Networks and alignments, read from the stores."""
        stores = {
            "minima": [self.store("minima", arm) for arm in self.minima_of],
            "canonical": self.store("canonical"),
            "alignments": self.store("alignments"),
        }
        return Gauges.read(self.case, self.torus, stores, set(self.pairs))

    def gauges_of(self, canonical: Mapping) -> Gauges:
        """Return the same with other networks on the torus."""
        identities = {pair: identity(self.spec) for pair in self.pairs}
        return replace(self.gauges, canonical=canonical, elements=identities)

    def store(self, *words: str) -> str:
        """Return the path of a store."""
        return str(self.folder / f"{'-'.join(words)}.zarr.zip")

    def minimum(self, arm: str, seed: int) -> xr.Dataset:
        """Return what training stored of one network."""
        return self.minima_of[arm].sel(arm=arm, seed=seed)

    def aligned(self) -> dict:
        """Return the group elements of all pairs."""
        return read_elements(self.store("alignments"), self.spec)


def write(path: str, dataset: xr.Dataset) -> None:
    """Write a store as a script does."""
    write_store(path, dataset, config_digest="0", seeds=SEEDS)


def to_a_rule(training: Mapping) -> dict:
    """Return how networks train that stop by a rule: without what is only asked for in common."""
    return {key: value for key, value in training.items() if key != "depths"}


def train_arm(
    case: Case, spec: SymmetrySpec, name: str, recipe: Mapping, options: Mapping, folder: Path
) -> training.Outcome:
    """Train the seeds of an arm."""
    arm = training.Arm(name, SEEDS, recipe, options)
    return training.measure(case, spec, arm, checkpoint=folder / f"{name}.checkpoint", digest="0")


def compute(
    folder: Path, recipe: Mapping, options: Mapping, network: Mapping, arms: Mapping
) -> TinyStudy:
    """Compute a study up to its alignments."""

    def store(*words: str) -> str:
        return str(folder / f"{'-'.join(words)}.zarr.zip")

    write(store("data"), data.measure(recipe, root=str(folder)))
    case = Case.read("tiny", store("data"), {**network, "batch_norm": "fold", "device": "cpu"})
    spec, trained_spec = symmetry.measure(case)
    minima_of = {}
    ledgers_of = {}
    for arm, arm_recipe in arms.items():
        outcome = train_arm(case, trained_spec, arm, arm_recipe, options["training"], folder)
        minima_of[arm] = outcome.minima
        ledgers_of[arm] = outcome.ledgers
        write(store("minima", arm), outcome.minima)
    networks = read_networks([store("minima", arm) for arm in arms])
    minima = Minima(list(arms), SEEDS, networks)
    on_torus = canonical.measure(case, spec, minima, options=options["symmetry"])
    write(store("canonical"), on_torus)
    ends = combinations([(arm, seed) for arm in arms for seed in SEEDS], 2)
    pairs = [(*first, *second) for first, second in ends]
    canonical_networks = read_networks(store("canonical"))
    aligned = alignments.measure(
        case, spec, canonical_networks, pairs=pairs, options=options["alignment"]
    )
    write(store("alignments"), aligned)
    return TinyStudy(
        folder,
        options,
        case,
        spec,
        trained_spec,
        minima_of,
        ledgers_of,
        minima,
        on_torus,
        aligned,
        pairs,
    )


def real_study(folder: Path, activation: str = "relu", **alignment: object) -> TinyStudy:
    """Compute the study of real networks."""
    options = REAL | {
        "training": to_a_rule(REAL["training"]) | {"epochs": 15, "together": "one"},
        "alignment": REAL["alignment"] | alignment,
    }
    widths = list(WIDTHS[1:-1])
    network = {"name": "mlp", "options": {"widths": widths, "activation": activation}}
    return compute(folder, DIGITS, options, network, ARMS)


def binary_study(folder: Path) -> TinyStudy:
    """Compute the study of binary networks, on inputs of which no sum of signs is zero."""
    random = np.random.default_rng(0)
    np.savez(
        folder / "real.npz",
        train_inputs=random.normal(size=(90, 12)),
        train_targets=np.arange(90) % 3,
        test_inputs=random.normal(size=(30, 12)),
        test_targets=np.arange(30) % 3,
    )
    recipe = {"name": "arrays", "options": {"path": "real.npz"}}
    options = BINARY | {"training": to_a_rule(BINARY["training"]) | {"epochs": 3}}
    network = {"name": "binary_mlp", "options": {"widths": [9, 9]}}
    return compute(folder, recipe, options, network, BINARY_ARMS)


def token_study(folder: Path, labels: str) -> TinyStudy:
    """Compute the study of a transformer on tokens, with a label per sample or per position.

    A position is of the class of its token, but for the last, which does not count; a sample is of
    the class of its first token.
    """
    tokens = np.random.default_rng(0).integers(6, size=(120, 4))
    classes = tokens % 2
    classes[:, -1] = -100
    targets = classes if labels == "position" else classes[:, 0]
    np.savez(folder / "tokens.npz", inputs=tokens, targets=targets)
    recipe = {
        "name": "tokens",
        "options": {"path": "tokens.npz", "test_fraction": 0.25, "labels": labels},
    }
    options = REAL | {"training": to_a_rule(REAL["training"]) | {"epochs": 6, "batch_size": 15}}
    widths = {"width": 4, "depth": 1, "heads": 2, "hidden": 3}
    network = {
        "name": "transformer",
        "options": {"tokens": 6, "answers": labels, **widths},
    }
    return compute(folder, recipe, options, network, {"adam": ARMS["adam"]})
