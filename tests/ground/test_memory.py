"""Memory that ran out is said in a sentence."""

from pathlib import Path

import numpy as np
import pytest
import torch

from symgeom.ground.memory import after_a_kill, lacks_memory, without_memory

HUGE = 10**14


@pytest.mark.parametrize(
    ("ask", "amount"),
    [(torch.empty, "400000000000000 bytes"), (np.empty, r"728\. TiB"), (bytearray, "")],
    ids=["torch", "numpy", "python"],
)
def test_what_asks_for_too_much_memory_is_told_how_much(ask, amount):
    with pytest.raises((RuntimeError, MemoryError)) as caught:
        ask(HUGE)
    assert lacks_memory(caught.value)
    sentence = without_memory(caught.value)
    assert sentence.startswith("Cannot compute this: memory ran out")
    assert sentence.endswith(
        ". Ask for less (samples, features, widths, seeds together), or for more memory."
    )
    assert amount.replace("\\", "") in sentence


def test_other_errors_are_not_taken_for_it():
    with pytest.raises(RuntimeError) as caught:
        torch.ones(2) @ torch.ones(3)
    assert not lacks_memory(caught.value)


def test_a_log_that_tells_of_a_kill_is_explained(tmp_path: Path):
    log = tmp_path / "log"
    log.write_text("Command 'python' died with <Signals.SIGKILL: 9>.\n")
    assert after_a_kill([tmp_path / "none", log]).startswith("A job was killed from outside, as")
    log.write_text("Command 'python' returned non-zero exit status 1.\n")
    assert after_a_kill([log]) == ""
