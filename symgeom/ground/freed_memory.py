"""Give memory that was freed back to the system.

The allocator of C keeps the memory of tensors below 32 MB when they are freed, between others that
are in use: a process that has moved one network after another holds several of them.
"""

import ctypes
import sys


def return_freed_memory() -> None:
    """Give freed memory back to the system, where its C library can (glibc); it takes milliseconds.

    Examples
    --------
    >>> return_freed_memory()
    """
    if not sys.platform.startswith("linux"):
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
