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
    >>> float(numpy_stream("claim", "H1a").random()) == float(numpy_stream("claim", "H1a").random())
    True
    """
    digest = hashlib.sha256("/".join(map(str, words)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))


def resample(
    strata: Sequence[str], *, generator: np.random.Generator, resamples: int = RESAMPLES
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
    strata = np.asarray(strata)
    counts = np.zeros((resamples, len(strata)), dtype=np.int64)
    for arm in np.unique(strata):
        members = np.flatnonzero(strata == arm)
        counts[:, members] = generator.multinomial(
            len(members), np.full(len(members), 1 / len(members)), size=resamples
        )
    return counts


def interval(
    statistic: Callable[[NDArray], NDArray],
    strata: Sequence[str],
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
    >>> estimate, low, high = interval(lambda m: mean(values, m), ["a"] * 4, generator=numpy_stream("example"))
    >>> estimate, low < estimate < high
    (2.5, True)
    """
    sizes = np.unique(np.asarray(strata), return_counts=True)[1]
    samples = statistic(resample(strata, generator=generator, resamples=resamples))
    smallest = sizes[sizes > 1].min()
    tail = ndtr(
        np.sqrt(smallest / (smallest - 1)) * stdtrit(sizes.sum() - len(sizes), (1 - level) / 2)
    )
    samples = samples[np.isfinite(samples)]
    low, high = np.quantile(samples, [tail, 1 - tail]) if len(samples) else (np.nan, np.nan)
    return float(statistic(np.ones((1, len(strata)), dtype=np.int64))[0]), float(low), float(high)


def binomial_interval(successes: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Return Clopper and Pearson's exact interval of a fraction, which has a width even where all trials agree.

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
    low = betaincinv(successes, n - successes + 1, tail) if successes > 0 else 0.0
    high = betaincinv(successes + 1, n - successes, 1 - tail) if successes < n else 1.0
    return float(low), float(high)


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
    return (weights @ values / total.reshape(-1, *[1] * (values.ndim - 1))).astype(float)


def spearman(x: NDArray, y: NDArray, weights: NDArray) -> NDArray:
    """Return Spearman's rank correlation of data in which each unit appears as often as its weight says.

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

    def centred_ranks(values: NDArray) -> NDArray:
        lower, equal = values[:, None] > values[None, :], values[:, None] == values[None, :]
        ranks = weights @ lower.T + (weights @ equal.T + 1) / 2
        return ranks - (weights * ranks).sum(1, keepdims=True) / np.maximum(
            weights.sum(1, keepdims=True), 1
        )

    first, second = centred_ranks(x), centred_ranks(y)
    scale = np.sqrt((weights * first**2).sum(1) * (weights * second**2).sum(1))
    return (weights * first * second).sum(1) / np.where(scale > 0, scale, np.nan)
