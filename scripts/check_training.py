"""Say which networks of a part reached the stop rule; stop a case without any two of them.

A case stops here if it is one part. Of several parts none knows the networks of the others: such a
case stops in ``check_case``.
"""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from _launch import launch

from symgeom.ground.sealed_json import write_sealed_json
from symgeom.store import open_study
from symgeom.study.stages.reached import measure


def main(*, stores: Mapping, case: str, asked: Mapping, stops: int, reached: str) -> None:
    folder = Path(reached).parents[2]
    study = open_study(folder, files=list(stores["minima"]), weights=False)
    counted = measure(case, study[case]["minima"].to_dataset(), asked)
    sys.stderr.write(counted.words)
    if stops:
        counted.check()
    write_sealed_json(reached, asdict(counted))


if __name__ == "__main__":
    launch(main, snakemake)
