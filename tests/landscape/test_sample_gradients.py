"""Sample gradients of sequences, of weights that are used more than once, and of embeddings."""

import resource

import pytest
import torch
from cases import batch, randomised
from torch import nn
from torch.func import functional_call, grad, vmap

from symgeom.dynamics.noise import gradient_variance, noise_force
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.landscape.problem import Problem, cross_entropy
from symgeom.landscape.sample_gradients import Samples
from symgeom.landscape.sample_gradients import watch as watching
from symgeom.landscape.sample_gradients.products import Lookups, Products, Rows
from symgeom.symmetry.spec import SymmetrySpec

TOKENS = 9
EXACT = 1e-12


class Transformer(nn.Module):
    """Tokens, one head of attention with causal mask, a feed-forward layer, a mean, classes."""

    def __init__(self, *, tied=False):
        super().__init__()
        self.tokens = nn.Embedding(TOKENS, 4, padding_idx=0)
        self.places = nn.Embedding(6, 4)
        self.before = nn.LayerNorm(4)
        self.queries, self.keys = nn.Linear(4, 3), nn.Linear(4, 3, bias=False)
        self.values, self.mix = nn.Linear(4, 4), nn.Linear(4, 4)
        self.up, self.down = nn.Linear(4, 5), nn.Linear(5, 4)
        self.classes = nn.Linear(4, TOKENS)
        if tied:
            self.classes.weight = self.tokens.weight

    def forward(self, inputs):
        stream = self.tokens(inputs) + self.places(torch.arange(inputs.shape[1]))
        read = self.before(stream)
        scores = self.queries(read) @ self.keys(read).mT / 3**0.5
        causal = torch.full(scores.shape[1:], -torch.inf).triu(1).to(scores)
        stream = stream + self.mix((scores + causal).softmax(-1) @ self.values(read))
        stream = stream + self.down(torch.relu(self.up(self.before(stream))))
        return self.classes(stream.mean(1))


class Recurrent(nn.Module):
    """A layer that is called once for every token."""

    def __init__(self):
        super().__init__()
        self.tokens, self.step = nn.Embedding(TOKENS, 4), nn.Linear(4, 4)
        self.classes = nn.Linear(4, TOKENS)

    def forward(self, inputs):
        state = torch.zeros(len(inputs), 4).to(self.step.weight)
        for token in inputs.unbind(1):
            state = torch.tanh(self.step(state) + self.tokens(token))
        return self.classes(state)


class TwiceConvolved(nn.Module):
    """A convolution that is called twice, on pictures of two sizes, and a layer that is shared."""

    def __init__(self):
        super().__init__()
        self.filters = nn.Conv1d(1, 1, 2)
        self.first, self.classes = nn.Linear(4, 4), nn.Linear(4, TOKENS)
        self.second = nn.Linear(4, 4, bias=False)
        self.second.weight = self.first.weight

    def forward(self, inputs):
        row = inputs.to(self.first.weight).unsqueeze(1)
        row = self.filters(torch.tanh(self.filters(row))).squeeze(1)
        return self.classes(self.second(torch.tanh(self.first(row))))


def tokens(samples=8, length=6):
    generator = stream("tokens")
    inputs = torch.randint(TOKENS, (samples, length), generator=generator)
    return inputs, torch.randint(TOKENS, (samples,), generator=generator)


def prepared(module):
    module = randomised(module)
    names = dict(module.named_parameters())
    return Problem(module, *tokens()), {n: t for n, t in parameters(module).items() if n in names}


CASES = {
    "transformer": (
        Transformer,
        {"tokens.weight", "queries.weight", "values.bias", "up.weight", "classes.weight"},
        {"before.weight", "before.bias", "places.weight"},
    ),
    "tied": (
        lambda: Transformer(tied=True),
        {"keys.weight", "down.weight"},
        {"tokens.weight", "classes.bias", "places.weight", "before.weight", "before.bias"},
    ),
    "recurrent": (Recurrent, {"tokens.weight", "step.weight", "step.bias"}, set()),
    "twice": (TwiceConvolved, {"filters.weight", "filters.bias", "first.weight"}, set()),
}


@pytest.mark.parametrize("case", CASES)
def test_gradients_are_those_of_vmap(case, monkeypatch):
    build, read, formed = CASES[case]
    problem, params = prepared(build())
    monkeypatch.setattr(watching, "BLOCK_BYTES", 4000)  # a few samples at a time

    def loss(theta, sample, target):
        outputs = functional_call(problem.module, theta, (sample[None],))
        return nn.functional.cross_entropy(outputs, target[None])

    rows = vmap(grad(loss), in_dims=(None, 0, 0))(params, problem.inputs, problem.targets)
    samples = Samples(problem, params)
    assert read <= set(samples._watch.names)
    assert set(samples._watch.rest) == formed
    variance = gradient_variance(problem, params)
    force = noise_force(SymmetrySpec(()), problem, params)
    assert variance.keys() == force.entries.keys() == params.keys()
    for name, expected in rows.items():
        exact = expected.var(0, correction=0)
        for entries in (variance[name], force.entries[name]):
            torch.testing.assert_close(entries, exact, rtol=EXACT, atol=EXACT * float(exact.max()))


def test_a_layer_that_some_samples_pass_by_has_gradients_of_zero():
    class Sometimes(nn.Module):
        def __init__(self):
            super().__init__()
            self.always, self.extra = nn.Linear(1, 2), nn.Linear(2, 2)

        def forward(self, inputs):
            outputs = self.always(inputs)
            return outputs + self.extra(outputs) * (inputs > 0) if (inputs > 0).any() else outputs

    module = randomised(Sometimes())
    inputs = torch.linspace(-1, 1, 41, dtype=torch.float64).unsqueeze(1)
    problem = Problem(module, inputs, (inputs[:, 0] > 0.5).long())
    losses = nn.functional.cross_entropy(module(inputs), problem.targets, reduction="none")
    variances = gradient_variance(problem, parameters(module))
    for name, weight in module.named_parameters():
        rows = [torch.autograd.grad(loss, weight, retain_graph=True)[0] for loss in losses]
        exact = torch.stack(rows).var(0, correction=0)
        torch.testing.assert_close(variances[name], exact, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("kind", ["products", "several positions", "lookups", "rows"])
def test_every_kind_of_gradients_adds_up_as_if_formed(kind):
    generator = stream("kinds")

    def drawn(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    if kind == "lookups":
        looked_up = torch.tensor([[0, 2, 2], [1, 1, 1], [3, 0, 2]])
        runs = Lookups.of(torch.Size([5, 2]), drawn(3, 3, 2), looked_up, padding=3)
    elif kind == "rows":
        runs = Rows(drawn(3, 5, 2))
    else:
        positions = 1 if kind == "products" else 4
        inputs = drawn(3, positions, 1, 2)
        runs = Products(torch.Size([5, 2]), drawn(3, positions, 1, 5), inputs, lambda part: part)
    formed = torch.cat(list(runs.formed()))
    center = drawn(5, 2)
    torch.testing.assert_close(runs.total(), formed.sum(0), rtol=EXACT, atol=EXACT)
    torch.testing.assert_close(runs.total_square(), (formed**2).sum(0), rtol=EXACT, atol=EXACT)
    apart = (formed - center) ** 2
    entries, samples = runs.spread(center)
    torch.testing.assert_close(entries, apart.sum(0), rtol=EXACT, atol=EXACT)
    torch.testing.assert_close(samples, apart.sum((1, 2)), rtol=EXACT, atol=EXACT)


def test_a_large_vocabulary_takes_no_sample_gradients_of_its_size():
    # 40 sample gradients of 20,000 rows would take 200 MB.
    vocabulary, width = 20_000, 32
    module = nn.Sequential(nn.Embedding(vocabulary, width), nn.Flatten(), nn.Linear(4 * width, 2))
    generator = stream("vocabulary")
    inputs = torch.randint(vocabulary, (40, 4), generator=generator)
    problem = Problem(module, inputs, torch.randint(2, (40,), generator=generator))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    force = noise_force(SymmetrySpec(()), problem, parameters(module))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < 100
    looked_up = force.entries["0.weight"].sum(1) > 0
    assert set(looked_up.nonzero().flatten().tolist()) == set(inputs.flatten().tolist())


def refusal(module=None, loss=cross_entropy, match=""):
    module = module or nn.Linear(5, 3).double()
    samples, labels = batch(30, 5, 3)
    problem = Problem(module, samples, labels, loss)
    with pytest.raises(SymgeomError, match=match):
        noise_force(SymmetrySpec(()), problem, parameters(module))


class Random(nn.Module):
    """Dropout that no mode turns off."""

    def forward(self, inputs):
        return nn.functional.dropout(inputs, 0.5)


class Centered(nn.Module):
    """The statistics of a batch, without batch norm."""

    def forward(self, inputs):
        return inputs - inputs.mean(0)


def test_samples_that_are_not_apart_are_refused_with_what_still_holds():
    still = "The symmetries hold for every mini-batch all the same"
    layer = nn.Linear(5, 3).double()
    refusal(nn.Sequential(layer, Random()), match=f"two calls of the network on the same.*{still}")
    refusal(nn.Sequential(layer, nn.Dropout(0.5)), match=f"draws at random.*{still}")
    refusal(nn.Sequential(layer, Centered()), match=f"the outputs of a sample depend on.*{still}")

    def compared(outputs, targets):
        losses = nn.functional.cross_entropy(outputs, targets, reduction="none")
        return losses * losses.sum()

    refusal(loss=compared, match=f"is not the mean of the losses of each.*{still}")
    refusal(
        loss=nn.functional.cross_entropy,
        match="it gives a tensor of shape .*taken to be a mean over samples",
    )


def test_samples_without_a_finite_loss_are_counted():
    def inverse(outputs, targets):
        return 1 / (targets - 1.0) + 0 * outputs[:, 0]

    labels = batch(30, 5, 3)[1]
    wrong = (labels == 1).nonzero().flatten()
    message = f"the losses of {len(wrong)} of 30 are NaN or infinite.*first is sample {wrong[0]}"
    refusal(loss=inverse, match=message)


def test_a_gradient_that_is_not_finite_is_named():
    # The square root of zero is a number, its slope is none.
    refusal(
        loss=lambda outputs, _: (outputs[:, 0] * 0).sqrt(),
        match="Cannot use the mean gradient: tensor 'weight' holds",
    )


def test_a_single_sample_has_no_variance():
    layer = nn.Linear(5, 3).double()
    inputs, labels = batch(1, 5, 3)
    with pytest.raises(SymgeomError, match="the noise of SGD on 1 sample: the theory takes the va"):
        noise_force(SymmetrySpec(()), Problem(layer, inputs, labels), parameters(layer))
