"""When descents are recorded."""

RECORDS = 60
"""Steps at which a descent is recorded, at most."""


def even_records(steps: int, intervals: int = RECORDS) -> list[int]:
    """Return evenly spaced steps, the first and the last one among them.

    Parameters
    ----------
    steps : int
        The last one.
    intervals : int
        How many there are between records, unless there are fewer steps.

    Returns
    -------
    list of int
        Increasing, from 0 on.

    Examples
    --------
    >>> even_records(3)
    [0, 1, 2, 3]
    """
    intervals = min(steps, intervals)
    return [round(steps * number / intervals) for number in range(intervals + 1)]
