"""The parts of the suite: automatic steps and random patches."""

import itertools

import torch
from torch import Tensor

from symgeom.ground.randomness import stream
from symgeom.neighbours.robustness import DataRange
from symgeom.neighbours.robustness.automatic import checkpoints, climb
from symgeom.neighbours.robustness.box import Box
from symgeom.neighbours.robustness.chase import Chase
from symgeom.neighbours.robustness.squares import (
    image_shape,
    patch_by_patch,
    patch_share,
    patch_sides,
)

ROUNDING = 1e-12


def valley(inputs: Tensor) -> Tensor:
    """Return a network whose first class is least likely at 0.3 in both inputs, in a ravine."""
    first = inputs[:, 0] - 0.3
    second = inputs[:, 1] - 0.3
    logits = 8 * first**2 + 80 * (second - first) ** 2
    return torch.stack([logits, torch.zeros_like(logits)], 1).log_softmax(1)


def chase_of(predictor, inputs: Tensor, budget: float) -> Chase:
    """Return a chase of samples of class 0."""
    box = Box.around(inputs, budget=budget, data_range=DataRange())
    return Chase(predictor, box, torch.zeros(len(inputs), dtype=torch.int64), 64)


def written_out(points: Tensor, steps: int, budget: float) -> list[Tensor]:
    """Write the published algorithm out, for one sample of :func:`valley` around its start."""
    centre = points.clone()

    def loss_and_gradient(at: Tensor) -> tuple[float, Tensor]:
        leaf = at.clone().requires_grad_()
        log_probabilities = valley(leaf[None])[0]
        loss = log_probabilities[1] - log_probabilities[0]
        loss.backward()
        return loss.item(), leaf.grad

    def project(at: Tensor) -> Tensor:
        return at.clamp(centre - budget, centre + budget).clamp(0, 1)

    eta = 2 * budget
    value, slope = loss_and_gradient(points)
    best = (value, points, slope)
    previous = points
    visited = [points]
    values = [value]
    w = {0, *checkpoints(steps)}
    since = 0
    rises = 0
    halved = True
    best_before = value
    for k in range(steps):
        z = project(points + eta * slope.sign())
        alpha = 1.0 if k == 0 else 0.75
        moved = project(points + alpha * (z - points) + (1 - alpha) * (points - previous))
        previous, points = points, moved
        old = value
        value, slope = loss_and_gradient(points)
        visited.append(points)
        values.append(value)
        rises += value > old
        since += 1
        if value > best[0]:
            best = (value, points, slope)
        if k + 1 in w:
            oscillates = rises < 0.75 * since
            stuck = not halved and best[0] == best_before
            halved = oscillates or stuck
            best_before = best[0]
            if halved:
                eta /= 2
                value, points, slope = best
            rises = since = 0
    return visited


def test_automatic_steps_are_those_of_the_published_algorithm():
    start = torch.tensor([[0.52, 0.45]], dtype=torch.float64)
    looked_at = []

    def watched(inputs: Tensor) -> Tensor:
        if inputs.requires_grad:
            looked_at.append(inputs.detach()[0])
        return valley(inputs)

    climb(chase_of(watched, start, 0.25), start, 40)
    expected = written_out(start[0], 40, 0.25)
    torch.testing.assert_close(torch.stack(looked_at), torch.stack(expected), rtol=0, atol=ROUNDING)


def test_automatic_steps_come_nearer_than_steps_of_one_length():
    start = torch.tensor([[0.52, 0.45], [0.4, 0.5]], dtype=torch.float64)
    automatic = chase_of(valley, start, 0.25)
    climb(automatic, start, 60)
    fixed = chase_of(valley, start, 0.25)
    points = start
    for _ in range(60):
        _, slope = fixed.ascent(points)
        points = fixed.box.nearest(points + 0.25 * 0.25 * slope.sign())
    assert (automatic.margins < 0.1 * fixed.margins).all()
    assert (automatic.margins > 0).all()


def test_checkpoints_are_the_published_ones():
    """Of 100 steps: 22, then 19, 16, 13, 10, 7, 6, 6 further."""
    assert checkpoints(100) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert checkpoints(1) == [1] * len(checkpoints(1))
    gaps = [b - a for a, b in itertools.pairwise(checkpoints(1000))]
    assert gaps[:3] == [190, 160, 130]
    assert set(gaps[5:]) == {60}


def of_sums(inputs: Tensor) -> Tensor:
    """Return a network without gradients, of class 1 where inputs add up to more than one half."""
    total = inputs.detach().flatten(1).mean(1)
    return torch.stack([0.5 - total, total - 0.5], 1).mul(9).log_softmax(1)


def test_patches_find_the_worst_corner_of_a_sum_without_gradients():
    for shape in ((3, 6), (3, 2, 3, 3)):
        inputs = torch.full(shape, 0.4, dtype=torch.float64)
        chase = chase_of(of_sums, inputs, 0.2)
        patch_by_patch(chase, 300, stream("patches", *shape))
        assert (chase.points == chase.box.high).all()
        assert len(chase.standing) == 0
        assert chase.looks == 3 * 302


def test_patches_shrink_and_never_leave_the_image():
    shares = [patch_share(look / 1000) for look in range(1000)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == 0.8
    assert shares[-1] == 0.8 / 2**9
    assert patch_sides(28, 28, share=0.8) == (25, 25)
    assert patch_sides(4, 32, share=0.5) == (4, 8)
    assert patch_sides(32, 32, share=1e-6) == patch_sides(1, 64, share=1e-6) == (1, 1)
    assert image_shape(torch.zeros(5, 3, 7, 8)) == (5, 3, 7, 8)
    assert image_shape(torch.zeros(5, 3, 7)) == (5, 1, 1, 21)
