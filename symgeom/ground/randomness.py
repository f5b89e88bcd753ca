"""Randomness by name: every random stream has its own generator, derived from words that say what it is for.

Streams do not depend on how a study is split into jobs: seed 3's mini-batch order is the same
stream whether seeds are trained together or one by one. The words are digested with SHA-256, so
that streams are independent and the same on every machine.
"""

import hashlib

import torch


def stream(*words: str | int) -> torch.Generator:
    """Return a generator that depends on the words and on nothing else.

    Parameters
    ----------
    *words : str or int
        What the randomness is for: ``stream("batches", seed)``.

    Returns
    -------
    torch.Generator
        On the CPU.

    Examples
    --------
    >>> import torch
    >>> a, b = (torch.rand(2, generator=stream("batches", 3)) for _ in range(2))
    >>> bool((a == b).all())
    True
    """
    digest = hashlib.sha256("/".join(map(str, words)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
