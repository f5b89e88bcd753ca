"""Networks of linear layers under noise: what they are taught, how they descend, where they end."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.models.noise.experiments.catalogue import EXPERIMENTS, experiment_named
from symgeom.models.noise.linear.descent import Method, descend
from symgeom.models.noise.linear.teacher import Teacher

FLOAT = torch.float64


def teacher(networks: int = 2, outputs: int = 3, inputs: int = 4) -> Teacher:
    """A teacher of random functions, with inputs and noise of unequal sizes."""
    generator = stream("teacher")
    target = torch.randn((networks, outputs, inputs), generator=generator, dtype=FLOAT)
    deviations = torch.rand((networks, inputs), generator=generator, dtype=FLOAT) + 0.5
    noise = torch.rand((networks, outputs), generator=generator, dtype=FLOAT)
    return Teacher(deviations, target, noise)


def layers(*widths: int, networks: int = 2) -> list[torch.Tensor]:
    """Layers of normal weights."""
    generator = stream("layers", *widths)
    shapes = [(networks, out, into) for into, out in pairwise(widths)]
    return [torch.randn(shape, generator=generator, dtype=FLOAT) / 2 for shape in shapes]


def loss(weights: list[torch.Tensor], inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Sum over networks of their mean squared errors."""
    outputs = inputs
    for weight in weights:
        outputs = outputs @ weight.mT
    return ((outputs - labels) ** 2).sum(-1).mean(1).sum()


@pytest.mark.parametrize("widths", [(4, 5, 3), (4, 2, 6, 3)])
def test_a_step_follows_the_gradient_of_the_batch(widths):
    source = teacher()
    method = Method(0.01, 7, 0.1)
    start = layers(*widths)
    ended, observed = descend(
        start,
        source,
        method,
        records=[0, 1],
        observe=lambda weights: {"first": weights[0].clone()},
        generator=stream("batches"),
    )
    batch = source.draw(7, generator=stream("batches"))
    free = [weight.clone().requires_grad_() for weight in start]
    penalty = sum((weight**2).sum() for weight in free)
    (loss(free, *batch) + 0.1 * penalty).backward()
    for before, after, weight in zip(start, ended, free, strict=True):
        torch.testing.assert_close(after, before - 0.01 * weight.grad, rtol=1e-13, atol=1e-14)
    assert torch.equal(observed["first"][:, 0], start[0])
    assert torch.equal(observed["first"][:, 1], ended[0])


def test_the_gradient_of_all_samples_is_that_of_the_moments():
    source = teacher()
    incoming, outgoing = layers(4, 5, 3)
    of_all = [weight.clone().requires_grad_() for weight in (incoming, outgoing)]
    loss(of_all, *source.population()).backward()
    error = (outgoing @ incoming - source.target) * (source.inputs**2)[:, None]
    of_incoming = 2 * outgoing.mT @ error
    of_outgoing = 2 * error @ incoming.mT
    torch.testing.assert_close(of_all[0].grad, of_incoming, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(of_all[1].grad, of_outgoing, rtol=1e-12, atol=1e-12)


def test_labels_are_the_function_with_noise():
    source = teacher()
    x, y = source.draw(100_000, generator=stream("labels"))
    residual = y - x @ source.target.mT
    torch.testing.assert_close(x.std(1), source.inputs, rtol=0.02, atol=0)
    torch.testing.assert_close(residual.std(1), source.noise, rtol=0.02, atol=0)


def test_what_does_not_belong_together_is_named():
    ones = torch.ones(2, 3)
    with pytest.raises(SymgeomError, match=r"shape \(2, 3, 4\) with inputs of shape \(2, 3\)"):
        Teacher(ones, torch.ones(2, 3, 4), ones)
    with pytest.raises(SymgeomError, match=r"Cannot record after steps \[3, 3\]"):
        descend(
            layers(4, 3),
            teacher(),
            Method(0.1),
            records=[3, 3],
            observe=lambda _: {},
            generator=stream("none"),
        )
    with pytest.raises(SymgeomError, match="experiment"):
        experiment_named("fusion")


SEARCHING = "teleportation"
"""The experiment whose searches take long; it has tests of its own."""


@pytest.mark.parametrize("name", [name for name in EXPERIMENTS if name != SEARCHING])
def test_an_experiment_draws_the_same_numbers_again(name):
    data = {"pictures": "digits", "root": ""} if EXPERIMENTS[name].on_pictures else {}
    first, _ = experiment_named(name)(3, 2, **data)
    second, _ = experiment_named(name)(3, 2, **data)
    assert list(first) == list(second)
    for array, again in zip(first.values(), second.values(), strict=True):
        # The last bit of a product of matrices depends on where they lie in memory.
        np.testing.assert_allclose(array.values, again.values, rtol=1e-13, atol=1e-13)
