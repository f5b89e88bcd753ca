"""A network as one of a wider architecture: the same function, and partners found exactly."""

import itertools
import math
from dataclasses import replace
from functools import cache

import pytest
import torch
from cases import Block, batch, cifar_resnet, mlp, randomised
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters
from symgeom.landscape.merging import merge
from symgeom.quotient.alignment import align
from symgeom.quotient.gauge import canonicalise
from symgeom.quotient.torus import Torus
from symgeom.quotient.widening import widen
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import act, random_element

INPUTS = batch(20, 4, 3)[0]


def convolutions(a, b, c):
    """A convolutional network with batch norm, a flattened map and a dense layer."""
    return nn.Sequential(
        *(nn.Conv2d(1, a, 3, padding=1), nn.BatchNorm2d(a), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(a, b, 3, bias=False), nn.BatchNorm2d(b), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(4 * b, c), nn.Tanh(), nn.Linear(c, 3)),
    )


def filters(a, b, groups):
    """Depthwise and grouped convolutions."""
    return nn.Sequential(
        *(nn.Conv2d(1, a, 1), nn.ReLU(), nn.Conv2d(a, a, 3, groups=a), nn.ReLU()),
        *(nn.Conv2d(a, b, 3, groups=groups), nn.ReLU(), nn.Flatten(), nn.Linear(16 * b, 2)),
    )


def joined(first, second):
    """Concatenated layers."""

    def forward(self, x):
        one = torch.relu(self.a(x))
        two = torch.relu(self.b(torch.cat([x, one], 1)))
        return self.c(torch.cat([one, two, x], 1))

    layers = {
        "a": nn.Linear(4, first),
        "b": nn.Linear(4 + first, second),
        "c": nn.Linear(4 + first + second, 3),
    }
    return Block(forward, **layers)


def recurrent(size):
    layers = {"lstm": nn.LSTM(4, size, batch_first=True), "out": nn.Linear(size, 2)}
    return Block(lambda self, x: self.out(self.lstm(x)[0][:, -1]), **layers)


def runs(count, size):
    """Runs of units, each read by the same layer."""

    def forward(self, x):
        hidden = torch.relu(self.a(x)).unflatten(1, (count, size))
        return self.c(torch.relu(self.b(hidden)).flatten(1))

    layers = {
        "a": nn.Linear(4, count * size),
        "b": nn.Linear(size, 3),
        "c": nn.Linear(count * 3, 2),
    }
    return Block(forward, **layers)


def normed(size):
    return nn.Sequential(nn.Linear(4, size), nn.LayerNorm(size), nn.ReLU(), nn.Linear(size, 2))


ARCHITECTURES = {
    "mlp": (lambda: mlp(4, 3, 2, 3), lambda: mlp(4, 5, 6, 3), (4,)),
    "convolutions": (lambda: convolutions(2, 3, 4), lambda: convolutions(4, 3, 6), (1, 8, 8)),
    "grouped": (lambda: filters(4, 2, 2), lambda: filters(6, 4, 2), (1, 8, 8)),
    "residual": (lambda: cifar_resnet(2, 1), lambda: cifar_resnet(3, 1), (3, 8, 8)),
    "joined": (lambda: joined(3, 4), lambda: joined(5, 6), (4,)),
    "recurrent": (lambda: recurrent(3), lambda: recurrent(4), (5, 4)),
    "more runs": (lambda: runs(2, 3), lambda: runs(4, 3), (4,)),
    "wider runs": (lambda: runs(2, 3), lambda: runs(2, 5), (4,)),
}


@cache
def case(name):
    """Two networks of unequal widths, their specs, and inputs."""
    narrow, wide, shape = ARCHITECTURES[name]
    modules = randomised(narrow(), 1), randomised(wide(), 2)
    inputs = torch.randn(5, *shape, generator=stream("widen", name), dtype=torch.float64)
    return modules, [discover(module, inputs) for module in modules], inputs


def widened(modules, specs, inputs, params=None):
    narrow, wide = modules
    return widen(
        specs[0],
        narrow,
        params or parameters(narrow),
        wide_spec=specs[1],
        wide_module=wide,
        inputs=inputs,
    )


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_function_is_the_same_and_every_unit_gets_a_partner(name):
    (narrow, wide), specs, inputs = case(name)
    result = widened((narrow, wide), specs, inputs)
    assert result.change < 1e-14
    outputs = torch.func.functional_call(wide, result.parameters, (inputs,))
    torch.testing.assert_close(outputs, narrow(inputs), rtol=1e-12, atol=1e-12)
    sizes = {group.name: group.size for group in specs[0].groups if group.permute}
    for group, idle in result.idle.items():
        assert idle == tuple(range(sizes[group], specs[1][group].size))
    reference = canonicalise(specs[1], parameters(wide)).parameters
    moving = canonicalise(specs[1], result.parameters, dead_units="drop").parameters
    element = align(specs[1], reference, moving).element
    for group, alone in result.left_over(element).items():
        assert len(alone) == len(result.idle[group])
        assert all(int(element.permutations[group][unit]) >= sizes[group] for unit in alone)
    distances = Torus(specs[1]).group_distances(reference, act(specs[1], element, moving))
    assert all(math.isfinite(distance) for distance in distances.values())


def test_the_best_partners_are_those_of_the_best_injective_assignment():
    """All 60 ways to give 3 units different partners among 5, one by one."""
    modules = mlp(4, 3, 3, seed=1), mlp(4, 5, 3, seed=2)
    specs = [discover(module, INPUTS) for module in modules]
    reference = canonicalise(specs[1], parameters(modules[1])).parameters
    result = widened(modules, specs, INPUTS)
    moving = canonicalise(specs[1], result.parameters, dead_units="drop").parameters
    alignment = align(specs[1], reference, moving)
    head = float((reference["2.bias"] * moving["2.bias"]).sum())
    best = -math.inf
    for partners in itertools.permutations(range(5), 3):
        worth = head
        for unit, partner in enumerate(partners):
            worth += float(reference["0.weight"][partner] @ moving["0.weight"][unit])
            worth += float(reference["0.bias"][partner] * moving["0.bias"][unit])
            worth += float(reference["2.weight"][:, partner] @ moving["2.weight"][:, unit])
        if worth > best:
            best, alone = worth, tuple(sorted(set(range(5)) - set(partners)))
    assert abs(alignment.objective - best) < 1e-12
    assert result.left_over(alignment.element) == {"hidden1": alone}


def test_a_narrow_network_within_a_wide_one_is_found():
    """The wide network is a scrambled copy with further units that do little."""
    (narrow, wide), specs, inputs = case("convolutions")
    result = widened((narrow, wide), specs, inputs)
    noise = parameters(wide)
    exact = specs[1].exact()
    planted = random_element(exact, generator=stream("planted"))
    larger = {}
    for name, tensor in result.parameters.items():
        little = 0.01 * noise[name] if tensor.is_floating_point() else 0
        larger[name] = tensor + little * (tensor == 0)
    reference = act(exact, planted, larger)
    pair = [
        canonicalise(exact, params, dead_units="drop").parameters
        for params in (reference, result.parameters)
    ]
    element = align(exact, *pair).element
    for group, idle in result.idle.items():
        order = planted.permutations[group]
        expected = tuple(k for k in range(len(order)) if int(order[k]) in idle)
        assert result.left_over(element)[group] == expected


def test_unequal_widths_merge():
    """All of the narrow network is its function; half of each is a network of the wide shape."""
    (narrow, wide), specs, inputs = case("residual")
    result = widened((narrow, wide), specs, inputs)
    networks = {"wide": parameters(wide), "narrow": result.parameters}
    merged = merge(specs[1], networks, weights=[0, 1], dead_units="drop").parameters
    outputs = torch.func.functional_call(wide, merged, (inputs,))
    torch.testing.assert_close(outputs, narrow(inputs), rtol=1e-11, atol=1e-11)
    halves = merge(specs[1], networks, dead_units="drop").parameters
    assert torch.func.functional_call(wide, halves, (inputs,)).isfinite().all()


def test_the_precision_is_that_of_the_network():
    (narrow, wide), specs, inputs = case("mlp")
    result = widened((narrow, wide), specs, inputs, cast(parameters(narrow), torch.float32))
    assert {tensor.dtype for tensor in result.parameters.values()} == {torch.float32}
    assert result.change == 0 or result.change < 1e-14


def refused(narrow, wide, match):
    modules = randomised(narrow), randomised(wide)
    specs = [discover(module, INPUTS) for module in modules]
    with pytest.raises(SymgeomError, match=match):
        widened(modules, specs, INPUTS)


def test_what_is_no_wider_network_is_refused():
    refused(mlp(4, 5, 3), mlp(4, 3, 3), "group 'hidden1' has 5 units, and 3 there. Exchange")
    refused(mlp(4, 5, 5, 3), mlp(4, 5, 3), "tensor '4.weight' of shape .* is not there in the wide")
    refused(mlp(4, 5, 3), mlp(4, 6, 4), "axis 0 of tensor '2.weight' has 3 entries, and 4 there")
    refused(normed(5), normed(7), "outputs change by .* because something in it looks at all units")


def test_specs_that_differ_in_more_than_widths_are_refused():
    modules = mlp(4, 3, 3), mlp(4, 5, 3)
    spec, wide_spec = (discover(module, INPUTS) for module in modules)
    with pytest.raises(SymgeomError, match=r"groups of units \['hidden1', 'head'\], and the wide"):
        widened(modules, (spec, wide_spec.exact()), INPUTS)
    hidden, head = wide_spec.groups
    other = replace(wide_spec, groups=(replace(hidden, legs=hidden.legs[:1]), head))
    with pytest.raises(SymgeomError, match="the units of group 'hidden1' lie on other tensors"):
        widened(modules, (spec, other), INPUTS)
