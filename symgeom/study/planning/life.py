"""Whether a snakemake lives: the lock of a killed one is removed, that of a living one never.

Snakemake locks what it makes by files that say nothing of their owner, so that after ``kill -9`` or
a power failure nobody can tell whether they still hold. Every snakemake of this workflow therefore
also holds a lock of the operating system on one file, shared with the others, which ends with its
process however that ends. Who gets it exclusively is alone in the folder, and what lock files are
there belong to the dead.
"""

import fcntl
import os
import pwd
import shutil
import socket
from pathlib import Path
from typing import TextIO

from snakemake.logging import logger

from symgeom.ground.checks import SymgeomError


def sign_of_life(folder: Path) -> TextIO:
    """Remove the locks of dead snakemakes from a folder, and give a sign of life.

    Lock files stay if anyone may live: another holder of the sign; no such locks on this file
    system; or the last holder was on another machine, because not every network file system passes
    these locks on.

    Parameters
    ----------
    folder : Path
        Where Snakemake keeps its state.

    Returns
    -------
    TextIO
        The sign, to be kept open.

    Raises
    ------
    SymgeomError
        If the folder cannot be written to.
    """
    try:
        folder.mkdir(exist_ok=True)
        sign = (folder / "life").open("a+", encoding="utf-8")
        if _held(sign, fcntl.LOCK_EX | fcntl.LOCK_NB):
            _remove_dead(folder / "locks", sign)
    except OSError as error:
        raise SymgeomError(
            f"Cannot run here: '{error.filename or folder}', of the folder in which snakemake "
            f"keeps its state, cannot be written ({error.strerror}; it belongs to "
            f"{_owner(folder)}, you are {_user(os.getuid())}). Run as that user, or make a copy "
            "of the repository of your own (git clone) and run there."
        ) from error
    _held(sign, fcntl.LOCK_SH)
    return sign


def _owner(folder: Path) -> str:
    """Return whose folder it is, or in which it would be made."""
    existing = folder if folder.exists() else folder.absolute().parent
    return _user(existing.stat().st_uid)


def _user(number: int) -> str:
    """Return the name of a user, or the number if there is no name."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def _held(sign: TextIO, how: int) -> bool:
    try:
        fcntl.flock(sign, how)
    except OSError:
        return False
    return True


def _remove_dead(locks: Path, sign: TextIO) -> None:
    """Remove locks of this machine; unless others stay, sign the next ones with its name."""
    sign.seek(0)
    if locks.is_dir() and any(locks.iterdir()):
        if sign.read() != socket.gethostname():
            return
        shutil.rmtree(locks)
        logger.info("Removed the lock of a snakemake that was killed in this folder.")
    sign.truncate(0)
    sign.write(socket.gethostname())
    sign.flush()
