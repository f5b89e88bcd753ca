"""Whatever is wrong with an argument is said in one sentence, at the door, and nothing changes."""

import contextlib
import inspect
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass

import numpy as np
import pytest
import torch
from cases import mlp, network
from public_calls import (
    CALLS,
    ELEMENT,
    INPUTS,
    LINE,
    MODULE,
    PROBLEM,
    SPEC,
    TARGETS,
    TORUS,
    WIDTHS,
    A,
    seeded,
)
from torch import Tensor, nn

import symgeom
from symgeom.ground.architecture import Architecture, difference_of
from symgeom.ground.checks import (
    SymgeomError,
    check_index,
    check_range,
    check_real,
    check_samples,
)
from symgeom.ground.doors import check_attributes, door, door_with
from symgeom.ground.judges import judge_of

WIDER = network(4, 6, 3, 2)
WRAPPED = {f"module.{name}": tensor for name, tensor in A.items()}
INCOMPLETE = {name: tensor for name, tensor in A.items() if name != "2.weight"}
MISSPELT = {name.replace("2.weight", "2.weigth"): tensor for name, tensor in A.items()}
NOT_A_NUMBER = {**A, "2.weight": A["2.weight"] * torch.nan}
ATTACHED = {name: tensor.clone().requires_grad_() for name, tensor in A.items()}
COMPLEX = {name: tensor.to(torch.complex128) for name, tensor in A.items()}

THINGS: dict[str, object] = {
    "nothing": None,
    "three": 3,
    "minus one": -1,
    "half": 2.5,
    "no number": float("nan"),
    "infinity": float("inf"),
    "a text": "abc",
    "bytes": b"abc",
    "true": True,
    "an empty list": [],
    "a list": [1, 2],
    "a tuple": (1.0,),
    "a set": {1},
    "an object": object(),
    "a class": nn.Linear,
    "a function": len,
    "a function of anything": lambda *_, **__: 3,
    "an array": np.ones((3, 4)),
    "a network": MODULE,
    "another network": nn.Sequential(nn.Conv2d(3, 4, 3)),
    "a network in training mode": mlp(*WIDTHS).train(),
    "weights": A,
    "a spec": SPEC,
    "a problem": PROBLEM,
    "a path": LINE,
    "an element": ELEMENT,
    "a torus": TORUS,
    "a generator": seeded(),
    "an empty mapping": {},
    "a mapping of numbers": {"a": 1},
    "a list of names": ["x"],
    "whole numbers": torch.ones(12, 4, dtype=torch.int32),
    "complex numbers": torch.ones(12, 4, dtype=torch.complex128),
    "a sparse tensor": torch.eye(4).to_sparse(),
    "a tensor without entries": torch.ones(12, 4, device="meta"),
    "eight bits": torch.ones(12, 4).to(torch.float8_e4m3fn),
    "a tensor without axes": torch.tensor(1.0),
    "an empty tensor": torch.zeros(0, 4),
    "a tensor of no numbers": torch.full((12, 4), torch.nan, dtype=torch.float64),
    "single precision": torch.ones(12, 4),
    "one-hot targets": torch.eye(2)[TARGETS],
    "real targets": TARGETS.double(),
    "short targets": TARGETS.int(),
    "a mask": TARGETS > 0,
    "weights without one": INCOMPLETE,
    "weights with a prefix": WRAPPED,
    "weights with a misspelt name": MISSPELT,
    "weights of a wider network": WIDER,
    "weights that are no numbers": NOT_A_NUMBER,
    "weights as lists": {name: tensor.tolist() for name, tensor in A.items()},
    "weights as arrays": {name: tensor.numpy() for name, tensor in A.items()},
    "weights with gradients": ATTACHED,
    "weights in single precision": {name: tensor.float() for name, tensor in A.items()},
    "weights in half precision": {name: tensor.half() for name, tensor in A.items()},
    "weights as whole numbers": {name: tensor.long() for name, tensor in A.items()},
    "complex weights": COMPLEX,
    "weights and one more": {**A, "more": torch.ones(1)},
}
"""What may stand where something else belongs."""

SPOILT = [(name, argument) for name, call in CALLS.items() for argument in call.keywords()]


def tensors_in(thing: object) -> Iterator[Tensor]:
    """Yield the tensors that an argument consists of."""
    if isinstance(thing, Tensor):
        yield thing
    elif isinstance(thing, nn.Module):
        yield from thing.state_dict().values()
    elif isinstance(thing, Mapping):
        for entry in thing.values():
            yield from tensors_in(entry)
    elif isinstance(thing, list | tuple):
        for entry in thing:
            yield from tensors_in(entry)
    elif is_dataclass(thing) and not isinstance(thing, type):
        yield from tensors_in(list(vars(thing).values()))


def copies(arguments: Mapping[str, object]) -> list[tuple[Tensor, Tensor]]:
    """Return the tensors of arguments, each with a copy of its entries."""
    pairs = []
    for tensor in tensors_in(arguments):
        if not tensor.is_meta and tensor.layout == torch.strided:
            pairs.append((tensor, tensor.detach().clone()))
    return pairs


@pytest.mark.parametrize(("name", "argument"), SPOILT)
def test_a_wrong_argument_is_refused_in_a_sentence_and_changes_nothing(name: str, argument: str):
    """Some wrong things, drawn anew for every argument of every call, stand where it belongs."""
    source = random.Random(f"{name} {argument}")
    for thing in source.sample(list(THINGS), 4):
        keywords = CALLS[name].keywords() | {argument: THINGS[thing]}
        before = copies(keywords)
        with contextlib.suppress(SymgeomError):
            CALLS[name].function(**keywords)
        for tensor, entries in before:
            same = torch.equal(tensor, entries) or tensor.isnan().any()
            assert same, f"{thing} was changed"


def with_fault(network: dict[str, Tensor], fault: str) -> dict[str, Tensor]:
    """Return a network one of whose tensors is missing, misspelt or of another shape."""
    faulty = dict(network)
    tensor = faulty.pop("2.weight")
    if fault == "misspelt":
        faulty["2.weigth"] = tensor
    if fault == "wider":
        faulty["2.weight"] = torch.cat([tensor, tensor], -1)
    return faulty


ANY_TENSORS = {"binarise"}
ZERO_IF_MISSING = {("angular_momentum", "velocity")}


def faulty_networks() -> Iterator[tuple[str, str, str]]:
    """Yield calls that take a network, the argument, and what is wrong with it."""
    for name, argument in SPOILT:
        network = CALLS[name].keywords()[argument]
        if not isinstance(network, dict) or "2.weight" not in network or name in ANY_TENSORS:
            continue
        for fault in ("missing", "misspelt", "wider"):
            if fault != "missing" or (name, argument) not in ZERO_IF_MISSING:
                yield name, argument, fault


@pytest.mark.parametrize(("name", "argument", "fault"), list(faulty_networks()))
def test_a_network_of_other_names_or_shapes_is_refused(name: str, argument: str, fault: str):
    keywords = CALLS[name].keywords()
    keywords[argument] = with_fault(keywords[argument], fault)
    with pytest.raises(SymgeomError, match=r"2\.weig"):
        CALLS[name].function(**keywords)


def test_every_public_function_is_called_here():
    functions = {name for name in symgeom.__all__ if inspect.isfunction(getattr(symgeom, name))}
    elsewhere = {"draw_figure", "open_study"}  # they read files
    assert functions - set(CALLS) == elsewhere


@pytest.mark.parametrize("name", CALLS)
def test_valid_arguments_are_taken(name: str):
    assert CALLS[name].function(**CALLS[name].keywords()) is not None


SENTENCES = {
    "a network where its weights belong": (
        ("charges", "params", "a network"),
        "Cannot call charges: argument 'params' is a Sequential; a mapping of names to tensors "
        r"belongs there. Give symgeom.parameters\(network\), for instance.",
    ),
    "weights where a network belongs": (
        ("certify", "module", "weights"),
        r"argument 'module' is a dict; a network \(torch.nn.Module\) belongs there",
    ),
    "a class where a network belongs": (
        ("discover", "module", "a class"),
        r"argument 'module' is the class Linear; .* Make one: Linear\(...\)",
    ),
    "a function where a network belongs": (
        ("Problem", "module", "a function"),
        "its 'module' is the function len; a network",
    ),
    "lists where tensors belong": (
        ("charges", "params", "weights as lists"),
        "argument 'params' holds under '0.weight' a thing that is a list; a tensor belongs there",
    ),
    "arrays where tensors belong": (
        ("align", "reference", "weights as arrays"),
        r"holds under '0.weight' a thing that is a ndarray; .* Give torch.as_tensor\(...\) of it",
    ),
    "a number where a generator belongs": (
        ("certify", "generator", "three"),
        r"is 3; a generator of random numbers .* Give torch.Generator\(\).manual_seed\(3\)",
    ),
    "swapped: a spec where weights belong": (
        ("charges", "params", "a spec"),
        "argument 'params' is a SymmetrySpec; a mapping of names",
    ),
    "swapped: weights where a spec belongs": (
        ("charges", "spec", "weights"),
        r"argument 'spec' is a dict; a spec .* Give what discover\(network, example\) returns",
    ),
    "real targets": (("Problem", "targets", "real targets"), r"float64 .* Give targets.long\(\)"),
    "short targets": (("Problem", "targets", "short targets"), r"int32 .* Give targets.long\(\)"),
    "one-hot targets": (("Problem", "targets", "one-hot targets"), r"Give targets.argmax\(1\)"),
    "no number": (("local_energy", "amplitudes", "no number"), "'amplitudes' is nan; several of"),
    "infinity": (("sharpness", "radius", "infinity"), "is inf; a finite number belongs there"),
    "true for a number": (("certify", "draws", "true"), "is True; a whole number belongs there"),
    "half for a whole number": (("Effort", "count", "half"), "is 2.5; a whole number belongs"),
    "one text for several": (
        ("sharpness", "tensors", "a text"),
        r"is the text 'abc'; several of them \(a text\), in a list",
    ),
    "a sparse tensor": (("discover", "example", "a sparse tensor"), "is sparse .*to_dense"),
    "no entries": (("discover", "example", "a tensor without entries"), r"has no entries \(device"),
    "eight bits": (
        ("discover", "example", "eight bits"),
        "float8_e4m3fn; cast it to",
    ),
    "complex weights": (("charges", "params", "complex weights"), "complex128; real numbers are"),
    "no such tensor": (
        ("Problem.loss", "params", "weights without one"),
        r"in the network \(Sequential\): tensors missing \['2.weight'\]. Give the weights of",
    ),
    "a misspelt name": (
        ("Problem.error", "params", "weights with a misspelt name"),
        "'2.weigth' may be meant to be '2.weight'",
    ),
    "a prefix": (
        ("Problem.gradient", "params", "weights with a prefix"),
        r"and 3 more, .*; they begin with 'module.': remove it \(\{name.removeprefix\('module.'\)",
    ),
    "another width": (
        ("Problem.loss", "params", "weights of a wider network"),
        r"tensor '0.weight' has shape \(6, 4\), expected \(5, 4\)",
    ),
    "another width than the spec's": (
        ("charges", "params", "weights of a wider network"),
        r"Cannot use the spec on these tensors: .* shape \(6, 4\), expected \(5, 4\)",
    ),
    "another width than the spec's, to align": (
        ("align", "reference", "weights of a wider network"),
        "'0.weight' has shape",
    ),
    "another width than the spec's, on the torus": (
        ("Torus.random_point", "like", "weights of a wider network"),
        "Cannot use the spec on these tensors",
    ),
    "weights that are no numbers": (
        ("charges", "params", "weights that are no numbers"),
        "the network whose charges are asked for: tensor '2.weight' holds 15 values that are NaN",
    ),
    "whole numbers": (
        ("Problem.loss", "params", "weights as whole numbers"),
        "tensor '0.weight' is of torch.int64, and weights are real numbers",
    ),
    "samples that are no numbers": (
        ("Problem", "inputs", "a tensor of no numbers"),
        "Cannot use the samples: tensor 'inputs' holds 48 values that are NaN",
    ),
    "samples without axes": (
        ("Problem", "inputs", "a tensor without axes"),
        r"Cannot take a tensor of shape \(\) for samples",
    ),
    "an index of real numbers": (
        ("Problem.subset", "index", "real targets"),
        "type torch.float64: give numbers from 0 to 11 in one axis",
    ),
    "a mask of another length": (
        ("Problem.subset", "index", "an empty tensor"),
        r"by a tensor of shape \(0, 4\)",
    ),
    "an unknown network of a pair": (
        ("align_pairs", "networks", "an empty mapping"),
        r"networks \['a', 'b'\] are not among those given, \[\]",
    ),
    "activations of other groups": (
        ("align_activations", "activations", "weights"),
        r"the spec permutes \['hidden1', 'hidden2'\]. Give what unit_activations returns",
    ),
    "a path that gives no network": (
        ("profile", "path", "a function of anything"),
        "at t = 0 it gives a int. Give a function from t",
    ),
    "a path that fails": (("profile", "path", "a function"), "at t = 0 it raises TypeError"),
    "a path of another architecture": (
        ("curve_along", "path", "a network"),
        "at t = 0 it raises TypeError",
    ),
    "a loss that fails": (
        ("find_translations", "loss", "a function of anything"),
        "Cannot differentiate the loss: .* Give a function from a network's tensors",
    ),
    "a place beyond the end": (
        ("Torus.geodesic", "t", "half"),
        "Cannot use 2.5 as the place on the geodesic: give a number from 0 to 1",
    ),
    "a place beyond the end of a repair": (
        ("repair", "t", "half"),
        "as the place between the",
    ),
    "a negative spread": (
        ("random_element", "spread", "minus one"),
        "Cannot use -1 as the spread of the scales: give a number of at least 0",
    ),
    "a tolerance": (
        ("hessian_eigenvalues", "tolerance", "minus one"),
        "Cannot use -1 as the tolerance of eigenvalues",
    ),
    "networks at once": (
        ("profile", "at_once", "minus one"),
        "as the number of networks evaluated at once: give a number of at least 1",
    ),
    "a device": (("Problem.to", "device", "a text"), "Cannot move the problem to device 'abc'"),
    "a text that is no spec": (
        ("SymmetrySpec.from_json", "text", "a text"),
        "Cannot read a spec from this text: it begins with 'abc', .* Give what to_json",
    ),
    "an order of another network": (
        ("HammingPath", "order", "weights with a prefix"),
        "Cannot compare the order of the path",
    ),
    "one thing for two": (("repair", "ends", "three"), "is 3; 2 things belong there, in a tuple"),
    "a pair that is none": (
        ("align_pairs", "pairs", "a list"),
        "at place 0 a thing that is 1",
    ),
    "a mapping of mappings": (
        ("align_jointly", "networks", "weights"),
        "holds under '0.weight' a thing that is a Tensor; a mapping of names to tensors",
    ),
    "a network that is no network of the path": (
        ("LinearPath", "start", "a network"),
        "Cannot make a LinearPath: its 'start' is a Sequential; a mapping of names",
    ),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_what_is_wrong_is_said(case: str):
    (name, argument, thing), sentence = SENTENCES[case]
    keywords = CALLS[name].keywords() | {argument: THINGS[thing]}
    with pytest.raises(SymgeomError, match=sentence):
        CALLS[name].function(**keywords)


@pytest.mark.parametrize("name", ["align", "certify", "gradient_flow"])
def test_weights_that_remember_their_history_are_as_good_as_others(name: str):
    argument = "reference" if name == "align" else "params"
    plain, attached = CALLS[name].keywords(), CALLS[name].keywords() | {argument: ATTACHED}
    results = [CALLS[name].function(**keywords) for keywords in (plain, attached)]
    assert repr(results[0]) == repr(results[1])


def test_a_loss_can_be_differentiated_through_the_door():
    PROBLEM.loss(ATTACHED).backward()
    torch.testing.assert_close(ATTACHED["0.weight"].grad, PROBLEM.gradient(A)["0.weight"])
    ATTACHED["0.weight"].grad = None


def test_a_network_may_lack_what_its_module_does_not_save():
    module = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    module.register_buffer("constant", torch.ones(2), persistent=False)
    tensors = symgeom.parameters(module)
    counted = {"constant", "1.num_batches_tracked"}
    assert Architecture.of(module).optional == counted
    for name in tensors:
        rest = {other: tensor for other, tensor in tensors.items() if other != name}
        if name in counted:
            Architecture.of(module).check(rest)
        else:
            with pytest.raises(SymgeomError, match=rf"tensors missing \['{name}'\]"):
                Architecture.of(module).check(rest)


def test_shared_weights_may_have_either_or_both_of_their_names():
    module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    module[1].weight = module[0].weight
    Architecture.of(module).check(symgeom.parameters(module))
    Architecture.of(module).check(module.state_dict())


def test_differences_are_said_by_the_first_of_them():
    shapes = {f"{index}.weight": (2,) for index in range(5)}
    assert "and 2 more" in difference_of({}, shapes)
    assert difference_of({}, shapes, optional=shapes) == ""
    assert "not a mapping" in difference_of([], shapes)
    other = {name: torch.zeros(3) for name in shapes}
    assert difference_of(other, shapes).count("has shape (3,)") == 3
    strangers = {"x": torch.zeros(2), "encoder.0.weight": torch.zeros(2)}
    assert "remove it" not in difference_of(strangers, {"0.weight": (2,)})


def test_what_is_called_behind_a_door_is_not_looked_at_again():
    @door
    def inner(number: int) -> int:
        return number

    @door
    def outer(number: int) -> object:
        return inner(str(number))

    assert outer(3) == "3"
    with pytest.raises(SymgeomError, match="Cannot call inner: argument 'number' is the text '3'"):
        inner("3")
    with pytest.raises(ZeroDivisionError):
        door(lambda: 1 / 0)()
    with pytest.raises(SymgeomError, match="Cannot call inner"):  # the door is closed again
        inner("3")


def test_a_door_asks_whether_arguments_fit_each_other():
    def check(first: int, second: int) -> None:
        check_range(second, "the second", least=first)

    @door_with(check)
    def difference(first: int, second: int) -> int:
        return second - first

    assert difference(1, second=3) == 2
    with pytest.raises(SymgeomError, match="Cannot use 1 as the second: give a number of"):
        difference(3, 1)


def test_records_are_looked_at_where_they_are_made():
    @dataclass
    class Record:
        number: float
        words: tuple[str, ...] = ()

        def __post_init__(self) -> None:
            check_attributes(self)

    @door
    def made(number: object) -> Record:
        return Record(number)

    Record(3, ("a",))
    with pytest.raises(SymgeomError, match="Cannot make a Record: its 'words' holds at place 1 a"):
        Record(3, ("a", 2))
    assert made("anything").number == "anything"


VALUES: list[tuple[object, object, str]] = [
    (int | None, None, ""),
    (int, np.int64(3), ""),
    (int, 3.0, "is 3.0; a whole number belongs there"),
    (float, np.float32(3), ""),
    (float, torch.tensor(1.0), "is a Tensor; a number belongs there"),
    (Mapping[str, int], {"a": 2.5}, "holds under 'a' a thing that is 2.5; a whole number"),
    (list[float], (1.0, 2), ""),
    (Callable[[int], int], 3, "is 3; a function belongs there"),
    (Callable, len, ""),
    (tuple[int, int], [1, 2], ""),
    (tuple[int, int], "ab", "is the text 'ab'; 2 things belong there"),
    (Iterator[int], iter([1]), ""),
    (str, b"abc", "is a bytes; a text belongs there"),
    (SymgeomError, ValueError(), "is a ValueError; a SymgeomError belongs there"),
    (nn.Module, MODULE, ""),
    (Tensor, np.ones(2), "is a ndarray; a tensor belongs there. Give torch.as_tensor"),
]


@pytest.mark.parametrize(("hint", "value", "fault"), VALUES)
def test_kinds(hint: object, value: object, fault: str):
    judge = judge_of(hint)
    assert judge is not None
    assert judge(value).startswith(fault) if fault else not judge(value)


def test_what_has_no_kind_is_not_judged():
    assert judge_of(object) is None
    assert judge_of(int | object) is None


def test_checks_of_numbers_and_indices():
    check_index(torch.tensor([-1, 0, 2]), 3)
    check_index(torch.tensor([True, False, True]), 3)
    for index in (torch.tensor([3]), torch.tensor([-4]), torch.tensor([True]), torch.tensor(1)):
        with pytest.raises(SymgeomError, match="give numbers from 0 to 2 in one axis"):
            check_index(index, 3)
    picked = torch.vmap(lambda index: PROBLEM.loss(A, index=index))(torch.tensor([[0, 1], [2, 3]]))
    assert picked[1] == PROBLEM.loss(A, index=torch.tensor([2, 3]))
    with pytest.raises(SymgeomError, match="Cannot use nan as the share: give a number from 0"):
        check_range(float("nan"), "the share", least=0, most=1)
    with pytest.raises(SymgeomError, match="Cannot take a tensor of shape .3,. for samples"):
        check_samples(torch.ones(3), axes=2)
    with pytest.raises(SymgeomError, match="tensor 'x' is of torch.int64, and weights are real"):
        check_real({"x": torch.ones(2).long()}, "the weights")
    check_samples(INPUTS, axes=2)


def test_a_loss_that_is_no_loss_per_sample_is_refused():
    averaged = symgeom.Problem(MODULE, INPUTS, TARGETS, nn.functional.cross_entropy)
    for compute in (averaged.loss, averaged.gradient, averaged.loss_and_error):
        with pytest.raises(SymgeomError, match=r"of 12 samples it gives a tensor of shape \(\)"):
            compute(A)
    with pytest.raises(SymgeomError, match="Cannot compute the losses of outputs of shape"):
        PROBLEM.batch_loss(A, INPUTS, TARGETS.double())


def test_an_error_is_of_answers_that_are_right_or_wrong():
    pairs = torch.randint(3, (4, 5))
    network = nn.Sequential(nn.Embedding(3, 4), nn.Flatten(), nn.Linear(20, 2))

    def of_pairs(outputs: Tensor, targets: Tensor) -> Tensor:
        return outputs.square().sum(1) * targets.sum(1)

    with pytest.raises(SymgeomError, match=r"a sample has targets of shape \(5,\), and outputs at"):
        symgeom.Problem(network, pairs, pairs)
    problem = symgeom.Problem(network, pairs, pairs, of_pairs)
    params = symgeom.parameters(network)
    assert problem.loss(params).isfinite()
    for compute in (problem.error, problem.loss_and_error):
        with pytest.raises(
            SymgeomError, match=r"of shape \(4, 5\), and in the task 'other' .* no answer is right"
        ):
            compute(params)
