"""A few vectors completed to a basis: a true cocycle on signed vectors."""

import math

import pytest
import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.neighbours.action import completed, random_mixing
from symgeom.neighbours.action.completion import complete

ROUNDING = 1e-12
WIDTH = 9


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=stream("completion", seed), dtype=torch.float64)


def published(vector: Tensor) -> Tensor:
    """Return the first column of the basis of the published code: all angles from arccos."""
    column = []
    length = torch.linalg.vector_norm(vector)
    for entry in range(len(vector) - 1):
        angle = torch.arccos(vector[entry] / torch.linalg.vector_norm(vector[entry:]))
        column.append(length * torch.cos(angle))
        length = length * torch.sin(angle)
    return torch.stack([*column, length])


def cocycle(mixing: Tensor, batch: Tensor) -> Tensor:
    """Return what takes the basis of tanh of a batch to that of the mixed batch."""
    return completed(torch.tanh(mixing @ batch)) @ torch.linalg.inv(completed(torch.tanh(batch)))


@pytest.mark.parametrize("count", [1, 2, 5, WIDTH - 1, WIDTH])
def test_the_basis_begins_with_the_vectors_and_is_as_well_conditioned(count: int):
    vectors = normal(WIDTH, count)
    basis = completed(vectors)
    assert torch.equal(basis[:, :count], vectors)
    condition = float(torch.linalg.cond(vectors))
    assert float(torch.linalg.cond(basis)) == pytest.approx(condition, rel=1e-9)
    assert complete(vectors).condition() == pytest.approx(condition, rel=1e-9)


@pytest.mark.parametrize("count", [1, 5, WIDTH])
def test_products_with_the_basis_need_not_form_it(count: int):
    basis = complete(normal(WIDTH, count))
    matrix = completed(normal(WIDTH, count))
    rows = normal(4, WIDTH, seed=1)
    assert torch.allclose(basis.times(rows), rows @ matrix, atol=ROUNDING)
    assert torch.allclose(basis.divide(basis.times(rows)), rows, atol=ROUNDING)


def test_one_signed_vector_gives_its_length_times_an_orthogonal_matrix():
    """The published construction loses the sign of the last coordinate."""
    for seed in range(20):
        vector = normal(WIDTH, seed=seed)
        basis = completed(vector)
        squares = vector.square().sum() * torch.eye(WIDTH, dtype=torch.float64)
        assert torch.allclose(basis.T @ basis, squares, atol=ROUNDING)
        assert torch.equal(basis[:, 0], vector)
        is_right = torch.allclose(published(vector), vector, atol=ROUNDING)
        assert is_right == bool(vector[-1] >= 0)


@pytest.mark.parametrize("count", [1, 4, WIDTH])
def test_the_cocycle_and_the_identity(count: int):
    batch = normal(WIDTH, count)
    first = random_mixing(WIDTH, 0.7, generator=stream("first"))
    second = random_mixing(WIDTH, 0.7, generator=stream("second"))
    both = cocycle(first @ second, batch)
    in_turn = cocycle(first, second @ batch) @ cocycle(second, batch)
    scale = complete(torch.tanh(batch)).condition() * float(both.abs().max())
    assert float((both - in_turn).abs().max()) < ROUNDING * scale
    unit = torch.eye(WIDTH, dtype=torch.float64)
    assert torch.allclose(cocycle(unit, batch), unit, atol=ROUNDING)


def test_the_basis_is_continuous_where_a_first_coordinate_changes_its_sign():
    """Reflections that choose the sign of the coordinate (as LAPACK's do) jump there."""
    vectors = normal(WIDTH, 3)
    vectors[0] = 0
    shift = torch.zeros_like(vectors)
    shift[0] = 1e-9
    jump = completed(vectors + shift) - completed(vectors - shift)
    assert float(jump.abs().max()) < 1e-7


@pytest.mark.parametrize("tilt", [0.0, 1e-12, 1e-7, 1e-3])
def test_vectors_next_to_minus_the_first_axis_lose_no_digits(tilt: float):
    vector = torch.tensor([-2.0, tilt, -tilt, 0.0], dtype=torch.float64)
    basis = completed(vector) / torch.linalg.vector_norm(vector)
    assert torch.allclose(basis.T @ basis, torch.eye(4, dtype=torch.float64), atol=1e-15)


@pytest.mark.parametrize(
    ("vectors", "sentence"),
    [
        (torch.zeros(3), "Cannot complete 1 vectors of length 3 to a basis: they are not ind"),
        (torch.ones(3, 2), "Cannot complete 2 vectors of length 3 to a basis: they are not inde"),
        (torch.eye(4)[:3], "Cannot complete 4 vectors of length 3 to a basis"),
        (torch.ones(1, 2, 3), r"Cannot complete a tensor of shape \(1, 2, 3\) to a basis"),
        (torch.ones(3, 0), r"Cannot complete a tensor of shape \(3, 0\) to a basis"),
        (torch.tensor([1.0, math.nan]), "Cannot use the vectors to complete: tensor 'vectors' ho"),
        (torch.tensor([1, 2]), "Cannot use the vectors to complete: tensor 'vectors' is of torc"),
    ],
)
def test_what_begins_no_basis_is_refused(vectors: Tensor, sentence: str):
    with pytest.raises(SymgeomError, match=f"^{sentence}"):
        completed(vectors)


def test_a_mixing_is_the_exponential_of_a_normal_matrix():
    """The determinant of an exponential is that of the trace."""
    width = 40
    mixing = random_mixing(width, 0.5, generator=stream("mixing"))
    exponent = torch.randn(width, width, generator=stream("mixing"), dtype=torch.float64)
    trace = float(exponent.trace()) * 0.5 / width**0.5
    assert float(torch.linalg.det(mixing)) == pytest.approx(math.exp(trace))
    small = random_mixing(width, 1e-6, generator=stream("mixing"))
    unit = torch.eye(width, dtype=torch.float64)
    assert torch.allclose((small - unit) / 1e-6, exponent / width**0.5, atol=1e-4)


def test_wrong_sizes_and_scales_of_mixings_are_refused():
    with pytest.raises(SymgeomError, match="^Cannot use 0 as the number of units"):
        random_mixing(0, 1.0, generator=stream("mixing"))
    with pytest.raises(SymgeomError, match=r"^Cannot use -1.0 as the scale of a mixing"):
        random_mixing(3, -1.0, generator=stream("mixing"))
