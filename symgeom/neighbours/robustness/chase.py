"""A chase after the worst point: what every attack does, whatever points it looks at.

Every attack looks at points within its budget and within the range of the data, and what it finds
is the worst point that it has looked at, sample by sample: the one with the smallest *margin*, the
log probability of the true class minus the largest of another class. A sample with a negative
margin is misclassified. The clean inputs are looked at first. An attack that looks at more points
therefore never finds less.
"""

import copy
from collections.abc import Iterator
from itertools import repeat

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.neighbours.robustness.asking import predict
from symgeom.neighbours.robustness.box import Box
from symgeom.neighbours.robustness.predicting import Predictor


class Chase:
    """What an attack has looked at so far, and the worst of it.

    Parameters
    ----------
    predictor : callable
        What is attacked.
    box : Box
        Where points may be.
    targets : Tensor of int64, shape (sample,)
        The true classes.
    chunk : int
        Samples that are predicted at once.
    """

    def __init__(self, predictor: Predictor, box: Box, targets: Tensor, chunk: int) -> None:
        self.predictor = predictor
        self.box = box
        self.targets = targets
        self.chunk = chunk
        self.looks = 0
        self.points = box.centre.clone()
        self.margins = torch.full_like(targets, torch.inf, dtype=box.centre.dtype)
        self.look(box.centre)

    @property
    def standing(self) -> Tensor:
        """Return the numbers of the samples for which no wrong point was found."""
        return (self.margins >= 0).nonzero().flatten()

    def look(self, points: Tensor) -> Tensor:
        """Look at one point of every sample.

        Parameters
        ----------
        points : Tensor, shape (sample, ...)
            Points of the box.

        Returns
        -------
        Tensor, shape (sample,)
            Their margins.
        """
        parts = []
        for inputs, targets in self._parts(points):
            with torch.no_grad():
                log_probabilities = predict(self.predictor, inputs, targets)
            parts.append(margins(log_probabilities, targets))
        margins_there = torch.cat(parts)
        self._remember(points, margins_there)
        return margins_there

    def ascent(self, points: Tensor, rivals: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Look at one point of every sample, and at where its true class becomes less likely.

        What rises is the log probability of other classes minus that of the true one. Together,
        these are the log odds, whose gradients have the direction of those of the loss, but do not
        vanish by rounding where a network is sure of itself.

        Parameters
        ----------
        points : Tensor, shape (sample, ...)
            Points of the box.
        rivals : Tensor of int64, shape (sample,), optional
            The other class of every sample; all other classes together by default.

        Returns
        -------
        values : Tensor, shape (sample,)
            What is to rise.
        gradients : Tensor, shape (sample, ...)
            Its derivative by the inputs of the sample.
        """
        values = []
        gradients = []
        margins_there = []
        rivals_of_parts = repeat(None) if rivals is None else rivals.split(self.chunk)
        for (inputs, targets), other in zip(self._parts(points), rivals_of_parts, strict=False):
            with torch.enable_grad():
                leaves = inputs.detach().requires_grad_()
                log_probabilities = predict(self.predictor, leaves, targets)
                value = -_log_odds(log_probabilities, targets, other)
                gradients.append(_gradient(value.sum(), leaves))
            values.append(value.detach())
            margins_there.append(margins(log_probabilities.detach(), targets))
        self._remember(points, torch.cat(margins_there))
        return torch.cat(values), torch.cat(gradients)

    @torch.no_grad()
    def rivals(self) -> Tensor:
        """Return the other classes of every clean sample, the most likely first.

        Returns
        -------
        Tensor of int64, shape (sample, class - 1)
            Classes.
        """
        orders = []
        for inputs, targets in self._parts(self.box.centre):
            log_probabilities = predict(self.predictor, inputs, targets)
            order = _others(log_probabilities, targets).argsort(1, descending=True)
            orders.append(order[:, :-1])
        return torch.cat(orders)

    def select(self, index: Tensor) -> "Chase":
        """Return a chase of some samples, which goes on from what was found."""
        part = copy.copy(self)
        part.box = self.box.select(index)
        part.targets = self.targets[index]
        part.points = self.points[index]
        part.margins = self.margins[index]
        return part

    def merge(self, part: "Chase", index: Tensor) -> None:
        """Take over what a chase of some samples has found.

        Parameters
        ----------
        part : Chase
            Of these samples.
        index : Tensor of int64, shape (sample,)
            Their numbers.
        """
        self.points[index] = part.points
        self.margins[index] = part.margins
        self.looks = part.looks

    def _remember(self, points: Tensor, margins_there: Tensor) -> None:
        """Keep the points that are worse than the worst so far."""
        self.looks += len(points)
        worse = margins_there < self.margins
        self.margins = torch.where(worse, margins_there, self.margins)
        self.points[worse] = points[worse]

    def _parts(self, points: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield points and classes of as many samples as are predicted at once."""
        yield from zip(points.split(self.chunk), self.targets.split(self.chunk), strict=True)


def margins(log_probabilities: Tensor, targets: Tensor) -> Tensor:
    """Return by how much the true class is more likely than any other.

    Parameters
    ----------
    log_probabilities : Tensor, shape (sample, class)
        Of all classes.
    targets : Tensor of int64, shape (sample,)
        The true classes.

    Returns
    -------
    Tensor, shape (sample,)
        In nats; negative for misclassified samples.

    Examples
    --------
    >>> margins(torch.tensor([[0.7, 0.2, 0.1]]).log(), torch.tensor([1]))
    tensor([-1.2528])
    """
    others = _others(log_probabilities, targets).amax(1)
    return _of_classes(log_probabilities, targets) - others


def _log_odds(log_probabilities: Tensor, targets: Tensor, rivals: Tensor | None) -> Tensor:
    """Return by how much the true class is more likely than another, or than all others."""
    of_true = _of_classes(log_probabilities, targets)
    if rivals is not None:
        return of_true - _of_classes(log_probabilities, rivals)
    return of_true - _others(log_probabilities, targets).logsumexp(1)


def _others(log_probabilities: Tensor, targets: Tensor) -> Tensor:
    """Return the log probabilities of all other classes, that of the true one as of nothing."""
    return log_probabilities.scatter(1, targets.unsqueeze(1), -torch.inf)


def _of_classes(log_probabilities: Tensor, classes: Tensor) -> Tensor:
    """Return the log probability of one class of every sample."""
    return log_probabilities.gather(1, classes.unsqueeze(1)).squeeze(1)


def _gradient(value: Tensor, inputs: Tensor) -> Tensor:
    """Return the derivative by the inputs, or say that there is none."""
    try:
        (gradient,) = torch.autograd.grad(value, inputs)
    except RuntimeError as error:
        raise SymgeomError(
            "Cannot follow the gradient of this predictor: it is not differentiable by its inputs "
            f"({str(error).splitlines()[0]}). Give one without detach() and no_grad(), or attack "
            "by 'noise'."
        ) from error
    return gradient
