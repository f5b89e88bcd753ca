"""Values by key, computed when they are asked for, so that they need not fit into memory at once.

What several jobs do with many networks (read them, cast them, prepare them for alignment) is one
kind of mapping: its keys are known, a value costs something, and the same few are asked for again
soon.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

LIMIT = 2**27
"""Bytes that a mapping of networks keeps: fifty networks of 300,000 parameters in float64.

Freed and used memory interleave, so that the process may take a few times as much.
"""

SMALL = 2**25
"""Bytes that a mapping of networks keeps where only one or two of them shall be in memory."""


class OnDemand(Mapping[Key, Value], Generic[Key, Value]):
    """Values by key, computed when they are asked for; the latest stay while they fit into a limit.

    Parameters
    ----------
    keys : iterable
        Which values there are, in order.
    compute : callable
        The value of a key.
    size : callable
        Bytes of a value, in whatever sense the limit has.
    limit : int
        Bytes of the values that stay in memory; a value that is larger does not stay at all.

    Examples
    --------
    >>> squares = OnDemand(range(3), lambda number: [number] * number, size=len, limit=2)
    >>> squares[2], list(squares), 3 in squares
    ([2, 2], [0, 1, 2], False)
    >>> squares[2] is squares[2]
    True
    """

    def __init__(
        self,
        keys: Iterable[Key],
        compute: Callable[[Key], Value],
        *,
        size: Callable[[Value], int],
        limit: int = LIMIT,
    ) -> None:
        self._keys = dict.fromkeys(keys)
        self._compute = compute
        self._size = size
        self._limit = limit
        self._held: dict[Key, Value] = {}  # the latest last
        self._sizes: dict[Key, int] = {}
        self._bytes = 0

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __getitem__(self, key: Key) -> Value:
        if key not in self._keys:
            raise KeyError(key)
        if key in self._held:
            value = self._held.pop(key)
            self._held[key] = value
            return value
        value = self._compute(key)
        self._hold(key, value)
        return value

    def _hold(self, key: Key, value: Value) -> None:
        """Hold a value if it fits, and let go of the oldest ones until all fit."""
        size = self._size(value)
        if size > self._limit:
            return
        self._held[key] = value
        self._sizes[key] = size
        self._bytes += size
        while self._bytes > self._limit:
            oldest = next(iter(self._held))
            del self._held[oldest]
            self._bytes -= self._sizes.pop(oldest)

    def where(self, holds: Callable[[Value], bool]) -> "OnDemand[Key, Value]":
        """Return the part whose values fulfil a condition.

        Parameters
        ----------
        holds : callable
            The condition; every value is computed once to ask it.

        Returns
        -------
        OnDemand
            The same values for fewer keys; what this one holds, it holds, too.

        Examples
        --------
        >>> squares = OnDemand(range(4), lambda number: number**2, size=lambda value: 1, limit=2)
        >>> list(squares.where(lambda value: value > 1))
        [2, 3]
        """
        keys = [key for key in self if holds(self[key])]
        part = OnDemand(keys, self._compute, size=self._size, limit=self._limit)
        for key, value in self._held.items():
            if key in part:
                part._held[key] = value
                part._sizes[key] = self._sizes[key]
        part._bytes = sum(part._sizes.values())
        return part
