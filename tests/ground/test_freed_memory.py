"""Memory that was freed goes back to the system."""

import subprocess
import sys

PROGRAM = """
from pathlib import Path
import torch
from symgeom.ground.freed_memory import return_freed_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 // 2**20

torch.empty(2**22).fill_(1)  # the allocator keeps blocks of this size from now on
blocks = [torch.ones(2**20) for _ in range(64)]
kept = blocks[1::2] + [torch.ones(2**12)]
full = resident()
del blocks
return_freed_memory()
print(full - resident(), float(kept[0].sum()))
"""


def test_memory_between_tensors_in_use_is_returned():
    """Of 64 blocks of 4 MB every second one is freed, half of 256 MB."""
    command = [sys.executable, "-c", PROGRAM]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    returned, total = run.stdout.split()
    assert 100 < int(returned) < 156
    assert float(total) == 2**20
