"""Units that lie within others, or that others lie within: heads, pixels, joined channels.

The same network is written in several ways: none of them may lose units.
"""

from collections.abc import Callable

import pytest
import torch
from cases import Block, randomised
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.symmetry.certificate import certify
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.spec import SymmetrySpec

Groups = list[tuple[int, str, list[tuple[str, int, int, int]]]]
"""Size and scale of a group, with tensor, start, block and repetitions of its legs."""


def proved(network: nn.Module, *shape: int, **options: bool) -> SymmetrySpec:
    network = randomised(network)
    inputs = torch.randn(2, *shape, generator=stream("packing"), dtype=torch.float64)
    spec = discover(network, inputs, strict=True, **options)
    params = parameters(network)
    generator = stream("certificate")
    certify(spec, network, params, inputs=inputs, generator=generator, draws=2).require()
    return spec.exact()


def legs(spec: SymmetrySpec) -> Groups:
    groups = []
    for group in spec.groups:
        places = [(leg.tensor, leg.start, leg.block, leg.outer) for leg in group.legs]
        groups.append((group.size, group.scale, places))
    return groups


# -- heads -----------------------------------------------------------------------------------------

COSINES = torch.linspace(0.1, 1.2, 20, dtype=torch.float64).reshape(5, 4).cos()


def halves(x: Tensor) -> Tensor:
    first, second = x.chunk(2, -1)
    return torch.cat([-second, first], -1)


def turned(x: Tensor) -> Tensor:
    return x * COSINES + halves(x) * COSINES


def turned_halves_first(x: Tensor) -> Tensor:
    other = halves(x)
    return x * COSINES + other * COSINES


def turned_in_part(x: Tensor) -> Tensor:
    return torch.cat([x[..., :2], x[..., 2:] * COSINES[:, 2:]], -1)


def turned_pairs(x: Tensor) -> Tensor:
    even, odd = x[..., ::2], x[..., 1::2]
    return torch.stack([-odd, even], -1).flatten(-2) * COSINES + x


def apart(x: Tensor) -> list[Tensor]:
    return [part.unflatten(-1, (2, 4)).transpose(1, 2) for part in x.chunk(3, -1)]


def within_heads(x: Tensor) -> tuple[Tensor, ...]:
    return x.unflatten(-1, (2, 12)).transpose(1, 2).chunk(3, -1)


def axis_within_heads(x: Tensor) -> tuple[Tensor, ...]:
    return x.unflatten(-1, (2, 3, 4)).permute(3, 0, 2, 1, 4).unbind()


@pytest.mark.parametrize("packed", [apart, within_heads, axis_within_heads])
@pytest.mark.parametrize("turn", [turned, turned_halves_first, turned_in_part, turned_pairs])
def test_heads_are_found_however_they_are_packed_and_turned(packed, turn):
    def forward(self: Block, x: Tensor) -> Tensor:
        queries, keys, values = packed(self.packed(x))
        weights = torch.softmax(turn(queries) @ turn(keys).mT, -1)
        return self.last((weights @ values).transpose(1, 2).flatten(2))

    network = Block(forward, packed=nn.Linear(3, 24), last=nn.Linear(8, 2))
    (heads,) = proved(network, 5, 3).groups
    assert (heads.size, heads.scale) == (2, "none")
    starts = [leg.start for leg in heads.legs if leg.tensor == "packed.weight"]
    assert starts == ([0, 8, 16] if packed is apart else [0])


# -- coordinates that all heads share --------------------------------------------------------------


def axis_of_three(x: Tensor) -> tuple[Tensor, ...]:
    return x.unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4).unbind()


def behind_one_norm(packed: Callable) -> Block:
    """Attention of two heads, whose queries go through one norm and whose keys through another."""

    def forward(self: Block, x: Tensor) -> Tensor:
        queries, keys, values = packed(self.packed(x))
        weights = torch.softmax(self.query_norm(queries) @ self.key_norm(keys).mT, -1)
        return self.last((weights @ values).transpose(1, 2).flatten(2))

    norms = {name: nn.LayerNorm(4) for name in ("query_norm", "key_norm")}
    return Block(forward, packed=nn.Linear(3, 24), **norms, last=nn.Linear(8, 2))


NORMS = [
    ("query_norm.weight", 0, 1, 1),
    ("query_norm.bias", 0, 1, 1),
    ("key_norm.weight", 0, 1, 1),
    ("key_norm.bias", 0, 1, 1),
]


def test_heads_and_the_coordinates_that_they_share_are_both_found():
    """Queries and keys of all heads are turned together, values of each head by themselves."""
    heads, coordinates, scales = legs(proved(behind_one_norm(apart), 5, 3))
    assert heads[:2] == (2, "none")
    packed = [(name, start, 1, 2) for name in ("packed.weight", "packed.bias") for start in (0, 8)]
    assert coordinates == (4, "none", packed + NORMS)
    assert scales == (4, "positive", NORMS)
    within = proved(behind_one_norm(apart), 5, 3, within_heads=True)
    assert [group.scale for group in within.groups] == ["linear", "linear", "none", "positive"]
    assert legs(within)[2:] == [coordinates, scales]


def test_coordinates_are_shared_by_queries_keys_and_values_of_one_axis():
    heads, coordinates, scales = legs(proved(behind_one_norm(axis_of_three), 5, 3))
    assert heads[:2] == (2, "none")
    packed = [("packed.weight", 0, 1, 6), ("packed.bias", 0, 1, 6)]
    assert coordinates == (4, "none", [*packed, *NORMS, ("last.weight", 0, 1, 2)])
    assert scales == (4, "positive", NORMS)


def test_units_of_a_layer_that_reads_runs_of_units():
    """Three runs of four units, each read by the same layer; no scale is reported twice."""

    def forward(self: Block, x: Tensor) -> Tensor:
        runs = torch.relu(self.a(x)).unflatten(-1, (3, 4))
        return self.c(torch.relu(self.b(runs)).flatten(-2))

    network = Block(forward, a=nn.Linear(3, 12), b=nn.Linear(4, 5, bias=False), c=nn.Linear(15, 2))
    runs, read, written = legs(proved(network, 3))
    into = ("a.weight", 0, 4, 1), ("a.bias", 0, 4, 1)
    assert runs == (3, "positive", [*into, ("c.weight", 0, 5, 1)])
    into = ("a.weight", 0, 1, 3), ("a.bias", 0, 1, 3)
    assert read == (4, "none", [*into, ("b.weight", 0, 1, 1)])
    assert written == (5, "positive", [("b.weight", 0, 1, 1), ("c.weight", 0, 1, 3)])


# -- pixels ----------------------------------------------------------------------------------------


def pixels_split(self: Block, x: Tensor) -> Tensor:
    hidden = torch.relu(self.a(x))
    samples, channels, rows, columns = hidden.shape
    split = hidden.reshape(samples * channels * (rows // 2), 2, columns // 2, 2)
    windows = split.transpose(1, 2).reshape(samples, channels, -1, 4).transpose(1, 3)
    return self.b(windows)


def test_pixels_are_split_while_channels_are_merged_with_them():
    network = Block(pixels_split, a=nn.Conv2d(2, 5, 1), b=nn.Linear(5, 2))
    spec = proved(network, 2, 4, 6)
    assert legs(spec) == [
        (5, "positive", [("a.weight", 0, 1, 1), ("a.bias", 0, 1, 1), ("b.weight", 0, 1, 1)])
    ]


@pytest.mark.parametrize(
    ("change", "pixels"),
    [
        (lambda x: F.pad(x, (1, 0, 0, 1)), 25),
        (lambda x: F.pad(x, (1, 0, 0, 1), mode="reflect"), 25),
        (lambda x: x[:, :, ::2, 1:], 6),
        (lambda x: torch.cat([x, x], 3), 32),
        (lambda x: x.flip(2), 16),
    ],
)
def test_pixels_that_are_changed_before_they_are_flattened(change, pixels: int):
    network = Block(
        lambda self, x: self.b(torch.relu(change(self.a(x))).flatten(1)),
        a=nn.Conv2d(2, 3, 1),
        b=nn.Linear(3 * pixels, 2),
    )
    assert legs(proved(network, 2, 4, 4)) == [
        (3, "positive", [("a.weight", 0, 1, 1), ("a.bias", 0, 1, 1), ("b.weight", 0, pixels, 1)])
    ]


def test_joined_channels_within_pixels_have_a_leg_for_every_pixel():
    network = Block(
        lambda self, x: self.c(
            torch.cat([torch.relu(self.a(x)), torch.relu(self.b(x))], 1).mT.flatten(1)
        ),
        a=nn.Conv1d(1, 3, 2),
        b=nn.Conv1d(1, 2, 2),
        c=nn.Linear(15, 2),
    )
    first, second = proved(network, 1, 4).groups
    assert [leg.start for leg in first.legs if leg.tensor == "c.weight"] == [0, 5, 10]
    assert [leg.start for leg in second.legs if leg.tensor == "c.weight"] == [3, 8, 13]


def test_joined_channels_within_pixels_with_a_margin():
    network = Block(
        lambda self, x: self.c(
            F.pad(torch.cat([self.a(x), self.b(x)], 1), (1, 0, 0, 1)).movedim(1, 3).flatten(1)
        ),
        a=nn.Conv2d(1, 3, 2),
        b=nn.Conv2d(1, 2, 2),
        c=nn.Linear(45, 2),
    )
    groups = proved(network, 1, 3, 3).groups
    assert [(group.size, group.scale) for group in groups] == [(3, "linear"), (2, "linear")]


def test_joined_channels_that_are_flattened_and_unflattened_again():
    network = Block(
        lambda self, x: self.c(
            torch.cat([torch.relu(self.a(x)), torch.relu(self.b(x))], 2)
            .flatten(1)
            .unflatten(1, (4, 5))
        ),
        a=nn.Linear(2, 3),
        b=nn.Linear(2, 2),
        c=nn.Linear(5, 2),
    )
    assert [group.size for group in proved(network, 4, 2).groups] == [3, 2]
