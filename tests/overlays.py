"""Small configurations merged over the default one, as Snakemake merges them, without Snakemake."""

from pathlib import Path

import pytest
import yaml
from clones import ROOT
from snakemake.utils import update_config

from symgeom.study.planning.configuration import complete
from symgeom.study.planning.sources import ConfigError

DEFAULT = ROOT / "config/config.yaml"


def planned(folder: Path, *texts: str, command_line: dict | None = None) -> dict:
    """Return the configuration that rules would use: the default one with these files over it."""
    files = [DEFAULT]
    for number, text in enumerate(texts):
        files.append(folder / f"mine{number or ''}.yaml")
        files[-1].write_text(text)
    merged: dict = {}
    for file in files:
        update_config(merged, yaml.safe_load(file.read_text()) or {})
    update_config(merged, command_line or {})
    complete(merged, files, command_line)
    return merged


def refusal(folder: Path, *texts: str, command_line: dict | None = None) -> str:
    """Return the sentence with which such a configuration is refused."""
    with pytest.raises(ConfigError) as caught:
        planned(folder, *texts, command_line=command_line)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert len(sentence) < 600
    return sentence
