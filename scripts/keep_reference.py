"""Keep the small outcomes of a study: tables, pictures, and where they come from."""

from collections.abc import Mapping
from pathlib import Path

from _launch import launch

from symgeom.study.reference import (
    keep_constants,
    keep_files,
    keep_pictures,
    keep_tables,
    write_introduction,
)


def main(*, stores: Mapping, cases: list, level: float, command: str, kept: str) -> None:
    folder = Path(kept).parent
    study_folder = Path(stores["claims"]).parent
    keep_tables(folder, study_folder, stores, cases)
    tables = [stores[name] for name in ("claims", "barriers", "ensembles")]
    keep_files(folder, tables, stores["provenance"])
    keep_pictures(folder, stores["pictures"])
    keep_constants(folder, stores["models"], level=level)
    write_introduction(kept, stores["provenance"], command=command)


if __name__ == "__main__":
    launch(main, snakemake)
