import math

import numpy as np
import pytest
import torch
from cases import ARCHITECTURES, batch, mlp, mlp_spec, network, randomised
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters, ravel, unravel
from symgeom.landscape.flatness.margin import layer_margins, margins, normalised_margins
from symgeom.landscape.flatness.parts import layers
from symgeom.landscape.problem import Problem
from symgeom.quotient.gauge import canonicalise
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import act, random_element

WIDTHS = (5, 12, 9, 3)
SPEC = mlp_spec(*WIDTHS)
PARAMS = network(*WIDTHS)
PROBLEM = Problem(mlp(*WIDTHS), *batch(120, 5, 3), chunk=50)


def test_margins_one_sample_at_a_time():
    outputs = PROBLEM.outputs(PARAMS)
    expected = [
        row[y] - max(value for c, value in enumerate(row) if c != y)
        for row, y in zip(outputs, PROBLEM.targets, strict=True)
    ]
    assert torch.equal(margins(outputs, PROBLEM.targets), torch.stack(expected))


def test_quantiles_of_the_canonical_network():
    found = normalised_margins(SPEC, PROBLEM, PARAMS)
    canonical = canonicalise(SPEC, PARAMS).parameters
    values = margins(PROBLEM.outputs(canonical), PROBLEM.targets).numpy()
    assert found.quantile.tolist() == [0, 0.01, 0.1, 0.5]
    assert np.allclose(
        found.value.numpy(),
        [values.min(), *np.quantile(values, [0.01, 0.1]), np.median(values)],
        rtol=1e-12,
    )
    norms = [
        np.linalg.svd(canonical[f"{layer}.weight"].numpy(), compute_uv=False)[0]
        for layer in (0, 2, 4)
    ]
    assert torch.allclose(found.spectral, found.value / math.prod(norms), rtol=1e-12)


@pytest.mark.parametrize("bias_in_norm", [True, False])
def test_margins_do_not_see_the_gauge(bias_in_norm):
    copy = act(SPEC, random_element(SPEC, generator=stream("any"), spread=1.0), PARAMS)
    here, there = (
        normalised_margins(SPEC, PROBLEM, theta, bias_in_norm=bias_in_norm)
        for theta in (PARAMS, copy)
    )
    assert torch.allclose(here.value, there.value, rtol=1e-10, atol=0)
    assert torch.allclose(here.spectral, there.spectral, rtol=1e-10, atol=0)
    raw, other = (
        margins(PROBLEM.outputs(theta), PROBLEM.targets).median() for theta in (PARAMS, copy)
    )
    assert not math.isclose(raw, other, rel_tol=0.05)
    assert here.bias_in_norm == bias_in_norm


@pytest.mark.parametrize("name", ["strided, dilated", "residual", "batch norm kept"])
def test_other_architectures(name):
    make, shape = ARCHITECTURES[name][:2]
    module = randomised(make(), 3)
    inputs = torch.randn(40, *shape, generator=stream(name), dtype=torch.float64)
    problem = Problem(
        module,
        inputs,
        torch.arange(40) % 2,
        batch_norm="carried" if name.startswith("batch") else None,
    )
    spec, params = discover(module, inputs[:2]), parameters(module)
    copy = act(spec, random_element(spec, generator=stream("any"), spread=0.5), params)
    here, there = (normalised_margins(spec, problem, theta) for theta in (params, copy))
    assert torch.allclose(here.value, there.value, rtol=1e-9, atol=0)
    assert here.batch_norm == problem.batch_norm


def test_the_margin_of_a_linear_classifier_is_a_distance():
    # Of two opposite unit normals, joint length 1, the margin is sqrt(2) times the distance from the plane; the matrix of one
    # direction has spectral norm 1.
    classifier = Problem(
        nn.Linear(2, 2, bias=False), torch.tensor([[3.0, 4.0], [1.0, 0.0]]), torch.tensor([0, 0])
    )
    spec = mlp_spec(2, 2, bias=False)
    normal = torch.tensor([0.6, 0.8])
    found = normalised_margins(
        spec,
        classifier_of(classifier),
        {"0.weight": 7 * torch.stack([normal, -normal])},
        quantiles=[0.0, 1.0],
    )
    assert torch.allclose(
        found.value, torch.tensor([0.6, 5.0], dtype=torch.float64) * math.sqrt(2), rtol=1e-6
    )
    assert torch.allclose(found.spectral, found.value, rtol=1e-6)


def classifier_of(problem):
    """The same with the tensor names of a sequence."""
    return Problem(nn.Sequential(problem.module), problem.inputs, problem.targets)


def test_the_smallest_margin_is_positive_where_there_is_no_error():
    right = PROBLEM.relabel(PROBLEM.outputs(PARAMS).argmax(1))
    assert normalised_margins(SPEC, right, PARAMS).value[0] > 0
    assert normalised_margins(SPEC, PROBLEM, PARAMS).value[0] < 0 < PROBLEM.error(PARAMS)


def test_dead_units_do_not_count():
    dead = {name: tensor.clone() for name, tensor in PARAMS.items()}
    dead["0.weight"][3], dead["0.bias"][3] = 0, 0
    smaller = {"0.weight": 0, "0.bias": 0, "2.weight": 1}
    keep = [unit for unit in range(12) if unit != 3]
    without = {
        name: tensor.index_select(smaller[name], torch.tensor(keep)) if name in smaller else tensor
        for name, tensor in dead.items()
    }
    few = (5, 11, 9, 3)
    expected = normalised_margins(
        mlp_spec(*few), Problem(mlp(*few), PROBLEM.inputs, PROBLEM.targets), without
    )
    assert torch.allclose(normalised_margins(SPEC, PROBLEM, dead).value, expected.value, rtol=1e-12)


def test_single_precision_is_cast():
    single = normalised_margins(SPEC, PROBLEM.cast(torch.float32), cast(PARAMS, torch.float32))
    assert single.value.dtype == torch.float64
    assert torch.allclose(single.value, normalised_margins(SPEC, PROBLEM, PARAMS).value, rtol=1e-5)


def test_a_diverged_network_has_no_margins():
    broken = {**PARAMS, "2.bias": PARAMS["2.bias"] * torch.inf}
    assert normalised_margins(SPEC, PROBLEM, broken).value.isnan().all()


def test_one_class():
    with pytest.raises(
        SymgeomError,
        match=r"from outputs of shape \(4, 1\): give one row of at least 2 logits per sample",
    ):
        margins(torch.ones(4, 1), torch.zeros(4, dtype=torch.int64))


LAYERS = layers(PROBLEM, PARAMS)


def test_relative_margins_of_layers_one_sample_at_a_time():
    found = layer_margins(PROBLEM, PARAMS, LAYERS, quantiles=[0.0, 1.0])
    for row, names in zip(found, LAYERS.values(), strict=True):
        ratios = []
        for sample in range(len(PROBLEM.targets)):
            network = {name: tensor.clone().requires_grad_() for name, tensor in PARAMS.items()}
            margin = margins(
                PROBLEM.outputs(network, index=torch.tensor([sample])), PROBLEM.targets[[sample]]
            ).squeeze()
            slopes = torch.autograd.grad(margin, [network[name] for name in names])
            lengths = [
                (PARAMS[name] * slope).square().sum()
                for name, slope in zip(names, slopes, strict=True)
            ]
            ratios.append(float(margin.detach() / sum(lengths).sqrt()))
        assert row.tolist() == pytest.approx([min(ratios), max(ratios)], rel=1e-12)


def test_a_relative_margin_is_the_way_to_the_decision():
    """The last layer is linear: along its relative gradient the decision lies where the relative margin says."""
    sample = Problem(PROBLEM.module, PROBLEM.inputs[:1], PROBLEM.outputs(PARAMS).argmax(1)[:1])
    names = LAYERS["4"]
    radius = float(layer_margins(sample, PARAMS, {"4": names}, quantiles=[0.5]))
    weights = {name: PARAMS[name].clone().requires_grad_() for name in names}
    margin = margins(sample.outputs({**PARAMS, **weights}), sample.targets).squeeze()
    slope = ravel(
        dict(zip(names, torch.autograd.grad(margin, list(weights.values())), strict=True))
    )
    flat = ravel({name: PARAMS[name] for name in names})
    relative = flat * slope / torch.linalg.vector_norm(flat * slope)
    moved = {
        **PARAMS,
        **unravel(flat * (1 - radius * relative), {name: PARAMS[name] for name in names}),
    }
    pair = sample.outputs(PARAMS).topk(2).indices.squeeze()
    reached = sample.outputs(moved).squeeze()[pair]
    assert float(reached[0]) == pytest.approx(float(reached[1]), abs=1e-12)


@pytest.mark.parametrize("outputs_scale", [1.0, 7.0])
def test_relative_margins_do_not_see_rescalings_of_units_or_outputs(outputs_scale):
    copy = act(SPEC, random_element(SPEC, generator=stream("any"), spread=1.0), PARAMS)
    copy = {**copy, **{name: outputs_scale * copy[name] for name in LAYERS["4"]}}
    here, there = (layer_margins(PROBLEM, theta, LAYERS) for theta in (PARAMS, copy))
    assert torch.allclose(here, there, rtol=1e-10, atol=0)


def test_relative_margins_of_what_has_none():
    broken = {**PARAMS, "2.bias": PARAMS["2.bias"] * torch.inf}
    assert layer_margins(PROBLEM, broken, LAYERS).isnan().all()
    make, shape = ARCHITECTURES["batch norm kept"][:2]
    module, inputs = (
        randomised(make(), 3),
        torch.randn(40, *shape, generator=stream("any"), dtype=torch.float64),
    )
    options = {"batch_norm": "recompute", "training_inputs": inputs}
    together = Problem(module, inputs, torch.arange(40) % 2, **options)
    assert (
        layer_margins(together, parameters(module), layers(together, parameters(module)))
        .isnan()
        .all()
    )
