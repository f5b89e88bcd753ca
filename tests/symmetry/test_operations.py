"""The records of operations: that each is decided for all who read it, and that one more is one file and one line."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from cases import Block, randomised
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.symmetry.certificate import certify
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.discovery.operations import Carrier, Head
from symgeom.symmetry.discovery.operations.registry import BY_NAME, OPERATIONS
from symgeom.symmetry.spec import SCALES, SymmetrySpec

ROOT = Path(__file__).parents[2]
FOLDER = Path("symgeom/symmetry/discovery/operations")


def proved(module: nn.Module, *shape: int) -> SymmetrySpec:
    """Discover the spec of a module with random weights and have it certified."""
    module = randomised(module)
    inputs = torch.randn(3, *shape, generator=stream("example"), dtype=torch.float64)
    spec = discover(module, inputs)
    proof = certify(
        spec, module, parameters(module), inputs=inputs, generator=stream("certificate")
    )
    proof.require()
    return spec


def names(spec: SymmetrySpec) -> list[str]:
    return [group.name for group in spec.groups]


# -- the registry ----------------------------------------------------------------------------------


def test_every_file_is_in_the_registry():
    plumbing = {"__init__", "record", "registry"}
    files = {path.stem for path in (ROOT / FOLDER).glob("*.py")} - plumbing
    rules = {getattr(operation.rule, "func", operation.rule) for operation in OPERATIONS}
    assert {rule.__module__.rpartition(".")[2] for rule in rules} == files


def test_no_operation_has_two_records():
    counts = Counter(name for operation in OPERATIONS for name in operation.names)
    assert set(counts.values()) == {1}
    assert counts.keys() == BY_NAME.keys()


def test_every_name_is_one_of_torch():
    """A misspelt name would be the name of nothing."""
    assert [name for name in BY_NAME if not hasattr(torch.ops.aten, name)] == []


def test_names_of_operations_stand_in_their_records_only():
    """Who reads the graph asks the registry."""
    readers = [
        *(ROOT / "symgeom/symmetry/discovery").glob("*.py"),
        ROOT / "symgeom/symmetry/wiring.py",
        ROOT / "symgeom/landscape/batchnorm/feeding.py",
    ]
    listed = {f'"{name}"' for name in BY_NAME if name not in SCALES}
    for path in readers:
        text = path.read_text()
        assert [name for name in listed if name in text] == [], path


FAMILIES = (
    "conv",
    "conv_transpose",
    "avg_pool",
    "adaptive_avg_pool",
    "max_pool",
    "adaptive_max_pool",
    "upsample_nearest",
)


@pytest.mark.parametrize("family", FAMILIES)
def test_signals_images_and_volumes_are_treated_alike(family: str):
    first, second, third = (BY_NAME[f"{family}{window}d"] for window in (1, 2, 3))
    for other in (second, third):
        assert other.head == first.head
        assert other.weight == first.weight
        assert (other.layer is None) == (first.layer is None)


def test_what_applies_a_weight_sets_the_scale_of_its_result():
    for operation in OPERATIONS:
        if operation.weight is not None:
            assert Carrier(operation.weight.argument, operation.weight.writes) in operation.head


def test_what_takes_in_a_batch_norm_has_a_weight_whose_rows_are_its_results():
    layers = [operation for operation in OPERATIONS if operation.layer is not None]
    assert {operation.names for operation in layers} >= {("linear",), ("conv3d",)}
    for operation in layers:
        assert operation.weight.argument == "weight"
        assert operation.weight.writes == 0


# -- what the head shows through -------------------------------------------------------------------

CONVOLUTIONS = [nn.Conv1d, nn.Conv2d, nn.Conv3d]
POOLS = {
    "average": [nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d],
    "maximum": [nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d],
    "adaptive average": [nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d],
    "adaptive maximum": [nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d],
}


@pytest.mark.parametrize("pool", POOLS)
def test_fully_convolutional_classifiers_have_a_head(pool: str):
    """Of signals, images and volumes, with the same legs."""
    specs = []
    for window in (1, 2, 3):
        convolution = CONVOLUTIONS[window - 1]
        size = 1 if pool.startswith("adaptive") else 2
        layers = (
            convolution(2, 3, 2),
            nn.ReLU(),
            convolution(3, 4, 2),
            POOLS[pool][window - 1](size),
            nn.Flatten(),
        )
        specs.append(proved(nn.Sequential(*layers), 2, *[4] * window))
    assert names(specs[0]) == ["hidden1", "head"]
    assert specs[0]["head"].legs[0].tensor == "2.weight"
    assert specs[1] == specs[0]
    assert specs[2] == specs[0]


SHOWS: dict[str, Callable[[Tensor], Tensor]] = {
    "neg": lambda x: -x,
    "sum": lambda x: x.unflatten(1, (3, 2)).sum(2),
    "amax": lambda x: x.unflatten(1, (3, 2)).amax(2),
    "abs": lambda x: x.abs(),
    "square": lambda x: x.square(),
    "pow": lambda x: x**3,
    "rrelu": lambda x: F.rrelu(x),
    "transpose": lambda x: x.transpose(0, 1),
    "permute": lambda x: x.permute(1, 0),
    "t": lambda x: x.t(),
    "expand": lambda x: x.unsqueeze(2).expand(-1, -1, 2).flatten(1),
    "chunk": lambda x: x.chunk(2, 1)[1],
    "unbind": lambda x: x.unflatten(1, (2, 3)).unbind(1)[0],
    "select": lambda x: x.unflatten(1, (2, 3))[:, 1],
    "slice": lambda x: x[:, :3],
    "upsample": lambda x: F.interpolate(x.unsqueeze(1), scale_factor=2).flatten(1),
    "softmax": lambda x: x.softmax(1).unsqueeze(2).squeeze(2),
    "softmax of sums": lambda x: x.unflatten(1, (3, 2)).sum(2).softmax(1),
}
HIDES: dict[str, Callable[[Tensor], Tensor]] = {
    "addition": lambda x: x + x.mean(1, keepdim=True),
    "product": lambda x: x * x,
    "concatenation": lambda x: torch.cat([x, x.square()], 1),
    "gate": lambda x: F.glu(x),
    "tanh": lambda x: x.tanh(),
    "sigmoid": lambda x: x.sigmoid(),
    "mean of probabilities": lambda x: x.unflatten(1, (3, 2)).softmax(1).mean(2),
    "padding": lambda x: F.pad(x, (0, 1)),
}


@pytest.mark.parametrize("name", SHOWS)
def test_the_head_shows_through(name: str):
    network = Block(lambda self, x: SHOWS[name](self.last(x)), last=nn.Linear(4, 6))
    assert "head" in names(proved(network, 4))


@pytest.mark.parametrize("name", HIDES)
def test_the_head_is_hidden_behind(name: str):
    network = Block(lambda self, x: HIDES[name](self.last(x)), last=nn.Linear(4, 6))
    assert "head" not in names(proved(network, 4))


ENDS: dict[str, tuple[nn.Module, tuple[int, ...], set[str]]] = {
    "transposed convolution": (
        nn.Sequential(nn.ConvTranspose2d(2, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        (2, 3, 3),
        {"0.weight", "0.bias"},
    ),
    "group norm": (
        nn.Sequential(nn.Conv1d(2, 4, 2), nn.GroupNorm(2, 4), nn.MaxPool1d(3), nn.Flatten()),
        (2, 4),
        {"1.weight", "1.bias"},
    ),
    "instance norm": (
        nn.Sequential(
            nn.Conv1d(2, 4, 2), nn.InstanceNorm1d(4, affine=True), nn.MaxPool1d(3), nn.Flatten()
        ),
        (2, 4),
        {"1.weight", "1.bias"},
    ),
    "matrix product": (
        Block(
            lambda self, x: torch.relu(self.a(x)) @ self.b.weight,
            a=nn.Linear(3, 4),
            b=nn.Linear(2, 4, bias=False),
        ),
        (3,),
        {"b.weight"},
    ),
    "product with a vector": (
        Block(
            lambda self, x: torch.relu(self.a(x)) @ self.b.weight,
            a=nn.Linear(3, 4),
            b=nn.PReLU(4),
        ),
        (5, 3),
        {"b.weight"},
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_what_sets_the_scale_of_the_classes(name: str):
    network, shape, tensors = ENDS[name]
    head = proved(network, *shape)["head"]
    assert {leg.tensor for leg in head.legs} == tensors


def test_a_bag_of_words_has_its_vectors_as_a_head():
    network = Block(lambda self, x: self.words(x).mean(1), words=nn.Embedding(7, 4)).double()
    spec = discover(network, torch.arange(6).reshape(2, 3))
    assert [leg.tensor for leg in spec["head"].legs] == ["words.weight"]


def test_every_head_is_decided():
    for operation in OPERATIONS:
        assert isinstance(operation.head, Head) or len(operation.head) > 0


# -- one more operation ----------------------------------------------------------------------------

NEW_OPERATION = '''
"""A layer of low rank: a weight that is applied through few directions, of torch's user."""

import torch
from torch import Tensor, nn

from symgeom.symmetry.discovery.operations.linear import add_bias
from symgeom.symmetry.discovery.operations.record import Carrier, Operation, Weight
from symgeom.symmetry.discovery.relations import contracted, equal


@torch.library.custom_op("ours::narrow_linear", mutates_args=())
def narrow_linear(source: Tensor, weight: Tensor, bias: Tensor, rank: int) -> Tensor:
    return source @ weight.T + bias


@narrow_linear.register_fake
def _(source, weight, bias, rank):
    return source.new_empty(*source.shape[:-1], len(weight))


class Narrow(nn.Module):
    def __init__(self, fan_in, fan_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(fan_out, fan_in))
        self.bias = nn.Parameter(torch.randn(fan_out))

    def forward(self, x):
        return narrow_linear(x, self.weight, self.bias, 1)


def multiply_narrowly(out, *, source, weight, bias, **_):
    yield from add_bias(out[:-1], source[:-1], out[-1], bias)
    yield from contracted(source, -1, weight[1])
    yield equal(weight[0], out[-1])


OPERATIONS = (
    Operation(
        names=("ours::narrow_linear",),
        rule=multiply_narrowly,
        head=(Carrier("weight", 0), Carrier("bias", 0)),
        weight=Weight("weight", data="source", reads=1, writes=0),
        layer=Narrow,
    ),
)
'''

ITS_USE = """
import torch
from torch import nn
from symgeom.landscape.batchnorm.feeding import find_folds
from symgeom.symmetry.certificate import certify
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.discovery.operations.narrow import Narrow
from symgeom.symmetry.wiring import symmetry_graph
from symgeom.ground.types import parameters

torch.manual_seed(0)
layers = Narrow(3, 4), nn.BatchNorm1d(4), nn.ReLU(), Narrow(4, 2), nn.Softmax(1)
network = nn.Sequential(*layers).double()
inputs = torch.randn(5, 3).double()
spec = discover(network, inputs)
generator = torch.Generator().manual_seed(0)
certify(spec, network, parameters(network), inputs=inputs, generator=generator).require()
for group in spec.groups:
    print(group.name, *(leg.tensor for leg in group.incoming()))
for edge in symmetry_graph(spec, network, inputs).edges:
    print(*edge.reads, edge.tensor, *edge.writes)
print(*find_folds(network, inputs)[0].layers)
"""

ITS_OUTPUT = """
hidden1 0.weight 0.bias
hidden1.scale1 1.weight 1.bias
head 3.weight 3.bias
inputs 0.weight hidden1
hidden1 3.weight outputs
('0.weight', '0.bias')
"""


def test_a_new_operation_is_one_file_and_one_line(tmp_path: Path):
    """Discovery, head, wiring and the folding of batch norms see it."""
    copied = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "symgeom", tmp_path / "symgeom", ignore=copied)
    (tmp_path / FOLDER / "narrow.py").write_text(NEW_OPERATION.lstrip())
    registry = tmp_path / FOLDER / "registry.py"
    lines = registry.read_text().splitlines(keepends=True)
    last = max(index for index, line in enumerate(lines) if line.startswith("from symgeom"))
    line = "from symgeom.symmetry.discovery.operations import narrow as narrow\n"
    registry.write_text("".join([*lines[:last], line, *lines[last:]]))
    result = subprocess.run(
        [sys.executable, "-c", ITS_USE],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout == ITS_OUTPUT.lstrip(), result.stderr
