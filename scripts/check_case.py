"""Stop a case that is split into parts, of whose networks no two can be compared."""

import sys
from collections.abc import Mapping
from dataclasses import asdict

from _launch import launch

from symgeom.ground.sealed_json import read_sealed_json, write_sealed_json
from symgeom.study.stages.reached import Reached, of_all_parts


def main(*, stores: Mapping, stops: int, reached: str) -> None:
    parts = [Reached(**read_sealed_json(path)) for path in stores["parts"]]
    counted = of_all_parts(parts)
    sys.stderr.write(counted.words)
    if stops:
        counted.check()
    write_sealed_json(reached, asdict(counted))


if __name__ == "__main__":
    launch(main, snakemake)
