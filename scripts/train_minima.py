"""Train the seeds of one arm to minima, and keep the ledger of their charges.

A job that was killed goes on from its last checkpoint.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from _launch import launch

from symgeom.store import SUFFIX, write_store
from symgeom.study.cases import Case
from symgeom.study.stages.budgets import Budget
from symgeom.study.stages.training import Arm, measure
from symgeom.study.stored_networks import read_symmetry


def main(
    *,
    stores: Mapping,
    case: str,
    arm: str,
    network: Mapping,
    recipe: Mapping,
    training: Mapping,
    seeds: Sequence[int],
    minima: str,
    ledgers: str,
    config_digest: str,
) -> None:
    folder = Path(ledgers).parents[2] / "checkpoints" / case
    checkpoint = folder / Path(minima).name.replace(SUFFIX, ".checkpoint")
    budget = None
    for path in stores["budget"]:  # none, or that of one arm
        budget = Budget.read(path, seeds)
    outcome = measure(
        Case.read(case, stores["data"], network),
        read_symmetry(stores["symmetry"]),
        Arm(arm, seeds, recipe, training, budget),
        checkpoint=checkpoint,
        digest=config_digest,
    )
    if outcome.resumed_from:  # in the log only: stores have the bytes of an uninterrupted job
        sys.stderr.write(f"Went on from epoch {outcome.resumed_from} of a checkpoint.\n")
    write_store(ledgers, outcome.ledgers, config_digest=config_digest, seeds=seeds)
    write_store(minima, outcome.minima, config_digest=config_digest, seeds=seeds)
    checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    launch(main, snakemake)
