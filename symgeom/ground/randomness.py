"""Randomness by name: every stream has its own generator, derived from words that say its purpose.

Streams do not depend on how a study is split into jobs: seed 3's mini-batch order is the same
stream whether seeds are trained together or one by one. The words are digested with SHA-256, so
that streams are independent and the same on every machine.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor


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
    >>> first = torch.rand(2, generator=stream("batches", 3))
    >>> again = torch.rand(2, generator=stream("batches", 3))
    >>> torch.equal(first, again)
    True
    """
    text = "/".join(map(str, words))
    digest = hashlib.sha256(text.encode()).digest()
    seed = int.from_bytes(digest[:8], "little") >> 1
    return torch.Generator().manual_seed(seed)


@contextmanager
def global_seed(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Seed PyTorch's global generators as long as the context lasts, and put them back.

    Parameters
    ----------
    seed : int
        Where the random numbers begin.
    device : torch.device, optional
        Where they are drawn besides the CPU.

    Yields
    ------
    None
        While what is drawn from the global generators depends on the seed alone.

    Examples
    --------
    >>> with global_seed(1):
    ...     first = torch.rand(2)
    >>> with global_seed(1):
    ...     again = torch.rand(2)
    >>> torch.equal(first, again)
    True
    """
    devices = [device] if device is not None and device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        for gpu in devices:
            with torch.cuda.device(gpu):
                torch.cuda.manual_seed(seed)
        yield


def normal_numbers(shape: Sequence[int], *, generator: torch.Generator) -> Tensor:
    """Return normal numbers in float64, where the generator is.

    Parameters
    ----------
    shape : sequence of int
        Of the tensor.
    generator : torch.Generator
        The source of randomness.

    Returns
    -------
    Tensor
        To be moved to where the weights are.

    Examples
    --------
    >>> normal_numbers((2, 3), generator=torch.Generator().manual_seed(0)).shape
    torch.Size([2, 3])
    """
    where = generator.device
    return torch.randn(tuple(shape), generator=generator, dtype=torch.float64, device=where)
