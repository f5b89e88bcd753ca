"""Keep the small outcomes of a study: claims, barriers, one row per minimum and per pair, pictures, and where they come from."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from _launch import launch
from PIL import Image

from symgeom.ground.whole_files import write_text
from symgeom.store import open_study
from symgeom.study.summary import minima_table, pairs_table, write_table

OF_MINIMA, OF_PAIRS = (
    ("minima", "flatness", "curvature", "canonical", "ledgers"),
    ("distances", "alignments", "paths", "chains"),
)
COLOURS = 256
"""Of a picture that is kept: a third of the size, and no difference to the eye."""

WORDS = """# Study `{study}`

Made by `{command}` at commit {commit} on {cores} cores ({processor}): {job_minutes:.0f} minutes of job time,
{minutes:.0f} minutes in which a job ran.

`claims.csv`: every claim with its interval and verdict. `barriers.csv`: mean barriers between minima of every two arms, with
intervals. `minima.csv`, `pairs.csv`: every single number of each minimum and of each pair. `figures/`: as in the report, whose
captions say what to see. `provenance.json`: versions, machine and times.
"""


def main(*, stores: Mapping, cases: list, command: str, kept: str) -> None:
    folder = Path(kept).parent
    files = [path for stage in (*OF_MINIMA, *OF_PAIRS) for path in stores[stage]]
    study = open_study(Path(stores["claims"]).parent, files=files, weights=False)
    for name, stages, tabulate in (
        ("minima", OF_MINIMA, minima_table),
        ("pairs", OF_PAIRS, pairs_table),
    ):
        rows = [
            tabulate(case, {stage: study[case][stage].to_dataset() for stage in stages})
            for case in cases
        ]
        write_table(folder / f"{name}.csv", [row for table in rows for row in table])
    for path in (stores["claims"], stores["barriers"], stores["provenance"]):
        shutil.copy(path, folder)
    for picture in stores["pictures"]:
        place = folder / "figures" / Path(picture).parent.name
        place.mkdir(parents=True, exist_ok=True)
        drawn = Image.open(picture).convert("RGB")
        drawn.quantize(COLOURS, dither=Image.Dither.NONE).save(
            place / f"{Path(picture).stem}.png", optimize=True
        )
    made = json.loads(Path(stores["provenance"]).read_text())
    words = {
        "study": folder.name,
        "command": command,
        "commit": made["commit"],
        "minutes": made["elapsed"] / 60,
    }
    job_minutes = sum(rule["seconds"] for rule in made["rules"]) / 60
    write_text(kept, WORDS.format(**words, job_minutes=job_minutes, **made["machine"]))


if __name__ == "__main__":
    launch(main, snakemake)
