"""Choose the training loss at which all arms of a case are compared, and say who decided it.

The depth has a file of its own: while it stays as it is, nothing is measured anew.
"""

import sys
from collections.abc import Mapping
from dataclasses import asdict

from _launch import launch

from symgeom.ground.sealed_json import write_sealed_json
from symgeom.store import read_store
from symgeom.study.stages.depths import COLUMNS, choose


def main(*, stores: Mapping, case: str, exempt: Mapping, depth: str, choice: str) -> None:
    arms = [read_store(path, only=COLUMNS) for path in stores["trained"]]
    common = choose(case, arms, exempt)
    sys.stderr.write(common.words)
    write_sealed_json(choice, asdict(common))
    write_sealed_json(depth, {"depth": common.depth})


if __name__ == "__main__":
    launch(main, snakemake)
