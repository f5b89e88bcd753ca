"""The records of the figures: complete, cheap to read, and asked for by the configuration."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

import symgeom
from symgeom.ground.checks import SymgeomError
from symgeom.learning.networks.registry import NETWORKS
from symgeom.study.figures.catalogue import (
    NAMES,
    all_figures,
    configuration_of_case,
    figures_of_case,
    figures_of_model,
    settings_of,
)
from symgeom.study.figures.record import figure_named, setting, trains_networks
from symgeom.study.figures.results import Results
from symgeom.study.report.captions import write_captions
from symgeom.study.signs import NAMES as NAMES_OF_SIGNS

ROOT = Path(symgeom.__file__).parents[1]
HELPERS = {
    "__init__",
    "axes",
    "catalogue",
    "comparison_drawing",
    "drawing",
    "keys",
    "layers_of_descents",
    "record",
    "results",
    "selection",
    "series",
    "single",
    "style",
    "wiring_drawing",
    "wiring_paper",
    "wiring_spans",
}
"""Modules that are no figure of a study; commands draw graphs of symmetries, and comparisons."""


def configuration(*files: str, **changes: object) -> dict:
    """Return the default configuration with others merged over it."""
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    for file in files:
        update_config(config, yaml.safe_load((ROOT / file).read_text()))
    update_config(config, changes)
    for section in ("cases", "arms"):
        config[section] = {name: value for name, value in config[section].items() if value}
    return config


def asked(config: dict) -> set[str]:
    """Return the names of the figures that a study asks for of its first case."""
    return {figure.name for figure in figures_of_case(config, next(iter(config["cases"])))}


def test_the_catalogue_names_every_figure_once():
    modules = {path.stem for path in (ROOT / "symgeom/study/figures").glob("*.py")}
    assert set(NAMES) == modules - HELPERS
    assert len(set(NAMES)) == len(NAMES)
    assert [figure.name for figure in all_figures()] == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_has_a_title_and_a_caption(name):
    figure = figure_named(name)
    assert re.fullmatch(r"[A-Z].*\w\.", figure.title)
    assert len(figure.caption) > 100
    assert ": " in figure.question


def test_reading_the_catalogue_loads_no_library_that_draws():
    program = (
        "import sys; from symgeom.study.figures.catalogue import all_figures; all_figures();"
        "from symgeom.study.report.captions import write_captions;"
        "heavy = {'torch', 'matplotlib', 'xarray', 'scipy', 'PIL'} & {*sys.modules};"
        "assert not heavy, heavy"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def test_the_default_study_has_no_figure_that_it_does_not_ask_for():
    without = {"spectra", "starts", "valleys", "charts", "coordinates", "ensemble_scales"}
    config = configuration()
    of_cases = {name for name in NAMES if not figure_named(name).model}
    assert asked(config) == of_cases - without
    assert [figure.name for figure in figures_of_model(config, "perceptron")] == ["perceptron"]
    assert figures_of_model(config, "two_layer") == []


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"curvature": {"density_steps": 20}}, "spectra"),
        ({"valleys": {"imbalances": [0, 1]}}, "starts"),
        ({"valleys": {"imbalances": [0, 1]}}, "valleys"),
        ({"valleys": {"imbalances": [0, 1]}}, "charts"),
        ({"valleys": {"imbalances": [0, 1]}}, "coordinates"),
        ({"neighbours": {"further_scales": [1.0]}}, "ensemble_scales"),
    ],
)
def test_a_study_asks_for_a_figure_by_its_configuration(change, name):
    assert name not in asked(configuration())
    assert name in asked(configuration(**change))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"flatness": {"noises": []}}, "noises"),
        ({"flatness": {"layers": False}}, "layers"),
        ({"flatness": {"escape_rise": 0}}, "escapes"),
        ({"training": {"ledger_snapshots": 0}}, "charges"),
        ({"seeds": 2, "claims": {"roles": {"flat": "sgd"}}}, "maps"),
        ({"neighbours": {"attacks": []}}, "robustness"),
    ],
)
def test_a_study_that_measures_less_has_fewer_figures(change, name):
    assert asked(configuration()) - asked(configuration(**change)) == {name}


def test_of_networks_that_were_trained_elsewhere_no_training_is_drawn():
    config = configuration()
    config["arms"] = {"yours": {"method": "checkpoints", "path": "somewhere"}}
    assert asked(configuration()) - asked(config) == {
        "training",
        "charges",
        "equilibria",
        "joined",
    }
    assert not trains_networks({"arms": None})


def test_a_case_may_ask_for_figures_of_its_own():
    config = configuration()
    changes = {"curvature": {"density_steps": 9}, "training": {"stop_loss": 0.5}}
    config["cases"]["other"] = config["cases"]["mlp"] | changes
    first, other = ({*figures_of_case(config, case)} for case in config["cases"])
    assert {figure.name for figure in other - first} == {"spectra"}
    settings = settings_of([figure_named("training")], configuration_of_case(config, "other"))
    assert settings == {"stop_loss": 0.5, "stop_error": 0.0}


def test_the_binary_study_asks_for_no_ledgers_and_no_layers():
    names = asked(configuration("config/binary.yaml"))
    assert not {"charges", "escapes", "layers", "noises", "spectra"} & names


@pytest.mark.parametrize("name", NAMES_OF_SIGNS)
def test_what_networks_of_signs_cannot_have_is_not_drawn(name):
    config = configuration()
    case = next(iter(config["cases"]))
    config["cases"][case]["network"] = {"name": name}
    without = {"charges", "escapes", "ablation", "simplices", "equilibria", "orbits", "joined"}
    assert asked(configuration()) - asked(config) == without


def test_every_binary_network_is_one_of_signs():
    assert {name for name in NETWORKS if "binary" in name} == {*NAMES_OF_SIGNS}


def test_layers_and_spectra_are_not_among_what_is_kept():
    kept = {figure.name for figure in all_figures() if figure.in_reference(configuration())}
    assert set(NAMES) - kept == {"layers", "spectra", "charges", "equilibria"}
    with_valleys = configuration(valleys={"imbalances": [0, 1]})
    kept = {figure.name for figure in all_figures() if figure.in_reference(with_valleys)}
    assert set(NAMES) - kept == {"layers", "spectra"}


def test_captions_are_files_that_change_when_they_do(tmp_path):
    write_captions(all_figures(), tmp_path)
    file = tmp_path / "claims.rst"
    text = file.read_text()
    assert text.startswith("**The claims of the papers, beside what this study measured.**\n")
    before = file.stat().st_mtime_ns
    write_captions(all_figures(), tmp_path)
    assert file.stat().st_mtime_ns == before
    file.write_text("old")
    write_captions(all_figures(), tmp_path)
    assert file.read_text() == text


def test_a_setting_that_is_not_there_is_named():
    with pytest.raises(SymgeomError, match=r"'claims\.livel' .* there is no 'livel'"):
        setting({"claims": {"level": 0.9}}, "claims.livel")
    results = Results(None, [], {"threshold": "high"})
    with pytest.raises(SymgeomError, match="depends on the number 'level', which is None"):
        results.number("level")
    assert results.roles() == {}
