"""Merging: copies of one network come back, and two networks give the points of their paths."""

import itertools
import weakref
from functools import cache

import pytest
import torch
from cases import batch, lenet, mlp, network, randomised, self_attention
from torch import nn
from torch.func import functional_call

from symgeom.ground.checks import SymgeomError
from symgeom.ground.on_demand import OnDemand
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters
from symgeom.landscape.merging import merge, repair_merged
from symgeom.landscape.path import GeodesicPath, LinearPath
from symgeom.landscape.repairing import repair, unit_statistics
from symgeom.quotient.alignment import align_jointly
from symgeom.quotient.gauge import canonicalise
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import act, inverse, random_element, restricted

WIDTHS = (5, 8, 6, 3)
INPUTS = batch(40, 5, 3)[0]
MODULE = mlp(*WIDTHS)
SPEC = discover(MODULE, INPUTS)


def filters():
    """A convolution with batch norm, and a dense layer behind it."""
    layers = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)
    return nn.Sequential(*layers)


NETWORKS = {
    "mlp": (lambda: mlp(5, 8, 6, 3), (5,)),
    "lenet of tanh": (lambda: lenet(nn.Tanh, nn.AvgPool2d), (1, 8, 8)),
    "batch norm": (lambda: filters(), (1, 6, 6)),
    "attention": (lambda: self_attention(4, 2), (3, 4)),
}


@cache
def case(name):
    """The network, its spec, three copies of it under random elements, and inputs."""
    factory, shape = NETWORKS[name]
    module = randomised(factory())
    inputs = torch.randn(6, *shape, generator=stream("merge", name), dtype=torch.float64)
    spec = discover(module, inputs)
    copies = {}
    for seed in range(3):
        element = random_element(spec.exact(), generator=stream("copy", seed))
        copies[seed] = act(spec.exact(), element, parameters(module))
    return spec, module, copies, inputs


def others(count=3):
    """Return networks that are no copies of each other."""
    return {f"seed {seed}": network(*WIDTHS, seed=seed) for seed in range(count)}


def outputs(params, inputs=INPUTS):
    return functional_call(MODULE, params, (inputs,))


@pytest.mark.parametrize("path", ["geodesic", "linear"])
@pytest.mark.parametrize("name", NETWORKS)
def test_copies_under_random_symmetries_come_back(name, path):
    spec, module, copies, inputs = case(name)
    merged = merge(spec, copies, path=path, weights=[0.2, 0.5, 0.3])
    assert merged.converged
    for tensor, values in copies[0].items():
        torch.testing.assert_close(merged.parameters[tensor], values, rtol=1e-12, atol=1e-13)
    expected = functional_call(module, copies[0], (inputs,))
    for seed, element in merged.elements.items():
        moved = act(spec, element, copies[seed])
        torch.testing.assert_close(functional_call(module, moved, (inputs,)), expected)


@pytest.mark.parametrize("path", ["geodesic", "linear"])
def test_all_of_one_network_is_that_network(path):
    for number in range(3):
        weights = [float(number == other) for other in range(3)]
        merged = merge(SPEC, others(), weights=weights, path=path)
        name = f"seed {number}"
        assert merged.weights[name] == 1
        in_frame = act(SPEC.exact(), merged.elements[name], others()[name])
        for tensor, values in in_frame.items():
            torch.testing.assert_close(merged.parameters[tensor], values, rtol=0, atol=1e-13)


@pytest.mark.parametrize("path", ["geodesic", "linear"])
def test_two_networks_give_a_point_of_their_path(path):
    """The path by hand: canonical, aligned, heads at the geometric mean of their lengths."""
    networks = others(2)
    canonical = [canonicalise(SPEC, params) for params in networks.values()]
    on_torus = {number: found.parameters for number, found in enumerate(canonical)}
    joint = align_jointly(SPEC, on_torus)
    ends = [act(SPEC, joint.elements[number], on_torus[number]) for number in range(2)]
    lengths = [1 / float(found.element.scales["head"]) for found in canonical]
    length = lengths[0] ** 0.7 * lengths[1] ** 0.3
    for end in ends:
        end |= {name: length * end[name] for name in ("4.weight", "4.bias")}
    kind = LinearPath(*ends) if path == "linear" else GeodesicPath(SPEC, *ends)
    merged = merge(SPEC, networks, weights=[7, 3], path=path).parameters
    torch.testing.assert_close(outputs(merged), outputs(kind(0.3)), rtol=1e-12, atol=1e-12)
    exact = SPEC.exact()
    back = inverse(exact, restricted(exact, canonical[0].element))
    for tensor, values in act(exact, back, kind(0.3)).items():
        torch.testing.assert_close(merged[tensor], values, rtol=0, atol=1e-12)


def test_the_order_decides_the_frame_alone():
    networks = others()
    shares = dict(zip(networks, (0.5, 0.2, 0.3), strict=True))
    results = []
    for order in itertools.permutations(networks):
        mixed = {name: networks[name] for name in order}
        merged = merge(SPEC, mixed, weights=[shares[name] for name in order])
        results.append(outputs(merged.parameters))
    for result in results[1:]:
        torch.testing.assert_close(result, results[0], rtol=1e-12, atol=1e-12)


def test_a_gauge_of_the_networks_does_not_change_the_function():
    merged = merge(SPEC, others()).parameters
    scrambled = {}
    for name, params in others().items():
        element = random_element(SPEC.exact(), generator=stream(name))
        scrambled[name] = act(SPEC.exact(), element, params)
    torch.testing.assert_close(
        outputs(merge(SPEC, scrambled).parameters), outputs(merged), rtol=1e-11, atol=1e-11
    )


def test_the_precision_and_whole_numbers_are_those_of_the_first():
    spec, _, copies, _ = case("batch norm")
    single = {name: cast(params, torch.float32) for name, params in copies.items()}
    single[0]["1.num_batches_tracked"] = torch.tensor(7)
    merged = merge(spec, single).parameters
    assert {name: tensor.dtype for name, tensor in merged.items()} == {
        name: tensor.dtype for name, tensor in single[0].items()
    }
    assert int(merged["1.num_batches_tracked"]) == 7
    assert list(merged) == list(single[0])


def test_repair_gives_the_mean_statistics_of_the_networks():
    networks = others()
    shares = (0.5, 0.2, 0.3)
    merged = merge(SPEC, networks, weights=shares)
    repaired = repair_merged(SPEC, MODULE, merged=merged, networks=networks, inputs=INPUTS)
    statistics = unit_statistics(SPEC, MODULE, network=repaired, inputs=INPUTS)
    total = 0
    for share, (name, params) in zip(shares, networks.items(), strict=True):
        moved = act(SPEC.exact(), merged.elements[name], params)
        first = moved["0.weight"] @ INPUTS.T + moved["0.bias"].unsqueeze(1)
        total = total + share * torch.stack([first.mean(1), first.std(1, correction=0)])
    torch.testing.assert_close(torch.stack([*statistics["0"]]), total, rtol=1e-12, atol=1e-12)


def test_repair_of_two_networks_is_that_of_their_path():
    networks = others(2)
    merged = merge(SPEC, networks, weights=[1, 3])
    ends = tuple(act(SPEC.exact(), merged.elements[k], networks[k]) for k in networks)
    by_path = repair(SPEC, MODULE, network=merged.parameters, ends=ends, t=0.75, inputs=INPUTS)
    repaired = repair_merged(SPEC, MODULE, merged=merged, networks=networks, inputs=INPUTS)
    for name, tensor in by_path.items():
        torch.testing.assert_close(repaired[name], tensor, rtol=1e-12, atol=1e-12)


def test_a_dead_unit_is_dropped_if_asked():
    networks = others(2)
    for name in ("0.weight", "0.bias"):
        networks["seed 0"][name][2] = 0
    with pytest.raises(SymgeomError, match=r"Network 'seed 0': .*hidden1.*all zero"):
        merge(SPEC, networks)
    merged = merge(SPEC, networks, weights=[1, 0], dead_units="drop")
    torch.testing.assert_close(outputs(merged.parameters), outputs(networks["seed 0"]))


def test_what_cannot_be_merged_is_refused():
    networks = others(2)
    first = networks["seed 0"]
    with pytest.raises(SymgeomError, match="Cannot merge 1 networks: give at least two"):
        merge(SPEC, {"a": first})
    with pytest.raises(SymgeomError, match="network 'b' with its reference: tensor '0.weight' has"):
        merge(SPEC, {"a": first, "b": network(5, 7, 6, 3)})
    with pytest.raises(SymgeomError, match="network 'b': tensor '0.bias' holds 8 values"):
        merge(SPEC, {"a": first, "b": first | {"0.bias": torch.full((8,), torch.nan)}})
    with pytest.raises(SymgeomError, match="Unknown path to merge along 'shortest'"):
        merge(SPEC, networks, path="shortest")
    for weights in ([1], [1, -1], [0, 0]):
        with pytest.raises(SymgeomError, match="Cannot merge 2 networks with the weights"):
            merge(SPEC, networks, weights=weights)
    merged = merge(SPEC, networks)
    with pytest.raises(SymgeomError, match="Cannot repair what was merged of"):
        repair_merged(SPEC, MODULE, merged=merged, networks={"a": first}, inputs=INPUTS)


@pytest.mark.parametrize("path", ["geodesic", "linear"])
def test_of_many_networks_one_is_read_at_a_time(monkeypatch, path):
    """Networks are read when they are asked for, and let go before others are."""
    expected = merge(SPEC, others(5), path=path).parameters
    monkeypatch.setattr("symgeom.landscape.merging.SMALL", 0)
    alive = weakref.WeakValueDictionary()
    counts = []

    def read(name):
        params = others(5)[name]
        alive[len(counts)] = params["0.weight"]
        counts.append(len(alive))
        return params

    networks = OnDemand(others(5), read, size=len, limit=0)
    merged = merge(SPEC, networks, path=path).parameters
    assert len(counts) > 20
    assert max(counts) == 1
    for name, tensor in merged.items():
        assert torch.equal(tensor, expected[name])


@pytest.mark.parametrize("path", ["geodesic", "linear"])
def test_networks_merge_in_single_precision(path):
    single = {name: cast(params, torch.float32) for name, params in others().items()}
    merged = merge(SPEC, single, path=path, precision="float32").parameters
    for name, tensor in merge(SPEC, single, path=path).parameters.items():
        torch.testing.assert_close(merged[name], tensor, rtol=1e-5, atol=1e-6)
    with pytest.raises(SymgeomError, match="precision to merge in"):
        merge(SPEC, single, precision="float16")
