"""Run a script's ``main`` for a Snakemake rule: hand it what it names, log what it says, and turn mistakes into one sentence.

``main`` takes keyword-only arguments without defaults; each is looked up among the rule's outputs,
inputs, parameters and wildcards. ``stores`` are all inputs by name, ``config_digest`` is the digest
of the rule's parameters. With the environment variable SYMGEOM_DEBUG set, a mistake shows its
traceback. What killed attempts left half-written is removed first.
"""

import hashlib
import inspect
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from _console import logged

from symgeom.ground.checks import SymgeomError
from symgeom.ground.whole_files import remove_partials


def launch(main: Callable[..., None], snakemake: object) -> None:
    """Call ``main`` with what the rule provides, and exit with status 1 and one sentence if it cannot be done."""
    given = {"config_digest": digest(snakemake), "stores": dict(snakemake.input.items())}
    for part in (snakemake.wildcards, snakemake.params, snakemake.input, snakemake.output):
        given |= dict(part.items())
    with logged(Path(snakemake.log[0])):
        if "torch" in sys.modules:
            deterministic()
        for path in snakemake.output:
            remove_partials(path)
        try:
            main(**{name: given[name] for name in inspect.signature(main).parameters})
        except SymgeomError as mistake:
            if os.environ.get("SYMGEOM_DEBUG"):
                raise
            job = ", ".join(
                f"{name} {value}" for name, value in snakemake.wildcards.items() if value
            )
            sys.stderr.write(f"\nError in {snakemake.rule} ({job}): {mistake}\n")
            sys.exit(1)
        except Exception:
            traceback.print_exc()  # a fault of ours: the log must hold it too
            sys.exit(1)


def deterministic() -> None:
    """Make torch's results independent of the number of cores."""
    torch = sys.modules["torch"]
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


def digest(snakemake: object) -> str:
    """Return a digest of everything in the configuration that the job depends on; its code is not."""
    told = {name: value for name, value in snakemake.params.items() if name != "code"}
    parts = told, dict(snakemake.wildcards.items())
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]
