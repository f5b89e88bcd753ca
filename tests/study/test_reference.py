"""What is kept of a study: small pictures, the tables as they are, and one page of words."""

from pathlib import Path

import numpy as np
import synthetic_study
from listed import list_checksums
from PIL import Image, ImageColor
from synthetic_study import ARMS

from symgeom.store import write_store
from symgeom.study.figures.style import looks
from symgeom.study.provenance import write_provenance
from symgeom.study.reference import (
    STAGES_OF_ENSEMBLES,
    STAGES_OF_MINIMA,
    STAGES_OF_PAIRS,
    STAGES_OF_SIMPLICES,
    keep_files,
    keep_pictures,
    keep_tables,
    write_introduction,
)


def test_tables_have_a_row_for_each_minimum_pair_simplex_and_ensemble_of_each_case(tmp_path: Path):
    stages = [*STAGES_OF_MINIMA, *STAGES_OF_PAIRS, *STAGES_OF_SIMPLICES, *STAGES_OF_ENSEMBLES]
    study = synthetic_study.case(stages)
    stores: dict[str, list[str]] = {stage: [] for stage in stages}
    for case in ("mlp", "other"):
        for stage in stages:
            path = tmp_path / stage / case / "all.zarr.zip"
            write_store(path, study[stage].to_dataset(), config_digest="0", seeds=[0, 1, 2])
            stores[stage].append(str(path))
    kept = tmp_path / "kept"
    kept.mkdir()
    keep_tables(kept, tmp_path, stores, ["mlp", "other"])
    minima = (kept / "minima.csv").read_text().splitlines()
    pairs = (kept / "pairs.csv").read_text().splitlines()
    simplices = (kept / "simplices.csv").read_text().splitlines()
    assert len(minima) == 1 + 2 * study["minima"]["usable"].size
    assert len(pairs) == 1 + 2 * study["distances"].sizes["pair"]
    assert len(simplices) == 1 + 2 * study["simplices"].sizes["simplex"]
    ensembles = (kept / "neighbours.csv").read_text().splitlines()
    measured = study["neighbours"]["attacked_error"].notnull()
    assert len(ensembles) == 1 + 2 * int(measured.sum())
    assert minima[1].startswith("mlp,")
    assert minima[-1].startswith("other,")


def test_pictures_keep_their_look_in_fewer_colours(tmp_path: Path):
    picture = tmp_path / "figures" / "mlp" / "claims.png"
    picture.parent.mkdir(parents=True)
    random = np.random.default_rng(0)
    pixels = random.integers(0, 255, (40, 40, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(picture)
    list_checksums(picture.with_name("figures.sha256"), [picture])
    earlier = tmp_path / "kept" / "figures" / "mlp" / "drawn_no_longer.png"
    earlier.parent.mkdir(parents=True)
    earlier.touch()
    keep_pictures(tmp_path / "kept", [str(picture)])
    assert not earlier.exists()
    small = Image.open(tmp_path / "kept" / "figures" / "mlp" / "claims.png")
    assert small.size == (40, 40)
    assert len(small.convert("RGB").getcolors(10**6)) <= 256


def test_rare_colours_are_kept_beside_very_many(tmp_path: Path):
    """Beside a map, the key keeps the colours of the arms."""
    picture = tmp_path / "figures" / "mlp" / "maps.png"
    picture.parent.mkdir(parents=True)
    shade = np.add.outer(np.linspace(0, 0.5, 200), np.linspace(0, 0.5, 200))
    pixels = np.full((400, 400, 3), 255, np.uint8)
    pixels[:200, :200, 0] = 250 * shade
    pixels[:200, :200, 1] = 30 + 200 * shade
    pixels[:200, :200, 2] = 80 + 20 * np.sin(50 * shade)
    for number, look in enumerate(looks(ARMS).values()):
        pixels[300:303, 10 * number : 10 * number + 3] = ImageColor.getrgb(look.colour)
    Image.fromarray(pixels).save(picture)
    list_checksums(picture.with_name("figures.sha256"), [picture])
    keep_pictures(tmp_path / "kept", [str(picture)])
    small = Image.open(tmp_path / "kept" / "figures" / "mlp" / "maps.png").convert("RGB")
    difference = np.asarray(small).astype(int) - pixels
    assert np.abs(difference).max() < 20


def test_the_introduction_says_how_the_study_was_made(tmp_path: Path):
    made = {
        "commit": "abc",
        "elapsed": 300.0,
        "machine": {"cores": 2, "processor": "a processor", "system": "Linux"},
        "rules": [{"seconds": 120.0}, {"seconds": 480.0}],
    }
    provenance = tmp_path / "provenance.json"
    write_provenance(provenance, made)
    table = tmp_path / "claims.csv"
    table.write_text("case\n")
    list_checksums(tmp_path / "tables.sha256", [table])
    kept = tmp_path / "reference" / "tiny"
    kept.mkdir(parents=True)
    write_introduction(kept / "README.md", provenance, command="snakemake --cores 2")
    keep_files(kept, [str(table)], str(provenance))
    words = (kept / "README.md").read_text()
    assert words.startswith("# Study `tiny`")
    assert "`snakemake --cores 2` at commit abc on 2 cores (a processor)" in words
    assert "10 minutes of job time,\n5 minutes in which a job ran." in words
    for file in (table, provenance):
        assert (kept / file.name).read_bytes() == file.read_bytes()
