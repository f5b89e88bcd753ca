"""The quotient over all architectures: group laws, invariance, representatives, and angles on
the spheres they live on."""

import math
from collections.abc import Callable
from functools import lru_cache

import pytest
import torch
from cases import (
    ARCHITECTURES,
    Block,
    cifar_resnet,
    lenet,
    mlp,
    randomised,
    self_attention,
    torchvision_models,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.func import functional_call

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters, unstack
from symgeom.landscape.path import GeodesicPath
from symgeom.quotient.gauge import canonicalise
from symgeom.quotient.torus import Torus, sphere_coordinates, with_sphere_coordinates
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import GroupElement, act, compose, identity, inverse, random_element
from symgeom.symmetry.spec import SymmetrySpec

ROUNDING = 1e-12
"""Relative; some hundred operations in float64 on scales between exp(-8) and exp(8), which only
multiply: 2e-15 is seen."""

MATRICES = 1e-8
"""The same with random matrices, whose condition numbers reach 1e4 and enter squared through
their inverses."""


def _residual(activation: Callable[[Tensor], Tensor]) -> nn.Module:
    def forward(self: Block, x: Tensor) -> Tensor:
        y = self.stem(x)
        y = y + self.b(activation(self.a(activation(y))))
        y = y + self.d(activation(self.c(activation(y))))
        return self.out(activation(y))

    convolutions = {"a": (4, 5), "b": (5, 4), "c": (4, 3), "d": (3, 4)}
    layers = {name: nn.Conv1d(*widths, 3, padding=1) for name, widths in convolutions.items()}
    out = nn.Sequential(nn.Flatten(), nn.Linear(24, 2))
    return Block(forward, stem=nn.Conv1d(2, 4, 3, padding=1), out=out, **layers)


def _tied(activation: type[nn.Module]) -> nn.Module:
    first, again = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1, bias=False)
    head = [nn.AvgPool2d(2), nn.Flatten(), nn.Linear(16, 2)]
    return nn.Sequential(first, activation(), again, activation(), again, activation(), *head)


NETWORKS = {name: (build, shape) for name, (build, shape, *_) in ARCHITECTURES.items()} | {
    "mlp": (lambda: mlp(4, 5, 3, 2), (4,)),
    "mlp, tanh": (lambda: mlp(4, 5, 3, 2, activation=nn.Tanh), (4,)),
    "mlp, gelu": (lambda: mlp(4, 5, 3, 2, activation=nn.GELU), (4,)),
    "linear": (lambda: mlp(6, 4, 3, 2, activation=nn.Identity), (6,)),
    "linear convolutions": (lambda: lenet(nn.Identity, nn.AvgPool2d), (1, 8, 8)),
    "linear residual": (lambda: _residual(lambda x: x), (2, 6)),
    "residual convolutions": (lambda: _residual(torch.relu), (2, 6)),
    "residual convolutions, tanh": (lambda: _residual(torch.tanh), (2, 6)),
    "tied convolutions": (lambda: _tied(nn.ReLU), (1, 4, 4)),
    "tied convolutions, tanh": (lambda: _tied(nn.Tanh), (1, 4, 4)),
    "cifar resnet": (lambda: cifar_resnet(2, 1), (3, 8, 8)),
    "cifar resnet, projections": (lambda: cifar_resnet(2, 1, projection=True), (3, 8, 8)),
    "attention": (lambda: self_attention(6, 3), (4, 6)),
}


def example(shape: tuple[int, ...]) -> Tensor:
    return torch.randn(3, *shape, generator=stream("quotient"), dtype=torch.float64)


@lru_cache
def case(name: str) -> tuple[nn.Module, Tensor, SymmetrySpec]:
    build, shape = NETWORKS[name]
    module, inputs = build().double().eval(), example(shape)
    return module, inputs, discover(module, inputs)


def tolerance(spec: SymmetrySpec) -> float:
    return MATRICES if any(group.scale == "linear" for group in spec.groups) else ROUNDING


def difference(found: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    """Largest change of an entry, relative to the largest entry of its tensor."""
    assert found.keys() == expected.keys()
    pairs = [
        (found[name], expected[name]) for name in expected if expected[name].is_floating_point()
    ]
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs if b.any() or a.any())


def trainable(module: nn.Module, params: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: params[name] for name, _ in module.named_parameters()}


def change(
    module: nn.Module, inputs: Tensor, first: dict[str, Tensor], second: dict[str, Tensor]
) -> float:
    before, after = (functional_call(module, theta, (inputs,)) for theta in (first, second))
    return float((after - before).abs().max() / before.abs().max())


def unpermuted(spec: SymmetrySpec, element: GroupElement) -> GroupElement:
    return GroupElement(identity(spec).permutations, element.scales)


def scaling(spec: SymmetrySpec, seed: int, spread: float) -> GroupElement:
    return unpermuted(spec, random_element(spec, generator=stream("scaling", seed), spread=spread))


def assert_canonical(
    module: nn.Module, inputs: Tensor, spec: SymmetrySpec, element: GroupElement, **options: object
) -> None:
    """The function is kept, the element leads there, nothing is left to do, and orbit-mates
    meet."""
    params, bound = parameters(module), tolerance(spec)
    canonical = canonicalise(spec, params, **options)
    assert change(module, inputs, params, canonical.parameters) < bound
    assert difference(act(spec, canonical.element, params), canonical.parameters) < bound
    assert (
        difference(
            canonicalise(spec, canonical.parameters, **options).parameters, canonical.parameters
        )
        < bound
    )
    moved = canonicalise(spec, act(spec, element, params), **options).parameters
    assert difference(moved, canonical.parameters) < bound


few = settings(max_examples=2, deadline=None, derandomize=True)
seeds, spreads = st.integers(0, 2**31), st.floats(0.0, 2.0)


@pytest.mark.parametrize("name", NETWORKS)
@few
@given(seed=seeds, spread=spreads)
def test_group_laws(name: str, seed: int, spread: float):
    module, inputs, spec = case(name)
    exact, params = spec.exact(), parameters(randomised(module, seed))
    first, second = (
        random_element(exact, generator=stream(name, seed, place), spread=spread)
        for place in range(2)
    )
    moved, bound = act(exact, first, params), tolerance(spec)
    assert difference(act(exact, identity(exact), params), params) == 0
    assert change(module, inputs, params, moved) < bound
    assert (
        difference(act(exact, compose(exact, second, first), params), act(exact, second, moved))
        < bound
    )
    assert difference(act(exact, inverse(exact, first), moved), params) < bound


@pytest.mark.parametrize("name", NETWORKS)
@few
@given(seed=seeds, spread=spreads, bias_in_norm=st.booleans())
def test_representatives(name: str, seed: int, spread: float, bias_in_norm: bool):
    module, inputs, spec = case(name)
    randomised(module, seed)
    element = scaling(spec.exact(), seed, spread)
    assert_canonical(module, inputs, spec.exact(), element, bias_in_norm=bias_in_norm)


@pytest.mark.parametrize("name", NETWORKS)
def test_units_of_little_importance_are_the_same_on_the_whole_orbit(name: str):
    module, _, spec = case(name)
    params, exact, options = (
        parameters(randomised(module)),
        spec.exact(),
        {"importance_threshold": 0.4, "dead_units": "drop"},
    )
    canonical = canonicalise(exact, params, **options)
    moved = canonicalise(exact, act(exact, scaling(exact, 0, 1.0), params), **options)
    again = canonicalise(exact, canonical.parameters, **options)
    assert (moved.weak, moved.dead) == (canonical.weak, canonical.dead)
    assert not any(again.weak.values())
    for found in (moved, again):
        assert difference(
            trainable(module, found.parameters), trainable(module, canonical.parameters)
        ) < tolerance(spec)


COUPLED = (
    "residual",
    "tied weights",
    "grouped and tied",
    "residual convolutions",
    "tied convolutions",
)
"""Networks in which the convention for residual streams makes a difference."""


@pytest.mark.parametrize("name", NETWORKS)
def test_both_conventions_for_streams_agree_where_there_is_none(name: str):
    module, _, spec = case(name)
    params = parameters(randomised(module))
    first = canonicalise(spec, params).parameters
    if name not in COUPLED:
        assert difference(canonicalise(spec, params, stream="all").parameters, first) < tolerance(
            spec
        )
    else:
        small = params | {n: t * 0.3 for n, t in params.items() if t.ndim > 1}
        assert (
            difference(
                canonicalise(spec, small, stream="all").parameters,
                canonicalise(spec, small).parameters,
            )
            > 0.01
        )


@pytest.mark.parametrize("name", COUPLED)
@few
@given(seed=seeds, spread=spreads)
def test_joint_lengths_of_all_writers(name: str, seed: int, spread: float):
    """Blocks small enough not to amplify; the fixed point is reached from every point of the
    orbit."""
    module, inputs, spec = case(name)
    randomised(module, seed)
    with torch.no_grad():
        for block in ("a", "b", "c", "d", "again", "2"):
            if hasattr(module, block):
                getattr(module, block).weight.mul_(0.3)
    exact = spec.exact()
    assert_canonical(module, inputs, exact, scaling(exact, seed, spread), stream="all")
    canonical = canonicalise(exact, parameters(module), stream="all").parameters
    for rows in sphere_coordinates(exact, canonical).values():
        assert float((rows.norm(dim=1) - 1).abs().max()) < ROUNDING


@pytest.mark.parametrize("name", NETWORKS)
def test_angles_of_planted_rotations(name: str):
    """Every sphere (that is no pair of points) is turned by a known angle, independently of all
    others."""
    module, _, spec = case(name)
    torus, start = Torus(spec), canonicalise(spec, parameters(randomised(module))).parameters
    points = sphere_coordinates(spec, start)
    pairs = {
        key: (u, torch.randn(u.shape, generator=stream("plane"), dtype=u.dtype))
        for key, u in points.items()
    }
    across = {
        key: w - (w * u).sum(1, keepdim=True) * u / u.square().sum(1, keepdim=True)
        for key, (u, w) in pairs.items()
    }
    for theta in (0.0, 1e-9, math.pi / 2):
        turned = {
            key: math.cos(theta) * u
            + math.sin(theta) * u.norm(dim=1, keepdim=True) * nn.functional.normalize(across[key])
            for key, u in points.items()
            if u.shape[1] > 1
        }
        end = with_sphere_coordinates(spec, start, turned)
        expected = {key: theta if key in turned else 0.0 for key in points}
        found = torus.group_distances(start, end)
        assert all(
            abs(float(found[key]) - expected[key]) < 1e-15 + 1e-15 * theta for key in expected
        )
        middle = torus.geodesic(start, end, 0.25)
        assert all(
            abs(float(d) - 0.25 * expected[key]) < 1e-14
            for key, d in torus.group_distances(start, middle).items()
        )
    (along,) = unstack(GeodesicPath(spec, start, end)(torch.tensor([0.25])))
    assert difference(along, middle) < ROUNDING


@pytest.mark.parametrize(
    "name", ["mlp", "depthwise", "batch norm kept", "residual", "concatenation", "quotient"]
)
def test_antipodal_points_are_named(name: str):
    module, _, spec = case(name)
    start = canonicalise(spec, parameters(randomised(module))).parameters
    for key, rows in sphere_coordinates(spec, start).items():
        end = with_sphere_coordinates(spec, start, {key: torch.cat([rows[:-1], -rows[-1:]])})
        with pytest.raises(
            SymgeomError,
            match=rf"Group '{key}': .*the points of spheres \[{len(rows) - 1}\] are antipodal",
        ):
            Torus(spec).geodesic(start, end, 0.5)


def large(name: str) -> nn.Module:
    """Networks as published, but for the number of classes (and VGG's classifier, a gigabyte of
    weights)."""
    models = torchvision_models()
    if name == "vgg11_bn":
        network = models.VGG(
            models.vgg.make_layers(models.vgg.cfgs["A"], True), num_classes=3, init_weights=False
        )
        network.avgpool, network.classifier = (
            nn.AdaptiveAvgPool2d(1),
            nn.Sequential(nn.Linear(512, 8), nn.ReLU(), nn.Linear(8, 3)),
        )
        return network
    return cifar_resnet(16, 3) if name == "resnet20" else getattr(models, name)(num_classes=3)


@pytest.mark.parametrize("name", ["resnet18", "vgg11_bn", "mobilenet_v2", "resnet20"])
def test_published_networks(name: str):
    module, inputs = randomised(large(name)), example((3, 32, 32))[:1]
    spec = discover(module, inputs)
    assert_canonical(module, inputs, spec.exact(), scaling(spec.exact(), 0, 1.0))
