"""Alignment: planted elements come back, no oracle does better, and what cannot be decided is
said."""

import itertools
from dataclasses import replace
from importlib import import_module

import pytest
import torch
from cases import cifar_resnet, lenet, mlp, mlp_spec, network, randomised, torchvision_models
from references import best_permutation_by_enumeration
from torch import nn
from weight_matching import weight_matching

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.quotient.alignment import (
    Matching,
    align,
    align_activations,
    align_jointly,
    align_pairs,
    unit_activations,
)
from symgeom.quotient.alignment.ascent import ascend, kick, match_known_first
from symgeom.quotient.alignment.crews import crews_of
from symgeom.quotient.alignment.moves import move_of
from symgeom.quotient.alignment.neighbours import Neighbour
from symgeom.quotient.alignment.plan import make_plan
from symgeom.quotient.alignment.prepared import prepare
from symgeom.quotient.alignment.search import Search
from symgeom.quotient.gauge import canonicalise
from symgeom.quotient.torus import Torus
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import GroupElement, act, compose, extend, identity, random_element
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup, take

WIDTHS = (6, 12, 10, 4)


def vgg(activation=nn.ReLU, *, norm=False):
    """A small VGG: two stages, a flattened map, two dense layers."""
    layers, channels = [], 3
    for width in (5, 6, 0, 7, 0):
        if not width:
            layers.append(nn.MaxPool2d(2) if activation is nn.ReLU else nn.AvgPool2d(2))
            continue
        layers += [
            nn.Conv2d(channels, width, 3, padding=1),
            *([nn.BatchNorm2d(width)] * norm),
            activation(),
        ]
        channels = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(7 * 4, 9), activation(), nn.Linear(9, 3))


class Stream(nn.Module):
    """A stem, residual blocks and a head without normalisation."""

    def __init__(self, width=6, hidden=8, blocks=2):
        super().__init__()
        self.stem, self.head = nn.Linear(5, width), nn.Linear(width, 3)
        self.read = nn.ModuleList(nn.Linear(width, hidden) for _ in range(blocks))
        self.write = nn.ModuleList(nn.Linear(hidden, width) for _ in range(blocks))

    def forward(self, x):
        x = torch.relu(self.stem(x))
        for read, write in zip(self.read, self.write, strict=True):
            x = torch.relu(x + write(torch.relu(read(x))))
        return self.head(x)


class Grouped(nn.Module):
    """A stream with two blocks whose middle convolution has four groups."""

    def __init__(self, width=7, hidden=12, groups=4):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3)
        self.head = nn.Linear(width, 3)
        self.blocks = nn.ModuleList()
        for _ in range(2):
            block = nn.Sequential(
                nn.Conv2d(width, hidden, 1),
                nn.ReLU(),
                nn.Conv2d(hidden, hidden, 3, padding=1, groups=groups),
                nn.ReLU(),
                nn.Conv2d(hidden, width, 1),
            )
            self.blocks.append(block)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        for block in self.blocks:
            x = torch.relu(x + block(x))
        return self.head(x.mean((2, 3)))


class Heads(nn.Module):
    """A stream with attention of three heads, behind one norm of queries and one of keys."""

    def __init__(self, width=7, heads=3, size=5):
        super().__init__()
        self.shape = (3, heads, size)
        self.stem, self.last = nn.Linear(5, width), nn.Linear(width, 3)
        self.packed = nn.Linear(width, 3 * heads * size)
        self.queries, self.keys = nn.LayerNorm(size), nn.LayerNorm(size)
        self.out = nn.Linear(heads * size, width)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        queries, keys, values = self.packed(x).unflatten(-1, self.shape).transpose(1, 3).unbind(2)
        scores = torch.softmax(self.queries(queries) @ self.keys(keys).mT, -1)
        return self.last(torch.relu(x + self.out((scores @ values).transpose(1, 2).flatten(2))))


class Runs(nn.Module):
    """Three runs of four odd units, each read by the same layer of five odd units."""

    def __init__(self, activation=torch.tanh, runs=3):
        super().__init__()
        self.runs, self.activation = runs, activation
        self.a, self.b, self.c = nn.Linear(6, 4 * runs), nn.Linear(4, 5), nn.Linear(5 * runs, 3)

    def forward(self, x):
        runs = self.activation(self.a(x)).unflatten(-1, (self.runs, 4))
        return self.c(self.activation(self.b(runs)).flatten(-2))


NETWORKS = {
    "mlp": (lambda: mlp(6, 12, 10, 4), (6,)),
    "mlp of tanh": (lambda: mlp(6, 12, 10, 4, activation=nn.Tanh), (6,)),
    "lenet": (lenet, (1, 8, 8)),
    "lenet of tanh": (lambda: lenet(nn.Tanh, nn.AvgPool2d), (1, 8, 8)),
    "vgg": (vgg, (3, 8, 8)),
    "vgg of tanh": (lambda: vgg(nn.Tanh), (3, 8, 8)),
    "vgg with batch norm": (lambda: vgg(norm=True), (3, 8, 8)),
    "residual stream": (Stream, (5,)),
    "resnet": (lambda: cifar_resnet(2, 1), (3, 8, 8)),
    "resnet with projections": (lambda: cifar_resnet(3, 1, projection=True), (3, 8, 8)),
    "grouped": (Grouped, (3, 8, 8)),
    "heads behind one norm": (Heads, (4, 5)),
    "runs": (lambda: Runs(torch.relu), (6,)),
    "runs of odd units": (Runs, (6,)),
}


def case(name, seed=0):
    """The spec and the weights of a network; everything random, nothing zero or one."""
    factory, shape = NETWORKS[name]
    module = randomised(factory(), seed)
    inputs = torch.randn(6, *shape, generator=stream("align", name), dtype=torch.float64)
    return discover(module, inputs).exact(), module, parameters(module), inputs


def discrete(spec, element):
    """The permutations and signs of an element, without its positive scales."""
    ones = identity(spec).scales
    scales = {
        g.name: element.scales[g.name] if g.scale == "sign" else ones[g.name] for g in spec.groups
    }
    return GroupElement(element.permutations, scales)


def inner(spec, first, second):
    touched = {leg.tensor for group in spec.groups for leg in group.legs if not leg.buffer}
    return sum(float((first[name] * second[name]).sum()) for name in sorted(touched))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("seed", range(2))
def test_a_planted_scramble_is_undone(name, seed):
    """Permutations, signs and scales at once, where the canonical form removes the scales."""
    spec, module, params, inputs = case(name, seed)
    scrambled = act(spec, random_element(spec, generator=stream("planted", seed)), params)
    first, second = (canonicalise(spec, theta).parameters for theta in (params, scrambled))
    aligned = act(spec, align(spec, first, second).element, second)
    for tensor in first:
        torch.testing.assert_close(aligned[tensor], first[tensor], rtol=1e-11, atol=1e-11)
    outputs = [torch.func.functional_call(module, theta, (inputs,)) for theta in (params, aligned)]
    torch.testing.assert_close(*outputs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
def test_a_scramble_of_a_torchvision_network_is_undone(name):
    """As they are, batch norms kept: 11 and 2 million weights, streams, projections, depthwise
    chains."""
    module = randomised(getattr(torchvision_models(), name)(num_classes=10))
    spec, params = (
        discover(module, torch.zeros(1, 3, 32, 32, dtype=torch.float64)).exact(),
        parameters(module),
    )
    scrambled = act(spec, random_element(spec, generator=stream("planted", name)), params)
    first, second = (canonicalise(spec, theta).parameters for theta in (params, scrambled))
    aligned = act(spec, align(spec, first, second).element, second)
    for tensor in first:
        torch.testing.assert_close(aligned[tensor], first[tensor], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("scale", ["positive", "sign"])
@pytest.mark.parametrize("seed", range(3))
def test_the_greedy_pass_undoes_a_planted_scramble(scale, seed):
    spec, params = mlp_spec(*WIDTHS, scale=scale), network(*WIDTHS, seed=seed)
    scrambled = act(spec, random_element(spec, generator=stream("planted", seed)), params)
    first, second = (canonicalise(spec, theta).parameters for theta in (params, scrambled))
    aligned = act(spec, align(spec, first, second, method="greedy").element, second)
    # Two computations of one point differ by a few roundings per coordinate.
    assert float(Torus(spec).distance(first, aligned)) < 1e-14


@pytest.mark.parametrize("name", ["mlp", "lenet", "vgg", "resnet"])
def test_noise_does_not_hide_a_planted_permutation(name):
    """Every weight changed by 30 % of its layer's spread: all but few units are still found."""
    spec, _, params, _ = case(name)
    noise = stream("noise", name)
    noisy = {
        key: tensor
        + 0.3 * tensor.std() * torch.randn(tensor.shape, generator=noise, dtype=tensor.dtype)
        if tensor.is_floating_point() and tensor.ndim > 1
        else tensor
        for key, tensor in params.items()
    }
    planted = discrete(spec, random_element(spec, generator=stream("planted", name)))
    found = align(spec, params, act(spec, planted, noisy)).element
    wrong = total = 0
    for group in spec.groups:
        if group.permute:
            wrong += int(
                (
                    planted.permutations[group.name][found.permutations[group.name]]
                    != torch.arange(group.size)
                ).sum()
            )
            total += group.size
    assert wrong <= 0.05 * total


def linear_residual(stream_width, hidden, seed):
    """The toy of peers' user reports: a stem, a linear residual block, a head; Gaussian weights."""
    legs = Leg("stem", 0, 0), Leg("read", 1, 0), Leg("write", 0, 0), Leg("head", 1, 0)
    inside = Leg("read", 0, 0), Leg("write", 1, 0)
    spec = SymmetrySpec(
        (
            UnitGroup("stream", stream_width, legs, "none"),
            UnitGroup("inner", hidden, inside, "none"),
        )
    )
    shapes = {
        "stem": (stream_width, 10),
        "read": (hidden, stream_width),
        "write": (stream_width, hidden),
        "head": (5, stream_width),
    }
    generator = stream("linear residual", seed)
    return spec, {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


@pytest.mark.parametrize(("widths", "wanted"), [((3, 5), 50), ((30, 50), 50), ((100, 200), 48)])
def test_permutations_planted_in_a_residual_stream_are_found(widths, wanted):
    """Plain weight matching finds 48, 46 and 6 of these 50: it starts from the strands that
    know nothing."""
    found = 0
    for seed in range(50):
        spec, params = linear_residual(*widths, seed)
        planted = random_element(spec, generator=stream("planted", seed))
        element = align(spec, params, act(spec, planted, params)).element
        found += all(
            torch.equal(p[element.permutations[g]], torch.arange(len(p)))
            for g, p in planted.permutations.items()
        )
    assert found >= wanted


def test_a_permutation_planted_in_the_biases_alone_is_found():
    spec, params = mlp_spec(4, 5, 3), network(4, 5, 3)
    params["0.weight"] = torch.ones(5, 4, dtype=torch.float64)
    params["2.weight"] = torch.ones(3, 5, dtype=torch.float64)
    order = torch.tensor([3, 0, 4, 1, 2])
    other = params | {"0.bias": params["0.bias"][order]}
    assert torch.equal(
        order[align(spec, params, other).element.permutations["hidden1"]], torch.arange(5)
    )


@pytest.mark.parametrize("seed", range(5))
def test_one_hidden_layer_is_optimal(seed):
    spec = mlp_spec(3, 5, 2)
    first, second = (
        canonicalise(spec, network(3, 5, 2, seed=seed + k)).parameters for k in (0, 100)
    )
    found = align(spec, first, second)
    assert found.converged
    assert (
        abs(found.objective - best_permutation_by_enumeration(spec["hidden1"], first, second))
        < 1e-12
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_scores_are_those_of_the_networks_as_they_stand(name):
    """After an ascent and a kick, the scores that were corrected step by step are the inner
    products of moved slices."""
    spec, _, first, _ = case(name, 1)
    second = case(name, 2)[2]
    plan = make_plan(spec)
    search = Search(plan, prepare(plan, first), prepare(plan, second))
    match_known_first(search)
    kick(search, stream("kick"))
    for family in plan:
        search.visit(family)
        element = search.element(spec)
        still = {
            group: torch.arange(len(p)) if group == family else p
            for group, p in element.permutations.items()
        }
        ones = {
            group: torch.ones_like(s) if group in plan[family].signs else s
            for group, s in element.scales.items()
        }
        others = act(spec, GroupElement(still, ones), second)
        # The visit moved the family itself, not its neighbours, on whom its scores depend.
        for sign in (None, *plan[family].signs):
            legs = [strand.leg for strand in plan[family].strands if strand.sign == sign]
            size = spec[family].size
            expected = sum(
                (
                    take(first[leg.tensor], leg, size) @ take(others[leg.tensor], leg, size).T
                    for leg in legs
                ),
                start=0,
            )
            found = search.scores[family, sign]
            torch.testing.assert_close(
                found, torch.zeros_like(found) + expected, rtol=1e-11, atol=1e-11
            )


@pytest.mark.parametrize("name", NETWORKS)
def test_the_objective_is_that_of_the_moved_network_and_no_single_group_can_raise_it(name):
    spec, _, first, _ = case(name, 1)
    second = case(name, 2)[2]
    found = align(spec, first, second)
    moved = act(spec, found.element, second)
    assert found.converged
    assert abs(inner(spec, first, moved) - found.objective) < 1e-10 * abs(found.objective)
    assert found.objective >= inner(spec, first, second) - 1e-10
    generator = stream("swap", name)
    for group in (group for group in spec.groups if group.permute and group.size > 1):
        order = torch.arange(group.size)
        i, j = torch.randperm(group.size, generator=generator)[:2].tolist()
        order[[i, j]] = order[[j, i]]
        swap = extend(
            spec,
            GroupElement(
                {group.name: order}, {group.name: torch.ones(group.size, dtype=torch.float64)}
            ),
        )
        assert inner(spec, first, act(spec, swap, moved)) <= found.objective + 1e-10 * abs(
            found.objective
        )


@pytest.mark.parametrize(
    "name",
    ["mlp", "lenet", "vgg", "residual stream", "resnet", "resnet with projections", "grouped"],
)
@pytest.mark.parametrize("seed", range(3))
def test_from_two_starts_the_objective_is_never_below_plain_weight_matching(name, seed):
    spec, _, first, _ = case(name, 10 + seed)
    second = case(name, 20 + seed)[2]
    plain = weight_matching(spec, first, second, generator=stream("sweeps", seed)).permutations
    still = extend(
        spec,
        GroupElement(plain, {g: torch.ones(len(p), dtype=torch.float64) for g, p in plain.items()}),
    )
    found = align(spec, first, second, starts=2, generator=stream("sweeps", seed))
    base = inner(spec, first, act(spec, still, second))
    assert abs(found.objectives[1] - base) < 1e-9 * abs(base)  # the second start is that algorithm
    assert found.objective >= base - 1e-9 * abs(base)


def test_starts_are_reproducible_and_the_best_is_kept():
    spec, _, first, _ = case("mlp", 1)
    second = case("mlp", 2)[2]
    found, again = (
        align(spec, first, second, starts=5, generator=stream("starts")) for _ in range(2)
    )
    assert found.objectives == again.objectives
    assert len(found.objectives) == 5
    assert found.objective == max(found.objectives)
    assert abs(inner(spec, first, act(spec, found.element, second)) - found.objective) < 1e-12
    assert found.objectives[0] == align(spec, first, second).objective


def test_kicks_find_what_one_ascent_misses():
    """On independent networks five starts are better than one for most pairs, and never worse."""
    widths, gains = (8, 40, 40, 4), []
    spec = mlp_spec(*widths)
    for seed in range(8):
        first, second = (
            canonicalise(spec, network(*widths, seed=seed + k)).parameters for k in (0, 100)
        )
        found = align(spec, first, second, starts=5, generator=stream("kicks", seed))
        gains.append(found.objective - found.objectives[0])
    assert min(gains) >= 0
    assert sum(gain > 1e-9 for gain in gains) > len(gains) / 2


def test_classes_are_never_permuted():
    spec = mlp_spec(*WIDTHS)
    first, second = (canonicalise(spec, network(*WIDTHS, seed=seed)).parameters for seed in (0, 1))
    assert torch.equal(align(spec, first, second).element.permutations["head"], torch.arange(1))


def test_a_family_on_both_axes_of_a_tensor_never_lowers_the_objective():
    """For x + Wx the objective is quadratic in the permutation: a step of the linear problem
    may lead down."""
    spec = SymmetrySpec(
        (
            UnitGroup(
                "stream",
                6,
                (Leg("in", 0, 0), Leg("w", 0, 0), Leg("w", 1, 0), Leg("out", 1, 0)),
                "none",
            ),
        )
    )
    for seed in range(4):
        generator = stream("coupled", seed)
        first, second = (
            {
                name: torch.randn(s, generator=generator).double()
                for name, s in (("in", (6, 2)), ("w", (6, 6)), ("out", (2, 6)))
            }
            for _ in range(2)
        )
        plan = make_plan(spec)
        search = Search(plan, prepare(plan, first), prepare(plan, second))
        before = inner(spec, first, second)
        assert ascend(search)
        after = inner(spec, first, act(spec, search.element(spec), second))
        assert after >= before - 1e-12
        best = max(
            inner(
                spec,
                first,
                act(spec, GroupElement({"stream": torch.tensor(p)}, identity(spec).scales), second),
            )
            for p in itertools.permutations(range(6))
        )
        assert after <= best + 1e-12
        planted = random_element(spec, generator=generator)
        found = align(spec, first, act(spec, planted, first)).element
        assert torch.equal(
            planted.permutations["stream"][found.permutations["stream"]], torch.arange(6)
        )


def test_rotations_of_linear_groups_are_undone():
    """Layers without activation: the second network is the first, rotated in its hidden units."""
    spec = mlp_spec(6, 4, 5, 3, scale="linear").exact()
    params = network(6, 4, 5, 3)
    rotation = {
        name: torch.linalg.qr(torch.randn(n, n, generator=stream(name), dtype=torch.float64))[0]
        for name, n in (("hidden1", 4), ("hidden2", 5))
    }
    rotated = act(spec, GroupElement(identity(spec).permutations, rotation), params)
    aligned = act(spec, align(spec, params, rotated).element, rotated)
    for tensor in params:
        torch.testing.assert_close(aligned[tensor], params[tensor], rtol=1e-10, atol=1e-10)


def test_a_linear_and_a_permuted_group_may_share_an_axis():
    """A weight that reads a concatenation: some places are mixed, others permuted (in a cycle
    of three), some flipped."""
    rotation = torch.linalg.qr(
        torch.randn(2, 2, generator=stream("rotation"), dtype=torch.float64)
    )[0]
    order, signs = torch.tensor([1, 2, 0]), torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64)
    neighbours = [Neighbour("mixed", 0, 1, 1, None), Neighbour("odd", 2, 1, 1, "odd")]
    rows = torch.randn(4, 6, 3, generator=stream("rows"), dtype=torch.float64)
    found = move_of(neighbours, 6, {"mixed": rotation, "odd": order}, {"odd": signs}).apply(rows, 1)
    spec = SymmetrySpec(
        (
            UnitGroup("mixed", 2, (Leg("w", 1),), "linear", permute=False),
            UnitGroup("odd", 3, (Leg("w", 1, start=2),), "sign"),
        )
    )
    element = GroupElement(
        {"mixed": torch.arange(2), "odd": order}, {"mixed": rotation, "odd": signs}
    )
    torch.testing.assert_close(found, act(spec, element, {"w": rows})["w"], rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("mixed", ["units", "parts", "neither"])
def test_units_and_their_parts_may_share_an_axis(mixed):
    """Places are moved by both, in either order: two units of three parts."""
    legs = {"units": Leg("w", 1, block=3), "parts": Leg("w", 1, outer=2)}
    neighbours, groups, places, flips = [], [], {}, {}
    element = {}, {}
    for name, size in (("units", 2), ("parts", 3)):
        leg, sign = legs[name], None if name == mixed else name
        neighbours.append(Neighbour(name, 0, leg.outer, leg.block, sign))
        noise = torch.randn(size, size, generator=stream(name), dtype=torch.float64)
        element[0][name] = torch.arange(size).roll(1)
        element[1][name] = flips[name] = noise[0].sign()
        places[name] = element[0][name]
        if name == mixed:
            element[0][name] = torch.arange(size)
            element[1][name] = places[name] = torch.linalg.qr(noise)[0]
        kind = "linear" if name == mixed else "sign"
        groups.append(UnitGroup(name, size, (leg,), kind, permute=name != mixed))
    rows = torch.randn(4, 6, 3, generator=stream("rows"), dtype=torch.float64)
    expected = act(SymmetrySpec(tuple(groups)), GroupElement(*element), {"w": rows})["w"]
    for order in (neighbours, neighbours[::-1]):
        found = move_of(order, 6, places, flips).apply(rows, 1)
        torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-13)


def test_runs_that_are_permuted_while_their_units_are_mixed():
    """Without an activation a matrix acts within all three runs at once."""
    module = randomised(Runs(lambda x: x))
    spec, params = discover(module, torch.zeros(1, 6).double()).exact(), parameters(module)
    assert [group.scale for group in spec.groups] == ["none", "linear", "linear"]
    order = torch.tensor([2, 0, 1])
    rotations = {}
    for group in spec.groups[1:]:
        noise = torch.randn(group.size, group.size, generator=stream(group.name)).double()
        rotations[group.name] = torch.linalg.qr(noise)[0]
    planted = GroupElement(
        identity(spec).permutations | {"hidden1": order}, identity(spec).scales | rotations
    )
    moved = act(spec, planted, params)
    aligned = act(spec, align(spec, params, moved).element, moved)
    for tensor in params:  # rotations that depend on each other are approached step by step
        torch.testing.assert_close(aligned[tensor], params[tensor], rtol=1e-5, atol=1e-6)


def test_twin_units_are_reported():
    spec, params = mlp_spec(4, 6, 3), network(4, 6, 3)
    for name, axis in (("0.weight", 0), ("0.bias", 0), ("2.weight", 1)):
        params[name].select(axis, 4).copy_(params[name].select(axis, 1))
    found = align(
        spec, params, act(spec, random_element(spec, generator=stream("twins"), spread=0.0), params)
    )
    assert found.ties["hidden1"] == (1, 4)
    assert align(spec, network(4, 6, 3), network(4, 6, 3, seed=1)).ties["hidden1"] == ()


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
@pytest.mark.parametrize("seed", range(3))
def test_scores_that_are_not_kept_are_those_that_are(activation, seed, monkeypatch):
    """Wide layers (scores of more entries than weights), with signs and with twin units."""
    widths = (3, 30, 40, 3)
    spec = discover(mlp(*widths, activation=activation), torch.zeros(2, 3).double()).exact()
    first, second = (network(*widths, seed=2 * seed + end) for end in range(2))
    for params in (first, second):
        for name, axis in (("2.weight", 0), ("2.bias", 0), ("4.weight", 1)):
            params[name].select(axis, 4).copy_(params[name].select(axis, 1))
    kept = align(spec, first, second, starts=3, generator=stream("kept", seed))
    monkeypatch.setattr("symgeom.quotient.alignment.search.LARGE", 0)
    found = align(spec, first, second, starts=3, generator=stream("kept", seed))
    assert found.objectives == pytest.approx(kept.objectives, rel=1e-12)
    assert found.visits == kept.visits
    assert found.ties == kept.ties
    assert found.ties["hidden2"]
    for name, tied in kept.ties.items():  # twins may stand for each other
        places = [place for place in range(spec[name].size) if place not in tied]
        before, after = (result.element.permutations[name] for result in (kept, found))
        assert torch.equal(before[places], after[places])


def test_groups_of_a_convolution_are_matched_together():
    """Each group is a family of its own; those of one convolution lie side by side."""
    plan = make_plan(case("grouped")[0])
    crews = crews_of(plan)
    assert sorted(len(crew) for crew in crews) == [1, 4, 4, 4, 4]
    assert list(itertools.chain.from_iterable(crews)) == list(plan)
    for crew in crews:
        tensors = {frozenset(strand.leg.tensor for strand in plan[name].strands) for name in crew}
        assert len(tensors) == 1


def test_families_that_act_on_each_other_are_matched_one_by_one():
    legs = Leg("w", 0), Leg("w", 1, power=-1)
    moved = tuple(replace(leg, start=3) for leg in legs)
    first, second = UnitGroup("hidden1", 3, legs), UnitGroup("hidden2", 3, moved)
    assert crews_of(make_plan(SymmetrySpec((first, second)))) == [("hidden1",), ("hidden2",)]


def test_all_pairs_in_one_call_are_the_single_calls():
    spec = mlp_spec(*WIDTHS)
    networks = {
        name: canonicalise(spec, network(*WIDTHS, seed=seed)).parameters
        for seed, name in enumerate("abcd")
    }
    pairs = list(itertools.combinations("abcd", 2))
    generators = {pair: stream(*pair) for pair in pairs}
    found = dict(
        align_pairs(spec, networks, pairs, matching=Matching(starts=3), generators=generators)
    )
    assert list(found) == pairs
    for a, b in reversed(pairs):
        alone = align(spec, networks[a], networks[b], starts=3, generator=stream(a, b))
        assert alone.objectives == found[a, b].objectives
        assert torch.equal(
            alone.element.permutations["hidden1"], found[a, b].element.permutations["hidden1"]
        )


@pytest.mark.parametrize("name", ["mlp", "lenet of tanh", "resnet", "heads behind one norm"])
def test_joint_alignment_is_cycle_consistent_and_finds_planted_copies(name):
    spec, _, params, _ = case(name)
    planted = {
        seed: discrete(spec, random_element(spec, generator=stream("joint", seed)))
        for seed in range(4)
    }
    found = align_jointly(
        spec, {seed: act(spec, element, params) for seed, element in planted.items()}
    )
    assert found.converged
    for a, b in itertools.permutations(planted, 2):
        moved = act(spec, found.between(a, b), act(spec, planted[b], params))
        for tensor, expected in act(spec, planted[a], params).items():
            torch.testing.assert_close(moved[tensor], expected, rtol=1e-12, atol=1e-12)
    around = compose(
        spec, found.between(0, 1), compose(spec, found.between(1, 2), found.between(2, 0))
    )
    for group in spec.groups:
        assert torch.equal(around.permutations[group.name], torch.arange(group.size))


def test_joint_alignment_climbs_and_beats_aligning_all_to_the_first():
    spec = mlp_spec(*WIDTHS)
    networks = {
        seed: canonicalise(spec, network(*WIDTHS, seed=seed)).parameters for seed in range(5)
    }
    found = align_jointly(spec, networks)
    assert all(b >= a - 1e-12 for a, b in itertools.pairwise(found.objectives))
    star = {
        seed: act(spec, align(spec, networks[0], params).element, params)
        for seed, params in networks.items()
    }
    joint = {seed: act(spec, found.elements[seed], params) for seed, params in networks.items()}

    def mean(moved):
        pairs = list(itertools.combinations(moved, 2))
        return sum(inner(spec, moved[a], moved[b]) for a, b in pairs) / len(pairs)

    assert abs(mean(joint) - found.objectives[-1]) < 1e-12
    assert mean(joint) > mean(star)


@pytest.mark.parametrize(
    "name",
    [
        "mlp",
        "mlp of tanh",
        "lenet",
        "vgg with batch norm",
        "residual stream",
        "resnet",
        "heads behind one norm",
        "runs",
    ],
)
def test_activations_find_a_planted_scramble(name):
    """Scales do not matter: correlations do not see them."""
    spec, module, params, inputs = case(name)
    planted = random_element(spec, generator=stream("planted", name))
    ours, theirs = (
        unit_activations(spec, module, p, inputs) for p in (params, act(spec, planted, params))
    )
    found = align_activations(spec, ours, theirs)
    for group in spec.groups:
        if group.permute:
            order = planted.permutations[group.name][found.element.permutations[group.name]]
            assert torch.equal(order, torch.arange(group.size)), group.name
    assert abs(found.objective - sum(group.size for group in spec.groups if group.permute)) < 1e-9


def test_activations_are_those_of_the_layers():
    spec, module, params, inputs = case("mlp")
    hidden = inputs @ params["0.weight"].T + params["0.bias"]
    found = unit_activations(spec, module, params, inputs)["hidden1"]
    centred = hidden - hidden.mean(0)
    torch.testing.assert_close(found, (centred / centred.norm(dim=0)).T, rtol=1e-12, atol=1e-12)


def test_inputs_are_not_modified():
    spec, module, first, inputs = case("resnet", 1)
    second = case("resnet", 2)[2]
    copies = [
        {name: tensor.clone() for name, tensor in params.items()} for params in (first, second)
    ]
    align(spec, first, second, starts=3, generator=stream("untouched"))
    align_jointly(spec, {"a": first, "b": second})
    unit_activations(spec, module, first, inputs)
    for params, copy in zip((first, second), copies, strict=True):
        assert all(torch.equal(params[name], copy[name]) for name in params)


def test_the_limit_of_sweeps_is_reported(monkeypatch):
    spec = mlp_spec(*WIDTHS)
    first, second = (canonicalise(spec, network(*WIDTHS, seed=seed)).parameters for seed in (0, 1))
    monkeypatch.setattr(import_module("symgeom.quotient.alignment.ascent"), "SWEEPS", 0)
    limited = align(spec, first, second)
    assert (limited.visits, limited.converged) == (2, False)


def test_bad_requests_are_refused():
    spec, params = mlp_spec(*WIDTHS), network(*WIDTHS)
    with pytest.raises(SymgeomError, match="Unknown alignment method 'best'"):
        align(spec, params, params, method="best")
    with pytest.raises(SymgeomError, match="from 2 starts with method 'greedy'"):
        align(spec, params, params, method="greedy", starts=2)
    with pytest.raises(SymgeomError, match="from 2 starts: give a generator"):
        align(spec, params, params, starts=2)
    with pytest.raises(SymgeomError, match="tensor '0.weight' has shape"):
        align(spec, params, network(6, 11, 10, 4))
    with pytest.raises(
        SymgeomError, match="the network to align: tensor '2.weight' holds 120 values"
    ):
        align(spec, params, params | {"2.weight": torch.full((10, 12), torch.inf)})
    with pytest.raises(
        SymgeomError,
        match="tensor '0.weight' has type torch.float32, that of the first network torch.float64",
    ):
        align(spec, params, params | {"0.weight": params["0.weight"].float()})
    half = {name: tensor.half() for name, tensor in params.items()}
    with pytest.raises(
        SymgeomError,
        match="Cannot align networks of type torch.float16: they are matched in float32 or",
    ):
        align(spec, half, half)
    with pytest.raises(SymgeomError, match="Cannot align 1 networks to each other"):
        align_jointly(spec, {"a": params})
    with pytest.raises(
        SymgeomError, match="network 'b' with its reference: tensor '0.weight' has shape"
    ):
        align_jointly(spec, {"a": params, "b": network(6, 11, 10, 4)})
    halves = (Leg("w", 0), Leg("w", 1, region=((0, 0, 3),)))
    cut = SymmetrySpec((UnitGroup("rows", 4, halves[:1]), UnitGroup("columns", 2, halves[1:])))
    with pytest.raises(
        SymgeomError, match="Cannot align group 'rows': on tensor 'w' it overlaps group 'columns'"
    ):
        align(cut, {"w": torch.ones(4, 2)}, {"w": torch.ones(4, 2)})


def test_activations_that_cannot_be_matched_are_refused():
    spec, module, params, inputs = case("mlp")
    ours, theirs = (
        unit_activations(spec, module, params, inputs),
        unit_activations(spec, module, params, inputs[:3]),
    )
    with pytest.raises(SymgeomError, match=r"activations of shapes \(12, 6\) and \(12, 3\)"):
        align_activations(spec, ours, theirs)
    linear = mlp_spec(6, 12, 10, 4, scale="linear").exact()
    with pytest.raises(
        SymgeomError,
        match="Cannot match group 'hidden1' by activations: no activation acts on its units",
    ):
        align_activations(linear, ours, ours)
    bare = SymmetrySpec((UnitGroup("units", 12, (Leg("2.weight", 1, power=-1),)),))
    with pytest.raises(
        SymgeomError, match=r"group 'units' by activations: none of its tensors \['2.weight'\]"
    ):
        unit_activations(bare, module, params, inputs)
