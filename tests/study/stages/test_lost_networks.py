"""Networks that training lost are recorded, no stage measures them, and nothing else is lost.

However arms are split into jobs, each stage is the same, also where all networks of a job are lost.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from tiny_study import ARMS, SEEDS, TinyStudy, write

from symgeom.ground.types import stack
from symgeom.learning.training import Trained
from symgeom.store.batches import join_batches
from symgeom.study.elements import read_elements
from symgeom.study.pairs import Pair
from symgeom.study.stages import (
    alignments,
    canonical,
    charts,
    curvature,
    distances,
    equilibria,
    flatness,
    maps,
    orbits,
    valleys,
)
from symgeom.study.stages.minima import label_minima, minima_of_arm
from symgeom.study.stored_networks import LARGEST, Minima, is_measurable, read_networks

NOISES = {arm: equilibria.Noise(recipe, 50, 4) for arm, recipe in ARMS.items()}
TRIPLE = (("sgd", 0, "sgd", 1), ("sgd", 0, "adam", 0))

OF_MINIMA: dict[str, Callable[[TinyStudy, Minima], xr.Dataset]] = {
    "canonical": lambda study, minima: canonical.measure(
        study.case, study.spec, minima, options=study.options["symmetry"]
    ),
    "flatness": lambda study, minima: flatness.measure(
        study.case, study.torus, minima, study.options["flatness"]
    ),
    "curvature": lambda study, minima: curvature.measure(
        study.case, study.torus, minima, study.options["curvature"]
    ),
    "valleys": lambda study, minima: valleys.measure(
        study.case, study.spec, minima, trained=list(ARMS), options=study.options["valleys"]
    ),
    "equilibria": lambda study, minima: equilibria.measure(
        study.case,
        study.spec,
        minima,
        noises=NOISES,
        epochs=dict.fromkeys(minima.networks, 4),
        samples=100,
    ),
    "orbits": lambda study, minima: orbits.measure(
        study.case, study.spec, minima, study.options["orbits"]
    ),
}
"""The stages that measure networks one by one."""


def some(minima: Minima, arms: list[str]) -> Minima:
    """Return the part of the minima that a job with these arms measures."""
    networks = {key: minima.networks[key] for key in minima.networks if key[0] in arms}
    return Minima(arms, minima.seeds, networks)


def joined(parts: list[xr.Dataset]) -> xr.Dataset:
    """Join what jobs have stored, as it is when it is read."""
    stored = [part.assign_attrs(seeds=SEEDS) for part in parts]
    return join_batches(stored, ["0", "1"], folder="stage", lazy=False)


@pytest.mark.parametrize("split", [(["wild"], ["sgd"]), (["sgd"], ["wild"])])
@pytest.mark.parametrize("stage", OF_MINIMA)
def test_an_arm_that_is_lost_alone_in_its_job_changes_nothing(tiny: TinyStudy, stage, split):
    measure = OF_MINIMA[stage]
    together = measure(tiny, some(tiny.minima, ["sgd", "wild"]))
    parts = joined([measure(tiny, some(tiny.minima, arms)) for arms in split])
    assert set(parts.data_vars) == set(together.data_vars)
    for name, array in together.data_vars.items():
        xr.testing.assert_equal(parts[name], array)
    lost = together.sel(arm="wild")
    for array in lost.data_vars.values():
        assert array.dtype.kind != "f" or array.isnull().all()


def aligned(study: TinyStudy, pairs: list[Pair]) -> xr.Dataset:
    networks = read_networks(study.store("canonical"))
    options = study.options["alignment"]
    return alignments.measure(study.case, study.spec, networks, pairs=pairs, options=options)


def test_pairs_that_are_lost_alone_in_their_job_change_nothing(tiny: TinyStudy):
    lost = [pair for pair in tiny.pairs if "wild" in pair]
    rest = [pair for pair in tiny.pairs if "wild" not in pair]
    for parts in ([lost, rest], [rest, lost]):
        whole = joined([aligned(tiny, pairs) for pairs in parts])
        assert whole["objective"].isnull().sum() == len(lost)
        xr.testing.assert_equal(whole, joined([tiny.alignments]))


@pytest.mark.parametrize("stage", ["alignments", "distances", "maps", "charts"])
def test_without_any_network_stages_on_pairs_have_all_their_arrays(tiny: TinyStudy, stage):
    empty = Minima(["sgd", "adam"], SEEDS, {})
    path = tiny.store("canonical", "empty")
    write(path, OF_MINIMA["canonical"](tiny, empty))
    networks = read_networks(path)
    assert len(networks) == 0
    pairs = [pair for pair in tiny.pairs if "wild" not in pair]
    options = tiny.options["alignment"]
    elements = {pair: tiny.aligned()[pair] for pair in pairs}
    measured = {
        "alignments": lambda networks: alignments.measure(
            tiny.case, tiny.spec, networks, pairs=pairs, options=options
        ),
        "distances": lambda networks: distances.measure(
            tiny.case, tiny.torus, networks, elements, with_controls=set(pairs), options=options
        ),
        "maps": lambda networks: maps.measure(
            tiny.case,
            tiny.gauges_of(networks),
            planes=[TRIPLE],
            options=tiny.options["maps"],
        ),
        "charts": lambda networks: charts.measure(
            tiny.case,
            tiny.gauges_of(networks),
            pairs=[("sgd", 0, "sgd", 1)],
            options=tiny.options["valleys"],
        ),
    }[stage]
    without = measured(networks)
    present = measured(read_networks(tiny.store("canonical")))
    assert {name: array.sizes for name, array in without.variables.items()} == {
        name: array.sizes for name, array in present.variables.items()
    }
    for name, array in without.data_vars.items():
        assert array.dtype.kind != "f" or array.isnull().all(), name


def test_a_job_without_pairs_stores_labels_of_their_own_kind(tiny: TinyStudy):
    path = tiny.store("alignments", "empty")
    dataset = aligned(tiny, [])
    assert dataset["first_arm"].dtype.kind == "U"
    assert dataset["first_seed"].dtype.kind == "i"
    write(path, dataset)
    assert read_elements(path, tiny.spec) == {}


@pytest.mark.parametrize(
    ("factor", "lost"),
    [
        (1.0, False),
        (1e3, False),
        (1e9, False),
        (1e12, False),
        (1e14, True),  # by its loss
        (1e30, True),
        (1e50, True),
        (1e160, True),  # its square overflows in double precision, too
        (1e300, True),
        (np.inf, True),
        (np.nan, True),
    ],
)
def test_networks_too_large_to_be_measured_have_diverged(tiny: TinyStudy, factor, lost):
    networks = [tiny.minima.networks["sgd", seed] for seed in SEEDS]
    scaled = stack([{name: factor * tensor for name, tensor in networks[0].items()}, networks[1]])
    none = torch.zeros(2, dtype=torch.int64)
    unseen = torch.full((2, 1), torch.nan, dtype=torch.float64)
    trained = Trained(
        scaled,
        ("epoch limit", "reached"),
        epochs=none,
        gradients=none,
        sample_gradients=none,
        loss=unseen,
        error=unseen,
        together=False,
    )
    variables = label_minima(tiny.trained_spec, trained, tiny.case.problems("float64"))
    minima = minima_of_arm("large", SEEDS, variables, attrs={})
    assert minima["status"].values.tolist() == [["diverged" if lost else "epoch limit", "reached"]]
    assert minima["usable"].values.tolist() == [[False, True]]
    path = tiny.store("minima", "large")
    write(path, minima)
    left = read_networks(path)
    assert list(left) == ([("large", 1)] if lost else [("large", 0), ("large", 1)])
    for measure in OF_MINIMA.values():
        measure(tiny, Minima(["large"], SEEDS, left))


@pytest.mark.parametrize(
    ("weight", "loss", "measurable"),
    [
        (1.0, 1.0, True),
        (1.0, float("nan"), False),
        (1.0, float("inf"), False),
        (1.0, 2 * LARGEST, False),
        (1e18, 1.0, True),
        (1e20, 1.0, False),
        (-1e20, 1.0, False),
        (float("-inf"), 1.0, False),
    ],
)
def test_weights_and_loss_must_fit_into_single_precision(weight, loss, measurable):
    assert is_measurable({"weight": torch.tensor([weight])}, loss) == measurable


def test_three_networks_on_a_line_have_no_map_and_are_named(tiny: TinyStudy, tmp_path: Path):
    twins = dict.fromkeys(tiny.gauges.canonical, tiny.gauges.canonical["sgd", 0])
    options = tiny.options["maps"]
    mapped = maps.measure(tiny.case, tiny.gauges_of(twins), planes=[TRIPLE], options=options)
    assert mapped["loss"].isnull().all()
    assert mapped.attrs["undefined"] == ["sgd/0, sgd/1, adam/0"]
    write(str(tmp_path / "maps.zarr.zip"), mapped)
