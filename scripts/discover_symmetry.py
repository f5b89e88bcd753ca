"""Discover the symmetry groups of a case's network, as trained and as measured."""

from collections.abc import Mapping

from _launch import launch

from symgeom.study.cases import Case
from symgeom.study.stages.symmetry import measure
from symgeom.study.stored_networks import write_symmetry


def main(*, case: str, data: str, network: Mapping, symmetry: str, trained: str) -> None:
    measured_spec, trained_spec = measure(Case.read(case, data, network))
    write_symmetry(symmetry, measured_spec)
    write_symmetry(trained, trained_spec)


if __name__ == "__main__":
    launch(main, snakemake)
