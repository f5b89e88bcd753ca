"""Values by key that are computed when they are asked for, so that many need not fit into memory at once.

What several jobs do with many networks (read them, cast them, prepare them for alignment) is one
kind of mapping: its keys are known, a value costs something, and the same few are asked for again
soon.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

LIMIT = 2**27
"""Bytes that a mapping of networks keeps, fifty of 300,000 parameters in float64; freed and used memory interleave, so that the
process may take a few times as much."""


class OnDemand(Mapping[Key, Value], Generic[Key, Value]):
    """Values by key, each computed when it is asked for; the latest are kept while they fit into a number of bytes.

    Parameters
    ----------
    keys : iterable
        Which values there are, in order.
    compute : callable
        The value of a key.
    size : callable
        Bytes of a value, in whatever sense the limit has.
    limit : int
        Bytes of the values that are kept; a value that is larger is not kept at all.

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
        self._keys, self._compute, self._size, self._limit = (
            dict.fromkeys(keys),
            compute,
            size,
            limit,
        )
        self._kept: dict[Key, tuple[Value, int]] = {}  # the latest last
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
        if key in self._kept:
            self._kept[key] = self._kept.pop(key)
            return self._kept[key][0]
        value = self._compute(key)
        size = self._size(value)
        if size <= self._limit:
            self._kept[key] = value, size
            self._bytes += size
            while self._bytes > self._limit:
                self._bytes -= self._kept.pop(next(iter(self._kept)))[1]
        return value

    def where(self, holds: Callable[[Value], bool]) -> "OnDemand[Key, Value]":
        """Return the part whose values fulfil a condition.

        Parameters
        ----------
        holds : callable
            The condition; every value is computed once to ask it.

        Returns
        -------
        OnDemand
            The same values for fewer keys; what this one keeps it keeps, too.

        Examples
        --------
        >>> list(OnDemand(range(4), lambda number: number**2, size=lambda value: 1, limit=2).where(lambda value: value > 1))
        [2, 3]
        """
        part = OnDemand(
            [key for key in self if holds(self[key])],
            self._compute,
            size=self._size,
            limit=self._limit,
        )
        part._kept = {key: kept for key, kept in self._kept.items() if key in part}
        part._bytes = sum(size for _, size in part._kept.values())
        return part
