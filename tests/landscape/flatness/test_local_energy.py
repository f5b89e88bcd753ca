import functools
import math

import pytest
import torch
from cases import ARCHITECTURES, batch, mlp, mlp_spec, network, randomised
from references import local_energy_by_loops
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters
from symgeom.landscape.flatness.local_energies import local_energy
from symgeom.landscape.flatness.noise import Noise
from symgeom.landscape.problem import Problem
from symgeom.quotient.gauge import canonicalise
from symgeom.quotient.torus import Torus, sphere_coordinates
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import GroupElement, act, identity, random_element
from symgeom.symmetry.sphere import angle

WIDTHS = (5, 12, 9, 3)
SPEC = mlp_spec(*WIDTHS)
AMPLITUDES = [0.05, 0.3, 0.8]


def labelled_by_the_network():
    """A network and data that it classifies without error."""
    params, (inputs, _) = network(*WIDTHS), batch(120, 5, 3)
    labels = Problem(mlp(*WIDTHS), *batch(120, 5, 3)).outputs(params).argmax(1)
    return Problem(mlp(*WIDTHS), inputs, labels, chunk=50), params


PROBLEM, PARAMS = labelled_by_the_network()


def measure(params, noise="multiplicative", amplitudes=AMPLITUDES, draws=10):
    return local_energy(
        PROBLEM, params, amplitudes=amplitudes, draws=draws, generator=stream("noise"), noise=noise
    )


def rescaled(spec):
    element = random_element(spec, generator=stream("scales"), spread=1.0)
    return act(spec, GroupElement(identity(spec).permutations, element.scales), PARAMS)


def test_against_explicit_loops():
    measured = measure(PARAMS)
    for place, sigma in enumerate(AMPLITUDES):
        increases = local_energy_by_loops(
            PARAMS, PROBLEM.inputs, PROBLEM.targets, sigma, 10, stream("noise")
        )
        mean = sum(increases) / 10
        error = math.sqrt(sum((x - mean) ** 2 for x in increases) / 9 / 10)
        assert math.isclose(measured.error_increase[place], mean, rel_tol=1e-12)
        assert math.isclose(measured.standard_error[place], error, rel_tol=1e-12)
    assert measured.error_increase[-1] > 0.1


@pytest.mark.parametrize("flip", [0.3, 0.05])
def test_flip_probability_of_a_linear_classifier(flip):
    # Outputs a (1 + s z1) and b (1 + s z2) of one sample: it flips where their difference, a Gaussian, changes sign.
    a, b, draws = 1.0, 1.5, 2000
    sigma = (
        (b - a)
        / math.hypot(a, b)
        / torch.special.ndtri(torch.tensor(1 - flip, dtype=torch.float64)).item()
    )
    classifier = Problem(
        nn.Linear(1, 2, bias=False), torch.ones(1, 1, dtype=torch.float64), torch.tensor([1])
    )
    params = {"weight": torch.tensor([[a], [b]], dtype=torch.float64)}
    measured = local_energy(
        classifier, params, amplitudes=[sigma], draws=draws, generator=stream("flip")
    )
    expected_error = math.sqrt(flip * (1 - flip) / draws)
    assert abs(measured.error_increase.item() - flip) < 4 * expected_error
    assert math.isclose(measured.standard_error.item(), expected_error, rel_tol=0.2)


def test_multiplicative_noise_does_not_see_the_gauge():
    here, there = measure(PARAMS), measure(rescaled(SPEC))
    assert torch.equal(here.error_increase, there.error_increase)
    assert torch.equal(here.standard_error, there.standard_error)
    exact = measure(rescaled(SPEC.exact()))
    assert torch.allclose(here.loss_increase, exact.loss_increase, rtol=1e-12)
    assert not torch.allclose(here.loss_increase, there.loss_increase, rtol=1e-2)


def test_additive_noise_sees_the_gauge():
    # Units whose incoming weights are small (and outgoing large) have their directions randomised by the same noise.
    spec = SPEC.exact()
    small = GroupElement(
        identity(spec).permutations,
        {group.name: torch.full((group.size,), 0.01) for group in spec.groups},
    )
    here, there = (
        measure(params, noise="additive", amplitudes=[0.05], draws=30)
        for params in (PARAMS, act(spec, small, PARAMS))
    )
    noise = max(here.standard_error.item(), there.standard_error.item())
    assert abs(here.error_increase - there.error_increase).item() > 5 * noise
    assert here.noise == Noise("additive")


def test_draws_are_shared_by_amplitudes():
    alone, among = measure(PARAMS, amplitudes=[0.3]), measure(PARAMS)
    assert alone.error_increase[0] == among.error_increase[1]
    assert alone.loss_increase[0] == among.loss_increase[1]
    assert measure(PARAMS, amplitudes=[0.0]).error_increase.tolist() == [0]


class Offset(nn.Module):
    """Class 1 wins by the buffer alone."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2, dtype=torch.float64))
        self.register_buffer("offset", torch.tensor([0.0, 1.0], dtype=torch.float64))

    def forward(self, inputs):
        return inputs * self.weight + self.offset


def test_buffers_are_not_perturbed():
    module = Offset()
    problem = Problem(
        module, torch.ones(4, 1, dtype=torch.float64), torch.ones(4, dtype=torch.int64)
    )
    params = {
        "weight": torch.zeros(2, dtype=torch.float64),
        "offset": torch.tensor([0.0, 1.0], dtype=torch.float64),
    }
    measured = local_energy(
        problem, params, amplitudes=[100.0], draws=20, generator=stream("buffer")
    )
    assert measured.error_increase.tolist() == [0]
    assert measured.loss_increase.tolist() == [0]


def test_a_diverged_network_has_no_local_energy():
    diverged = {**PARAMS, "2.bias": torch.full_like(PARAMS["2.bias"], torch.nan)}
    assert measure(diverged).error_increase.isnan().all()
    assert measure(diverged).loss_increase.isnan().all()
    assert measure(diverged, noise=Noise("torus", SPEC)).error_increase.isnan().all()


NETWORKS = {
    "mlp": (lambda: mlp(5, 12, 9, 3), (5,)),
    "mlp, tanh": (lambda: mlp(5, 12, 9, 3, activation=nn.Tanh), (5,)),
    "convolution": ARCHITECTURES["strided, dilated"][:2],
    "residual": ARCHITECTURES["residual"][:2],
    "batch norm": ARCHITECTURES["batch norm kept"][:2],
}


@functools.cache
def landscape(name):
    """A random network with data that it classifies without error, and its spec."""
    make, shape = NETWORKS[name]
    module = randomised(make(), 3)
    inputs, params = (
        5 * torch.randn(60, *shape, generator=stream(name), dtype=torch.float64),
        parameters(module),
    )
    batch_norm = "carried" if name == "batch norm" else None
    targets = (
        Problem(module, inputs, torch.zeros(60, dtype=torch.int64), batch_norm=batch_norm)
        .outputs(params)
        .argmax(1)
    )
    assert len(set(targets.tolist())) > 1
    return (
        discover(module, inputs[:2]),
        Problem(module, inputs, targets, batch_norm=batch_norm),
        params,
    )


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("kind", ["multiplicative", "torus"])
def test_invariant_noise_finds_the_same_samples_on_rescaled_copies(name, kind):
    spec, problem, params = landscape(name)
    element = random_element(spec, generator=stream("scales"), spread=1.0)
    copy = act(spec, GroupElement(identity(spec).permutations, element.scales), params)
    noise = Noise(kind, spec)
    here, there = (
        local_energy(
            problem, theta, amplitudes=AMPLITUDES, draws=8, noise=noise, generator=stream("noise")
        )
        for theta in (params, copy)
    )
    assert here.error_increase[-1] > 0.02
    assert torch.equal(here.error_increase, there.error_increase)
    assert torch.equal(here.standard_error, there.standard_error)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("kind", ["multiplicative", "additive"])
def test_noise_that_is_permuted_with_the_units_finds_the_same_samples(name, kind):
    # Of which noise the copy is displaced by, only the order differs: it has the same distribution.
    spec, problem, params = landscape(name)
    spec = spec.exact()
    noise = {
        name: torch.randn(t.shape, generator=stream(name), dtype=torch.float64)
        for name, t in params.items()
    }
    element = random_element(spec, generator=stream("any"), spread=1.0)
    turn = GroupElement(
        element.permutations, {key: torch.ones_like(scale) for key, scale in element.scales.items()}
    )
    turned = act(spec, turn, noise)
    element = element if kind == "multiplicative" else turn
    predictions = []
    for theta, z in ((params, noise), (act(spec, element, params), turned)):
        names = [name for name, _ in problem.module.named_parameters()]
        draw = Noise(kind).around(theta, names)
        with pytest.MonkeyPatch.context() as patch:
            waiting = iter([z[name] for name in names])
            patch.setattr(torch, "randn", lambda *_, waiting=waiting, **__: next(waiting).clone())
            displaced = draw(stream("not used"))
        predictions.append(problem.outputs(displaced(0.4)).argmax(1))
    assert torch.equal(*predictions)
    assert (predictions[0] != problem.targets).any()


def test_additive_noise_tells_copies_of_one_function_apart():
    spec = SPEC.exact()
    small = GroupElement(
        identity(spec).permutations,
        {group.name: torch.full((group.size,), 0.01) for group in spec.groups},
    )
    copy = act(spec, small, PARAMS)
    assert torch.allclose(PROBLEM.outputs(copy), PROBLEM.outputs(PARAMS), rtol=1e-10)
    here, there = (
        measure(params, noise="additive", amplitudes=[0.02], draws=20).error_increase
        for params in (PARAMS, copy)
    )
    assert there > 5 * here
    assert there > 0.2


def test_noise_on_the_torus_turns_every_unit_by_the_arc_tangent_of_the_amplitude():
    wide = (100, 80, 90, 200)
    spec, params = mlp_spec(*wide), canonicalise(mlp_spec(*wide).exact(), network(*wide)).parameters
    displaced = Noise("torus", spec).around(params, list(params))(stream("noise"))
    for sigma in (0.1, 0.5, 2.0):
        angles = Torus(spec).angles(params, displaced(sigma))
        for group, found in angles.items():
            assert torch.allclose(found.mean(), torch.tensor(sigma).atan().double(), rtol=0.05), (
                group,
                sigma,
            )
    before, after = (sphere_coordinates(spec, theta) for theta in (params, displaced(0.5)))
    for group, here in before.items():
        assert torch.allclose(here.norm(dim=1), after[group].norm(dim=1), rtol=1e-13)
    directions = torch.cat([sphere_coordinates(spec, displaced(9.0))["hidden1"], before["hidden1"]])
    assert (
        angle(directions[:80].mean(0), directions[80:].mean(0)) > 0.5
    )  # the noise has no preferred direction


def test_only_the_chosen_tensors_move():
    for noise in (Noise(), Noise("additive"), Noise("torus", SPEC)):
        start = noise.start(PARAMS)
        moved = noise.around(start, ["2.weight", "2.bias"])(stream("noise"))(0.5)
        changed = [name for name in PARAMS if not torch.equal(moved[name], start[name])]
        assert changed == ["2.weight", "2.bias"]
    options = {"amplitudes": [0.5], "draws": 5, "noise": Noise(tensors=("2.weight",))}
    alone = local_energy(PROBLEM, PARAMS, generator=stream("noise"), **options)
    assert alone.tensors == ("2.weight",)
    draws, generator = [], stream("noise")
    for _ in range(5):
        z = torch.randn(9, 12, generator=generator, dtype=torch.float64)
        draws.append(PROBLEM.error({**PARAMS, "2.weight": PARAMS["2.weight"] * (1 + z / 2)}))
    assert torch.allclose(alone.error_increase, torch.stack(draws).mean())


def test_single_precision_uses_the_same_noise():
    single = PROBLEM.cast(torch.float32)
    for noise in (Noise(), Noise("torus", SPEC)):
        options = {"amplitudes": AMPLITUDES, "draws": 5, "noise": noise}
        exact = local_energy(PROBLEM, PARAMS, generator=stream("noise"), **options)
        rounded = local_energy(
            single, cast(PARAMS, torch.float32), generator=stream("noise"), **options
        )
        assert torch.allclose(rounded.loss_increase, exact.loss_increase, rtol=1e-4)


def test_mistakes():
    with pytest.raises(
        SymgeomError, match="Cannot draw noise on the torus without knowing its spheres"
    ):
        measure(PARAMS, noise="torus")
    with pytest.raises(SymgeomError, match="Unknown noise 'uniform'"):
        measure(PARAMS, noise="uniform")
    with pytest.raises(SymgeomError, match="from 1 draws: its standard error needs at least 2"):
        measure(PARAMS, draws=1)
