"""Whether what went wrong is that memory ran out: a matter of sizes, not of code."""

import re
from collections.abc import Iterable
from pathlib import Path

SIGNS = ("can't allocate memory", "out of memory")
"""What torch says of it, on a CPU and on a GPU."""

AMOUNT = re.compile(r"allocate ([\d.]+ \w+)")
"""How much torch and numpy say that they could not get."""

KILLED = b"died with <Signals.SIGKILL"
"""What Snakemake logs of a job that was killed from outside."""

WAY_OUT = "Ask for less (samples, features, widths, seeds together), or for more memory."

AFTER_A_KILL = f"A job was killed from outside, as systems do when memory runs out. {WAY_OUT}"


def lacks_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out.

    Parameters
    ----------
    error : BaseException
        What was raised.

    Returns
    -------
    bool
        Whether it does.

    Examples
    --------
    >>> lacks_memory(MemoryError()), lacks_memory(RuntimeError("shapes differ"))
    (True, False)
    """
    if isinstance(error, MemoryError):
        return True
    text = str(error)
    return any(sign in text for sign in SIGNS)


def without_memory(error: BaseException) -> str:
    """Return a sentence about memory that ran out.

    Parameters
    ----------
    error : BaseException
        What was raised.

    Returns
    -------
    str
        What was asked for, and what to do.

    Examples
    --------
    >>> without_memory(MemoryError("Unable to allocate 8 TiB for an array")).partition(".")[0]
    'Cannot compute this: memory ran out where 8 TiB were asked for'
    """
    amount = AMOUNT.search(str(error))
    asked = f" where {amount[1]} were asked for" if amount else ""
    return f"Cannot compute this: memory ran out{asked}. {WAY_OUT}"


def after_a_kill(logs: Iterable[str | Path]) -> str:
    """Return what to think of a job that was killed from outside, if a log tells of one.

    Parameters
    ----------
    logs : iterable of str or Path
        Files into which Snakemake logged; what is not there tells nothing.

    Returns
    -------
    str
        A sentence; empty if no job was killed.

    Examples
    --------
    >>> after_a_kill([])
    ''
    """
    for log in logs:
        file = Path(log)
        if file.is_file() and KILLED in file.read_bytes():
            return AFTER_A_KILL
    return ""
