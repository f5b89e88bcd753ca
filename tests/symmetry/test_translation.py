"""Translations found in gradients: the laws of softmax, norms and keys, and none where there are
none."""

import pytest
import torch
from cases import Block, batch, mlp, network, randomised, self_attention
from torch import nn
from torch.func import functional_call

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.landscape.problem import Problem
from symgeom.symmetry.translation import Translation, find_translations

WIDTHS = (5, 7, 3)


def cross_entropy(module, *shape, classes=3, training=False):
    """Return the loss of a module as a function of its parameters alone."""
    inputs = torch.randn(30, *shape, generator=stream("inputs"), dtype=torch.float64)
    targets = torch.randint(classes, (30,), generator=stream("targets"))
    module, buffers = module.double().train(training), dict(module.named_buffers())

    def loss(weights):
        kept = {name: buffer.clone() for name, buffer in buffers.items()}
        return nn.functional.cross_entropy(
            functional_call(module, {**kept, **weights}, (inputs,)), targets
        )

    return loss, {name: tensor.detach() for name, tensor in module.named_parameters()}


def found(loss, params):
    return set(find_translations(loss, params, generator=stream("points")))


def test_softmax_allows_a_shift_of_all_classes_alike():
    loss, params = cross_entropy(mlp(*WIDTHS), 5)
    assert found(loss, params) == {Translation("2.weight", 0, 0, 3), Translation("2.bias", 0, 0, 3)}


def test_a_squared_error_allows_none():
    module = mlp(*WIDTHS)
    problem = Problem(
        module, batch(30, 5, 3)[0], torch.ones(30, 3).double(), lambda y, t: (y - t).square().sum(1)
    )
    assert found(problem.loss, parameters(module)) == set()


def test_a_layer_norm_removes_the_mean_of_what_feeds_it():
    loss, params = cross_entropy(
        randomised(nn.Sequential(nn.Linear(5, 4), nn.LayerNorm(4), nn.ReLU(), nn.Linear(4, 3))), 5
    )
    head = {Translation("3.weight", 0, 0, 3), Translation("3.bias", 0, 0, 3)}
    assert found(loss, params) == head | {
        Translation("0.weight", 0, 0, 4),
        Translation("0.bias", 0, 0, 4),
    }


def test_a_bias_before_a_batch_norm_may_be_anything_if_the_batch_is_normalised():
    module = randomised(
        nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3))
    )
    free = Translation("0.bias", None, 0, 4)
    assert free in found(*cross_entropy(module, 5, training=True))
    assert free not in found(*cross_entropy(module, 5))


@pytest.mark.parametrize("packed", [True, False])
def test_the_bias_of_the_keys_may_be_anything(packed):
    inner = nn.MultiheadAttention(6, 3, batch_first=True) if packed else self_attention(6, 3)

    def forward(self, x):
        return self.out((self.inner(x, x, x)[0] if packed else self.inner(x)).mean(1))

    loss, params = cross_entropy(randomised(Block(forward, inner=inner, out=nn.Linear(6, 3))), 4, 6)
    entries = {law for law in found(loss, params) if law.axis is None}
    assert entries == {
        Translation("inner.in_proj_bias", None, 6, 12)
        if packed
        else Translation("inner.key.bias", None, 0, 6)
    }


def test_descent_with_decay_shrinks_the_sums_and_does_nothing_else():
    loss, params = cross_entropy(mlp(*WIDTHS), 5)
    rate, decay, steps = 0.1, 0.01, 200
    laws, start = find_translations(loss, params, generator=stream("points")), dict(params)
    for _ in range(steps):
        leaves = {name: tensor.clone().requires_grad_() for name, tensor in params.items()}
        slopes = torch.autograd.grad(loss(leaves), list(leaves.values()))
        params = {
            name: (1 - rate * decay) * tensor - rate * slope
            for (name, tensor), slope in zip(params.items(), slopes, strict=True)
        }
    for law in laws:
        torch.testing.assert_close(
            law.charge(params),
            (1 - rate * decay) ** steps * law.charge(start),
            rtol=1e-10,
            atol=1e-12,
        )
        assert not torch.allclose(
            params[law.tensor], (1 - rate * decay) ** steps * start[law.tensor], atol=1e-3
        )


@pytest.mark.parametrize("decay", [0.0, 0.02])
def test_the_noise_of_batches_does_not_move_the_sums(decay):
    """With small batches, too, a step leaves the share 1 - eta wd of a sum; a weight moves far."""
    loss, start = cross_entropy(mlp(*WIDTHS), 5)
    laws = find_translations(loss, start, generator=stream("points"))
    module = mlp(*WIDTHS).double()
    inputs = torch.randn(30, 5, generator=stream("inputs"), dtype=torch.float64)
    targets = torch.randint(3, (30,), generator=stream("targets"))
    generator = stream("batches")
    params, rate, share = start, 0.3, 1.0
    for _ in range(300):
        rows = torch.randint(30, (2,), generator=generator)
        leaves = {name: tensor.clone().requires_grad_() for name, tensor in params.items()}
        outputs = functional_call(module, leaves, (inputs[rows],))
        batch_loss = nn.functional.cross_entropy(outputs, targets[rows])
        slopes = torch.autograd.grad(batch_loss, list(leaves.values()))
        params = {
            name: (1 - rate * decay) * tensor - rate * slope
            for (name, tensor), slope in zip(params.items(), slopes, strict=True)
        }
        share *= 1 - rate * decay
        for law in laws:
            expected = share * law.charge(start)
            torch.testing.assert_close(law.charge(params), expected, rtol=0, atol=1e-12)
    for law in laws:
        assert (params[law.tensor] - share * start[law.tensor]).abs().max() > 0.1


def test_bad_requests_are_refused():
    loss, params = cross_entropy(mlp(*WIDTHS), 5)
    with pytest.raises(SymgeomError, match="at 0 points"):
        find_translations(loss, params, generator=stream("points"), draws=0)
    with pytest.raises(SymgeomError, match="does not depend on the weights"):
        find_translations(lambda p: 0 * loss(p), params, generator=stream("points"))
    with pytest.raises(SymgeomError, match=r"0\.bias"):
        find_translations(
            loss,
            network(*WIDTHS) | {"0.bias": torch.full((7,), torch.inf)},
            generator=stream("points"),
        )
