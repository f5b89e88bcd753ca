"""Draw one figure of a case, in three formats."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from _launch import launch

from symgeom.store import open_study
from symgeom.study.claims.record import read_claims
from symgeom.study.figures.style import save


def main(
    *,
    figure: str,
    case: str,
    arrays: Sequence[str],
    claims: Sequence[str],
    arms: Sequence[str],
    settings: Mapping,
    svg: str,
    png: str,
    pdf: str,
) -> None:
    if claims:
        subject = [claim for claim in read_claims(*claims) if claim.case == case]
    else:
        subject = open_study(Path(svg).parents[2], files=arrays, weights=False)[case]
    save(
        import_module(f"symgeom.study.figures.{figure}").draw(
            subject, arms=arms, settings=settings
        ),
        svg,
        png,
        pdf,
    )


if __name__ == "__main__":
    launch(main, snakemake)
