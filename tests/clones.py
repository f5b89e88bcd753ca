"""Copies of the repository in which snakemake runs, so that a test may edit what it likes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SNAKEMAKE = Path(sys.executable).with_name("snakemake")


def copy_repository(place: Path, *, config: str = "config/config.yaml") -> Path:
    """Copy the repository's files (results and environments excepted), with another study as the default one."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\n")):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    if config != "config/config.yaml":
        shutil.copy2(place / config, place / "config/config.yaml")
    return place


def snakemake(clone: Path, *words: str, check: bool = False) -> subprocess.CompletedProcess:
    """Run snakemake in a copy, on the copy's own modules and configuration."""
    environment = os.environ | {"PYTHONPATH": str(clone), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SNAKEMAKE), *words]
    return subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=check)
