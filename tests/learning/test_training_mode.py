"""Training does what the network says: dropout and the like are on, and what is frozen stays."""

import random
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from cases import Block, batch, mlp_spec, randomised
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from symgeom.dynamics.charge import charges
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import global_seed, stream
from symgeom.ground.types import cast, parameters, stack
from symgeom.landscape.problem import Problem
from symgeom.learning.observe import LedgerObserver
from symgeom.learning.optimizers import Method, build
from symgeom.learning.training import Checkpoint, Plan, Trained, TrainingMode, train
from symgeom.learning.training.population import trains_together

METHODS = {
    "sgd": {"weight_decay": 1e-2},
    "adam": {"learning_rate": 0.02, "weight_decay": 1e-2, "decoupled": True},
    "sam": {"rho": 0.1, "adaptive": True},
    "rsgd": {"replicas": 2, "weight_decay": 1e-2},
    "adv": {"pretraining_epochs": 2, "weight_decay": 1e-2},
    "swa": {"average_from": 0.5, "averages_least": 1, "weight_decay": 1e-2},
    "entropy_sgd": {"inner_steps": 2, "noise": 0.1, "weight_decay": 1e-2},
    "symgeom.learning.optimizers.sgd:SGD": {"weight_decay": 1e-2},
}
PLAN = Plan(batch_size=8, epochs=3, least_epochs=3, together="one")
SAMPLES = 26


class Paths(nn.Module):
    """A network that skips a branch at random while it trains, and scales the other."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 9)
        self.branch = nn.Linear(9, 9)
        self.last = nn.Linear(9, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x).relu()
        if self.training:
            if torch.rand(()) < 0.5:
                x = x + 2 * self.branch(x)
        else:
            x = x + self.branch(x)
        return self.last(x)


class Loud(nn.Module):
    """A network that adds noise and drops units by function, whatever its layers are."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 9)
        self.last = nn.Linear(9, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.dropout(self.first(x).relu(), 0.3, self.training)
        if self.training:
            x = x + 0.1 * torch.randn_like(x)
        return self.last(x)


def layered(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 9), nn.ReLU(), *layers, nn.Linear(9, 3))


RANDOM = {
    "dropout": lambda: layered(nn.Dropout(0.5)),
    "alpha dropout": lambda: layered(nn.AlphaDropout(0.2)),
    "of channels": lambda: layered(nn.Unflatten(1, (3, 3)), nn.Dropout1d(0.4), nn.Flatten()),
    "random slopes": lambda: layered(nn.RReLU()),
    "beside batch norm": lambda: layered(nn.BatchNorm1d(9), nn.Dropout(0.5)),
    "a branch": Paths,
    "by function": Loud,
}
"""Networks that draw random numbers while they train."""


def landscape(module: nn.Module, dtype: torch.dtype = torch.float64) -> Problem:
    inputs, targets = batch(SAMPLES, 4, 3)
    options: dict[str, object] = {}
    if any(isinstance(layer, nn.BatchNorm1d) for layer in module.modules()):
        options = {"batch_norm": "recompute", "training_inputs": inputs}
    return Problem(module.double(), inputs, targets, **options).cast(dtype)


def starts(problem: Problem, seeds: list[int], method: Method) -> dict[str, Tensor]:
    """Return the members of seeds; replicas differ in what trains alone."""
    networks = []
    for seed in seeds:
        module = randomised(deepcopy(problem.module), seed)
        first = cast(parameters(module), problem.inputs.dtype)
        for replica in range(method.members_per_seed):
            network = dict(first)
            for name in problem.trainable if replica else ():
                network[name] = first[name].flip(0)
            networks.append(network)
    return stack(networks)


def trained(
    problem: Problem, method: Method, seeds: list[int], plan: Plan = PLAN, **options: object
) -> Trained:
    orders = []
    for seed in seeds:
        for replica in range(method.members_per_seed):
            orders.append(stream("order", seed, replica))
    start = starts(problem, seeds, method)
    return train(problem, start, method, plan=plan, generators=orders, **options)


def equal(first: Trained, second: Trained, rows: list[int]) -> bool:
    """Whether a training equals some rows of another one, bit for bit."""
    same = [torch.equal(first.loss, second.loss[rows])]
    for name, tensor in first.parameters.items():
        same.append(torch.equal(tensor, second.parameters[name][rows]))
    return all(same)


@pytest.mark.parametrize("kind", RANDOM)
def test_training_has_what_evaluation_has_not(kind):
    """The first step is that of PyTorch on the module in training mode, from the same seed."""
    problem = landscape(RANDOM[kind]())
    method = build("sgd", {"learning_rate": 0.1, "momentum": 0.0})
    plan = Plan(batch_size=SAMPLES, epochs=1)
    mode = TrainingMode.of(problem)
    assert (mode.draws, mode.differs) == (True, True)
    result = trained(problem, method, [3], plan)

    order = stream("order", 3, 0)
    seed = int(torch.randint(2**62, (), generator=order))
    index = torch.randperm(SAMPLES, generator=order)
    start = starts(problem, [3], method)
    module = randomised(deepcopy(problem.module), 3).train()
    with global_seed(stream("layers", seed, 0).initial_seed()):
        outputs = module(problem.inputs[index])
    F.cross_entropy(outputs, problem.targets[index]).backward()
    for name, weight in module.named_parameters():
        expected = start[name][0] - 0.1 * weight.grad
        torch.testing.assert_close(result.parameters[name][0], expected)
    evaluated = replace(problem, batch_norm="carried") if problem.batch_norm else problem
    network = {name: tensor[0] for name, tensor in result.parameters.items()}
    assert torch.equal(result.loss[0, 1], evaluated.loss(network))


@pytest.mark.parametrize("method", METHODS.items(), ids=METHODS)
def test_dropout_does_not_depend_on_the_company(method):
    problem = landscape(layered(nn.Dropout(0.5)), torch.float32)
    method = build(*method)
    together = trained(problem, method, [0, 1, 2])
    for group in ([1], [2, 0]):
        assert equal(trained(problem, method, group), together, group)
    plain = trained(landscape(layered(nn.Identity()), torch.float32), method, [0])
    assert not torch.equal(plain.loss, together.loss[:1])


class KeptNorm(nn.Sequential):
    """A network whose batch norm stays in evaluation mode, and whose ``train`` returns nothing."""

    def train(self, mode: bool = True) -> None:
        super().train(mode)
        self[2].eval()


def test_a_mode_that_a_network_sets_itself_is_kept():
    layers = [nn.Linear(4, 9), nn.ReLU(), nn.BatchNorm1d(9), nn.Dropout(0.5), nn.Linear(9, 3)]
    problem = Problem(KeptNorm(*layers).double(), *batch(SAMPLES, 4, 3), batch_norm="carried")
    mode = TrainingMode.of(problem)
    assert mode.draws
    assert [layer.training for layer in mode.module] == [True, True, False, True, True]
    start = stack([parameters(problem.module)])
    result = train(problem, start, build("sgd", {}), plan=PLAN, generators=[stream("order")])
    assert result.status == ("epoch limit",)


class KilledError(Exception):
    """What ends a training in its middle."""


@pytest.mark.parametrize("name", ["sgd", "sam", "adv"])
def test_dropout_goes_on_from_a_checkpoint(name, tmp_path):
    problem = landscape(layered(nn.Dropout(0.5)))
    method = build(name, METHODS[name])
    whole = trained(problem, method, [0, 1])

    def kill(epoch: int, epochs: int, text: str) -> None:
        if epoch == 2 and epochs == PLAN.epochs:
            raise KilledError

    saving = replace(PLAN, checkpoint=Checkpoint(tmp_path / "checkpoint"))
    with pytest.raises(KilledError):
        trained(problem, method, [0, 1], replace(saving, progress=kill))
    resumed = trained(problem, method, [0, 1], saving)
    assert resumed.resumed_from == 2
    assert equal(resumed, whole, [0, 1])


def test_the_global_generator_is_left_alone():
    problem = landscape(layered(nn.Dropout(0.5)))
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    trained(problem, build("sgd", {}), [0])
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("module", "draws", "differs"),
    [
        (layered(nn.Identity()), False, False),
        (layered(nn.Dropout(0.0)), False, False),
        (layered(nn.Softmax(1)), False, False),
        (layered(nn.BatchNorm1d(9)), False, False),
        (Block(lambda self, x: self.a(x) * (2 if self.training else 1), a=nn.Linear(4, 3)), 0, 1),
        (layered(nn.Dropout(1e-3)), True, True),
    ],
)
def test_what_a_network_does_in_training_mode_is_seen(module, draws, differs):
    problem = landscape(module, torch.float32)
    mode = TrainingMode.of(problem)
    assert (mode.draws, mode.differs) == (draws, differs)
    plan = replace(PLAN, together="auto")
    assert trains_together(problem, 5, plan) is not bool(draws)
    assert trained(problem, build("sgd", {}), [0, 1], plan).together is not bool(draws)


def own_generator() -> nn.Module:
    generator = torch.Generator().manual_seed(0)

    def forward(self: nn.Module, x: Tensor) -> Tensor:
        if not self.training:
            return self.a(x)
        return self.a(x) + torch.rand(3, generator=generator)

    return Block(forward, a=nn.Linear(4, 3))


def python_numbers() -> nn.Module:
    def forward(self: nn.Module, x: Tensor) -> Tensor:
        return self.a(x) * (random.random() if self.training else 0.5)

    return Block(forward, a=nn.Linear(4, 3))


def two_outputs() -> nn.Module:
    def forward(self: nn.Module, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return (self.a(x), self.a(x)) if self.training else self.a(x)

    return Block(forward, a=nn.Linear(4, 3))


def more_classes() -> nn.Module:
    def forward(self: nn.Module, x: Tensor) -> Tensor:
        return torch.cat([self.a(x)] * (2 if self.training else 1), 1)

    return Block(forward, a=nn.Linear(4, 3))


def spectral() -> nn.Module:
    return layered(nn.utils.parametrizations.spectral_norm(nn.Linear(9, 9)))


def raising() -> nn.Module:
    def forward(self: nn.Module, x: Tensor) -> Tensor:
        if self.training:
            raise KeyError("epoch")
        return self.a(x)

    return Block(forward, a=nn.Linear(4, 3))


@pytest.mark.parametrize(
    ("build_network", "message"),
    [
        (own_generator, r"\(Block\): in training mode two evaluations of one batch differ"),
        (python_numbers, "Draw from that generator alone"),
        (spectral, "let no layer keep what it has seen in buffers"),
        (two_outputs, r"in training mode it gives a tuple where it gives a tensor of shape \(8, 3"),
        (more_classes, r"gives a tensor of shape \(8, 6\) where it gives .*\(8, 3\) in evaluation"),
        (raising, r"network \(Block\) on inputs .*: its forward raises KeyError: 'epoch'"),
    ],
)
def test_what_no_step_could_repeat_is_refused(build_network, message):
    with pytest.raises(SymgeomError, match=message):
        trained(landscape(build_network()), build("sgd", {}), [0])


def test_batched_passes_of_random_layers_are_refused():
    problem = landscape(layered(nn.Dropout(0.5)))
    with pytest.raises(SymgeomError, match=r"batched passes whose layers draw .*together='auto'"):
        trained(problem, build("sgd", {}), [0], replace(PLAN, together="batched"))


def frozen(layer: int = 0) -> nn.Sequential:
    network = nn.Sequential(
        nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 5), nn.ReLU(),
        nn.Linear(5, 3),
    )  # fmt: skip
    network[layer].requires_grad_(False)
    return network


@pytest.mark.parametrize("together", ["one", "batched"])
@pytest.mark.parametrize("layer", [0, 2, 6])
@pytest.mark.parametrize("method", METHODS.items(), ids=METHODS)
def test_what_is_frozen_stays_as_it_is(method, layer, together):
    problem = landscape(frozen(layer))
    method = build(*method)
    start = starts(problem, [0, 1], method)
    result = trained(problem, method, [0, 1], replace(PLAN, together=together))
    for name, tensor in result.parameters.items():
        before = start[name][:: method.members_per_seed]
        assert torch.equal(tensor, before) is name.startswith(f"{layer}."), name


def test_frozen_weights_train_as_in_pytorch():
    problem = landscape(frozen(2))
    method = build("sgd", {"learning_rate": 0.1, "weight_decay": 0.01})
    result = trained(problem, method, [4])
    module = randomised(deepcopy(problem.module), 4)
    training = [weight for weight in module.parameters() if weight.requires_grad]
    stepper = torch.optim.SGD(training, 0.1, momentum=0.9, weight_decay=0.01)
    order = stream("order", 4, 0)
    for _ in range(PLAN.epochs):
        for index in torch.randperm(SAMPLES, generator=order).split(8)[:3]:
            stepper.zero_grad()
            F.cross_entropy(module(problem.inputs[index]), problem.targets[index]).backward()
            stepper.step()
    for name, weight in module.named_parameters():
        torch.testing.assert_close(result.parameters[name][0], weight.detach())


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_the_ledger_keeps_the_groups_that_train_as_a_whole(name, tmp_path):
    """A law needs the gradient on every leg: of three groups, two have a frozen one."""
    problem = landscape(frozen(2))
    spec = mlp_spec(4, 9, 7, 5, 3)
    method = build(name, METHODS[name])
    observer = LedgerObserver(spec, method, steps=9, snapshots=3)
    assert observer.left_out == ()
    trained(problem, method, [0], observe=observer)
    ledger = observer.close()
    assert set(ledger.charge) == {"hidden3"}
    assert observer.left_out == ("hidden1", "hidden2")
    assert float((ledger.defect["hidden3"] / ledger.scale["hidden3"]).abs().max()) < 1e-13


def test_a_ledger_goes_on_without_the_groups_that_are_left_out():
    problem = landscape(frozen(2))
    method = build("sgd", {})
    observer, other = (
        LedgerObserver(mlp_spec(4, 9, 7, 5, 3), method, steps=9, snapshots=3) for _ in range(2)
    )
    trained(problem, method, [0], observe=observer)
    other.restore(observer.state())
    assert other.left_out == observer.left_out
    assert torch.equal(other.close().charge["hidden3"], observer.close().charge["hidden3"])


def test_laws_hold_under_dropout_and_are_measured_where_they_may_not():
    """A mask over units keeps the law of each; over linear units that mix, it does not."""
    problem = landscape(layered(nn.Dropout(0.5)))
    legs = mlp_spec(4, 9, 3)["hidden1"].legs
    last = replace(legs[2], tensor="3.weight")
    spec = type(mlp_spec(4, 9, 3))((replace(mlp_spec(4, 9, 3)["hidden1"], legs=(*legs[:2], last)),))
    for symmetric in (True, False):
        observer = LedgerObserver(spec, build("sgd", {}), steps=9, snapshots=3, symmetric=symmetric)
        trained(problem, build("sgd", {}), [0], observe=observer)
        ledger = observer.close()
        assert float((ledger.defect["hidden1"] / ledger.scale["hidden1"]).abs().max()) < 1e-13
    assert charges(spec, {n: t[0] for n, t in starts(problem, [0], build("sgd", {})).items()})


def test_replicas_must_share_what_is_frozen():
    problem = landscape(frozen())
    start = stack([parameters(randomised(problem.module, seed)) for seed in range(2)])
    orders = [stream("order", seed) for seed in range(2)]
    with pytest.raises(SymgeomError, match=r"replicas with 'rsgd' .* frozen tensor '0\.weight'"):
        train(problem, start, build("rsgd", {"replicas": 2}), plan=PLAN, generators=orders)


def test_a_network_all_of_which_is_frozen_is_refused():
    problem = landscape(layered().requires_grad_(False))
    start = stack([parameters(problem.module)])
    with pytest.raises(SymgeomError, match=r"\(Sequential\): all its 4 weights are frozen"):
        train(problem, start, build("sgd", {}), plan=PLAN, generators=[stream("order")])
    with pytest.raises(SymgeomError, match="Cannot train or differentiate"):
        problem.gradient(parameters(problem.module))
