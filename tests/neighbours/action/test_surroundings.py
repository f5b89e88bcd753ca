"""The same move in convolutional networks and transformers, and what has no layers around it."""

import pytest
import torch
from cases import ARCHITECTURES, Block, lenet, randomised, self_attention
from torch import Tensor, nn

import symgeom
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters, parameters
from symgeom.landscape.batchnorm import batch_norms
from symgeom.landscape.problem import Problem
from symgeom.neighbours.action import (
    DataDependentMove,
    data_dependent_action,
    exact_batch_size,
    mixable_groups,
    random_mixing,
)

ROUNDING = 1e-12
SAMPLES = 24


def transformer() -> nn.Module:
    """Return one block of a transformer that normalises first, and a head."""

    def forward(self: Block, x: Tensor) -> Tensor:
        stream = self.embed(x)
        stream = stream + self.attention(self.norm1(stream))
        stream = stream + self.down(nn.functional.gelu(self.up(self.norm2(stream))))
        return self.head(self.norm3(stream).mean(1))

    return Block(
        forward,
        embed=nn.Linear(3, 6),
        attention=self_attention(6, 2),
        up=nn.Linear(6, 10),
        down=nn.Linear(10, 6),
        head=nn.Linear(6, 4),
        **{f"norm{number}": nn.LayerNorm(6) for number in (1, 2, 3)},
    )


def gated() -> nn.Module:
    """Return a gated perceptron of a language model."""
    return Block(
        lambda self, x: self.down(nn.functional.silu(self.gate(x)) * self.up(x)),
        gate=nn.Linear(3, 8),
        up=nn.Linear(3, 8),
        down=nn.Linear(8, 2),
    )


def encoder() -> nn.Module:
    """Return the transformer layer of torch, which normalises last, and a head."""
    layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, activation="gelu")
    return nn.Sequential(nn.Linear(3, 8), layer, nn.Flatten(), nn.Linear(40, 2))


def pooled(padding_mode: str = "zeros") -> nn.Module:
    """Return convolutions whose last channels are averaged before the head."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, padding_mode=padding_mode),
        nn.Tanh(),
        nn.Conv2d(4, 6, 3, padding=1, padding_mode=padding_mode),
        nn.BatchNorm2d(6),
        nn.GELU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 3),
    )


NETWORKS = {
    "lenet": (lambda: lenet(nn.Tanh), (1, 8, 8)),
    "pooled": (pooled, (1, 6, 6)),
    "one dimension": (ARCHITECTURES["one dimension"][0], (2, 8)),
    "transformer": (transformer, (5, 3)),
    "encoder": (encoder, (5, 3)),
    "gated": (gated, (3,)),
    "depthwise": (ARCHITECTURES["depthwise"][0], (1, 6, 6)),
    "grouped": (ARCHITECTURES["grouped"][0], (1, 6, 6)),
    "transposed": (ARCHITECTURES["transposed"][0], (1, 7, 7)),
}


class Case:
    """A network with random weights, data, and its spec."""

    def __init__(self, module: nn.Module, shape: tuple[int, ...]) -> None:
        self.module = randomised(module)
        inputs = torch.randn(SAMPLES, *shape, generator=stream("inputs"), dtype=torch.float64)
        policy = "carried" if batch_norms(self.module) else None
        targets = torch.zeros(SAMPLES, dtype=torch.int64)
        self.problem = Problem(self.module, inputs, targets, batch_norm=policy)
        self.params = parameters(self.module)
        self.spec = symgeom.discover(self.module, inputs[:2])

    def move(
        self, name: str, count: int, params: Parameters | None = None, seed: int = 0
    ) -> DataDependentMove:
        """Move a group on the first few samples."""
        size = self.spec[name].size
        matrix = random_mixing(size, 0.3, generator=stream("mixing", seed))
        network = self.params if params is None else params
        index = torch.arange(count)
        return data_dependent_action(self.spec, self.problem, network, {name: matrix}, index=index)


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    return {name: Case(build(), shape) for name, (build, shape) in NETWORKS.items()}


MOVES = [
    ("lenet", "hidden2", 20),  # five channels at four positions are read together
    ("lenet", "hidden3", 6),
    ("pooled", "hidden2", 6),
    ("one dimension", "hidden1", 9),
    ("transformer", "hidden3", 2),  # ten units, at five tokens of a sample
    ("transformer", "hidden2", 1),  # the heads of the attention
    ("transformer", "hidden1", 1),  # the residual stream
    ("encoder", "hidden3", 2),
    ("gated", "hidden1", 8),
]


@pytest.mark.parametrize(("network", "group", "count"), MOVES)
def test_outputs_on_the_batch_stay(cases: dict[str, Case], network: str, group: str, count: int):
    case = cases[network]
    move = case.move(group, count)
    assert move.residual < ROUNDING
    assert move.held_out > 1e-3
    change = case.problem.outputs(move.params) - case.problem.outputs(case.params)
    assert float(change[:count].abs().max()) < ROUNDING * 100


@pytest.mark.parametrize(("network", "group", "count"), MOVES)
def test_one_sample_more_is_too_many(cases: dict[str, Case], network: str, group: str, count: int):
    case = cases[network]
    assert exact_batch_size(case.spec, case.problem, case.params, group) == count
    sentence = f"Cannot mix the units of group '{group}' exactly on {count + 1} samples"
    with pytest.raises(SymgeomError, match=f"^{sentence}.* Give at most {count} samples"):
        case.move(group, count + 1)


def test_the_groups_of_a_transformer_move_together(cases: dict[str, Case]):
    """The residual stream, the heads and the perceptron, whose layers write and read each other."""
    case = cases["transformer"]
    elements = {}
    for seed, name in enumerate(("hidden1", "hidden2", "hidden3")):
        size = case.spec[name].size
        elements[name] = random_mixing(size, 0.3, generator=stream("mixing", seed))
    move = data_dependent_action(
        case.spec, case.problem, case.params, elements, index=torch.tensor([7])
    )
    assert move.residual < ROUNDING


@pytest.mark.parametrize("network", ["lenet", "transformer"])
def test_a_move_and_the_inverse_one_are_none(cases: dict[str, Case], network: str):
    case = cases[network]
    group = "hidden3"
    there = case.move(group, 2)
    matrix = random_mixing(case.spec[group].size, 0.3, generator=stream("mixing", 0))
    back = data_dependent_action(
        case.spec,
        case.problem,
        there.params,
        {group: torch.linalg.inv(matrix)},
        index=torch.arange(2),
    )
    for name, tensor in case.params.items():
        assert torch.allclose(back.params[name], tensor, atol=1e-10)


def test_statistics_and_depthwise_filters_stay_as_they_are(cases: dict[str, Case]):
    pooled_move = cases["pooled"].move("hidden2", 4)
    for name in ("3.weight", "3.bias", "3.running_mean", "3.running_var"):
        assert torch.equal(pooled_move.params[name], cases["pooled"].params[name])
    depthwise_move = cases["depthwise"].move("hidden2", 4)
    assert depthwise_move.residual < ROUNDING
    assert mixable_groups(cases["depthwise"].spec, cases["depthwise"].module) == (
        "hidden1",
        "hidden2",
    )


def test_the_bound_holds_for_convolutions(cases: dict[str, Case]):
    """An average of 36 entries shrinks by six; normalisation and GELU stretch."""
    count = 4
    case = cases["pooled"]
    move = case.move("hidden2", count)
    change = case.problem.outputs(move.params) - case.problem.outputs(case.params)
    with torch.no_grad():
        hidden = torch.tanh(case.module[0](case.problem.inputs)).flatten(1)
    distances = torch.cdist(hidden, hidden[:count]).amin(1)
    deviation = (case.params["3.running_var"] + 1e-5).sqrt()
    largest = float((case.params["3.weight"] / deviation).max())
    bound = move.lipschitz_bound(distances, slope=1.13 * largest / 6)
    lengths = torch.linalg.vector_norm(change, dim=1)
    assert bool((lengths[count:] <= bound[count:]).all())
    assert float((lengths[count:] / bound[count:]).max()) > 1e-3


def test_convolutions_that_do_not_pad_with_zeros_have_no_bound():
    case = Case(pooled("circular"), (1, 6, 6))
    move = case.move("hidden2", 4)
    assert move.residual < ROUNDING
    assert torch.equal(move.lipschitz_bound(torch.ones(1)), torch.tensor([torch.inf]))


def test_pictures_that_are_read_at_many_positions_are_too_much(cases: dict[str, Case]):
    sentence = (
        "Cannot mix the units of group 'hidden1' exactly on 1 samples: of them layer '3' reads 16 "
        "vectors of length 3. Choose a group that is read at fewer positions, or ask for least"
    )
    case = cases["lenet"]
    assert exact_batch_size(case.spec, case.problem, case.params, "hidden1") == 0
    with pytest.raises(SymgeomError, match=f"^{sentence}"):
        case.move("hidden1", 1)


@pytest.mark.parametrize(
    ("network", "group", "fault"),
    [
        ("depthwise", "hidden1.scale1", "it is a further scaling of the units of group 'hidden1'"),
        ("grouped", "hidden1", "a grouped convolution connects them in runs that must stay apart"),
        (
            "transposed",
            "hidden1",
            r"their weights \['2.weight'\] are of no linear or convolutional layer",
        ),
    ],
)
def test_units_without_linear_layers_around_them_are_refused(
    cases: dict[str, Case], network: str, group: str, fault: str
):
    with pytest.raises(
        SymgeomError, match=f"^Cannot mix the units of group '{group}': {fault}. Groups whose unit"
    ):
        cases[network].move(group, 1)


def test_units_that_no_layer_writes_are_refused():
    legs = (symgeom.Leg("1.weight", 1, power=-1),)
    case = Case(nn.Sequential(nn.Tanh(), nn.Linear(3, 2)), (3,))
    case.spec = symgeom.SymmetrySpec((symgeom.UnitGroup("inputs", 3, legs, "none"),))
    with pytest.raises(SymgeomError, match="'inputs': no linear or convolutional layer writes th"):
        case.move("inputs", 1)


def test_layers_that_are_called_twice_are_refused():
    tied = Case(ARCHITECTURES["tied weights"][0](), ARCHITECTURES["tied weights"][1])
    with pytest.raises(
        SymgeomError,
        match="^Cannot mix units that layer 'again' reads: the network calls it 2 times, and the",
    ):
        tied.move("hidden1", 1)


def test_statistics_that_are_recomputed_are_refused(cases: dict[str, Case]):
    case = cases["pooled"]
    problem = Problem(
        case.module,
        case.problem.inputs,
        case.problem.targets,
        batch_norm="recompute",
        training_inputs=case.problem.inputs,
    )
    with pytest.raises(
        SymgeomError, match="^Cannot move a network on a batch while statistics are recomputed"
    ):
        data_dependent_action(
            case.spec,
            problem,
            case.params,
            {"hidden2": torch.eye(6, dtype=torch.float64)},
            index=torch.arange(2),
        )
