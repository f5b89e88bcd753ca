"""Write the report of a study, and where it comes from."""

from collections.abc import Mapping

from _launch import launch

from symgeom.study.report import writing


def main(
    *,
    stores: Mapping,
    settings: Mapping,
    shown: Mapping,
    run_with: str,
    report: str,
    provenance: str,
) -> None:
    writing.write_report(
        report, provenance, stores, settings=settings, shown=shown, run_with=run_with
    )


if __name__ == "__main__":
    launch(main, snakemake)
