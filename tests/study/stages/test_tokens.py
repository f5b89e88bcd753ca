"""Tokens as inputs, from data to measures: whole numbers stay whole numbers."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import xarray as xr
from tiny_study import ARMS, SEEDS, TinyStudy, token_study

from symgeom.store import read_store
from symgeom.study.stages import (
    chains,
    curvature,
    data,
    equilibria,
    flatness,
    neighbours,
    orbits,
    paths,
)

STAGES: dict[str, Callable[[TinyStudy], xr.Dataset]] = {
    "flatness": lambda study: flatness.measure(
        study.case, study.torus, study.minima, study.options["flatness"]
    ),
    "curvature": lambda study: curvature.measure(
        study.case, study.torus, study.minima, study.options["curvature"]
    ),
    "equilibria": lambda study: equilibria.measure(
        study.case,
        study.spec,
        study.minima,
        noises={"adam": equilibria.Noise(ARMS["sgd"], 15, limit=4)},
        epochs={("adam", seed): 2 for seed in SEEDS},
        samples=None,
    ),
    "orbits": lambda study: orbits.measure(
        study.case, study.spec, study.minima, study.options["orbits"]
    ),
    "paths": lambda study: paths.measure(
        study.case,
        study.gauges,
        pairs=study.pairs,
        options=study.options["paths"],
        grid=paths.Grid.joined(5),
    ),
    "chains": lambda study: chains.measure(
        study.case,
        study.gauges,
        pairs=study.pairs,
        options=study.options["chains"] | {"batch_size": 15},
        at_once=2,
    ),
    "neighbours": lambda study: neighbours.measure(
        study.case,
        study.gauges,
        arm="adam",
        seeds=SEEDS,
        with_ensembles=True,
        options=study.options["neighbours"] | {"chains": study.options["chains"]},
    ),
}

SINGLE_LABELS = ("orbits", "neighbours")
"""What is measured where a sample has one label only."""

TRIED = {
    "sample": ["curvature", "equilibria", "neighbours"],
    "position": ["flatness", "paths", "chains", "orbits", "neighbours"],
}
"""What is tried of each kind of labels: all stages of both take three times as long."""


@pytest.fixture(scope="module", params=["sample", "position"])
def tokens(request, tmp_path_factory: pytest.TempPathFactory) -> TinyStudy:
    return token_study(tmp_path_factory.mktemp("tokens"), request.param)


def test_tokens_stay_whole_numbers_and_tasks_are_told(tokens: TinyStudy):
    stored = read_store(tokens.store("data"))
    assert stored["train_inputs"].dtype == np.int64
    assert "Inputs are tokens, whole numbers from 0 to 5." in data.describe(stored)
    problem = tokens.case.problems("float32")["train"]
    task = "classes" if problem.targets.ndim == 1 else "tokens"
    assert problem.inputs.dtype == torch.int64
    assert (problem.precision, problem.cast(torch.float64).precision) == (
        torch.float32,
        torch.float64,
    )
    counts = stored["train_class_count"].values
    answers = 90 if task == "classes" else 90 * 3
    assert counts.sum() == answers
    minimum = tokens.minimum("adam", 0)
    assert tokens.minima_of["adam"].attrs["task"] == problem.task == task
    assert minimum["train_error"] < 0.5  # that of guessing


def test_stages_measure_networks_of_tokens(tokens: TinyStudy):
    task = str(tokens.case.problems("float64")["train"].task)
    for stage in TRIED["sample" if task == "classes" else "position"]:
        check(stage, STAGES[stage](tokens), task)


def check(stage: str, dataset: xr.Dataset, task: str) -> None:
    """What is measured is there, and what is not is told."""
    left_out = dataset.attrs.get("left_out", [])
    if stage in ("flatness", "curvature", "paths", "chains"):
        assert dataset.attrs["task"] == task
    if stage == "flatness":
        margins = ["layer_margin", "margin"]
        assert left_out == ([] if task == "classes" else margins)
    if stage == "neighbours":
        assert left_out[0].startswith("attacks and corruptions: inputs are tokens")
        assert not {"robust_error", "corrupted_error"} & set(dataset)
    if task == "tokens" and stage == "orbits":
        assert left_out == ["points of orbits (samples have more answers than one class)"]
    if task == "tokens" and stage in SINGLE_LABELS:
        assert all(array.isnull().all() for name, array in dataset.items() if name != "minima")
        return
    for name, array in dataset.items():
        assert array.notnull().any(), name
