"""What a spec leaves out: nothing where it is complete, what was removed from a complete one, and
every symmetry that discovery is known to miss, by name."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
import torch
from cases import ARCHITECTURES, Block, mlp, mlp_spec, randomised, self_attention
from torch import Tensor, nn

from symgeom.ground.calling import Inputs
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.symmetry.completeness import (
    Exchange,
    MissingSymmetries,
    SignFlip,
    Surplus,
    missing_symmetries,
)
from symgeom.symmetry.completeness.null_space import null_space, row_space, vanishing_outside
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=stream("completeness"), dtype=torch.float64)


def missing(
    module: nn.Module, inputs: Inputs, *, spec: SymmetrySpec | None = None, **options: bool
) -> MissingSymmetries:
    """Check the spec that is discovered, or another one."""
    module = randomised(module)
    if spec is None:
        spec = discover(module, inputs, **options)
    generator = stream("missing")
    return missing_symmetries(spec, module, parameters(module), inputs=inputs, generator=generator)


@cache
def checked(build: Callable[[], nn.Module], shape: tuple[int, ...]) -> MissingSymmetries:
    """Check a network once for all tests."""
    return missing(build(), normal(4, *shape))


def of_architecture(name: str) -> MissingSymmetries:
    build, shape, *_ = ARCHITECTURES[name]
    return checked(build, shape)


COMPLETE: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "relu": (lambda: mlp(3, 5, 4, 2), 9),
    "tanh": (lambda: mlp(3, 5, 4, 2, activation=nn.Tanh), 0),
    "gelu": (lambda: mlp(3, 5, 4, 2, activation=nn.GELU), 0),
    "linear": (lambda: mlp(3, 6, 2, activation=nn.Identity, bias=False), 24),
    "layer norm": (ARCHITECTURES["layer norm"][0], 4),
    "slopes": (ARCHITECTURES["slopes"][0], 8),
    "batch norm without weight": (ARCHITECTURES["batch norm without weight"][0], 4),
    "concatenation": (ARCHITECTURES["concatenation"][0], 6),
}


@pytest.mark.parametrize("name", COMPLETE)
def test_nothing_is_missing_of_a_complete_spec(name: str):
    build, orbit = COMPLETE[name]
    result = missing(build(), normal(4, 3))
    assert result.complete, result.verdict
    assert result.orbit == orbit
    assert "Complete" in result.verdict


@pytest.mark.parametrize(
    "name", ["strided, dilated", "depthwise", "squeeze and excitation", "mixing without bias"]
)
def test_nothing_is_missing_of_an_architecture(name: str):
    result = of_architecture(name)
    assert result.complete, result.verdict


# What discovery is known to miss, as its documentation lists it.


class Gain(nn.Module):
    """One number that multiplies all units."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.gain * x


class Matrix(nn.Module):
    """A matrix that is used as it is."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.entries = nn.Parameter(torch.ones(size, size))


def read_twice(self: Block, x: Tensor) -> Tensor:
    units = torch.relu(self.into(x))
    return self.out(torch.einsum("bi,ij,bj->bi", units, self.weight.entries, units))


def read_in_runs(self: Block, x: Tensor) -> Tensor:
    runs = torch.relu(self.into(x)).unflatten(1, (2, 3))
    return self.out(torch.relu(self.shared(runs)).flatten(1))


def expert(size: int = 3) -> nn.Module:
    return nn.Sequential(nn.Linear(3, size), nn.Tanh(), nn.Linear(size, 2))


def mixed_experts(self: Block, x: Tensor) -> Tensor:
    shares = self.router(x).softmax(-1)
    return shares[:, :1] * self.first(x) + shares[:, 1:] * self.second(x)


def concatenated(self: Block, x: Tensor) -> Tensor:
    return self.out(torch.cat([torch.tanh(self.a(x)), torch.tanh(self.b(x))], 1))


def last_state(self: Block, x: Tensor) -> Tensor:
    return self.out(self.layer(x)[0][:, -1])


EXCHANGED = {
    "experts": (
        lambda: Block(mixed_experts, router=nn.Linear(3, 2), first=expert(), second=expert()),
        (3,),
        {
            *("router.weight[0]", "router.bias[0]"),
            *("first.0.weight", "first.0.bias", "first.2.weight", "first.2.bias"),
            *("second.0.weight", "second.0.bias", "second.2.weight", "second.2.bias"),
        },
    ),
    "branches that are added": (
        lambda: Block(lambda self, x: self.a(x) + self.b(x), a=expert(), b=expert(4)),
        (3,),
        {
            *("a.0.weight", "a.0.bias", "a.2.weight"),
            *("b.0.weight", "b.0.bias", "b.2.weight"),
        },
    ),
    "units of branches that are concatenated": (
        lambda: Block(concatenated, a=nn.Linear(3, 4), b=nn.Linear(3, 2), out=nn.Linear(6, 3)),
        (3,),
        {"a.weight", "a.bias", "b.weight", "b.bias", "out.weight[1]"},
    ),
    "groups of a group norm": (
        ARCHITECTURES["group norm"][0],
        (1, 5, 5),
        {"0.weight[0]", "0.bias[0]", "1.weight[0]", "1.bias[0]", "5.weight[1]"},
    ),
    "groups of a convolution": (
        ARCHITECTURES["grouped"][0],
        (1, 6, 6),
        {"0.weight[0]", "0.bias[0]", "2.weight[0]", "2.bias[0]", "5.weight[1]"},
    ),
    "filters that read one channel": (
        ARCHITECTURES["depthwise with a multiplier"][0],
        (1, 6, 6),
        {"2.weight[0]", "2.bias[0]", "5.weight[1]"},
    ),
    "units that are read in another order": (
        ARCHITECTURES["channel shuffle"][0],
        (3,),
        {"a.weight[0]", "a.bias[0]", "out.weight[1]"},
    ),
    "copies of one unit that is repeated": (
        ARCHITECTURES["repetition"][0],
        (3,),
        {"b.weight[1]"},
    ),
    "mirror images": (
        ARCHITECTURES["one channel"][0],
        (3,),
        {"0.weight[0]", "0.bias[0]", "3.weight[2]", "6.weight[1]"},
    ),
    "layers at the same place of a stack": (
        ARCHITECTURES["stack"][0],
        (3,),
        {"a.weight", "a.bias", "b.weight", "b.bias"},
    ),
}


@pytest.mark.parametrize("name", EXCHANGED)
def test_missed_exchanges(name: str):
    build, shape, parts = EXCHANGED[name]
    result = checked(build, shape)
    assert parts in [set(exchange.parts) for exchange in result.exchanges], result.verdict


MOVED = {
    "scalar gains": (
        lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), Gain(), nn.Linear(4, 2)),
        (3,),
        (Surplus(("2.gain", "3.weight"), 1),),
    ),
    "filters that read one channel": (
        ARCHITECTURES["depthwise with a multiplier"][0],
        (1, 6, 6),
        (Surplus(("2.weight", "2.bias", "5.weight"), 3),),
    ),
    "units that are read in another order": (
        ARCHITECTURES["channel shuffle"][0],
        (3,),
        (Surplus(("a.weight", "a.bias", "out.weight"), 4),),
    ),
    "units that a sum of products reads twice": (
        lambda: Block(read_twice, into=nn.Linear(3, 4), weight=Matrix(4), out=nn.Linear(4, 2)),
        (3,),
        (
            Surplus(("weight.entries", "out.weight"), 4),
            Surplus(("into.weight", "into.bias", "weight.entries"), 4),
        ),
    ),
    "parts of units that have scales themselves": (
        lambda: Block(
            read_in_runs,
            into=nn.Linear(3, 6),
            shared=nn.Linear(3, 2, bias=False),
            out=nn.Linear(4, 2),
        ),
        (3,),
        (Surplus(("into.weight", "into.bias", "shared.weight"), 2),),
    ),
    "a bias that a later bias takes back": (
        lambda: mlp(5, 3, 4, activation=nn.Identity),
        (5,),
        (Surplus(("0.bias", "2.bias"), 3),),
    ),
    "two biases of recurrent units": (
        lambda: Block(last_state, layer=nn.RNN(3, 4, batch_first=True), out=nn.Linear(4, 2)),
        (4, 3),
        (Surplus(("layer.bias_ih_l0", "layer.bias_hh_l0"), 4),),
    ),
    "biases of the groups of a group norm": (
        ARCHITECTURES["group norm"][0],
        (1, 5, 5),
        (Surplus(("0.bias",), 2),),  # beside the translation of all together
    ),
    "padded units": (
        ARCHITECTURES["padding with ones"][0],
        (1, 5),
        (
            Surplus(("b.weight",), 4),
            Surplus(("b.weight", "b.bias"), 2),
            Surplus(("a.weight", "a.bias", "b.weight"), 3),
        ),
    ),
    "factors that are mixed": (
        ARCHITECTURES["quotient"][0],
        (3,),
        (
            Surplus(("a.weight", "a.bias"), 2),
            Surplus(("a.weight", "a.bias", "out.bias"), 2),
        ),
    ),
    "the common scale of a tied weight": (
        ARCHITECTURES["tied weights"][0],
        (3,),
        (Surplus(("again.weight", "out.weight"), 1),),
    ),
    "what a narrow last layer does not see of a stream": (
        ARCHITECTURES["residual"][0],
        (3,),
        (
            Surplus(("b.weight",), 10),
            Surplus(("b.bias",), 2),
            Surplus(("b.bias", "out.bias"), 2),
        ),
    ),
}


@pytest.mark.parametrize("name", MOVED)
def test_missed_directions(name: str):
    build, shape, surpluses = MOVED[name]
    result = checked(build, shape)
    assert result.surpluses == surpluses
    assert result.dimension == sum(surplus.dimension for surplus in surpluses)


def test_missed_rotations_of_a_stream():
    """Of what a norm without weights centres: all that keep the sum of four units."""
    result = of_architecture("layer norm without weight")
    assert result.dimension == 3


def heads_of_one_axis() -> nn.Module:
    """Attention whose queries, keys and values are entries of one axis."""

    def forward(self: Block, x: Tensor) -> Tensor:
        packed = self.packed(x).reshape(*x.shape[:2], 3, 2, 2).permute(2, 0, 3, 1, 4)
        scores = torch.softmax(packed[0] @ packed[1].mT, -1)
        return self.out((scores @ packed[2]).transpose(1, 2).flatten(2))

    return Block(forward, packed=nn.Linear(4, 12, bias=False), out=nn.Linear(4, 4, bias=False))


def heads_rotated_by_position() -> nn.Module:
    """Attention of two heads with a rotary embedding, which turns two pairs of coordinates each."""
    angles = torch.outer(torch.arange(3.0), torch.tensor([1.0, 0.1]))

    def turned(heads: Tensor) -> Tensor:
        cosines = angles.cos().to(heads)
        sines = angles.sin().to(heads)
        first, second = heads.chunk(2, -1)
        pairs = (first * cosines - second * sines, second * cosines + first * sines)
        return torch.cat(pairs, -1)

    def forward(self: Block, x: Tensor) -> Tensor:
        queries = turned(self.query(x).unflatten(2, (2, 4)).transpose(1, 2))
        keys = turned(self.key(x).unflatten(2, (2, 4)).transpose(1, 2))
        return torch.softmax(queries @ keys.mT, -1).flatten(1)

    layers = {name: nn.Linear(4, 8, bias=False) for name in ("query", "key")}
    return Block(forward, **layers)


HEADS = {
    "cut by an axis of their own": (heads_of_one_axis, 16),
    "rotated by position": (heads_rotated_by_position, 8),
}


@pytest.mark.parametrize("name", HEADS)
def test_missed_matrices_within_heads(name: str):
    """All matrices within two heads; an angle and a scale for each pair that turns together."""
    build, dimension = HEADS[name]
    result = missing(build(), normal(4, 3, 4), within_heads=True)
    assert result.dimension == dimension


FLIPPED = {
    "batch norm, tanh": {"0.weight", "1.weight"},
    "instance norm": {"0.weight", "1.weight"},
    "gate": {"b.weight", "b.bias", "out.weight"},
    "glu": {"0.weight", "0.bias", "2.weight"},
    "absolute values": {"a.weight", "a.bias"},
}


@pytest.mark.parametrize("name", FLIPPED)
def test_missed_signs(name: str):
    result = of_architecture(name)
    assert not result.dimension
    assert FLIPPED[name] in [set(flip.tensors) for flip in result.flips]


def attention() -> nn.Module:
    """Attention without biases, which a softmax lets be anything."""
    module = self_attention(4, 2)
    for name in ("query", "key", "value", "out"):
        module.add_module(name, nn.Linear(4, 4, bias=False))
    return module


def test_attention_has_permutations_of_heads_or_the_matrices_within_them():
    tokens = normal(4, 3, 4)
    within = missing(attention(), tokens, within_heads=True)
    assert within.orbit == 4 * 2 * 2
    assert not within.dimension, within.verdict
    heads = missing(attention(), tokens)
    assert {exchange.parts for exchange in heads.exchanges} == {
        ("query.weight[0]", "key.weight[0]"),
        ("value.weight[0]", "out.weight[1]"),
    }
    assert heads.surpluses == (
        Surplus(("query.weight", "key.weight"), 8),
        Surplus(("value.weight", "out.weight"), 8),
    )


# What was removed from a complete spec.


def removed(**changes: object) -> MissingSymmetries:
    """Check the spec of a perceptron whose first group is another one."""
    first, second, head = mlp_spec(3, 5, 4, 2).groups
    spec = SymmetrySpec((replace(first, **changes), second, head))
    return missing(mlp(3, 5, 4, 2), normal(4, 3), spec=spec)


def test_a_scale_that_was_removed_is_named_with_its_tensors():
    result = removed(scale="none")
    assert result.orbit == 4
    assert result.surpluses == (Surplus(("0.weight", "0.bias", "2.weight"), 5),)
    assert result.verdict == (
        "Incomplete: the spec leaves out 5 directions of 0.weight + 0.bias + 2.weight."
    )


def test_permutations_that_were_removed_are_named():
    result = removed(permute=False)
    assert not result.dimension
    assert result.exchanges == (Exchange(("0.weight[0]", "0.bias[0]", "2.weight[1]"), 4),)
    assert result.verdict == (
        "Incomplete: the spec leaves out 4 exchanges of 0.weight[0] + 0.bias[0] + 2.weight[1]."
    )


def test_signs_that_were_removed_are_named():
    spec = mlp_spec(3, 5, 2, scale="none")
    result = missing(mlp(3, 5, 2, activation=nn.Tanh), normal(4, 3), spec=spec)
    assert result.flips == (SignFlip("hidden1", ("0.weight", "0.bias", "2.weight")),)
    assert result.verdict == (
        "Incomplete: the spec leaves out signs of 0.weight + 0.bias + 2.weight at 'hidden1'."
    )


def test_families_that_move_on_their_own_are_no_one_family():
    """A spec that moves the units of two layers together only joins all that can be joined."""
    network = Block(
        lambda self, x: self.c(torch.tanh(self.a(x))) + self.d(torch.tanh(self.b(x[:, :2]))),
        a=nn.Linear(3, 3),
        b=nn.Linear(2, 3),
        c=nn.Linear(3, 2, bias=False),
        d=nn.Linear(3, 2),
    )
    first, second = discover(randomised(network), normal(4, 3)).groups
    both = SymmetrySpec((replace(first, legs=first.legs + second.legs),))
    result = missing(network, normal(4, 3), spec=both)
    assert result.exchanges == (Exchange(("b.weight[0]", "b.bias[0]", "d.weight[1]"), 2),)


# What is no symmetry, though it looks like one.


def test_dead_units_and_twins_are_no_symmetries():
    module, inputs = mlp(3, 5, 2), normal(4, 3)
    params = parameters(module)
    params["0.weight"][1] = params["0.weight"][0]
    params["0.bias"][:2] = -99.0
    result = missing_symmetries(
        mlp_spec(3, 5, 2), module, params, inputs=inputs, generator=stream("dead")
    )
    assert result.complete


def test_units_that_are_linear_on_all_inputs_are_no_symmetries():
    """Behind ReLUs many are at any one network, and a clip that nothing reaches is none."""
    for seed in range(3):
        module = mlp(2, 3, 3, 3, 2)
        generator = stream("linear", seed)
        result = missing_symmetries(
            mlp_spec(2, 3, 3, 3, 2),
            module,
            parameters(module),
            inputs=normal(4, 2),
            generator=generator,
        )
        assert result.complete, result.verdict


def test_outputs_that_are_flat_piece_by_piece_have_no_translations():
    result = of_architecture("signs")
    assert not result.translations
    assert not result.dimension


def test_tokens_are_inputs():
    network = Block(
        lambda self, words: self.out(torch.tanh(self.layer(self.table(words).mean(1)))),
        table=nn.Embedding(6, 3),
        layer=nn.Linear(3, 4),
        out=nn.Linear(4, 2),
    )
    words = torch.arange(12).reshape(4, 3) % 6
    result = missing(network, words)
    assert result.orbit == 9
    assert result.surpluses == (Surplus(("table.weight", "layer.bias"), 3),)


class Sum(nn.Module):
    """Two vectors meet in a hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.out = nn.Linear(3, 4), nn.Linear(2, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.out(torch.tanh(self.a(x) + self.b(y)))


def test_several_inputs():
    result = missing(Sum(), (normal(4, 3), normal(4, 2)))
    assert result.surpluses == (Surplus(("a.bias", "b.bias"), 4),)


def test_singular_values_without_a_gap_decide_nothing():
    result = MissingSymmetries(0, 0, 0, 10.0, (), (), (), ())
    assert not result.complete
    assert "Undecided: the rank of the Jacobian cannot be read off" in result.verdict


class RoundedDown(torch.autograd.Function):
    """Signs, whose derivative is pretended to be that of a hyperbolic tangent."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sign()

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, slope: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return slope / x.cosh().square()


def test_derivatives_that_are_none_decide_nothing():
    network = mlp(3, 4, 2, activation=nn.Tanh)
    network[1].forward = RoundedDown.apply
    lengths = UnitGroup("hidden1", 4, (Leg("0.weight", 0), Leg("0.bias", 0)), permute=False)
    assert not missing(network, normal(4, 3), spec=SymmetrySpec((lengths,))).decided


def test_null_spaces():
    values = torch.tensor([1.0, 1e-3, 1e-7, 1e-15, 0.0], dtype=torch.float64)
    assert len(null_space(torch.diag(values))[0]) == 2
    assert len(null_space(torch.diag(values[:3]))[0]) == 0
    assert len(null_space(0 * torch.diag(values))[0]) == 5
    assert len(row_space(torch.zeros(2, 3).double())) == 0


def test_combinations_that_vanish_outside():
    vectors = torch.tensor([[1.0, 2.0, 0.0], [1.0, 0.0, 3.0], [0.0, 0.0, 0.0]]).double()
    inside = torch.tensor([False, True, True])
    (combination,) = vanishing_outside(row_space(vectors), inside)
    assert abs(combination[1] / combination[2] + 2 / 3) < 1e-12
    assert not len(vanishing_outside(row_space(vectors[2:]), inside))
    assert not len(vanishing_outside(row_space(vectors[:1]), torch.tensor([True, False, True])))


def test_bad_requests_are_refused():
    module, inputs = mlp(3, 5, 2), normal(4, 3)
    options = {"inputs": inputs, "generator": stream("refused")}
    spec = mlp_spec(3, 5, 2)
    with pytest.raises(SymgeomError, match="at 0 networks: give at least one"):
        missing_symmetries(spec, module, parameters(module), draws=0, **options)
    with pytest.raises(SymgeomError, match="group 'hidden1' is not a symmetry"):
        missing_symmetries(mlp_spec(3, 5, 2, scale="sign"), module, parameters(module), **options)
    large = mlp(3, 1000, 2)
    with pytest.raises(SymgeomError, match="it has 6002 weights, and the check takes 1 to"):
        missing_symmetries(mlp_spec(3, 1000, 2), large, parameters(large), **options)
