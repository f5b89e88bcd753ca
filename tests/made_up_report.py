"""A made-up study of two cases, with all that its report is written from, and its report."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import synthetic_study
import xarray as xr
import yaml
from listed import list_checksums
from PIL import Image

from symgeom.ground.sealed_json import write_sealed_json
from symgeom.store import write_store
from symgeom.study.claims.ensemble_table import write_ensembles
from symgeom.study.claims.family import as_family
from symgeom.study.claims.intervals import write_barriers
from symgeom.study.claims.record import Judgement, write_claims
from symgeom.study.figures.catalogue import all_figures
from symgeom.study.report import writing

TABLES = ("claims", "barriers", "ensembles")
ROOT = Path(__file__).parents[1]
STAGES = (
    "minima",
    "canonical",
    "alignments",
    "chains",
    "paths",
    "curvature",
    "flatness",
    "orbits",
)
PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="252pt" height="72pt">'
    '<rect width="9" height="9"/></svg>'
)


def claims() -> list[Judgement]:
    words = {
        "source": "a paper",
        "statistic": "a difference",
        "unit_of_n": "seeds",
        "direction": "below",
        "threshold": 0.0,
    }
    first = Judgement(
        "H1",
        "Flat & <small>.",
        **words,
        estimate=-2.0,
        low=-3.0,
        high=-1.0,
        level=0.95,
        p=0.02,
        n=6,
        seeds=6,
        case="mlp",
    )
    return [
        first,
        replace(first, identifier="H2", low=-3.0, high=1.0, p=0.3),
        replace(first, identifier="H3", note="left out: sam/2", p=0.01),
        replace(first, identifier="C1", kind="check"),
    ]


def barriers() -> list[dict]:
    words = {
        "case": "other",
        "first_arm": "rsgd",
        "level": 0.95,
        "pairs": 3,
        "low": 0.01,
        "high": 0.035,
        "loss_mean": 0.0567,
        "loss_low": -0.0012,
        "loss_high": 1.25,
    }
    kinds = [
        ("sgd", "geodesic both", "train", 0.0234),
        ("sgd", "geodesic both", "test", 0.5),
        ("sgd", "linear raw", "train", 0.6),
    ]
    kinds.append(("rsgd", "geodesic both", "train", 0.0123))
    named = ("second_arm", "variant", "split", "mean")
    rows = [words | dict(zip(named, kind, strict=True)) for kind in kinds]
    return [
        *rows,
        rows[0]
        | {
            "case": "mlp",
            "variant": "hamming aligned",
            "low": math.nan,
            "high": math.nan,
            "pairs": 1,
        },
    ]


def ensembles() -> list[dict]:
    words = {"case": "other", "arm": "sgd", "minima": 1, "members": 4, "mean": 0.0123}
    bounds = {"difference_low": -0.0011, "difference_high": 0.0022}
    orbit = words | bounds | {"kind": "orbit", "title": "orbit of <data>"}
    single = words | {"kind": "single", "title": "the minimum alone", "members": 1}
    single |= {"difference_low": 0.0, "difference_high": 0.0, "score": "error"}
    scores = [orbit | {"score": name} for name in ("error", "loss", "robust_error")]
    return [single, *scores]


def data() -> xr.Dataset:
    """Return what is stored of a data set, beside images that nobody shall read."""
    words = {"units": "1", "long_name": "made up"}
    counts = {
        "train_class_count": ("class", [4, 5], words),
        "test_class_count": ("class", [1, 2], words),
    }
    attrs = {"data_set": "image_folder", "classes": 2, "checksum": "c0ffee", "ignored_files": 3}
    attrs |= {"divisor": 255, "constant": [0, 5]}
    return xr.Dataset(
        counts | {"train_inputs": ("train_sample", np.zeros(9), words)},
        {"class": ("class", ["bee", "<ant>"], words)},
        attrs,
    )


def troubled(stage: str, arrays: xr.Dataset) -> xr.Dataset:
    """Let things go wrong in a case.

    The first twelve alignments do not converge, the bend of the second chain diverges, and a
    measure is left out.
    """
    arrays.attrs["left_out"] = ["torus_trace"] if stage == "curvature" else []
    arrays.attrs["undefined"] = ["geodesic both: sgd/0 to sgd/1"] if stage == "paths" else []
    first = np.arange(arrays.sizes.get("pair", 0))
    if stage == "alignments":
        arrays["converged"] = arrays["converged"].copy(data=first >= 12)
    if stage == "chains":
        arrays["diverged"] = arrays["bend_error"].copy(data=(first == 1).astype(float))
    return arrays


def outline(svg: Path) -> None:
    """Write a picture that shows next to nothing."""
    svg.write_text(PICTURE)
    Image.new("RGB", (700, 200), "white").save(svg.with_suffix(".png"))


def write_inputs(
    folder: Path, figures: dict[str, list[str]], draw: Callable[[Path], None]
) -> dict[str, list[str] | str]:
    """Write what a report is written from, with these figures, and return the files by name."""
    tree, stores = (
        synthetic_study.case(STAGES),
        {name: [] for name in (*STAGES, "figures", "data", "models")},
    )
    for case in ("mlp", "other"):
        for stage in STAGES:
            path = folder / stage / case / "all.zarr.zip"
            write_store(
                path, troubled(stage, tree[stage].to_dataset()), config_digest="0", seeds=[0, 1, 2]
            )
            stores[stage].append(str(path))
        stores["data"].append(str(folder / "data" / f"{case}.zarr.zip"))
        write_store(stores["data"][-1], data(), config_digest="0", seeds=[])
    for case, names in figures.items():
        for figure in names:
            path = folder / "figures" / case / f"{figure}.svg"
            path.parent.mkdir(parents=True, exist_ok=True)
            draw(path)
            stores["figures"].append(str(path))
        pictures = sorted((folder / "figures" / case).iterdir())
        list_checksums(folder / "figures" / case / "figures.sha256", pictures)
    choice = folder / "depths/other.choice.json"
    write_sealed_json(choice, {"case": "other", "words": "Case other: compared at a loss of 0.1."})
    write_claims(folder / "claims.csv", as_family(claims()))
    write_barriers(folder / "barriers.csv", barriers())
    write_ensembles(folder / "ensembles.csv", ensembles())
    tables = [folder / f"{name}.csv" for name in TABLES]
    list_checksums(folder / "tables.sha256", tables)
    for rule, seconds in (("train_minima", "12.5"), ("write_report", "1.0")):
        synthetic_study.write_benchmark(folder / "benchmarks" / rule / "one.tsv", seconds, "300.5")
    stores |= {name: str(folder / f"{name}.csv") for name in TABLES}
    stores["choices"] = [str(choice)]
    return stores | {"template": str(ROOT / "workflow/report/report.html.j2")}


def write_report(
    folder: Path, figures: dict[str, list[str]], draw: Callable[[Path], None] = outline
) -> Path:
    """Write the report of the made-up study into a folder, relative to the current one."""
    stores, report = write_inputs(folder, figures, draw), folder / "report.html"
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    settings = config | {
        "study": "made_up",
        "cases": dict.fromkeys(("mlp", "other"), config["cases"]["mlp"]),
    }
    writing.write_report(
        report,
        folder / "provenance.json",
        stores,
        settings=settings,
        shown={figure.name: figure.words for figure in all_figures()},
        run_with="--cores all --configfile config/made_up.yaml",
    )
    return report
