"""Train the seeds of one arm to minima, and keep the ledger of their charges; a killed job goes on from its last checkpoint."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from _bookings import NO_LEDGER
from _case import Case
from _console import progress
from _labels import write_minima
from _launch import launch
from _ledgers import ledger_table
from _problems import problems_of
from _stage import read_symmetry
from _tables import minima_table
from _training import method_of, orders, plan_of, precision_of, starts

from symgeom.learning.observe import LedgerObserver
from symgeom.learning.training import train
from symgeom.store import SUFFIX


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
    found, spec, method = (
        Case.read(stores["data"], network),
        read_symmetry(stores["symmetry"]),
        method_of(recipe),
    )
    problems = problems_of(found, precision := precision_of(training), trained=True)
    members = [
        (case, arm, seed, replica) for seed in seeds for replica in range(method.members_per_seed)
    ]
    place = (
        Path(minima).parents[1] / "checkpoints" / Path(minima).name.replace(SUFFIX, ".checkpoint")
    )
    with progress(f"train {case}/{arm}", training["epochs"]) as bar:
        plan = plan_of(found, training, place=place, digest=config_digest, bar=bar)
        steps, observer = plan.epochs * (len(problems["train"].targets) // plan.batch_size), None
        if training["ledger_snapshots"]:
            observer = LedgerObserver(
                spec, method, steps=steps, snapshots=training["ledger_snapshots"]
            )
        start, generators = starts(found, members, precision), orders(members, training)
        trained = train(
            problems["train"], start, method, plan=plan, generators=generators, observe=observer
        )
    if trained.resumed_from:  # said in the log only: the stores are the same, byte for byte, as those of an uninterrupted job
        sys.stderr.write(f"Went on from epoch {trained.resumed_from} of a checkpoint.\n")
    how = {"method": method.name, "batch_size": plan.batch_size, "together": int(trained.together)}
    how["device"] = str(problems["train"].inputs.device)
    for path, (variables, along) in (
        (ledgers, ledger_table(observer.close() if observer else NO_LEDGER, method, len(seeds))),
        (minima, minima_table(spec, trained, problems)),
    ):
        write_minima(
            path, [arm], seeds, variables, coordinates=along, attrs=how, config_digest=config_digest
        )
    place.unlink(missing_ok=True)


if __name__ == "__main__":
    launch(main, snakemake)
