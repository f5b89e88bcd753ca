r"""Bootstrap over networks, with percentile intervals that are wide enough for six seeds.

**What is resampled.** The independent units of a study are trained networks: within each arm, its
:math:`n` networks are drawn :math:`n` times with replacement, so that network :math:`i` appears
:math:`m_i` times. A statistic over networks weights them by :math:`m_i`. Pairs are not independent,
because pairs share networks; a pair :math:`(i, j)` has weight :math:`m_i m_j` (node bootstrap), and
pairs of a network with itself are left out. Resamples in which no pair is left are dropped.

**The interval.** The percentile interval of a mean of few values is too narrow: its spread is that
of the plug-in variance (:math:`1/n` instead of :math:`1/(n-1)`) and its quantiles are the normal
ones. Hesterberg's *expanded* percentile interval takes the percentiles at the level :math:`\alpha'`
with

.. math:: \Phi^{-1}(\alpha') = \sqrt{n/(n-1)}\; t^{-1}_{\nu}(\alpha),

which makes the interval of a mean that of Student's t, while it keeps the percentile interval's
respect for the range of the statistic. Here :math:`n` is the size of the smallest arm and
:math:`\nu` the number of networks minus that of arms.

References
----------
T. Hesterberg, "What Teachers Should Know about the Bootstrap: Resampling in the Undergraduate
Statistics Curriculum", The American Statistician 69, 371-386, 2015 (the expanded percentile
interval). T. Snijders, S. Borgatti, "Non-Parametric Standard Errors and Tests for Network
Statistics", Connections 22(2), 61-70, 1999 (nodes are resampled, not pairs). Differs from the
source: a node paired with its own copy is left out, not filled in from other pairs.
"""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtr, stdtrit

RESAMPLES = 2000
LEVEL = 0.95

Strata = Sequence[str] | NDArray[np.str_]
"""The arm of each network."""

Statistic = Callable[[NDArray[np.int64]], NDArray[np.float64]]
"""From the multiplicities (resample, network) to one number per resample; NaN: not defined."""


def numpy_stream(*words: str | int) -> np.random.Generator:
    """Return a numpy generator that depends on the words alone.

    Parameters
    ----------
    *words : str or int
        What the randomness is for.

    Returns
    -------
    numpy.random.Generator
        The same on every machine.

    Examples
    --------
    >>> first, second = numpy_stream("claim", "H1a"), numpy_stream("claim", "H1a")
    >>> first.random() == second.random()
    True
    """
    text = "/".join(map(str, words))
    digest = hashlib.sha256(text.encode()).digest()
    seed = int.from_bytes(digest[:16], "little")
    return np.random.default_rng(seed)


def resample(
    strata: Strata, *, generator: np.random.Generator, resamples: int = RESAMPLES
) -> NDArray[np.int64]:
    """Draw how often each network appears in each resample; arms keep their sizes.

    Parameters
    ----------
    strata : sequence of str, shape (network,)
        The arm of each network.
    generator : numpy.random.Generator
        The source of randomness.
    resamples : int
        How many resamples.

    Returns
    -------
    array of int, shape (resample, network)
        The multiplicities.

    Examples
    --------
    >>> resample(["a", "a", "b"], generator=numpy_stream("example"), resamples=2)[:, 2]
    array([1, 1])
    """
    arms = np.asarray(strata)
    counts = np.zeros((resamples, len(arms)), dtype=np.int64)
    for arm in np.unique(arms):
        members = np.flatnonzero(arms == arm)
        size = len(members)
        chances = np.full(size, 1 / size)
        counts[:, members] = generator.multinomial(size, chances, size=resamples)
    return counts


def interval(
    statistic: Statistic,
    strata: Strata,
    *,
    generator: np.random.Generator,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> tuple[float, float, float]:
    """Return a statistic and its expanded percentile interval.

    Parameters
    ----------
    statistic : callable
        Takes multiplicities (resample, network), returns one number per resample; NaN where it is
        not defined.
    strata : sequence of str, shape (network,)
        The arm of each network; at least one arm has two.
    generator : numpy.random.Generator
        The source of randomness.
    level : float
        Coverage of the interval.
    resamples : int
        How many resamples.

    Returns
    -------
    estimate, low, high : float
        The statistic of the networks as they are, and the ends of its interval; NaN if it is not
        defined in any resample.

    Examples
    --------
    >>> values = np.array([1.0, 2.0, 3.0, 4.0])
    >>> def average(counts):
    ...     return mean(values, counts)
    >>> estimate, low, high = interval(average, ["a"] * 4, generator=numpy_stream("example"))
    >>> estimate, low < estimate < high
    (2.5, True)
    """
    sizes = np.unique(np.asarray(strata), return_counts=True)[1]
    samples = statistic(resample(strata, generator=generator, resamples=resamples))
    samples = samples[np.isfinite(samples)]
    as_they_are = np.ones((1, len(strata)), dtype=np.int64)
    estimate = float(statistic(as_they_are)[0])
    if len(samples) == 0:
        return estimate, np.nan, np.nan
    tail = _expanded_tail(sizes, level)
    low, high = np.quantile(samples, [tail, 1 - tail])
    return estimate, float(low), float(high)


def _expanded_tail(sizes: NDArray[np.int64], level: float) -> float:
    """Return the level at which the lower percentile is taken, from the sizes of the arms."""
    smallest = sizes[sizes > 1].min()
    widening = np.sqrt(smallest / (smallest - 1))
    freedom = sizes.sum() - len(sizes)
    return float(ndtr(widening * stdtrit(freedom, (1 - level) / 2)))


def binomial_interval(successes: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the exact interval of a fraction, which has a width even where all trials agree.

    It is that of Clopper and Pearson.

    Parameters
    ----------
    successes, n : int
        ``successes`` of ``n`` independent trials.
    level : float
        Coverage, at least.

    Returns
    -------
    low, high : float
        The ends.

    Examples
    --------
    >>> [round(end, 4) for end in binomial_interval(10, 10)]
    [0.6915, 1.0]
    """
    tail = (1 - level) / 2
    failures = n - successes
    low = 0.0
    high = 1.0
    if successes > 0:
        low = float(betaincinv(successes, failures + 1, tail))
    if failures > 0:
        high = float(betaincinv(successes + 1, failures, 1 - tail))
    return low, high


def mean(values: NDArray, weights: NDArray) -> NDArray:
    """Return weighted means, NaN where all weights are zero.

    Parameters
    ----------
    values : array, shape (unit, ...)
        One value, or one row of values, per unit.
    weights : array, shape (resample, unit)
        How often each unit counts.

    Returns
    -------
    array, shape (resample, ...)
        The means.

    Examples
    --------
    >>> mean(np.array([1.0, 4.0]), np.array([[1, 1], [0, 2], [0, 0]]))
    array([2.5, 4. , nan])
    """
    total = weights.sum(axis=1).astype(float)
    total[total == 0] = np.nan
    further_axes = tuple(range(1, values.ndim))
    means = weights @ values / np.expand_dims(total, further_axes)
    return means.astype(float)


def spearman(x: NDArray, y: NDArray, weights: NDArray) -> NDArray:
    """Return Spearman's rank correlation where each unit appears as often as its weight says.

    Parameters
    ----------
    x, y : array, shape (unit,)
        Two measurements; ties share their mean rank.
    weights : array of int, shape (resample, unit)
        How often each unit counts.

    Returns
    -------
    array, shape (resample,)
        Correlations; NaN where one of the two is constant, or no unit counts.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> spearman(x, x**3, np.ones((1, 3), int))
    array([1.])
    """
    first = _centred_ranks(x, weights)
    second = _centred_ranks(y, weights)
    squares = (weights * first**2).sum(1) * (weights * second**2).sum(1)
    scale = np.sqrt(squares)
    return (weights * first * second).sum(1) / np.where(scale > 0, scale, np.nan)


def _centred_ranks(values: NDArray, weights: NDArray) -> NDArray:
    """Return the mid-ranks in each resample minus their mean, shape (resample, unit)."""
    lower = values[:, None] > values[None, :]
    equal = values[:, None] == values[None, :]
    ranks = weights @ lower.T + (weights @ equal.T + 1) / 2
    totals = np.maximum(weights.sum(1, keepdims=True), 1)
    return ranks - (weights * ranks).sum(1, keepdims=True) / totals
