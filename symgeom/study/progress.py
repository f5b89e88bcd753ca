"""Progress bars for long work, on the terminal also where a job's words go to its log."""

import sys

from tqdm import tqdm


def progress(label: str, total: int) -> tqdm:
    """Return a progress bar.

    Parameters
    ----------
    label : str
        What is being done.
    total : int
        How many steps it takes.

    Returns
    -------
    tqdm
        Shown on the error stream with which the process began: every half second on a terminal,
        every ten seconds in a file; not at all if the work is done sooner.
    """
    terminal = sys.__stderr__
    interval = 0.5 if terminal is not None and terminal.isatty() else 10.0
    return tqdm(
        total=total,
        desc=label,
        file=terminal,
        mininterval=interval,
        delay=interval,
        dynamic_ncols=True,
    )
