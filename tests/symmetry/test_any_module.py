"""Modules as people have them: several inputs and outputs, wrappers, low precision, frozen weights,
no weights yet. Each spec is proved by its certificate."""

from collections import namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest
import torch
from cases import Block, batch, mlp, mlp_spec, randomised
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

import symgeom
from symgeom.ground.calling import Inputs, NetworkCall, tensors_of
from symgeom.ground.checks import SymgeomError
from symgeom.ground.modules import call_module
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters
from symgeom.landscape.batchnorm import fold_batchnorm
from symgeom.quotient.alignment import align_activations, unit_activations
from symgeom.symmetry.certificate import Certificate, certify
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import act, random_element
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
from symgeom.symmetry.wiring import symmetry_graph

FOUND = [(4, "positive", True), (6, "positive", True)]
"""The units of both layers of a pair: four of the left, six of the sum."""


def vectors(width: int = 3, seed: int = 0) -> Tensor:
    return torch.randn(5, width, generator=stream("vectors", seed), dtype=torch.float64)


def pictures() -> Tensor:
    return torch.randn(2, 3, 4, 4, generator=stream("pictures"))


def words() -> Tensor:
    return torch.arange(15).reshape(5, 3) % 7


def certificate(
    spec: SymmetrySpec,
    network: nn.Module,
    inputs: Inputs,
    params: Mapping[str, Tensor] | None = None,
) -> Certificate:
    return certify(
        spec,
        network,
        parameters(network) if params is None else params,
        inputs=inputs,
        generator=stream("certificate"),
        draws=2,
    )


def proved(network: nn.Module, inputs: Inputs) -> SymmetrySpec:
    spec = discover(network, inputs)
    certificate(spec, network, inputs).require()
    return spec


def kinds(spec: SymmetrySpec) -> list[tuple[int, str, bool]]:
    return [(group.size, group.scale, group.permute) for group in spec.exact().groups]


# -- inputs ----------------------------------------------------------------------------------------


class Pair(nn.Module):
    """Two vectors meet in a hidden layer; a mask and a flag may be left out."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.inner = nn.Linear(3, 4), nn.Linear(4, 6)
        self.right, self.last = nn.Linear(2, 6), nn.Linear(6, 2)

    def forward(
        self, left: Tensor, right: Tensor, mask: Tensor | None = None, *, doubled: bool = False
    ) -> Tensor:
        hidden = torch.relu(self.inner(torch.relu(self.left(left))) + self.right(right))
        if mask is not None:
            hidden = hidden * mask[:, None]
        return self.last(2 * hidden if doubled else hidden)


class OfOne(nn.Module):
    """A pair that takes one mapping."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair()

    def forward(self, sample: Mapping[str, Tensor]) -> Tensor:
        return self.pair(sample["left"], sample["right"])


def pair_of() -> dict[str, Tensor]:
    return {"left": vectors(), "right": vectors(2)}


class Sentence(nn.Module):
    """Words, which of them are there, and a factor of all."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.first, self.last = nn.Embedding(7, 4), nn.Linear(4, 6), nn.Linear(6, 2)

    def forward(self, tokens: Tensor, attended: Tensor, factor: Tensor) -> dict[str, Tensor]:
        hidden = torch.relu(self.first(self.table(tokens)))
        shares = attended.unsqueeze(-1) * factor
        return {"scores": self.last((hidden * shares).sum(1)), "words": tokens}


def sentences() -> tuple[Tensor, ...]:
    return words(), (words() > 0).long(), torch.tensor(0.5).double()


CALLED: dict[str, tuple[nn.Module, Inputs, list[tuple[int, str, bool]]]] = {
    "by position": (Pair(), (vectors(), vectors(2)), FOUND),
    "in a list": (Pair(), [vectors(), vectors(2)], FOUND),
    "by keyword": (Pair(), pair_of(), FOUND),
    "in another order": (Pair(), dict(reversed(pair_of().items())), FOUND),
    "with nothing and a flag": (Pair(), {**pair_of(), "mask": None, "doubled": True}, FOUND),
    "with a mask of truths": (Pair(), (*pair_of().values(), torch.arange(5) > 1), FOUND),
    "one mapping": (OfOne(), (pair_of(),), FOUND),
    "whole and real numbers": (
        Sentence(),
        sentences(),
        [(4, "linear", True), (6, "positive", True)],
    ),
}


@pytest.mark.parametrize("name", CALLED)
def test_inputs_of_every_kind(name: str):
    network, inputs, expected = CALLED[name]
    assert kinds(proved(randomised(network), inputs)) == expected


def test_what_depends_on_an_input_is_fixed_by_its_name():
    spec = discover(Pair().double(), pair_of())
    reasons = {axis.tensor: axis.reason for axis in spec.fixed if axis.axis == 1}
    assert reasons == {"left.weight": "input 'left'", "right.weight": "input 'right'"}


def test_a_wrong_group_of_a_network_of_several_inputs_is_named():
    network = randomised(Pair())
    wrong = UnitGroup("wrong", 6, (Leg("right.weight", 0), Leg("last.weight", 1, power=-1)))
    assert certificate(SymmetrySpec((wrong,)), network, pair_of()).worst_group == "wrong"


def test_inputs_that_do_not_fit_are_described():
    network = Pair().double()
    with pytest.raises(
        SymgeomError,
        match=r"Cannot run the network \(Pair\) on inputs 'left' of shape \(5, 3\) and type "
        r"torch.float64, 'mask' \(None\): .*missing.*'right'.* Give a batch",
    ):
        discover(network, {"left": vectors(), "mask": None})
    with pytest.raises(SymgeomError, match=r"or by keyword in a mapping \(a mapping that is one"):
        discover(OfOne().double(), pair_of())
    with pytest.raises(
        SymgeomError, match=r"on inputs 0 of shape \(5, 3\) .*, 1 of shape \(5, 3\)"
    ):
        discover(network, (vectors(), vectors()))
    with pytest.raises(SymgeomError, match=r"Cannot run the network \(Pair\) on no inputs: "):
        call_module(network, parameters(network), ())


def test_units_are_matched_by_activations_on_several_inputs():
    network = randomised(Pair())
    spec = discover(network, pair_of()).exact()
    weights = parameters(network)
    element = random_element(spec, generator=stream("element"))
    moved = act(spec, element, weights)
    ours, theirs = (unit_activations(spec, network, p, pair_of()) for p in (moved, weights))
    permutations = align_activations(spec, ours, theirs).element.permutations
    for group, order in element.permutations.items():
        assert torch.equal(permutations[group], order)


def test_the_graph_of_a_network_of_several_inputs():
    network = Pair().double()
    graph = symmetry_graph(discover(network, pair_of()), network, pair_of())
    inputs = [edge.tensor for edge in graph.edges if edge.reads == ("inputs",)]
    assert sorted(inputs) == ["left.weight", "right.weight"]


# -- outputs ---------------------------------------------------------------------------------------


@dataclass
class Result:
    """What a network may return."""

    scores: Tensor
    hidden: Tensor
    cache: object = None


Named = namedtuple("Named", "scores hidden")


class Returns(nn.Module):
    """A hidden layer that is returned beside the scores, in something."""

    def __init__(self, package: Callable[[Tensor, Tensor], object]) -> None:
        super().__init__()
        self.first, self.last, self.package = nn.Linear(3, 6), nn.Linear(6, 2), package

    def forward(self, inputs: Tensor) -> object:
        hidden = torch.relu(self.first(inputs))
        return self.package(self.last(hidden), hidden)


PACKAGES: dict[str, tuple[Callable[[Tensor, Tensor], object], str | int]] = {
    "a tuple": (lambda scores, hidden: (scores, hidden), 0),
    "a tuple, from its end": (lambda scores, hidden: (hidden, scores), -1),
    "a list": (lambda scores, hidden: [hidden, scores], 1),
    "a mapping": (lambda scores, hidden: {"scores": scores, "hidden": hidden}, "scores"),
    "a mapping by index": (lambda scores, hidden: {"hidden": hidden, "scores": scores}, 1),
    "a named tuple": (Named, "scores"),
    "a dataclass": (Result, "scores"),
    "a dataclass by index": (Result, 0),
    "a tuple in a tuple": (lambda scores, hidden: ((scores, None), [hidden]), 0),
}


@pytest.mark.parametrize("name", PACKAGES)
def test_all_outputs_together_or_one_of_them(name: str):
    """Its units are free for the scores, and fixed if they are returned themselves."""
    package, output = PACKAGES[name]
    network = randomised(Returns(package))
    scores = NetworkCall(vectors(), output)
    spec = proved(network, scores)
    assert kinds(spec) == [(6, "positive", True)]
    assert spec.groups[-1].name == "head"
    assert kinds(proved(network, vectors())) == []
    assert certificate(spec.exact(), network, vectors()).worst_group == "hidden1"


def test_an_output_of_a_network_of_keyword_inputs():
    tokens, attended, factor = sentences()
    inputs = {"factor": factor, "tokens": tokens, "attended": attended}
    spec = proved(randomised(Sentence()), NetworkCall(inputs, "scores"))
    assert [group.name for group in spec.groups] == ["hidden1", "hidden2", "head"]


def test_outputs_that_are_not_there():
    network = Returns(Result).double()
    for output in ("logits", 3):
        with pytest.raises(
            SymgeomError,
            match=rf"at output {output!r} of the network: its outputs are \['scores', 'hidden'",
        ):
            discover(network, NetworkCall(vectors(), output))
    with pytest.raises(
        SymgeomError, match=r"no tensor in what it returns \(None\)\. Let it return"
    ):
        discover(network, NetworkCall(vectors(), "cache"))
    with pytest.raises(SymgeomError, match="argument|'output' is 2.5; a text belongs there"):
        NetworkCall(vectors(), 2.5)
    assert tensors_of(Result) == []


def test_outputs_without_a_real_number_cannot_be_compared():
    network = randomised(Block(lambda s, x: s.last(x).argmax(-1), last=nn.Linear(3, 2)))
    spec = discover(network, vectors())
    with pytest.raises(SymgeomError, match="none of its outputs is of real numbers, .*logits"):
        certificate(spec, network, vectors())


# -- wrappers --------------------------------------------------------------------------------------


def compiled(network: nn.Module) -> nn.Module:
    return torch.compile(network, backend="eager")


WRAPPERS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "parallel": nn.DataParallel,
    "compiled": compiled,
    "averaged": AveragedModel,
    "compiled and parallel": lambda network: nn.DataParallel(compiled(network)),
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_names_are_those_of_the_network_inside(name: str):
    network = mlp(3, 6, 2)
    wrapped = WRAPPERS[name](network)
    inputs, targets = batch(8, 3, 2)
    weights = parameters(wrapped)
    assert list(weights) == list(parameters(network))
    spec = proved(wrapped, inputs)
    assert spec == mlp_spec(3, 6, 2)
    assert symmetry_graph(spec, wrapped, inputs) == symmetry_graph(spec, network, inputs)
    losses = [symgeom.Problem(m, inputs, targets).loss(weights) for m in (wrapped, network)]
    assert losses[0] == losses[1]
    laws = [
        symgeom.check_laws(spec, m, weights, inputs=inputs, generator=stream("laws"))
        for m in (wrapped, network)
    ]
    assert laws[0] == laws[1]


def test_batch_norms_of_a_wrapped_network_are_folded():
    network = randomised(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)))
    folded = fold_batchnorm(nn.DataParallel(network), vectors())
    assert sorted(folded.parameters(parameters(network))) == ["0.bias", "0.weight"]


@pytest.mark.parametrize("wrap", [nn.DataParallel, compiled])
def test_a_wrapper_inside_a_network_is_a_part_of_it(wrap: Callable[[nn.Module], nn.Module]):
    network = randomised(nn.Sequential(wrap(nn.Linear(3, 6)), nn.ReLU(), nn.Linear(6, 2)))
    assert kinds(proved(network, vectors())) == [(6, "positive", True)]


def test_a_network_that_is_compiled_in_place():
    network = mlp(3, 6, 2)
    network.compile(backend="eager")
    assert proved(network, vectors()) == mlp_spec(3, 6, 2)


def test_a_function_is_no_network():
    with pytest.raises(SymgeomError, match="is the function relu; a network .* belongs there"):
        discover(torch.relu, vectors())


# -- precision -------------------------------------------------------------------------------------


@pytest.mark.parametrize("low", [torch.bfloat16, torch.float16])
def test_half_precision_is_tested_in_double(low: torch.dtype):
    """Rounding of the weights would hide a bias that was left out."""
    network = mlp(3, 6, 2).to(low)
    inputs = vectors().to(low)
    spec = discover(network, inputs)
    proof = certificate(spec, network, inputs).require()
    assert proof.residual < 1e-12 < proof.tolerance == 1e-10
    weight, _, outgoing = spec["hidden1"].legs
    wrong = SymmetrySpec((UnitGroup("hidden1", 6, (weight, outgoing)),))
    assert certificate(wrong, network, inputs).worst_group == "hidden1"
    assert network[0].weight.dtype == low


def test_several_precisions_are_tested_in_double():
    network = mlp(3, 6, 2)
    weights = parameters(network)
    mixed = {name: cast({name: weights[name]}, torch.float32)[name] for name in weights}
    mixed["2.weight"] = weights["2.weight"].to(torch.bfloat16)
    assert certificate(mlp_spec(3, 6, 2), network, vectors(), mixed).tolerance == 1e-10


def test_a_network_without_weights():
    with pytest.raises(SymgeomError, match="has no tensor of real numbers: nothing in it can be"):
        certificate(SymmetrySpec(()), nn.ReLU(), vectors())


# -- frozen, or without entries --------------------------------------------------------------------


def test_frozen_weights_are_weights():
    network, frozen = mlp(3, 6, 5, 2), mlp(3, 6, 5, 2)
    frozen[2].requires_grad_(False)
    spec = proved(frozen, vectors())
    assert spec == discover(network, vectors())
    trained = [name for name, weight in frozen.named_parameters() if weight.requires_grad]
    assert [group.name for group in spec.trained(trained).groups] == ["head"]
    assert not frozen[2].weight.requires_grad


@pytest.mark.parametrize(("codes", "sizes"), [(torch.arange(6), []), (torch.full((6,), 2), [6])])
@pytest.mark.parametrize("trained", [True, False])
def test_whole_numbers_are_constants(codes: Tensor, sizes: list[int], trained: bool):
    """Units that they tell apart are fixed, the others are free."""
    network = Block(
        lambda s, x: s.b(torch.relu(s.a(x)) * s.codes), a=nn.Linear(3, 6), b=nn.Linear(6, 2)
    )
    if trained:
        network.codes = nn.Parameter(codes, requires_grad=False)
    else:
        network.register_buffer("codes", codes)
    network = network.double()
    spec = discover(network, vectors())
    assert [group.size for group in spec.exact().groups if group.permute] == sizes
    if not trained:  # a certificate takes weights of real numbers
        certificate(spec, network, vectors()).require()


def normed() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2)
    )


class Tied(nn.Module):
    """Words are read and written by one table; a buffer holds their positions."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.inner = nn.Embedding(7, 4), nn.Linear(4, 6)
        self.outer, self.last = nn.Linear(6, 4), nn.Linear(4, 7, bias=False)
        self.last.weight = self.table.weight
        self.register_buffer("positions", torch.arange(12.0).reshape(3, 4), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = self.table(tokens) + self.positions
        return self.last(hidden + self.outer(torch.relu(self.inner(hidden))))


WITHOUT_ENTRIES: dict[str, tuple[Callable[[], nn.Module], Tensor]] = {
    "perceptron": (lambda: mlp(3, 6, 2).float(), vectors().float()),
    "batch norm": (normed, pictures()),
    "tied": (Tied, words()),
}


@pytest.mark.parametrize("name", WITHOUT_ENTRIES)
def test_discovery_needs_no_entries(name: str):
    build, example = WITHOUT_ENTRIES[name]
    network = build()
    spec = discover(network, example)
    assert spec.exact().groups
    empty = build().to("meta")
    if name == "tied":
        empty.last.weight = empty.table.weight
    assert discover(empty, example) == spec
    assert discover(empty, example).fixed == spec.fixed
    certificate(discover(empty, example), randomised(build()), example).require()


def test_weights_without_entries_beside_buffers_that_have_them():
    empty = normed()
    for layer in empty.modules():
        for name, weight in list(layer.named_parameters(recurse=False)):
            setattr(layer, name, nn.Parameter(weight.to("meta")))
    assert discover(empty, pictures()) == discover(normed(), pictures())


def test_a_network_without_entries_cannot_be_certified():
    network = mlp(3, 6, 2).to("meta")
    with pytest.raises(
        SymgeomError, match=r"has no entries \(device meta\); load its weights first"
    ):
        certificate(mlp_spec(3, 6, 2), network, vectors())
