import hashlib

import pytest
import torch

from symgeom.ground.randomness import global_seed, stream


def test_a_stream_depends_on_its_words_alone():
    first, second = (torch.rand(5, generator=stream("order", "mlp", 3)) for _ in range(2))
    torch.rand(1)  # the global generator is no part of it
    assert torch.equal(first, second)
    others = [("order", "mlp", 4), ("order", "mlp"), ("start", "mlp", 3)]
    assert all(not torch.equal(first, torch.rand(5, generator=stream(*words))) for words in others)


def test_the_seed_is_the_digest_of_the_words():
    seed = int(
        hashlib.sha256(b"order/3").hexdigest()[14:16]
        + hashlib.sha256(b"order/3").hexdigest()[12:14],
        16,
    )
    assert (
        stream("order", 3).initial_seed() >> 47 == seed
    )  # the two highest of the eight bytes, less the one bit that is dropped


def test_a_global_seed_ends_with_its_context():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with global_seed(7):
        first = torch.rand(4)
    with pytest.raises(ZeroDivisionError), global_seed(7):
        1 / 0  # noqa: B018
    assert torch.equal(torch.rand(2), expected)
    with global_seed(7):
        assert torch.equal(torch.rand(4), first)
