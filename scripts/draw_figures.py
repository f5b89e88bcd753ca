"""Draw all figures of a case, or of a model, in three formats."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from _launch import launch

from symgeom.study.figures.drawing import draw_figures, read_results


def main(
    *,
    case: str,
    figures: Sequence[str],
    files: Sequence[str],
    arms: Sequence[str],
    settings: Mapping,
    checksums: str,
) -> None:
    folder = Path(checksums).parent
    results = read_results(folder.parents[1], case, files, arms=arms, settings=settings)
    draw_figures(figures, results, folder, checksums=checksums)


if __name__ == "__main__":
    launch(main, snakemake)
