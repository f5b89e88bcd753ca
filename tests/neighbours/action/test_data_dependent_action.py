"""Units mixed by any matrix, without a change of the outputs on a batch."""

import math
from dataclasses import replace

import pytest
import torch
from cases import batch, mlp, mlp_spec
from torch import Tensor, nn

import symgeom
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters, cast, parameters
from symgeom.landscape.problem import Problem
from symgeom.neighbours.action import (
    DataDependentMove,
    data_dependent_action,
    mixable_groups,
    random_mixing,
)
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

ROUNDING = 1e-12
"""On a batch nothing changes by more, of the outputs' size."""

WIDTH = 8
WIDTHS = (6, WIDTH, 7, 4)


class Leaky(nn.LeakyReLU):
    """The activation of the published experiments."""

    def __init__(self) -> None:
        super().__init__(0.1)


ACTIVATIONS = [nn.Tanh, nn.GELU, Leaky, nn.Sigmoid]


def mixing(size: int = WIDTH, scale: float = 0.5, seed: int = 0) -> Tensor:
    return random_mixing(size, scale, generator=stream("mixing", seed))


def samples(count: int) -> Tensor:
    return torch.arange(count)


class Case:
    """A network, data, and its spec."""

    def __init__(
        self, module: nn.Module, inputs: Tensor, classes: int, spec: SymmetrySpec | None = None
    ) -> None:
        targets = torch.randint(classes, (len(inputs),), generator=stream("targets"))
        self.problem = Problem(module, inputs, targets)
        self.params = parameters(module)
        self.spec = spec or symgeom.discover(module, inputs[:2])

    def move(
        self, elements: dict[str, Tensor], index: Tensor, *, least_squares: bool = False
    ) -> DataDependentMove:
        """Move the network."""
        return data_dependent_action(
            self.spec,
            self.problem,
            self.params,
            elements,
            index=index,
            least_squares=least_squares,
        )


def perceptron(*widths: int, activation: type[nn.Module] = nn.Tanh, count: int = 60) -> Case:
    inputs, _ = batch(count, widths[0], widths[-1])
    spec = mlp_spec(*widths, scale="none")
    return Case(mlp(*widths, activation=activation), inputs, widths[-1], spec)


def differ(ours: Parameters, theirs: Parameters) -> float:
    """Return the largest difference of two networks."""
    return max(float((ours[name] - theirs[name]).abs().max()) for name in ours)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("count", [1, 3, WIDTH])
def test_the_outputs_on_a_batch_stay_and_those_elsewhere_do_not(
    activation: type[nn.Module], count: int
):
    case = perceptron(*WIDTHS, activation=activation)
    move = case.move({"hidden1": mixing()}, samples(count))
    before = case.problem.outputs(case.params)
    after = case.problem.outputs(move.params)
    change = (after - before).abs().amax(1) / before.abs().max()
    assert float(change[:count].max()) < ROUNDING
    assert move.residual < ROUNDING
    assert float(change[count:].min()) > 1e-6
    share = (after - before)[count:].norm() / before[count:].norm()
    assert move.held_out == pytest.approx(float(share), rel=1e-9)


def test_the_pre_activations_are_mixed_biases_included():
    case = perceptron(*WIDTHS)
    matrix = mixing()
    move = case.move({"hidden1": matrix}, samples(5))
    assert torch.equal(move.params["0.weight"], matrix @ case.params["0.weight"])
    assert torch.equal(move.params["0.bias"], matrix @ case.params["0.bias"])
    changed = [
        name for name in case.params if not torch.equal(case.params[name], move.params[name])
    ]
    assert changed == ["0.weight", "0.bias", "2.weight"]


@pytest.mark.parametrize("count", [1, 4, WIDTH])
def test_moves_compose_as_matrices_do(count: int):
    case = perceptron(*WIDTHS)
    index = samples(count)
    first, second = mixing(scale=0.2, seed=1), mixing(scale=0.2, seed=2)
    half_way = case.move({"hidden1": second}, index)
    in_turn = data_dependent_action(
        case.spec, case.problem, half_way.params, {"hidden1": first}, index=index
    )
    at_once = case.move({"hidden1": first @ second}, index)
    scale = at_once.condition["hidden1"] * half_way.condition["hidden1"]
    assert differ(in_turn.params, at_once.params) < ROUNDING * max(1, scale)


@pytest.mark.parametrize("count", [1, 4, WIDTH])
def test_the_identity_moves_nothing(count: int):
    case = perceptron(*WIDTHS)
    unit = torch.eye(WIDTH, dtype=torch.float64)
    assert differ(case.move({"hidden1": unit}, samples(count)).params, case.params) < ROUNDING


def test_groups_move_together_as_one_after_the_other():
    case = perceptron(*WIDTHS)
    index = samples(5)
    elements = {"hidden1": mixing(seed=1), "hidden2": mixing(7, seed=2)}
    together = case.move(elements, index)
    assert together.residual < ROUNDING
    assert list(together.condition) == ["hidden1", "hidden2"]
    network = case.params
    for name in ("hidden2", "hidden1"):
        element = {name: elements[name]}
        network = data_dependent_action(
            case.spec, case.problem, network, element, index=index
        ).params
    assert differ(together.params, network) < 1e-10


def test_a_small_mixing_is_a_small_change_elsewhere_and_was_not_in_the_published_code():
    """The pseudo-inverse alone projects on the batch, so that even the identity changes outputs."""
    case = perceptron(6, WIDTH, 4)
    inputs = case.problem.inputs
    units = torch.tanh(inputs @ case.params["0.weight"].T + case.params["0.bias"]).T
    weights = case.params["2.weight"]
    for count in (1, WIDTH // 2):
        projected = weights @ units[:, :count] @ torch.linalg.pinv(units[:, :count])
        change = (projected - weights) @ units[:, count:]
        theirs = float(change.norm() / (weights @ units[:, count:]).norm())
        assert theirs > 0.3
        move = case.move({"hidden1": mixing(scale=1e-6)}, samples(count))
        assert move.held_out < 1e-4


def test_the_condition_is_that_of_the_mixed_activations():
    case = perceptron(*WIDTHS)
    move = case.move({"hidden1": mixing()}, samples(5))
    inputs = case.problem.inputs[:5]
    units = torch.tanh(inputs @ move.params["0.weight"].T + move.params["0.bias"])
    assert move.condition["hidden1"] == pytest.approx(float(torch.linalg.cond(units)), rel=1e-6)


def test_a_batch_larger_than_the_width_is_fitted_if_asked_for():
    """By the pseudo-inverse, as published; the residual says what that changes."""
    case = perceptron(6, WIDTH, 4)
    count = 3 * WIDTH
    with pytest.raises(
        SymgeomError,
        match="^Cannot mix the units of group 'hidden1' exactly on 24 samples: of them layer '2' "
        "reads 24 vectors of length 8. Give at most 8 samples, or ask for least_squares=True",
    ):
        case.move({"hidden1": mixing()}, samples(count))
    move = case.move({"hidden1": mixing()}, samples(count), least_squares=True)
    inputs = case.problem.inputs[:count]
    before = torch.tanh(inputs @ case.params["0.weight"].T + case.params["0.bias"]).T
    after = torch.tanh(inputs @ move.params["0.weight"].T + move.params["0.bias"]).T
    wanted = case.params["2.weight"] @ before @ torch.linalg.pinv(after)
    assert torch.allclose(move.params["2.weight"], wanted, atol=1e-10)
    assert move.condition["hidden1"] == pytest.approx(float(torch.linalg.cond(after)), rel=1e-6)
    outputs = case.problem.outputs(case.params)[:count]
    change = case.problem.outputs(move.params)[:count] - outputs
    assert move.residual == pytest.approx(float(change.abs().max() / outputs.abs().max()))
    assert move.residual > 1e-3


def test_least_squares_on_a_small_batch_is_the_exact_move():
    case = perceptron(*WIDTHS)
    exact = case.move({"hidden1": mixing()}, samples(5))
    fitted = case.move({"hidden1": mixing()}, samples(5), least_squares=True)
    assert differ(exact.params, fitted.params) == 0


def test_the_lipschitz_bound_is_never_violated():
    """300 matrices and batches; leaky ReLU and tanh have slope 1 at most."""
    spec = mlp_spec(4, 6, 3)
    largest = 0.0
    for trial in range(300):
        if trial % 10 == 0:
            activation = (nn.Tanh, Leaky)[trial // 10 % 2]
            module = mlp(4, 6, 3, activation=activation, seed=trial)
            problem = Problem(module, *batch(12, 4, 3, seed=trial))
            params = parameters(module)
        numbers = samples(1 + trial % 6)
        element = {"hidden1": mixing(6, 0.1 + trial / 300, seed=trial)}
        move = data_dependent_action(spec, problem, params, element, index=numbers)
        change = problem.outputs(move.params) - problem.outputs(params)
        distances = torch.cdist(problem.inputs, problem.inputs[numbers]).amin(1)
        bound = move.lipschitz_bound(distances)[len(numbers) :]
        lengths = torch.linalg.vector_norm(change, dim=1)[len(numbers) :]
        largest = max(largest, float((lengths / bound).max()))
    assert 0.01 < largest <= 1


def test_the_bound_grows_with_the_slope_and_the_distance():
    case = perceptron(6, WIDTH, 4)
    move = case.move({"hidden1": mixing()}, samples(3))
    distances = torch.tensor([0.0, 1.0, 2.0]).double()
    bound = move.lipschitz_bound(distances, slope=4.0)
    assert torch.equal(bound, 4 * move.lipschitz_bound(distances))
    assert bound[0] == 0
    assert bound[2] == 2 * bound[1]
    with pytest.raises(SymgeomError, match=r"^Cannot use -1.0 as the slope of an activation"):
        move.lipschitz_bound(torch.ones(1), slope=-1.0)


def test_moves_of_several_groups_have_no_bound():
    case = perceptron(*WIDTHS)
    move = case.move({"hidden1": mixing(), "hidden2": mixing(7)}, samples(3))
    with pytest.raises(
        SymgeomError,
        match=r"^Cannot bound the change of a move of 2 groups \(\['hidden1', 'hidden2'\]\)",
    ):
        move.lipschitz_bound(torch.ones(1))


def test_a_network_in_single_precision_keeps_it():
    case = perceptron(*WIDTHS)
    single = cast(case.params, torch.float32)
    problem = case.problem.cast(torch.float32)
    move = data_dependent_action(
        case.spec, problem, single, {"hidden1": mixing()}, index=samples(5)
    )
    assert {tensor.dtype for tensor in move.params.values()} == {torch.float32}
    assert 0 < move.residual < 1e-4


def test_a_batch_may_be_a_mask_and_count_from_the_end():
    case = perceptron(*WIDTHS)
    mask = torch.zeros(60, dtype=torch.bool)
    mask[[3, 59]] = True
    by_mask = case.move({"hidden1": mixing()}, mask)
    by_number = case.move({"hidden1": mixing()}, torch.tensor([3, -1]))
    assert torch.equal(by_mask.index, torch.tensor([3, 59]))
    assert differ(by_mask.params, by_number.params) == 0


def test_where_the_batch_is_all_there_is_nothing_is_held_out():
    case = perceptron(*WIDTHS, count=4)
    assert math.isnan(case.move({"hidden1": mixing()}, samples(4)).held_out)


def test_a_network_and_its_module_stay_as_they_are():
    case = perceptron(*WIDTHS)
    copies = {name: tensor.clone() for name, tensor in case.params.items()}
    case.move({"hidden1": mixing()}, samples(4))
    assert differ(copies, case.params) == 0
    assert not any(layer._forward_hooks for layer in case.problem.module.modules())


def refused(sentence: str, case: Case, elements: dict[str, Tensor], index: Tensor) -> None:
    with pytest.raises(SymgeomError, match=f"^{sentence}"):
        case.move(elements, index)


def test_unknown_groups_are_answered_with_the_nearest():
    case = perceptron(*WIDTHS)
    near = "Cannot mix units of 'hiden1': the spec has no such group; did you mean 'hidden1'?"
    refused(near.replace("?", r"\?"), case, {"hiden1": mixing()}, samples(2))
    far = r"Cannot mix units of 'x': the spec has no such group; It has \['hidden1', 'hidden2', 'he"
    refused(far, case, {"x": mixing()}, samples(2))


def test_groups_without_layers_above_are_refused():
    sentence = (
        "Cannot mix the units of group 'head': no linear or convolutional layer reads them. "
        r"Groups whose units can be mixed: \['hidden1', 'hidden2'\]"
    )
    refused(sentence, perceptron(*WIDTHS), {"head": torch.eye(1)}, samples(2))


def test_matrices_that_are_none_of_the_group_are_refused():
    case = perceptron(*WIDTHS)
    refused("Cannot move a network by no matrices", case, {}, samples(2))
    refused(
        r"Cannot mix the units of group 'hidden1' by a tensor of shape \(7, 7\): it has 8 units",
        case,
        {"hidden1": mixing(7)},
        samples(2),
    )
    singular = torch.ones(WIDTH, WIDTH, dtype=torch.float64)
    refused(
        "Cannot mix the units of group 'hidden1' by a singular matrix",
        case,
        {"hidden1": singular},
        samples(2),
    )
    refused(
        "Cannot use a matrix that mixes units: tensor 'hidden1' holds 64 values that are NaN",
        case,
        {"hidden1": singular * math.nan},
        samples(2),
    )


def test_batches_that_are_none_are_refused():
    case = perceptron(*WIDTHS)
    elements = {"hidden1": mixing()}
    refused("Cannot pick samples by a tensor", case, elements, torch.tensor([60]))
    empty = torch.zeros(0, dtype=torch.int64)
    refused("Cannot move a network on this batch: it has no samples", case, elements, empty)
    refused(
        r"Cannot move a network on this batch: samples \[3\] are repeated",
        case,
        elements,
        torch.tensor([3, 1, 3]),
    )


def test_samples_that_are_the_same_are_refused():
    case = perceptron(*WIDTHS)
    case.problem.inputs[4] = case.problem.inputs[1]
    sentence = (
        "Cannot mix the units of group 'hidden1' on this batch: layer '2' reads the same direction "
        r"of samples \[1, 4\], so that the activations of the batch have no full rank"
    )
    refused(sentence, case, {"hidden1": mixing()}, torch.tensor([1, 2, 4]))


def test_activations_without_full_rank_are_refused():
    """A unit that is off on the whole batch leaves one dimension less."""
    case = perceptron(6, WIDTH, 4, activation=nn.ReLU)
    case.params["0.bias"][2] = -100.0
    sentence = (
        "Cannot mix the units of group 'hidden1' on this batch: the 8 vectors that layer '2' reads "
        "have rank 7, so that they begin no basis"
    )
    refused(sentence, case, {"hidden1": mixing()}, samples(WIDTH))


def test_an_activation_that_vanishes_on_the_batch_is_refused():
    case = perceptron(6, WIDTH, 4, activation=nn.ReLU)
    minus = -torch.eye(WIDTH, dtype=torch.float64)
    case.params["0.bias"] += 100.0
    case.params["0.weight"] *= 0.1
    sentence = (
        "Cannot mix the units of group 'hidden1' on this batch: after the mixing the activation "
        r"vanishes on samples \[5\] \(all that layer '2' reads of them somewhere is 0\)"
    )
    refused(sentence, case, {"hidden1": minus}, torch.tensor([5]))
    case.params["0.bias"] -= 200.0
    refused(sentence.replace("after the mixing ", ""), case, {"hidden1": minus}, torch.tensor([5]))


def test_units_that_are_read_where_the_spec_does_not_say_it_are_refused():
    class Twice(nn.Module):
        """Reads its units by two layers."""

        def __init__(self) -> None:
            super().__init__()
            self.below = nn.Linear(3, 4)
            self.above = nn.Linear(4, 2)
            self.beside = nn.Linear(4, 2)

        def forward(self, inputs: Tensor) -> Tensor:
            units = torch.tanh(self.below(inputs))
            return self.above(units) + self.beside(units)

    inputs, _ = batch(6, 3, 2)
    below = (Leg("below.weight", 0), Leg("below.bias", 0), Leg("above.weight", 1, power=-1))
    group = UnitGroup("hidden1", 4, (*below, Leg("beside.weight", 1, power=-1)), "none")
    case = Case(Twice().double(), inputs, 2, SymmetrySpec((group,)))
    elements = {"hidden1": mixing(4)}
    assert case.move(elements, samples(3)).residual < ROUNDING
    case.spec = SymmetrySpec((replace(group, legs=below),))
    refused(
        r"Cannot mix the units of \['hidden1'\]: the outputs on the b", case, elements, samples(3)
    )


def test_the_groups_that_can_be_mixed():
    case = perceptron(*WIDTHS)
    assert mixable_groups(case.spec, case.problem.module) == ("hidden1", "hidden2")
