"""Bad input to the symmetry floor: every function names tensor, axis and group alike, and none
modifies what it is given."""

import dataclasses
from collections.abc import Callable

import pytest
import torch
from cases import Block, batch, mlp, mlp_spec, network
from torch import nn
from torch.nn import functional as F  # noqa: N812

from symgeom.dynamics.charge import charges
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters, ravel, stack
from symgeom.landscape.path import BezierPath, GeodesicPath, LinearPath, PolygonalPath
from symgeom.landscape.plane import Plane
from symgeom.quotient.alignment import align
from symgeom.quotient.gauge import canonicalise
from symgeom.quotient.torus import Torus, sphere_coordinates, with_sphere_coordinates
from symgeom.symmetry.bilinear import leg_products, pairing
from symgeom.symmetry.certificate import certify
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.discovery.operations.registry import BY_NAME
from symgeom.symmetry.group import (
    GroupElement,
    act,
    compose,
    extend,
    identity,
    inverse,
    random_element,
)
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup, check_spec, put, take

WIDTHS = (4, 5, 3, 2)
SPEC = mlp_spec(*WIDTHS)
Weights = dict[str, torch.Tensor]


def certified(spec: SymmetrySpec, params: Weights) -> object:
    return certify(
        spec, mlp(*WIDTHS), params, inputs=batch(6, 4, 2)[0], generator=stream("certify")
    )


FUNCTIONS: dict[str, Callable[[SymmetrySpec, Weights], object]] = {
    "act": lambda spec, params: act(
        spec, random_element(spec, generator=stream("element")), params
    ),
    "certify": certified,
    "canonicalise": lambda spec, params: canonicalise(spec, params),
    "align": lambda spec, params: align(spec, params, network(*WIDTHS, seed=1)),
    "align to it": lambda spec, params: align(spec, network(*WIDTHS, seed=1), params),
}


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_weights_that_are_not_finite_are_named(function: str, value: float):
    params = network(*WIDTHS)
    params["2.weight"][1, 2] = value
    with pytest.raises(
        SymgeomError, match="tensor '2.weight' holds 1 values that are NaN or infinite of 15"
    ):
        FUNCTIONS[function](SPEC, params)


def changed(leg: int, **changes: object) -> SymmetrySpec:
    """Return the spec with a fault in one leg of the second group: 0 its weight, 1 its bias, 2
    what reads it."""
    legs = list(SPEC["hidden2"].legs)
    legs[leg] = dataclasses.replace(legs[leg], **changes)
    groups = [
        dataclasses.replace(group, legs=tuple(legs)) if group.name == "hidden2" else group
        for group in SPEC.groups
    ]
    return SymmetrySpec(tuple(groups))


SPECS = {
    "no such tensor": (
        changed(0, tensor="9.weight"),
        "'hidden2': leg on tensor '9.weight', axis 0: .* no such tensor",
    ),
    "no such axis": (
        changed(1, axis=1),
        r"'hidden2': leg on tensor '2.bias', axis 1: the tensor has shape \(3,\)",
    ),
    "negative axis": (changed(2, axis=-1), "'hidden2': leg on tensor '4.weight', axis -1: "),
    "wrong axis": (
        changed(2, axis=0),
        "'hidden2': leg on tensor '4.weight', axis 0: 3 units need .* which has 2",
    ),
    "wrong block": (
        changed(2, block=2),
        "'hidden2': leg on tensor '4.weight', axis 1: 3 units need the entries 0 to 6",
    ),
    "an axis twice": (
        changed(1, tensor="2.weight"),
        "'hidden2': leg on tensor '2.weight', axis 0: .* listed twice in the group",
    ),
    "an axis of another group": (
        changed(1, tensor="2.weight", axis=1),
        (
            "'hidden1': leg on tensor '2.weight', axis 1: its entries 0 to 5 are also permuted "
            "by group 'hidden2'"
        ),
    ),
    "a power that does nothing": (
        SymmetrySpec(
            (
                *SPEC.groups,
                UnitGroup(
                    "hidden2.scale1",
                    3,
                    (Leg("2.bias", 0, power=0), Leg("2.weight", 0)),
                    permute=False,
                ),
            )
        ),
        "'hidden2.scale1': leg on tensor '2.bias', axis 0: its power is 0",
    ),
    "a name twice": (
        SymmetrySpec((*SPEC.groups, SPEC["hidden1"])),
        r"several groups of the name \['hidden1'\]",
    ),
    "no units": (
        SymmetrySpec((dataclasses.replace(SPEC["hidden2"], size=0),)),
        "group 'hidden2': it has 0 units and 3 legs",
    ),
}


@pytest.mark.parametrize("fault", SPECS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_spec_that_does_not_fit_is_named(function: str, fault: str):
    spec, message = SPECS[fault]
    with pytest.raises(SymgeomError, match=message):
        FUNCTIONS[function](spec, network(*WIDTHS))


@pytest.mark.parametrize("function", ["align", "align to it", "angles", "distance"])
def test_networks_of_different_architecture_are_named(function: str):
    torus = Torus(SPEC)
    functions = FUNCTIONS | {
        "angles": lambda spec, params: torus.angles(params, network(*WIDTHS)),
        "distance": lambda spec, params: torus.distance(network(*WIDTHS), params),
    }
    for widths, message in [
        ((4, 5, 4, 2), "tensor '2.weight' has shape"),
        ((4, 5, 3, 2, 2), r"tensors (missing|not expected) .*6"),
    ]:
        with pytest.raises(
            SymgeomError, match=f"{message}.*Both networks must have the same architecture"
        ):
            functions[function](SPEC, network(*widths))


def test_a_limit_of_torch_is_not_mistaken_for_an_unknown_operation(monkeypatch: pytest.MonkeyPatch):
    """An error inside a rule is a fault of ours, and shows as what it is."""

    def broken(out: object, **_: object) -> object:
        raise NotImplementedError("of torch")

    monkeypatch.setitem(BY_NAME, "relu", dataclasses.replace(BY_NAME["relu"], rule=broken))
    with pytest.raises(NotImplementedError, match="of torch"):
        discover(mlp(*WIDTHS), batch(3, 4, 2)[0])


def test_statistics_that_are_no_buffers_are_named():
    network = Block(
        lambda self, x: F.batch_norm(self.a(x), torch.zeros(3).to(x), torch.ones(3).to(x)),
        a=nn.Linear(4, 3),
    )
    with pytest.raises(
        SymgeomError,
        match=(
            "through batch normalisation with statistics that are no buffers in the network's own"
        ),
    ):
        discover(network.double(), batch(3, 4, 2)[0], strict=True)


def test_an_undefined_output_is_not_taken_for_chance():
    """Only the shape of the example matters: two undefined outputs are equal."""
    assert discover(mlp(*WIDTHS), torch.full((3, 4), torch.nan, dtype=torch.float64)) == SPEC


def tensors_in(value: object) -> list[torch.Tensor]:
    """Return all tensors that a value holds, at any depth."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, nn.Module):
        return [*value.parameters(), *value.buffers()]
    if isinstance(value, GroupElement):
        return tensors_in([value.permutations, value.scales])
    if isinstance(value, dict):
        return tensors_in(list(value.values()))
    return (
        [tensor for part in value for tensor in tensors_in(part)]
        if isinstance(value, list | tuple)
        else []
    )


ELEMENTS = [random_element(SPEC, generator=stream("given", number)) for number in range(2)]
A, B = network(*WIDTHS), network(*WIDTHS, seed=1)
INPUTS = batch(6, 4, 2)[0]
ROWS = sphere_coordinates(SPEC, B)
CALLS: dict[str, tuple[Callable[..., object], tuple, dict]] = {
    "discover": (discover, (mlp(*WIDTHS), INPUTS), {}),
    "certify": (
        certify,
        (SPEC, mlp(*WIDTHS), A),
        {"inputs": INPUTS, "generator": stream("certify")},
    ),
    "check_spec": (check_spec, (SPEC, A), {}),
    "take": (take, (A["2.weight"], SPEC["hidden1"].legs[2], 5), {}),
    "put": (put, (A["0.weight"], SPEC["hidden1"].legs[0], B["0.weight"]), {}),
    "act": (act, (SPEC, ELEMENTS[0], A), {}),
    "compose": (compose, (SPEC, *ELEMENTS), {}),
    "inverse": (inverse, (SPEC, ELEMENTS[0]), {}),
    "extend": (extend, (SPEC, ELEMENTS[0]), {}),
    "pairing": (pairing, (SPEC, A, B), {}),
    "leg_products": (leg_products, (SPEC, A, B), {}),
    "charges": (charges, (SPEC, A), {}),
    "canonicalise": (canonicalise, (SPEC, A), {}),
    "align": (align, (SPEC, A, B), {}),
    "angles": (Torus(SPEC).angles, (A, B), {}),
    "distance": (
        Torus(SPEC).distance,
        (canonicalise(SPEC, A).parameters, canonicalise(SPEC, B).parameters),
        {},
    ),
    "geodesic": (
        Torus(SPEC).geodesic,
        (canonicalise(SPEC, A).parameters, canonicalise(SPEC, B).parameters, 0.3),
        {},
    ),
    "random_point": (Torus(SPEC).random_point, (A,), {"generator": stream("point")}),
    "with_sphere_coordinates": (with_sphere_coordinates, (SPEC, A, ROWS), {}),
    "cast": (cast, (A, torch.float32), {}),
    "stack": (stack, ([A, B],), {}),
    "ravel": (ravel, (A,), {}),
    "parameters": (parameters, (mlp(*WIDTHS),), {}),
}


@pytest.mark.parametrize("name", CALLS)
def test_inputs_are_never_modified(name: str):
    """Neither their values nor their versions: a write that restores the value counts too."""
    function, arguments, options = CALLS[name]
    given = tensors_in([*arguments, *options.values()])
    before, versions = [tensor.clone() for tensor in given], [tensor._version for tensor in given]
    function(*arguments, **options)
    assert all(map(torch.equal, given, before))
    assert [tensor._version for tensor in given] == versions


def test_what_act_returns_is_memory_of_its_own():
    """Writing on the moved network does not write on the old one, whatever the element does to
    a tensor."""
    still = GroupElement(identity(SPEC).permutations, ELEMENTS[0].scales)
    for element in (ELEMENTS[0], still, identity(SPEC)):
        params = network(*WIDTHS)
        for tensor in act(SPEC, element, params).values():
            tensor.zero_()
        assert all(map(torch.equal, params.values(), A.values()))


PATHS: dict[str, Callable[[Weights, Weights], object]] = {
    "linear": LinearPath,
    "geodesic": lambda start, end: GeodesicPath(SPEC, start, end),
    "polygonal": lambda start, end: PolygonalPath([start, start, end]),
    "bezier": lambda start, end: BezierPath([start, start, end]),
    "plane": lambda start, end: Plane(start, network(*WIDTHS, seed=1), end),
}


@pytest.mark.parametrize("kind", PATHS)
def test_a_path_between_different_architectures_is_refused(kind: str):
    wider, deeper = network(4, 6, 3, 2, seed=1), network(4, 5, 3, 3, 2, seed=1)
    with pytest.raises(
        SymgeomError,
        match=r"tensor '0.weight' has shape \(6, 4\), expected \(5, 4\), .* Both networks must",
    ):
        PATHS[kind](network(*WIDTHS), wider)
    with pytest.raises(
        SymgeomError,
        match=r"tensors not expected \['6.bias', '6.weight'\], .* Both networks must have",
    ):
        PATHS[kind](network(*WIDTHS), deeper)
