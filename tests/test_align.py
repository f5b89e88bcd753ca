import pytest
import torch
from cases import mlp_spec, network
from references import best_permutation_by_enumeration

from symgeom.align import align
from symgeom.checks import SymgeomError
from symgeom.gauge import canonicalise
from symgeom.group import act, random_element
from symgeom.randomness import stream
from symgeom.torus import Torus

WIDTHS = (6, 12, 10, 4)


def planted(scale, seed):
    """A network and a scrambled copy of it: permuted, and rescaled or flipped."""
    spec, params = mlp_spec(*WIDTHS, scale=scale), network(*WIDTHS, seed=seed)
    element = random_element(spec, generator=stream("planted", seed))
    return spec, params, act(spec, element, params)


@pytest.mark.parametrize("scale", ["positive", "sign"])
@pytest.mark.parametrize("method", ["greedy", "iterated"])
@pytest.mark.parametrize("seed", range(3))
def test_planted_scramble_is_undone_exactly(scale, method, seed):
    spec, params, scrambled = planted(scale, seed)
    first, second = (canonicalise(spec, theta).parameters for theta in (params, scrambled))
    aligned = act(spec, align(spec, first, second, method=method).element, second)
    for name in first:
        torch.testing.assert_close(aligned[name], first[name], rtol=0, atol=1e-13)
    # Two computations of one point differ by a few roundings per coordinate.
    assert float(Torus(spec).distance(first, aligned)) < 1e-14


def test_a_permutation_planted_in_the_biases_alone_is_found():
    spec, params = mlp_spec(4, 5, 3), network(4, 5, 3)
    params["0.weight"] = torch.ones(5, 4, dtype=torch.float64)
    params["2.weight"] = torch.ones(3, 5, dtype=torch.float64)
    order = torch.tensor([3, 0, 4, 1, 2])
    other = params | {"0.bias": params["0.bias"][order]}
    assert torch.equal(order[align(spec, params, other).element.permutations["hidden1"]], torch.arange(5))


@pytest.mark.parametrize("seed", range(5))
def test_one_hidden_layer_is_optimal(seed):
    spec = mlp_spec(3, 5, 2)
    first, second = (canonicalise(spec, network(3, 5, 2, seed=seed + k)).parameters for k in (0, 100))
    found = align(spec, first, second)
    assert found.converged
    assert abs(found.objective - best_permutation_by_enumeration(spec["hidden1"], first, second)) < 1e-12


@pytest.mark.parametrize("seed", range(5))
def test_iterating_never_lowers_the_objective(seed):
    spec = mlp_spec(*WIDTHS)
    first, second = (canonicalise(spec, network(*WIDTHS, seed=seed + k)).parameters for k in (0, 100))
    greedy, iterated = (align(spec, first, second, method=method) for method in ("greedy", "iterated"))
    assert iterated.objective >= greedy.objective - 1e-12
    moved = act(spec, iterated.element, second)
    assert abs(sum(float((first[name] * moved[name]).sum()) for name in first) - iterated.objective) < 1e-12


def test_classes_are_never_permuted():
    spec = mlp_spec(*WIDTHS)
    first, second = (canonicalise(spec, network(*WIDTHS, seed=seed)).parameters for seed in (0, 1))
    assert torch.equal(align(spec, first, second).element.permutations["head"], torch.arange(1))


def test_the_limit_of_sweeps_is_reported():
    spec = mlp_spec(*WIDTHS)
    first, second = (canonicalise(spec, network(*WIDTHS, seed=seed)).parameters for seed in (0, 1))
    limited = align(spec, first, second, sweeps=1)
    assert (limited.sweeps, limited.converged) == (1, False)


def test_bad_requests_are_refused():
    spec, params = mlp_spec(*WIDTHS), network(*WIDTHS)
    with pytest.raises(SymgeomError, match="Unknown alignment method 'best'"):
        align(spec, params, params, method="best")
    with pytest.raises(SymgeomError, match="tensor '0.weight' has shape"):
        align(spec, params, network(6, 11, 10, 4))
    with pytest.raises(SymgeomError, match="the network to align: tensor '2.weight' holds 120 values"):
        align(spec, params, params | {"2.weight": torch.full((10, 12), torch.inf)})
