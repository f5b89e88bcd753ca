"""Whatever is wrong with an argument is said in one sentence, at the door, and nothing changes."""

import pytest
from public_calls import CALLS


@pytest.mark.parametrize("name", CALLS)
def test_valid(name):
    c = CALLS[name]
    c.function(**c.keywords())
