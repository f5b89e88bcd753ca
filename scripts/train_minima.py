"""Train the seeds of one arm to minima, and keep the ledger of their charges."""

from collections.abc import Mapping, Sequence

import torch
from _console import progress
from _labels import write_minima
from _launch import launch
from _problems import build_network, read_problems
from _stage import read_symmetry
from _tables import ledger_table, minima_table

from symgeom.observe import LedgerObserver
from symgeom.optimizers import build
from symgeom.randomness import stream
from symgeom.store import read_store
from symgeom.train import Plan, train
from symgeom.types import cast, parameters, stack


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
    spec, problems = read_symmetry(stores["symmetry"]), read_problems(stores["data"], network, training["precision"])
    method = build(recipe["method"], {key: value for key, value in recipe.items() if key != "method"})
    members = [(case, arm, seed, replica) for seed in seeds for replica in range(method.members_per_seed)]
    store = read_store(stores["data"])
    start = stack([parameters(build_network(store, network, ("initialisation", *member))) for member in members])
    with progress(f"train {case}/{arm}", training["epochs"]) as bar:

        def advance(epoch: int, _: int, text: str) -> None:
            bar.update(epoch - bar.n)
            bar.set_postfix_str(text, refresh=False)

        plan = Plan(**{name: training[name] for name in ("batch_size", "epochs", "stop_error", "stop_loss")}, progress=advance)
        steps = plan.epochs * (len(problems["train"].targets) // plan.batch_size)
        observer = LedgerObserver(spec, method, steps=steps, snapshots=training["ledger_snapshots"])
        orders = [stream("order", *member) for member in members]
        start = cast(start, getattr(torch, training["precision"]))
        trained = train(problems["train"], start, method, plan=plan, generators=orders, observe=observer)
    attrs = {"attrs": {"method": method.name}, "config_digest": config_digest}
    for path, (variables, along) in (
        (ledgers, ledger_table(observer.close(), method, len(seeds))),
        (minima, minima_table(spec, trained, problems)),
    ):
        write_minima(path, [arm], seeds, variables, coordinates=along, **attrs)


if __name__ == "__main__":
    launch(main, snakemake)
