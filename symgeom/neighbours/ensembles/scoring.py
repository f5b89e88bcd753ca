r"""How good the predictions of an ensemble are.

With :math:`p(c \mid x)` the predicted probabilities, the *error* is the fraction of samples whose
most probable class is wrong, the *negative log likelihood* is the mean of
:math:`-\log p(y_i \mid x_i)`, and the *calibration error* compares how sure predictions are with
how often they are right: with :math:`B_b` the samples whose largest probability lies in the
:math:`b`-th of equal bins of [0, 1],

.. math:: \mathrm{ECE} = \sum_b \frac{|B_b|}{N}
          \left| \mathrm{acc}(B_b) - \mathrm{conf}(B_b) \right|.

The ensemble predicts by the mean of its members' probabilities, or by a *vote*: one of each member,
for its most probable class. How sure a vote is, is the share of votes for the winner. A vote has
no likelihood: nobody may have voted for the right class. The negative log likelihood of the mean
is never above the mean of the members' (Jensen's inequality).

References
----------
Guo et al., "On calibration of modern neural networks" (1706.04599), equation 3. Fort et al., "Deep
ensembles: a loss landscape perspective" (1912.02757), section 4: disagreement of predictions; here
the fraction of samples on which two members decide differently, over all pairs, not normalised by
the error.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_range
from symgeom.ground.doors import check_attributes, door
from symgeom.landscape.problem.losses import misclassified
from symgeom.neighbours.ensembles.prediction import check_log_probabilities, mean_prediction


@dataclass(frozen=True, eq=False)
class EnsembleScores:
    """How good an ensemble is, in float64; all NaN if a prediction is NaN.

    Attributes
    ----------
    error : Tensor, shape ()
        Fraction misclassified by the mean prediction.
    negative_log_likelihood : Tensor, shape ()
        Of the mean prediction, in nats per sample.
    calibration_error : Tensor, shape ()
        Expected calibration error of the mean prediction.
    vote_error : Tensor, shape ()
        Fraction misclassified by the vote; among classes with equally many votes the one that is
        more probable in the mean wins.
    vote_calibration_error : Tensor, shape ()
        Of the shares of votes.
    disagreement : Tensor, shape ()
        Fraction of samples on which two members decide differently, over all pairs; 0 for one.
    member_error, member_negative_log_likelihood : Tensor, shape (member,)
        Of every member alone.
    bins : int
        Bins of the calibration errors, of equal width in the probability.
    """

    error: Tensor
    negative_log_likelihood: Tensor
    calibration_error: Tensor
    vote_error: Tensor
    vote_calibration_error: Tensor
    disagreement: Tensor
    member_error: Tensor
    member_negative_log_likelihood: Tensor
    bins: int

    def __post_init__(self) -> None:
        check_attributes(self)


@door
@torch.no_grad()
def ensemble_scores(
    log_probabilities: Tensor, targets: Tensor, *, bins: int = 15
) -> EnsembleScores:
    """Score what the members of an ensemble predict.

    Parameters
    ----------
    log_probabilities : Tensor, shape (member, sample, class)
        From :func:`~symgeom.neighbours.ensembles.member_log_probabilities`.
    targets : Tensor of int64, shape (sample,)
        Classes.
    bins : int
        Bins of the calibration errors.

    Returns
    -------
    EnsembleScores
        Of the mean prediction, of the vote, and of the members.

    Raises
    ------
    SymgeomError
        If the targets are no classes of the samples, or there is no bin.

    Examples
    --------
    >>> sure = torch.tensor([[[0.9, 0.1]], [[0.2, 0.8]]]).log()
    >>> scores = ensemble_scores(sure, torch.tensor([0]))
    >>> float(scores.error), float(scores.disagreement)
    (0.0, 1.0)
    """
    check_log_probabilities(log_probabilities)
    _check_targets(targets, log_probabilities)
    check_range(bins, "the number of bins", least=1)
    predictions = log_probabilities.double()
    mean = mean_prediction(predictions)
    votes = _votes(predictions)
    shares = votes / len(predictions)
    winner = _winner(votes, mean)
    numbers = {
        "error": misclassified(mean, targets),
        "negative_log_likelihood": _negative_log_likelihood(mean, targets),
        "calibration_error": _calibration_error(
            mean.exp().amax(-1), mean.argmax(-1) == targets, bins
        ),
        "vote_error": (winner != targets).double().mean(),
        "vote_calibration_error": _calibration_error(shares.amax(-1), winner == targets, bins),
        "disagreement": _disagreement(votes),
        "member_error": misclassified(predictions, targets),
        "member_negative_log_likelihood": _negative_log_likelihood(predictions, targets),
    }
    undefined = predictions.isnan().any()
    defined = {name: value.masked_fill(undefined, torch.nan) for name, value in numbers.items()}
    return EnsembleScores(**defined, bins=bins)


def _check_targets(targets: Tensor, log_probabilities: Tensor) -> None:
    """Raise unless targets are classes of the samples."""
    _, samples, classes = log_probabilities.shape
    whole = targets.dtype == torch.int64 and targets.shape == (samples,)
    if not whole or targets.min() < 0 or targets.max() >= classes:
        raise SymgeomError(
            f"Cannot score predictions of {samples} samples and {classes} classes against targets "
            f"of shape {tuple(targets.shape)} and type {targets.dtype}: give one class (int64) "
            f"from 0 to {classes - 1} per sample. Real numbers have no accuracy: compare losses."
        )


def _negative_log_likelihood(log_probabilities: Tensor, targets: Tensor) -> Tensor:
    """Return the mean of ``-log p(y | x)``, for any leading axes."""
    index = targets.expand(log_probabilities.shape[:-1]).unsqueeze(-1)
    of_targets = log_probabilities.gather(-1, index)
    return -of_targets.squeeze(-1).mean(-1)


def _votes(log_probabilities: Tensor) -> Tensor:
    """Return the number of votes for every class, shape ``(sample, class)``."""
    decisions = log_probabilities.argmax(-1)
    ballots = torch.nn.functional.one_hot(decisions, log_probabilities.shape[-1])
    return ballots.sum(0).double()


def _winner(votes: Tensor, mean: Tensor) -> Tensor:
    """Return the class with most votes; of several, the most probable one."""
    most = votes == votes.amax(-1, keepdim=True)
    return mean.masked_fill(~most, -torch.inf).argmax(-1)


def _disagreement(votes: Tensor) -> Tensor:
    """Return the fraction of pairs of members that decide differently, mean over samples."""
    members = votes[0].sum()
    pairs = members * (members - 1)
    agreeing = (votes * (votes - 1)).sum(-1)
    return (1 - agreeing / pairs.clamp(min=1)).mean() * (members > 1)


def _calibration_error(confidence: Tensor, right: Tensor, bins: int) -> Tensor:
    """Return the expected calibration error of the samples' decisions."""
    number = (confidence * bins).ceil().long() - 1
    number = number.clamp(0, bins - 1)
    gap = right.double() - confidence
    totals = gap.new_zeros(bins).index_add(0, number, gap)
    return totals.abs().sum() / len(gap)
