"""Noise equilibria of the units, at the start and at the minimum."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr
from cases import batch, mlp
from tiny_study import ARMS, SEEDS, TinyStudy
from torch import nn
from torch.nn import functional

from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters, stack
from symgeom.landscape.problem import Problem
from symgeom.learning.training import Plan, train
from symgeom.study.stages import equilibria
from symgeom.study.stages.equilibria import Noise
from symgeom.study.stages.training import build_method

NOISES = {"sgd": Noise(ARMS["sgd"], 50, limit=4)}
EPOCHS = {("sgd", seed): seed + 2 for seed in SEEDS}


@pytest.fixture(scope="module")
def measured(tiny: TinyStudy) -> xr.Dataset:
    return equilibria.measure(
        tiny.case, tiny.spec, tiny.minima, noises=NOISES, epochs=EPOCHS, samples=None
    )


def variances(study: TinyStudy, weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the variance of every weight's gradient over samples, one sample at a time."""
    problem = study.case.problems("float64")["train"]
    gradients: dict[str, list[torch.Tensor]] = {name: [] for name in weights}
    for sample, target in zip(problem.inputs, problem.targets, strict=True):
        leaves = {name: tensor.clone().requires_grad_() for name, tensor in weights.items()}
        outputs = torch.func.functional_call(problem.module, leaves, (sample[None],))
        functional.cross_entropy(outputs, target[None]).backward()
        for name, leaf in leaves.items():
            gradients[name].append(leaf.grad)
    return {name: torch.stack(parts).var(0, correction=0) for name, parts in gradients.items()}


@pytest.mark.parametrize("moment", ["start", "end"])
def test_at_the_displaced_scale_noise_and_decay_are_in_balance(tiny, measured, moment: str):
    r"""A unit scaled by s has weights (s w, u / s) and noises (N_in / s^2, N_out s^2).

    In balance they push as hard as weight decay pulls: N_in / s^2 - s^2 N_out = - decay (s^2 |w|^2
    - |u|^2 / s^2).
    """
    network = tiny.minima.networks["sgd", 1]
    if moment == "start":
        network = tiny.case.start("sgd", 1)
    weights = {name: tensor.double() for name, tensor in network.items()}
    noise = variances(tiny, weights)
    samples = len(tiny.case.data["train_targets"])
    decay = NOISES["sgd"].decay(EPOCHS["sgd", 1], samples=samples)
    assert measured["decay_ratio"].sel(arm="sgd", seed=1) == decay
    row = measured["displacement_hidden1"].sel(arm="sgd", seed=1, moment=moment).values
    scale = torch.tensor(row).exp().square()
    weight_in = weights["0.weight"].square().sum(1) + weights["0.bias"].square()
    weight_out = weights["2.weight"].square().sum(0)
    noise_in = noise["0.weight"].sum(1) + noise["0.bias"]
    noise_out = noise["2.weight"].sum(0)
    force = measured["force_hidden1"].sel(arm="sgd", seed=1, moment=moment).values
    torch.testing.assert_close(torch.tensor(force), noise_in - noise_out, rtol=1e-9, atol=1e-12)
    pushes = noise_in / scale - noise_out * scale
    pulls = decay * (weight_in * scale - weight_out / scale)
    alive = torch.tensor(np.isfinite(row))
    assert alive.sum() >= 4
    torch.testing.assert_close(pushes[alive], pulls[alive], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sgd", {"schedule": "cosine"}),
        ("rsgd", {"schedule": "step", "replicas": 2}),
        ("swa", {"average_from": 0.5, "averaging_learning_rate": 0.02, "averages_least": 1}),
        ("adam", {"schedule": "constant"}),
        ("entropy_sgd", {"inner_learning_rate": 0.05, "inner_steps": 2}),
    ],
)
def test_the_strength_of_decay_is_summed_over_the_steps_of_a_seed(name, options):
    """Recorded step by step: decay in proportion to the rate, noise to its square."""
    recipe = {"method": name, "learning_rate": 0.1, "weight_decay": 1e-3, **options}
    method, size, seeds = build_method(recipe), 10, 2 * build_method(recipe).members_per_seed
    problem = Problem(mlp(4, 6, 5, 3), *batch(60, 4, 3))
    rates: dict[int, list[float]] = {member: [] for member in range(seeds)}

    def observe(step, before, direction, after, rate, members):
        for member in members.tolist():
            rates[member].append(rate)

    trained = train(
        problem,
        stack([parameters(mlp(4, 6, 5, 3, seed=seed)) for seed in range(seeds)]),
        method,
        plan=Plan(batch_size=size, epochs=12, stop_error=0.5),
        generators=[stream("order", seed) for seed in range(seeds)],
        observe=observe,
    )
    for seed, epochs in enumerate(trained.epochs.tolist()):
        steps = np.array(rates[seed * method.members_per_seed])
        assert len(steps) == 6 * epochs, "the seed took part in other steps"
        pull = (2 * 1e-3 * steps / (1 - method.momentum)).sum()
        # Six mini-batches share no sample: each is opposed to the other five of its epoch.
        lags = np.arange(1, 6)
        opposed = (method.momentum**lags * (6 - lags)).sum() / 6
        noise = (60 - 10) / (60 - 1) / size * (1 - 2 * opposed / 5)
        push = ((steps / (1 - method.momentum)) ** 2).sum() * noise
        decay = Noise(recipe, size, limit=12).decay(epochs, samples=60)
        assert decay == pytest.approx(pull / push)


def test_the_median_is_over_all_units(measured):
    for moment in ("start", "end"):
        row = measured.sel(arm="sgd", seed=0, moment=moment)
        of_units = np.concatenate([row["displacement_hidden1"], row["displacement_hidden2"]])
        finite = np.sort(abs(of_units[np.isfinite(of_units)]))
        lower_median = finite[(len(finite) - 1) // 2]
        assert row["displacement"].item() == pytest.approx(lower_median)


def test_where_the_noise_is_unknown_nothing_is_measured(measured):
    for name in ("displacement", "displacement_hidden1", "displacement_hidden2"):
        assert measured[name].sel(arm=["adam", "wild"]).isnull().all()
    assert measured["displacement"].sel(arm="sgd").notnull().all()
    assert measured.attrs == {"sgd": 50}


def test_a_network_that_took_no_step_has_no_equilibrium_of_its_training(tiny: TinyStudy):
    dataset = equilibria.measure(
        tiny.case,
        tiny.spec,
        tiny.minima,
        noises=NOISES,
        epochs=EPOCHS | {("sgd", 0): 0},
        samples=20,
    )
    for name in ("displacement", "displacement_hidden1", "decay_ratio"):
        assert dataset[name].sel(arm="sgd", seed=0).isnull().all()
    assert dataset["decay_ratio"].sel(arm="sgd", seed=1) > 0


def test_mini_batches_of_all_samples_have_no_noise_to_be_in_balance_with(tiny: TinyStudy):
    samples = len(tiny.case.data["train_targets"])
    dataset = equilibria.measure(
        tiny.case,
        tiny.spec,
        tiny.minima,
        noises={"sgd": Noise(ARMS["sgd"], samples, limit=4)},
        epochs=EPOCHS,
        samples=None,
    )
    assert dataset["displacement"].isnull().all()
    assert dataset["decay_ratio"].isnull().all()


def test_networks_with_dropout_have_other_noise_than_that_of_samples(tiny: TinyStudy):
    module = nn.Sequential(*tiny.case.measured, nn.Dropout(0.5))
    drawing = replace(tiny.case, trained=module, measured=module)
    dataset = equilibria.measure(
        drawing, tiny.spec, tiny.minima, noises=NOISES, epochs=EPOCHS, samples=None
    )
    assert list(dataset) == ["displacement", "decay_ratio"]
    assert dataset["displacement"].isnull().all()


def test_binary_networks_have_no_equilibrium(signs: TinyStudy):
    noises = {"sgd": Noise({"method": "sgd", "learning_rate": 0.05}, 50, limit=4)}
    dataset = equilibria.measure(
        signs.case, signs.spec, signs.minima, noises=noises, epochs={}, samples=None
    )
    assert list(dataset) == ["displacement", "decay_ratio"]
    assert dataset["displacement"].isnull().all()


def test_equilibria_say_what_they_are(measured):
    assert measured["displacement_hidden2"].dims == ("arm", "seed", "moment", "hidden2")
    assert measured["moment"].values.tolist() == ["start", "end"]
    units = {"force": "nat^2/weight^2", "decay": "nat^2/weight^4", "displacement": "1"}
    for name, array in measured.data_vars.items():
        assert array.dtype == np.float64
        assert array.attrs["units"] == units[str(name).split("_")[0]]
