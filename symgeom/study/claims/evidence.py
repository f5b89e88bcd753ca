r"""What an estimate is worth: how far the truth may lie on either side of it.

All evidence answers the same questions, whose answers agree with one another. ``low(tail)`` and
``high(tail)`` are the ends of an interval that is exceeded with the probability ``tail`` at most on
that side. ``above(threshold)`` is the smallest tail at which the lower end is above the threshold:
the one-sided p-value against "at most the threshold"; ``below`` is that of the other side.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from scipy.special import betainc, betaincinv, stdtr, stdtrit


class Evidence(Protocol):
    """An estimate with one-sided bounds."""

    @property
    def estimate(self) -> float:
        """The estimate."""

    def low(self, tail: float) -> float:
        """Return the lower end of an interval."""

    def high(self, tail: float) -> float:
        """Return the upper end of an interval."""

    def above(self, threshold: float) -> float:
        """Return the p-value against a truth of at most the threshold."""

    def below(self, threshold: float) -> float:
        """Return the p-value against a truth of at least the threshold."""


@dataclass(frozen=True)
class Student:
    """An estimate with a standard error and the degrees of freedom of that error.

    Attributes
    ----------
    estimate, error, freedom : float
        An error of zero is that of a number that was not sampled; NaN: it is not known.

    Examples
    --------
    >>> mean = Student(1.0, 0.5, 10)
    >>> round(mean.low(0.025), 3), round(mean.high(0.025), 3), round(mean.above(0.0), 3)
    (-0.114, 2.114, 0.037)
    """

    estimate: float
    error: float
    freedom: float

    def low(self, tail: float) -> float:
        """Return the lower end of an interval."""
        return self.estimate + self.error * float(stdtrit(self.freedom, tail))

    def high(self, tail: float) -> float:
        """Return the upper end of an interval."""
        return self.estimate - self.error * float(stdtrit(self.freedom, tail))

    def above(self, threshold: float) -> float:
        """Return the p-value against a truth of at most the threshold."""
        return self._chance(threshold - self.estimate)

    def below(self, threshold: float) -> float:
        """Return the p-value against a truth of at least the threshold."""
        return self._chance(self.estimate - threshold)

    def _chance(self, shift: float) -> float:
        """Return how probable an error beyond a shift is."""
        if self.error == 0:
            return 0.0 if shift < 0 else 1.0
        return float(stdtr(self.freedom, shift / self.error))


@dataclass(frozen=True)
class Fraction:
    """A fraction of as many independent trials as its data are worth.

    Its interval is that of Clopper and Pearson, which has a width where all trials agree.

    Attributes
    ----------
    estimate : float
        The fraction.
    trials : float
        The number of independent trials, whole or not.

    Examples
    --------
    >>> all_of_ten = Fraction(1.0, 10)
    >>> round(all_of_ten.low(0.025), 4), all_of_ten.high(0.025), round(all_of_ten.above(0.6915), 3)
    (0.6915, 1.0, 0.025)
    """

    estimate: float
    trials: float

    @property
    def successes(self) -> float:
        """How many trials succeeded, whole or not."""
        return self.estimate * self.trials

    @property
    def failures(self) -> float:
        """How many trials failed, whole or not."""
        return self.trials - self.successes

    def low(self, tail: float) -> float:
        """Return the lower end of an interval."""
        if self.successes <= 0:
            return 0.0
        return float(betaincinv(self.successes, self.failures + 1, tail))

    def high(self, tail: float) -> float:
        """Return the upper end of an interval."""
        if self.failures <= 0:
            return 1.0
        return float(betaincinv(self.successes + 1, self.failures, 1 - tail))

    def above(self, threshold: float) -> float:
        """Return the p-value against a truth of at most the threshold."""
        if self.successes <= 0:
            return 1.0
        return float(betainc(self.successes, self.failures + 1, threshold))

    def below(self, threshold: float) -> float:
        """Return the p-value against a truth of at least the threshold."""
        if self.failures <= 0:
            return 1.0
        return 1 - float(betainc(self.successes + 1, self.failures, threshold))


@dataclass(frozen=True)
class Throughout:
    """An estimate that shall hold in several ways of taking it.

    Its interval holds the intervals of all of them, so that it lies on one side of a threshold only
    if all do. No correction for their number is needed.

    Attributes
    ----------
    estimate : float
        The estimate of the first way.
    ways : sequence of Evidence
        At least one.

    Examples
    --------
    >>> both = Throughout(1.0, [Student(1.0, 0.1, 10), Student(0.1, 0.1, 10)])
    >>> round(both.low(0.025), 3), round(both.above(0.0), 3)
    (-0.123, 0.17)
    """

    estimate: float
    ways: Sequence[Evidence]

    def low(self, tail: float) -> float:
        """Return the lower end of an interval."""
        return _worst(min, [way.low(tail) for way in self.ways])

    def high(self, tail: float) -> float:
        """Return the upper end of an interval."""
        return _worst(max, [way.high(tail) for way in self.ways])

    def above(self, threshold: float) -> float:
        """Return the p-value against a truth of at most the threshold."""
        return _worst(max, [way.above(threshold) for way in self.ways])

    def below(self, threshold: float) -> float:
        """Return the p-value against a truth of at least the threshold."""
        return _worst(max, [way.below(threshold) for way in self.ways])


@dataclass(frozen=True)
class Largest:
    """The largest of several numbers.

    It is below a threshold if all are. That it is above, one of them can show by itself, with the
    correction of Bonferroni for having been picked.

    Attributes
    ----------
    numbers : sequence of Evidence
        At least one.

    Examples
    --------
    >>> largest = Largest([Student(-1.0, 0.1, 10), Student(0.1, 0.1, 10)])
    >>> largest.estimate, round(largest.below(0.5), 4), round(largest.above(0.0), 3)
    (0.1, 0.0013, 0.341)
    """

    numbers: Sequence[Evidence]

    @property
    def estimate(self) -> float:
        """The largest estimate."""
        return _worst(max, [number.estimate for number in self.numbers])

    def low(self, tail: float) -> float:
        """Return the lower end of an interval."""
        share = tail / len(self.numbers)
        return _worst(max, [number.low(share) for number in self.numbers])

    def high(self, tail: float) -> float:
        """Return the upper end of an interval."""
        return _worst(max, [number.high(tail) for number in self.numbers])

    def above(self, threshold: float) -> float:
        """Return the p-value against a truth of at most the threshold."""
        smallest = _worst(min, [number.above(threshold) for number in self.numbers])
        return smallest if math.isnan(smallest) else min(1.0, len(self.numbers) * smallest)

    def below(self, threshold: float) -> float:
        """Return the p-value against a truth of at least the threshold."""
        return _worst(max, [number.below(threshold) for number in self.numbers])


def _worst(extreme: Callable[[Sequence[float]], float], values: Sequence[float]) -> float:
    """Return an extreme of values, NaN if one of them is not known."""
    if any(math.isnan(value) for value in values):
        return math.nan
    return extreme(values)
