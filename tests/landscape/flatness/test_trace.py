import math

import pytest
import torch
from cases import batch, mlp, network
from references import dense_hessian
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, ravel
from symgeom.landscape.flatness.trace import hessian_trace, random_signs, trace_of
from symgeom.landscape.problem import Problem

WIDTHS = (4, 6, 5, 3)
PARAMS = network(*WIDTHS)
INPUTS, TARGETS = batch(71, 4, 3)
PROBLEM = Problem(mlp(*WIDTHS), INPUTS, TARGETS)
LIKE = ravel(PARAMS)


def mean_loss(params):
    return nn.functional.cross_entropy(
        torch.func.functional_call(mlp(*WIDTHS), params, (INPUTS,)), TARGETS
    )


DENSE = dense_hessian(mean_loss, PARAMS)


@pytest.mark.parametrize("method", ["hutchinson", "hutch++"])
def test_the_trace_lies_within_its_standard_error(method):
    found = [
        hessian_trace(
            PROBLEM, PARAMS, probes=12, generator=stream("signs", seed), method=method
        ).trace
        - DENSE.trace()
        for seed in range(12)
    ]
    once = hessian_trace(PROBLEM, PARAMS, probes=60, generator=stream("signs"), method=method)
    assert abs(once.trace - DENSE.trace()) < 4 * once.standard_error
    assert once.standard_error < 0.1 * DENSE.trace()
    errors = torch.stack(found)
    assert abs(errors.mean()) < 4 * errors.std() / math.sqrt(12)


def test_the_standard_error_is_that_of_the_closed_form():
    # The variance of one probe is twice the sum of the squared off-diagonal entries.
    found = hessian_trace(PROBLEM, PARAMS, probes=600, generator=stream("signs"))
    variance = 2 * (DENSE.square().sum() - DENSE.diagonal().square().sum())
    assert math.isclose(found.standard_error, math.sqrt(variance / 600), rel_tol=0.05)
    assert found.probes == 600


SPECTRA = {
    "flat": 1 + 0.1 * torch.randn(40, generator=stream("flat"), dtype=torch.float64),
    "both signs": torch.randn(40, generator=stream("signs"), dtype=torch.float64),
    "steep": 0.7 ** torch.arange(40, dtype=torch.float64),
}
ROTATION = torch.linalg.qr(torch.randn(40, 40, generator=stream("rotation"), dtype=torch.float64)).Q


@pytest.mark.parametrize(
    ("spectrum", "method"),
    [("flat", "hutch++"), ("both signs", "hutch++"), ("steep", "hutch++"), ("steep", "hutchinson")],
)
def test_intervals_cover_the_trace(spectrum, method):
    """At nominal 95 %, of 150 estimates each. Normal intervals from the spread of the probes cover
    64 to 85 % with 6 and 12 products."""
    matrix, generator = ROTATION * SPECTRA[spectrum] @ ROTATION.T, stream("covered", spectrum)
    for probes in (6, 12, 30):
        covered, errors, variances = 0, [], []
        for _ in range(150):
            found = trace_of(
                lambda vector: matrix @ vector,
                matrix[0],
                None,
                probes=probes,
                generator=generator,
                method=method,
            )
            low, high = found.interval()
            covered += low <= matrix.trace() <= high
            errors.append(float(found.trace - matrix.trace()))
            variances.append(float(found.standard_error) ** 2)
        assert covered >= 0.93 * 150, (probes, covered)
        spread = sum(error**2 for error in errors) / sum(variances)
        assert 0.7 < spread < 1.5, (probes, spread)
        assert found.freedom == (probes // 3 if method == "hutch++" else probes)


def test_a_diagonal_matrix_needs_no_luck():
    diagonal = torch.arange(-3.0, 6.0, dtype=torch.float64)
    found = trace_of(
        lambda vector: diagonal * vector, diagonal, None, probes=2, generator=stream("signs")
    )
    assert (found.trace, found.standard_error) == (9.0, 0.0)


def test_a_sketch_as_large_as_the_rank_is_exact():
    values, vectors = torch.linalg.eigh(DENSE)
    low = vectors[:, -3:] @ torch.diag(values[-3:]) @ vectors[:, -3:].T
    found = trace_of(
        lambda vector: low @ vector,
        LIKE,
        None,
        probes=12,
        generator=stream("signs"),
        method="hutch++",
    )
    assert abs(found.trace - values[-3:].sum()) < 1e-12
    assert found.standard_error < 1e-12


def test_a_sketch_larger_than_the_matrix():
    small = DENSE[:3, :3]
    found = trace_of(
        lambda vector: small @ vector,
        LIKE[:3],
        None,
        probes=20,
        generator=stream("signs"),
        method="hutch++",
    )
    assert abs(found.trace - small.trace()) < 1e-13


def test_the_trace_of_a_layer_and_the_sum_over_layers():
    traces = []
    for name in PARAMS:
        place = ravel(
            {key: torch.full_like(tensor, float(key == name)) for key, tensor in PARAMS.items()}
        ).bool()
        found = hessian_trace(PROBLEM, PARAMS, probes=100, generator=stream(name), tensors=[name])
        assert abs(found.trace - DENSE.diagonal()[place].sum()) <= 4 * found.standard_error + 1e-13
        traces.append(found.trace)
    assert math.isclose(sum(traces), DENSE.trace(), rel_tol=0.15)


def test_single_precision_is_cast():
    small = cast(PARAMS, torch.float32)
    found = hessian_trace(PROBLEM.cast(torch.float32), small, probes=5, generator=stream("signs"))
    exact = hessian_trace(PROBLEM, PARAMS, probes=5, generator=stream("signs"))
    assert math.isclose(found.trace, exact.trace, rel_tol=1e-5)


@pytest.mark.parametrize("method", ["hutchinson", "hutch++"])
def test_a_diverged_network_has_no_trace(method):
    broken = {**PARAMS, "2.bias": PARAMS["2.bias"] * torch.nan}
    assert hessian_trace(
        PROBLEM, broken, probes=6, generator=stream("signs"), method=method
    ).trace.isnan()


def test_signs_are_fair():
    signs = random_signs(torch.zeros(4000, dtype=torch.float64), stream("signs"))
    assert set(signs.tolist()) == {-1.0, 1.0}
    assert abs(signs.mean()) < 4 / math.sqrt(4000)


@pytest.mark.parametrize(("method", "probes", "least"), [("hutchinson", 1, 2), ("hutch++", 3, 4)])
def test_too_few_probes(method, probes, least):
    with pytest.raises(
        SymgeomError, match=f"from {probes} probes by .*: its standard error needs at least {least}"
    ):
        hessian_trace(PROBLEM, PARAMS, probes=probes, generator=stream("signs"), method=method)


def test_an_unknown_estimator():
    with pytest.raises(SymgeomError, match="Unknown estimator of traces 'xtrace'"):
        hessian_trace(PROBLEM, PARAMS, probes=5, generator=stream("signs"), method="xtrace")
