"""What a spec leaves out: nothing where it is complete, what was removed from a complete one, and
every symmetry that discovery is known to miss, by name."""

from dataclasses import replace

import pytest
import torch
from cases import ARCHITECTURES, Block, lenet, mlp, mlp_spec, randomised, self_attention
from torch import Tensor, nn

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
from symgeom.symmetry.completeness.rank import null_space, vanishing_outside, widest_gap
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.spec import SymmetrySpec


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=stream("completeness"), dtype=torch.float64)


def missing(
    module: nn.Module, *shape: int, spec: SymmetrySpec | None = None, **options: bool
) -> MissingSymmetries:
    """Check the spec that is discovered, or another one."""
    module, inputs = randomised(module), normal(4, *shape)
    if spec is None:
        spec = discover(module, inputs, **options)
    generator = stream("missing")
    return missing_symmetries(spec, module, parameters(module), inputs=inputs, generator=generator)


def attention(width: int, heads: int) -> nn.Module:
    """Attention without biases, which a softmax lets be anything."""
    module = self_attention(width, heads)
    for name in ("query", "key", "value", "out"):
        module.add_module(name, nn.Linear(width, width, bias=False))
    return module


COMPLETE: dict[str, tuple[nn.Module, tuple[int, ...], int]] = {
    "relu": (mlp(3, 5, 4, 2), (3,), 9),
    "tanh": (mlp(3, 5, 4, 2, activation=nn.Tanh), (3,), 0),
    "gelu": (mlp(3, 5, 4, 2, activation=nn.GELU), (3,), 0),
    "linear": (mlp(3, 6, 2, activation=nn.Identity, bias=False), (3,), 24),
    "lenet, tanh": (lenet(nn.Tanh, nn.AvgPool2d), (1, 8, 8), 0),
    # The constant in the norm lets no scale through, and leaves a small singular value.
    "layer norm": (ARCHITECTURES["layer norm"][0](), (3,), 4),
}


@pytest.mark.parametrize("name", COMPLETE)
def test_nothing_is_missing_of_a_complete_spec(name: str):
    module, shape, orbit = COMPLETE[name]
    result = missing(module, *shape)
    assert result.complete, result.verdict
    assert result.orbit == orbit
    assert result.margin > 1e6
    assert "Complete" in result.verdict


WITHOUT_A_MISS = (
    "strided, dilated",
    "one dimension",
    "depthwise",
    "transposed",
    "batch norm without weight",
    "residual on the inputs",
    "slopes",
    "addmm",
    "product with a vector",
    "stack",
    "circular padding",
    "one channel",
    "excitation by view",
    "constant",
    "half powers",
    "axes of length one",
    "range",
)


@pytest.mark.parametrize("name", WITHOUT_A_MISS)
def test_nothing_is_missing_of_an_architecture(name: str):
    build, shape, *_ = ARCHITECTURES[name]
    result = missing(build(), *shape)
    assert result.complete, result.verdict


FLIPPED = {
    "gate": {"b.weight", "b.bias", "out.weight"},
    "glu": {"0.weight", "0.bias", "2.weight"},
    "chunks": {"a.weight", "a.bias", "out.weight"},
    "absolute values": {"a.weight", "a.bias"},
    "instance norm": {"0.weight", "1.weight"},
}


@pytest.mark.parametrize("name", FLIPPED)
def test_missed_signs_of_factors_and_of_what_even_functions_read(name: str):
    build, shape, *_ = ARCHITECTURES[name]
    result = missing(build(), *shape)
    assert not result.dimension
    assert FLIPPED[name] in [set(flip.tensors) for flip in result.flips]


def test_missed_filters_of_one_channel():
    """The filters that read one channel may be scaled and exchanged for themselves."""
    build, shape, *_ = ARCHITECTURES["depthwise with a multiplier"]
    result = missing(build(), *shape)
    assert result.surpluses == (Surplus(("2.weight", "2.bias", "5.weight"), 3),)
    axes = (("2.weight", 0), ("2.bias", 0), ("5.weight", 1))
    assert result.exchanges[0] == Exchange(6, ((0, 1),), axes)


def test_missed_runs_that_are_read_in_another_order():
    build, shape, *_ = ARCHITECTURES["channel shuffle"]
    result = missing(build(), *shape)
    assert result.surpluses == (Surplus(("a.weight", "a.bias", "out.weight"), 4),)


def test_attention_is_complete_with_the_matrices_within_its_heads():
    module = attention(4, 2)
    result = missing(module, 3, 4, within_heads=True)
    assert result.orbit == 4 * 2 * 2
    assert not result.dimension, result.verdict
    heads = missing(module, 3, 4)
    axes = (("query.weight", 0), ("key.weight", 0), ("value.weight", 0), ("out.weight", 1))
    assert [exchange.axes for exchange in heads.exchanges] == [axes]  # coordinates within a head
    assert heads.surpluses == (
        Surplus(("query.weight", "key.weight"), 8),
        Surplus(("value.weight", "out.weight"), 8),
    )


def test_a_scale_that_was_removed_is_named_with_its_tensors():
    spec = mlp_spec(3, 5, 4, 2)
    first, second, head = spec.groups
    result = missing(
        mlp(3, 5, 4, 2), 3, spec=SymmetrySpec((replace(first, scale="none"), second, head))
    )
    assert result.orbit == 4
    assert result.surpluses == (Surplus(("0.weight", "0.bias", "2.weight"), 5),)
    assert result.verdict == (
        "Incomplete: the spec leaves out 5 directions of 0.weight + 0.bias + 2.weight."
    )


def test_all_that_a_removed_group_does_is_named():
    spec = mlp_spec(3, 5, 4, 2)
    result = missing(mlp(3, 5, 4, 2), 3, spec=SymmetrySpec(spec.groups[:1]))
    assert result.dimension == 4
    assert result.surpluses[-1].tensors == ("2.weight", "2.bias", "4.weight")
    axes = (("2.weight", 0), ("2.bias", 0), ("4.weight", 1))
    assert result.exchanges == (Exchange(4, ((0, 1), (1, 2), (2, 3)), axes),)
    assert not missing(mlp(3, 5, 4, 2), 3, spec=SymmetrySpec(())).complete


def test_permutations_that_were_removed_are_named():
    spec = mlp_spec(3, 5, 4, 2)
    first, second, head = spec.groups
    result = missing(
        mlp(3, 5, 4, 2), 3, spec=SymmetrySpec((replace(first, permute=False), second, head))
    )
    assert not result.dimension
    axes = (("0.weight", 0), ("0.bias", 0), ("2.weight", 1))
    assert [exchange.axes for exchange in result.exchanges] == [axes]


def test_signs_that_were_removed_are_named():
    spec = mlp_spec(3, 5, 2, scale="none")
    result = missing(mlp(3, 5, 2, activation=nn.Tanh), 3, spec=spec)
    assert result.flips == (SignFlip("hidden1", ("0.weight", "0.bias", "2.weight")),)
    assert result.verdict == (
        "Incomplete: the spec leaves out signs of 0.weight + 0.bias + 2.weight at 'hidden1'."
    )


def rotated_stream() -> nn.Module:
    """A stream whose norm has no weight: rotations pass."""
    return nn.Sequential(nn.Linear(3, 4), nn.RMSNorm(4, elementwise_affine=False), nn.Linear(4, 2))


def heads_of_one_axis() -> nn.Module:
    """Attention whose queries, keys and values are entries of one axis."""

    def forward(self: Block, x: Tensor) -> Tensor:
        packed = self.packed(x).reshape(*x.shape[:2], 3, 2, 2).permute(2, 0, 3, 1, 4)
        scores = torch.softmax(packed[0] @ packed[1].mT, -1)
        return self.out((scores @ packed[2]).transpose(1, 2).flatten(2))

    return Block(forward, packed=nn.Linear(4, 12, bias=False), out=nn.Linear(4, 4, bias=False))


def test_missed_rotations_of_a_stream():
    result = missing(rotated_stream(), 3)
    assert result.dimension == 6 + 1  # and the length, which the norm takes away


def test_missed_matrices_within_heads_that_are_cut_by_an_axis_of_their_own():
    result = missing(heads_of_one_axis(), 3, 4, within_heads=True)
    assert sum(surplus.dimension for surplus in result.surpluses) == 16


def test_missed_signs_of_the_weight_of_a_batch_norm():
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
    result = missing(network, 3)
    assert not result.dimension
    assert result.orbit == 8
    assert [(law.tensor, law.axis) for law in result.translations] == [("0.bias", None)]
    tensors = {"0.weight", "0.bias", "1.weight", "1.running_mean"}
    assert [set(flip.tensors) for flip in result.flips] == [tensors]


def test_missed_exchanges_of_whole_groups():
    build, shape, *_ = ARCHITECTURES["grouped"]
    result = missing(build(), *shape)
    axes = {("0.weight", 0), ("0.bias", 0), ("2.weight", 0), ("2.bias", 0), ("5.weight", 1)}
    assert [set(exchange.axes) for exchange in result.exchanges] == [axes]
    assert result.exchanges[0].units == 2


def test_missed_shifts_between_linear_layers():
    """A bias may move a linear unit, and the next bias moves it back."""
    result = missing(mlp(3, 6, 2, activation=nn.Identity), 3)
    assert result.surpluses[0] == Surplus(("0.bias", "2.bias"), 2) or result.dimension


def test_dead_units_and_twins_are_no_symmetries():
    module, inputs = mlp(3, 5, 2), normal(4, 3)
    params = parameters(module)
    params["0.weight"][1] = params["0.weight"][0]
    params["0.bias"][:2] = -99.0
    result = missing_symmetries(
        mlp_spec(3, 5, 2), module, params, inputs=inputs, generator=stream("dead")
    )
    assert result.complete


def test_tokens_are_inputs():
    network = nn.Sequential(nn.Embedding(6, 4), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2))
    module, words = randomised(network), torch.arange(12).reshape(4, 3) % 6
    spec = discover(module, words)
    result = missing_symmetries(
        spec, module, parameters(module), inputs=words, generator=stream("words")
    )
    assert result.orbit == 16 + 5
    assert not result.exchanges


def test_singular_values_without_a_gap_decide_nothing():
    result = MissingSymmetries(0, 0, 0, 10.0, (), (), (), ())
    assert not result.complete
    assert "Undecided: the singular values of the Jacobian fall without a gap" in result.verdict


def test_rank_is_read_off_the_widest_gap():
    values = torch.tensor([1.0, 1e-3, 1e-7, 1e-15, 0.0], dtype=torch.float64)
    assert widest_gap(values, 1.0).rank == 3
    assert widest_gap(values[:3], 1.0).rank == 3
    assert widest_gap(0 * values, 1.0).rank == 0
    assert widest_gap(0 * values, 0.0).margin == 1.0
    matrix = torch.diag(values)
    assert len(null_space(matrix, 1.0)[0]) == 2


def test_combinations_that_vanish_outside():
    vectors = torch.tensor([[1.0, 2.0, 0.0], [1.0, 0.0, 3.0], [0.0, 0.0, 0.0]]).double()
    inside = torch.tensor([False, True, True])
    (combination,) = vanishing_outside(vectors, inside)
    assert abs(combination[0] / combination[1] + 2 / 3) < 1e-12
    assert not len(vanishing_outside(vectors[2:], inside))
    assert not len(vanishing_outside(vectors[:1], torch.tensor([True, False, True])))


def test_bad_requests_are_refused():
    module, inputs = mlp(3, 5, 2), normal(4, 3)
    options = {"inputs": inputs, "generator": stream("refused")}
    spec = mlp_spec(3, 5, 2)
    with pytest.raises(SymgeomError, match="at 0 networks: give at least one"):
        missing_symmetries(spec, module, parameters(module), draws=0, **options)
    with pytest.raises(SymgeomError, match="group 'hidden1' is not a symmetry"):
        missing_symmetries(mlp_spec(3, 5, 2, scale="sign"), module, parameters(module), **options)
    large = mlp(3, 1000, 2)
    with pytest.raises(SymgeomError, match="6002 weights train, and the check takes 1 to 5000"):
        missing_symmetries(mlp_spec(3, 1000, 2), large, parameters(large), **options)
