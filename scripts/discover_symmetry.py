"""Discover the symmetry groups of a case's network, as trained and as measured."""

from collections.abc import Mapping

from _launch import launch

from symgeom.ground.whole_files import write_text
from symgeom.study.cases import Case
from symgeom.study.stages.symmetry import measure


def main(*, case: str, data: str, network: Mapping, symmetry: str, trained: str) -> None:
    measured_spec, trained_spec = measure(Case.read(case, data, network))
    write_text(symmetry, measured_spec.to_json())
    write_text(trained, trained_spec.to_json())


if __name__ == "__main__":
    launch(main, snakemake)
