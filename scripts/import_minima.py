"""Take minima that were trained elsewhere into a study: check their files against the network, and evaluate them."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from _bookings import charges_alone
from _case import Case
from _labels import write_minima
from _launch import launch
from _ledgers import ledger_table
from _problems import problems_of
from _stage import read_symmetry
from _tables import minima_table
from _training import precision_of

from symgeom.ground.types import cast, stack
from symgeom.landscape.problem.evaluation import evaluate
from symgeom.learning.training import Trained
from symgeom.learning.weight_files import read_weights


def main(
    *,
    stores: Mapping,
    arm: str,
    network: Mapping,
    precision: str,
    seeds: Sequence[int],
    checkpoints: Sequence[str],
    minima: str,
    ledgers: str,
    config_digest: str,
) -> None:
    found, spec = Case.read(stores["data"], network), read_symmetry(stores["symmetry"])
    precision = precision_of({"precision": precision})
    files = [checkpoints] if isinstance(checkpoints, str) else list(checkpoints)
    networks = [
        cast(read_weights(file, found.trained), getattr(torch, precision)) for file in files
    ]
    problems, measured = (
        problems_of(found, precision),
        stack([found.prepared(each, precision) for each in networks]),
    )
    finite = evaluate(problems["train"], measured)[0].isfinite().tolist()
    none, unseen = (
        torch.zeros(len(seeds), dtype=torch.int64),
        torch.full((len(seeds), 1), torch.nan, dtype=torch.float64),
    )
    status = tuple("imported" if good else "diverged" for good in finite)
    imported = Trained(stack(networks), status, none, none, none, unseen, unseen, together=False)
    how = {"method": "checkpoints", "files": [Path(file).name for file in files]}
    how["checksums"] = [hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in files]
    for path, (variables, along) in (
        (ledgers, ledger_table(charges_alone(spec, imported.parameters), None, len(seeds))),
        (minima, minima_table(spec, imported, problems, measured)),
    ):
        write_minima(
            path, [arm], seeds, variables, coordinates=along, attrs=how, config_digest=config_digest
        )


if __name__ == "__main__":
    launch(main, snakemake)
