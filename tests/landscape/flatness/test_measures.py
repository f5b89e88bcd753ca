"""The records of measures: what they promise, and what configuration and figures make of them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from cases import batch, mlp, mlp_spec, network

from symgeom.ground.randomness import stream
from symgeom.landscape.flatness.measures import (
    canonical_margin,
    layer_trace,
    plain_trace,
    relative_noise,
    torus_noise,
)
from symgeom.landscape.flatness.measures.catalogue import (
    SECTIONS,
    all_measures,
    panels,
    rows,
    tabled_curves,
)
from symgeom.landscape.flatness.measures.record import FAMILIES, Context
from symgeom.landscape.flatness.parts import layers
from symgeom.landscape.problem import Problem
from symgeom.quotient.torus import Torus

ROOT = Path(__file__).parents[3]
WIDTHS = (4, 6, 5, 3)
PROBLEM = Problem(mlp(*WIDTHS), *batch(30, 4, 3))
PARAMS = network(*WIDTHS)
TORUS = Torus(mlp_spec(*WIDTHS))
OPTIONS = {
    "flatness": {
        "amplitudes": [0.1, 0.3],
        "draws": 2,
        "noises": ["torus", "additive"],
        "escape_rise": 0.05,
        "layers": True,
        "samples": None,
        "precision": "float64",
    },
    "curvature": {
        "eigenvalues": 2,
        "eigenvalue_tolerance": 1e-3,
        "probes": 3,
        "density_steps": 5,
        "layers": True,
        "radius": 0.05,
        "adaptive_radius": 0.5,
        "ascent_steps": 1,
        "samples": None,
    },
}
SIZES = {
    "amplitude": 2,
    "rank": 2,
    "probe": 3,
    "step": 5,
    "layer": len(layers(PROBLEM, PARAMS)),
    "quantile": 4,
}
"""Lengths of the further dimensions under these options."""

PAIRS = [(section, measure) for section in SECTIONS for measure in section.measures]
IDS = [measure.name for _, measure in PAIRS]


class Read(dict):
    """Options that remember which of them were read."""

    def __init__(self, options: dict) -> None:
        super().__init__(options)
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> object:
        self.names.add(name)
        return super().__getitem__(name)


def generators(name: str, *words: str) -> torch.Generator:
    return stream(name, "case", "sgd", 0, *words)


@pytest.mark.parametrize(("section", "measure"), PAIRS, ids=IDS)
def test_a_measure_gives_its_arrays_and_reads_its_options(section, measure):
    options = Read(OPTIONS[section.name])
    values = measure.values(Context(PROBLEM, PARAMS, TORUS, options, generators))
    shapes = {name: np.shape(np.asarray(array)) for name, array in values.items()}
    assert shapes == {
        array.name: tuple(SIZES[dim] for dim in array.dims) for array in measure.arrays
    }
    assert all(np.isfinite(np.asarray(array)).all() for array in values.values())
    declared = {option.name for option in measure.options}
    assert options.names | {*measure.asked_by} == declared


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_every_measure_of_a_section_is_asked_for_by_full_options(section):
    assert section.asked(OPTIONS[section.name]) == list(section.measures)


def test_names_are_used_once():
    arrays = [array.name for measure in all_measures() for array in measure.arrays]
    assert len(arrays) == len(set(arrays))
    names = [measure.name for measure in all_measures()]
    assert len(names) == len(set(names))


def test_a_random_stream_is_shared_by_the_copies_of_one_network_only():
    streams: dict[str, list[str]] = {}
    for measure in all_measures():
        if measure.stream:
            streams.setdefault(measure.stream, []).append(measure.name)
    shared = [names for names in streams.values() if len(names) > 1]
    assert shared == [["additive_energy", "rescaled_energy"]]


def test_what_is_shown_is_stored():
    for measure in all_measures():
        stored = {array.name: array.dims for array in measure.arrays}
        for row in measure.rows:
            assert row.array in stored
            assert row.family in FAMILIES
        if measure.panel:
            assert {"amplitude", "layer"} & {*stored[measure.panel.array]}


def test_options_ask_for_measures():
    options = OPTIONS["flatness"]
    assert torus_noise.MEASURE.asked(options)
    assert not torus_noise.MEASURE.asked(options | {"noises": ["additive"]})
    options = OPTIONS["curvature"]
    assert not layer_trace.MEASURE.asked(options | {"layers": False})
    assert not layer_trace.MEASURE.asked(options | {"probes": 0})
    assert not plain_trace.MEASURE.asked(options | {"probes": 0})


def test_margins_are_of_one_class_for_each_sample():
    obstacle = canonical_margin.MEASURE.obstacle(binary=False, batch_norm=None, task="tokens")
    assert obstacle == "a sample has more answers than one class"


@pytest.mark.parametrize(
    ("measure", "binary", "batch_norm", "reason"),
    [
        (plain_trace.MEASURE, False, None, ""),
        (plain_trace.MEASURE, True, None, "the weights are signs"),
        (plain_trace.MEASURE, False, "recompute", "statistics of batches"),
        (relative_noise.MEASURE, True, None, ""),
        (canonical_margin.MEASURE, True, "recompute", ""),
        (torus_noise.MEASURE, True, None, "the weights are signs"),
        (torus_noise.MEASURE, False, "recompute", ""),
    ],
)
def test_what_stands_in_the_way_of_a_measure(measure, binary, batch_norm, reason):
    obstacle = measure.obstacle(binary=binary, batch_norm=batch_norm)
    assert reason in obstacle
    assert bool(obstacle) == bool(reason)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_the_schema_requires_every_option_and_says_what_it_means(section):
    schema = section.schema()
    assert schema["description"]
    assert schema["required"] == list(schema["properties"]) == list(section.options())
    assert schema["additionalProperties"] is False
    assert all(option["description"] for option in schema["properties"].values())


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_options_of_one_name_are_one_option(section):
    """Of two that differ the schema could show one only."""
    for measure in section.measures:
        for option in measure.options:
            assert section.options()[option.name] is option
    assert all(option.meaning for option in section.options().values())


def test_the_noises_that_can_be_asked_for_are_those_of_the_measures():
    noises = SECTIONS[0].options()["noises"]
    assert noises.schema["items"] == {"enum": ["torus", "additive"]}
    assert "`torus`: local energy under noise that is isotropic on the torus" in noises.meaning


def test_rows_stand_family_by_family_first_what_is_invariant():
    families = [row.family for row in rows()]
    assert list(dict.fromkeys(families)) == list(FAMILIES)
    for family in FAMILIES:
        invariant = [row.invariant for row in rows() if row.family == family]
        assert invariant == sorted(invariant, reverse=True)
    assert families == sorted(families, key=FAMILIES.index)


def test_panels_of_curves_and_of_layers():
    assert list(panels("amplitude")) == [
        "local_energy",
        "torus_energy",
        "additive_energy",
        "rescaled_energy",
    ]
    assert list(panels("layer")) == ["layer_energy", "layer_margin", "layer_trace"]


def test_tables_show_the_mean_of_energies_but_not_of_their_errors():
    assert tabled_curves() == list(panels("amplitude"))


def test_records_are_read_without_torch():
    """A configuration is checked by every job: each would wait for the import."""
    command = (
        "import sys; import symgeom.landscape.flatness.measures.catalogue; "
        "assert 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", command], cwd=ROOT, check=False).returncode == 0
