"""Train the seeds of one arm to minima, and keep the ledger of their charges."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import xarray as xr
from torch import Tensor
from tqdm import tqdm

from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, stack
from symgeom.landscape.problem import Problem
from symgeom.learning.observe import LedgerObserver
from symgeom.learning.optimizers import Method, build
from symgeom.learning.training import Checkpoint, Plan, TrainingMode, choose_device, train
from symgeom.study.cases import Case
from symgeom.study.datasets.augment import augmentation
from symgeom.study.progress import progress
from symgeom.study.stages.budgets import Budget
from symgeom.study.stages.ledgers import NO_LEDGER, label_ledger
from symgeom.study.stages.minima import along_depths, label_minima, minima_of_arm
from symgeom.symmetry.spec import SymmetrySpec

PLAN = ("batch_size", "stop_error", "stop_loss", "evaluate_every", "together")
"""The options of the configuration that are fields of a :class:`Plan`, where they are asked for."""

Member = tuple[str, int, int]
"""Arm, seed and replica: with the case the name of what is random in a network's training."""


@dataclass(frozen=True)
class Arm:
    """An arm of a case, and how its seeds are trained.

    Attributes
    ----------
    name : str
        Name of the arm.
    seeds : sequence of int
        Its seeds.
    recipe : mapping
        Name and options of its optimizer.
    training : mapping
        The section ``training`` of the configuration, with what the case and the arm change.
    budget : Budget, optional
        What its seeds spend, if that is what another arm has spent.
    """

    name: str
    seeds: Sequence[int]
    recipe: Mapping
    training: Mapping
    budget: Budget | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """What training an arm yields.

    Attributes
    ----------
    minima, ledgers : xr.Dataset
        The networks, also along the axis ``depth`` where they are trained to several, and the
        accounts of their charges.
    resumed_from : int
        The epoch of the checkpoint from which it went on; 0 if there was none.
    """

    minima: xr.Dataset
    ledgers: xr.Dataset
    resumed_from: int


def measure(case: Case, spec: SymmetrySpec, arm: Arm, *, checkpoint: Path, digest: str) -> Outcome:
    """Train the seeds of an arm.

    Parameters
    ----------
    case : Case
        The case.
    spec : SymmetrySpec
        The architecture as trained.
    arm : Arm
        Which seeds, and how.
    checkpoint : Path
        Where training keeps its checkpoint; what is there of the same recipe is gone on from.
    digest : str
        What a checkpoint is recognised by.

    Returns
    -------
    Outcome
        Minima and ledgers.
    """
    method = build_method(arm.recipe)
    precision = precision_of(arm.training)
    problems = case.problems(precision, trained=True)
    problem = problems["train"]
    members = _members(arm, method)
    goes_on = Checkpoint(checkpoint, every=arm.training["checkpoint_every"], digest=digest)
    epochs = _epoch_limit(arm, method, problem)
    with progress(f"train {case.name}/{arm.name}", epochs) as bar:
        plan = _plan(case, arm, epochs, goes_on, bar)
        symmetric = not TrainingMode.of(problem).differs
        observer = _observer(spec, method, plan, arm.training, problem, symmetric=symmetric)
        trained = train(
            problem,
            _starts(case, members, precision, problem.trainable),
            method,
            plan=plan,
            generators=_orders(case, members, arm.training),
            observe=observer,
        )
    attrs: dict[str, str | float] = {
        "method": method.name,
        "batch_size": plan.batch_size,
        "together": int(trained.together),
        "device": str(problem.inputs.device),
        "task": str(problem.task),
    }
    if arm.budget:
        trained = arm.budget.named(trained)
        attrs |= arm.budget.attributes()
    seeds = list(arm.seeds)
    record = NO_LEDGER
    if observer:
        record = observer.close()
        if observer.left_out:
            attrs["frozen_groups"] = ", ".join(observer.left_out)
    ledgers = label_ledger(
        record, method, arm=arm.name, seeds=seeds, attrs=attrs, symmetric=symmetric
    )
    networks = []
    for state in (*trained.at_depths, trained):
        variables = label_minima(spec, state, problems)
        networks.append(minima_of_arm(arm.name, seeds, variables, attrs=attrs))
    minima = along_depths(networks, plan.depths) if plan.depths else networks[-1]
    return Outcome(minima, ledgers, trained.resumed_from)


def build_method(recipe: Mapping) -> Method:
    """Build an arm's optimizer.

    Parameters
    ----------
    recipe : mapping
        Its name, as ``method``, and its options.

    Returns
    -------
    Method
        The optimizer.

    Examples
    --------
    >>> build_method({"method": "sgd", "learning_rate": 0.05}).learning_rate
    0.05
    """
    options = {name: value for name, value in recipe.items() if name != "method"}
    return build(recipe["method"], options)


def precision_of(training: Mapping) -> str:
    """Return the precision of the weights: bfloat16 is that of the forward pass only.

    Parameters
    ----------
    training : mapping
        With the option ``precision``.

    Returns
    -------
    str
        Name of a floating point type of torch.

    Examples
    --------
    >>> precision_of({"precision": "bfloat16"})
    'float32'
    """
    precision = training["precision"]
    return "float32" if precision == "bfloat16" else precision


def _members(arm: Arm, method: Method) -> list[Member]:
    members = []
    for seed in arm.seeds:
        for replica in range(method.members_per_seed):
            members.append((arm.name, seed, replica))
    return members


def _starts(
    case: Case, members: Sequence[Member], precision: str, trainable: Collection[str]
) -> dict[str, Tensor]:
    """Return the stacked initial networks, each from a stream of its own."""
    networks: list[dict[str, Tensor]] = []
    for arm, seed, replica in members:
        network = case.start(arm, seed, replica)
        if replica:  # the mean of replicas is trained: they share what does not train
            first = networks[-replica]
            network = {**first, **{name: network[name] for name in trainable}}
        networks.append(network)
    stacked = cast(stack(networks), getattr(torch, precision))
    device = choose_device(case.options["device"])
    return {name: tensor.to(device) for name, tensor in stacked.items()}


def _orders(case: Case, members: Sequence[Member], training: Mapping) -> list[torch.Generator]:
    """Return the generators of the order of the data, one for each member."""
    shared = training.get("order", "independent") == "shared"
    generators = []
    for arm, seed, replica in members:
        which = "shared" if shared else seed
        generators.append(stream("order", case.name, arm, which, replica))
    return generators


def _epoch_limit(arm: Arm, method: Method, problem: Problem) -> int:
    """Return the largest number of epochs of an arm, in which every budget can be spent."""
    if arm.budget is None:
        return arm.training["epochs"]
    batch_size = arm.training["batch_size"]
    samples = len(problem.targets) // batch_size * batch_size
    return arm.budget.epochs(samples * method.gradients_per_step * method.members_per_seed)


def _plan(case: Case, arm: Arm, epochs: int, checkpoint: Checkpoint, bar: tqdm) -> Plan:
    training = arm.training

    def advance(epoch: int, _: int, text: str) -> None:
        bar.update(epoch - bar.n)
        bar.set_postfix_str(text, refresh=False)

    black = case.data["black"].values.tolist()
    fields = {field: training[field] for field in PLAN if field in training}
    return Plan(
        **fields | _at_budget(arm.budget),
        epochs=epochs,
        depths=tuple(training.get("depths", ())),
        augment=augmentation(training.get("augmentation", "none"), black=black),
        autocast=torch.bfloat16 if training["precision"] == "bfloat16" else None,
        checkpoint=checkpoint,
        progress=advance,
    )


def _at_budget(budget: Budget | None) -> dict:
    """Return what a budget says of a plan."""
    if budget is None:
        return {}
    return {"budgets": budget.budgets, **budget.stop_rule()}


def _observer(
    spec: SymmetrySpec,
    method: Method,
    plan: Plan,
    training: Mapping,
    problem: Problem,
    *,
    symmetric: bool,
) -> LedgerObserver | None:
    snapshots = training["ledger_snapshots"]
    if not snapshots:
        return None
    steps = plan.epochs * (len(problem.targets) // plan.batch_size)
    return LedgerObserver(spec, method, steps=steps, snapshots=snapshots, symmetric=symmetric)
