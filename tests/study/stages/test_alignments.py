"""Alignments of pairs, and their distances."""

import numpy as np
import pytest
import torch
from tiny_study import TinyStudy

from symgeom.ground.randomness import stream
from symgeom.study.controls import CONTROLS
from symgeom.study.matching import starts_of
from symgeom.study.stages import alignments, distances
from symgeom.study.stored_networks import read_networks
from symgeom.symmetry.group import GroupElement, act, identity

PLANTED = ("sgd", 0, "twin", 0)


def shuffled(study: TinyStudy) -> tuple[dict, dict]:
    """Return a canonical network beside itself with its units in another order."""
    generator = stream("planted")
    neutral = identity(study.spec)
    orders = {}
    for group in study.spec.groups:
        orders[group.name] = torch.randperm(group.size, generator=generator)
    network = study.gauges.canonical["sgd", 0]
    twin = act(study.spec, GroupElement(orders, neutral.scales), network)
    return {("sgd", 0): network, ("twin", 0): twin}, orders


@pytest.mark.parametrize("method", ["iterated", "greedy", "activations"])
def test_a_planted_permutation_is_recovered(tiny: TinyStudy, method: str):
    networks, orders = shuffled(tiny)
    options = tiny.options["alignment"] | {"method": method, "activation_samples": None}
    aligned = alignments.measure(tiny.case, tiny.spec, networks, pairs=[PLANTED], options=options)
    for group in ("hidden1", "hidden2"):
        recovered = torch.from_numpy(aligned[f"permutation_{group}"].values[0])
        assert torch.equal(orders[group][recovered], torch.arange(len(recovered)))
    assert aligned["start_objective"].sizes["start"] == starts_of(options)
    assert aligned["objective"].item() == aligned["start_objective"].max().item()
    assert aligned["converged"].all()


def test_the_sum_of_cosines_of_a_network_with_itself_counts_its_spheres(tiny: TinyStudy):
    networks, _ = shuffled(tiny)
    options = tiny.options["alignment"]
    aligned = alignments.measure(tiny.case, tiny.spec, networks, pairs=[PLANTED], options=options)
    spheres = 8 + 6 + 1
    assert aligned["objective"].item() == pytest.approx(spheres, rel=1e-12)


def test_a_pair_does_not_depend_on_its_company(tiny: TinyStudy):
    pair = ("sgd", 0, "adam", 1)
    networks = tiny.gauges.canonical
    options = tiny.options["alignment"]
    alone = alignments.measure(tiny.case, tiny.spec, networks, pairs=[pair], options=options)
    row = list(tiny.pairs).index(pair)
    for name, array in alone.items():
        np.testing.assert_array_equal(array[0], tiny.alignments[name][row])


def test_pairs_with_a_network_that_diverged_have_no_element(tiny: TinyStudy):
    wild = (tiny.alignments["first_arm"] == "wild") | (tiny.alignments["second_arm"] == "wild")
    diverged = tiny.alignments.isel(pair=wild.values)
    others = tiny.alignments.isel(pair=~wild.values)
    assert diverged.sizes["pair"] == 9
    assert (diverged["permutation_hidden1"] == -1).all()
    assert diverged["scale_hidden1"].isnull().all()
    assert diverged["objective"].isnull().all()
    assert not diverged["converged"].any()
    assert (others["permutation_hidden1"] >= 0).all()
    assert (others["scale_hidden1"] == 1).all()


def test_binary_units_are_aligned_up_to_signs(signs: TinyStudy):
    for group in ("hidden1", "hidden2"):
        assert set(np.unique(signs.alignments[f"scale_{group}"])) == {-1.0, 1.0}


def test_alignments_say_what_they_are(tiny: TinyStudy):
    aligned = tiny.alignments
    assert aligned["permutation_hidden2"].dims == ("pair", "hidden2")
    assert aligned["permutation_hidden2"].dtype == np.int64
    assert aligned["scale_head"].dims == ("pair", "head")
    assert aligned["ties"].dims == ("pair", "group")
    assert aligned.attrs["method"] == "iterated"
    for array in aligned.data_vars.values():
        assert array.attrs["units"] == "1"
        assert array.attrs["long_name"]


@pytest.fixture(scope="module")
def measured(tiny: TinyStudy):
    networks = read_networks(tiny.store("canonical"))
    with_controls = [pair for pair in tiny.pairs if pair[0] == pair[2]]
    return distances.measure(
        *(tiny.case, tiny.torus, networks, tiny.aligned()),
        with_controls=with_controls,
        options=tiny.options["alignment"],
    )


def test_aligned_networks_are_no_farther_apart(measured):
    for name in ("distance", "control_distance"):
        apart = measured[name].sel(stage="normalised")
        aligned = measured[name].sel(stage="aligned")
        assert (aligned.dropna(aligned.dims[0]) <= apart.dropna(apart.dims[0])).all()
        assert (aligned < apart).any()


def test_distances_are_root_mean_square_angles(tiny: TinyStudy, measured):
    """By hand: a unit is the vector of its incoming weights and its bias, the head is one."""
    first = tiny.gauges.canonical["sgd", 0]
    second = tiny.gauges.canonical["adam", 0]
    squared = []
    for layer in (0, 2):
        ends = []
        for network in (first, second):
            bias = network[f"{layer}.bias"][:, None]
            ends.append(torch.cat([network[f"{layer}.weight"], bias], 1))
        cosines = (ends[0] * ends[1]).sum(1)
        squared.append(cosines.arccos().square())
    heads = []
    for network in (first, second):
        heads.append(torch.cat([network["4.weight"].flatten(), network["4.bias"]]))
    squared.append((heads[0] @ heads[1]).arccos().square()[None])
    row = list(tiny.pairs).index(("sgd", 0, "adam", 0))
    normalised = measured.isel(pair=row).sel(stage="normalised")
    for group, angles in zip(("hidden1", "hidden2", "head"), squared, strict=True):
        expected = angles.mean().sqrt().item()
        assert normalised["group_distance"].sel(group=group).item() == pytest.approx(expected)
    whole = torch.cat(squared).mean().sqrt().item()
    assert normalised["distance"].item() == pytest.approx(whole)


def test_a_network_and_itself_in_another_order_are_at_no_distance(tiny: TinyStudy):
    networks, _ = shuffled(tiny)
    options = tiny.options["alignment"]
    aligned = alignments.measure(tiny.case, tiny.spec, networks, pairs=[PLANTED], options=options)
    orders = {}
    for group in tiny.spec.groups:
        orders[group.name] = torch.from_numpy(aligned[f"permutation_{group.name}"].values[0])
    elements = {PLANTED: GroupElement(orders, identity(tiny.spec).scales)}
    dataset = distances.measure(
        tiny.case, tiny.torus, networks, elements, with_controls=(), options=options
    )
    assert dataset["control_distance"].isnull().all()
    assert dataset["distance"].sel(stage="normalised").item() > 0.1
    assert dataset["distance"].sel(stage="aligned").item() == pytest.approx(0, abs=1e-12)


def test_distances_from_networks_that_diverged_are_not_a_number(measured):
    wild = (measured["first_arm"] == "wild") | (measured["second_arm"] == "wild")
    assert measured["distance"][wild.values].isnull().all()
    assert measured["distance"][~wild.values].notnull().all()
    inside = (measured["first_arm"] == measured["second_arm"]) & ~wild
    assert measured["control_distance"][inside.values].notnull().all()
    assert measured["control_distance"][~inside.values].isnull().all()


@pytest.mark.parametrize("kind", ["random", "signs", "columns"])
def test_controls_are_as_long_and_keep_what_they_shall(tiny: TinyStudy, kind: str):
    network = tiny.gauges.canonical["sgd", 0]
    control = CONTROLS[kind].network(tiny.torus, network, stream("control of a test"))
    for layer in ("0", "2"):
        before, after = (
            torch.cat([params[f"{layer}.weight"], params[f"{layer}.bias"][:, None]], 1)
            for params in (network, control)
        )
        torch.testing.assert_close(after.norm(dim=1), torch.ones(len(after)).double())
        assert (after - before).norm() > 1
        if kind == "signs":
            assert torch.equal(after.abs(), before.abs())
            assert torch.equal((after > 0).sum(1), (before > 0).sum(1))
        if kind == "columns":
            assert torch.equal(after.sort(1).values, before.sort(1).values)
            torch.testing.assert_close(after @ after.T, before @ before.T)


def test_controls_are_aligned_with_the_effort_of_their_pair(tiny: TinyStudy, measured):
    """By hand: the control of one pair, and the search of the other stage."""
    pair = ("sgd", 0, "sgd", 1)
    generator = stream("control", "signs", *pair)
    control = CONTROLS["signs"].network(tiny.torus, tiny.gauges.canonical["sgd", 1], generator)
    networks = {("sgd", 0): tiny.gauges.canonical["sgd", 0], ("sgd signs", 1): control}
    named = ("sgd", 0, "sgd signs", 1)
    options = tiny.options["alignment"]
    aligned = alignments.measure(tiny.case, tiny.spec, networks, pairs=[named], options=options)
    cosines = aligned["objective"].item()
    row = measured.isel(pair=list(tiny.pairs).index(pair)).sel(control="signs", stage="aligned")
    angles = []
    orders = {group: aligned[f"permutation_{group}"].values[0] for group in ("hidden1", "hidden2")}
    for layer, group, inputs in (("0", "hidden1", ""), ("2", "hidden2", "hidden1")):
        first = tiny.gauges.canonical["sgd", 0]
        weight = control[f"{layer}.weight"][orders[group]]
        weight = weight[:, orders[inputs]] if inputs else weight
        bias = control[f"{layer}.bias"][orders[group]]
        dots = (first[f"{layer}.weight"] * weight).sum(1) + first[f"{layer}.bias"] * bias
        angles.append(dots.arccos())
        expected = angles[-1].square().mean().sqrt().item()
        assert row["group_control_distance"].sel(group=group).item() == pytest.approx(expected)
    assert torch.cat(angles).cos().sum().item() == pytest.approx(cosines, abs=1)  # without the head


def test_distances_say_what_they_are(measured):
    assert measured["distance"].dims == ("pair", "stage")
    assert measured["group_control_distance"].dims == ("pair", "control", "stage", "group")
    assert measured["control"].values.tolist() == ["random", "signs", "columns"] == list(CONTROLS)
    assert measured["stage"].values.tolist() == ["normalised", "aligned"]
    for array in measured.data_vars.values():
        assert array.dtype == np.float64
        assert array.attrs["units"] == "rad"
