"""What a configuration asks for: checks, options, files, and the code that a job depends on."""

import copy
import os
import re
import subprocess
import sys

import pytest
import yaml
from clones import ROOT
from snakemake.utils import update_config

from symgeom.study.planning import checkpoints, code, configuration, options
from symgeom.study.planning.merging import in_order_of_sources
from symgeom.study.planning.sources import ConfigError, read_sources

SOURCES = read_sources([ROOT / "config/config.yaml"])
CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def changed(path, value):
    """Return the default configuration with one key set."""
    config = copy.deepcopy(CONFIG)
    *parents, last = path.split(".")
    place = config
    for name in parents:
        place = place[name]
    place[last] = value
    return config


def test_the_default_configuration_is_valid():
    configuration.check_config(CONFIG, SOURCES)


@pytest.mark.parametrize(
    "file",
    [*(ROOT / "config").glob("*.yaml"), *(ROOT / "tests").glob("small_*.yaml")],
    ids=lambda file: file.stem,
)
def test_every_shipped_study_is_valid(file):
    config = copy.deepcopy(CONFIG)
    if file.parent.name == "tests":  # these replace the default study
        config = {}
    update_config(config, yaml.safe_load(file.read_text()))
    configuration.complete(config, [ROOT / "config/config.yaml", file])
    assert set(config["claims"]["roles"].values()) <= set(config["arms"])


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("arms.sgd.momentun", 0.9, r"unknown key 'arms.sgd.momentun'. Did you mean 'momentum'\?"),
        (
            "arms.adam.momentum",
            0.9,
            "unknown key 'arms.adam.momentum'. Known here: method, batch_size",
        ),
        (
            "arms.sgd.method",
            "lion",
            "key 'arms.sgd.method' is 'lion', which is unknown. Choose one of: sgd, adam, sam, "
            "rsgd, entropy_sgd, swa, adv",
        ),
        ("arms.sgd.learning_rate", -0.1, "key 'arms.sgd.learning_rate' cannot be used: it is -0.1"),
        (
            "cases.mlp.data.name",
            "mnits",
            "key 'cases.mlp.data.name' is 'mnits', which is unknown. Choose one of: digits, mnist",
        ),
        ("seeds", 0, "key 'seeds' cannot be used: it is 0, expected a number of seeds, at least 1"),
        ("seeds", [1, 1], "key 'seeds' cannot be used"),
        (
            "arms.sgd.method",
            "my-optimizers:Signs",
            "it is 'my-optimizers:Signs', expected something of your own, package.module:n",
        ),
        ("arms.known", {"method": "checkpoints"}, "key 'arms.known.path' is missing"),
        (
            "arms.known",
            {"method": "checkpoints", "path": "a", "momentum": 0.9},
            "unknown key 'arms.known.momentum'",
        ),
        (
            "claims.roles.sharp",
            "nobody",
            "'claims.roles.sharp' names the arm 'nobody', which is not among the arms: rsgd, sam",
        ),
        ("training", {}, "key 'training.precision' is missing"),
        (
            "granularity.pairs_per_job",
            0,
            "key 'granularity.pairs_per_job' cannot be used: it is 0, expected a number, at least "
            "1",
        ),
        ("training.depths", [], "key 'training.depths' cannot be used: it is \\[\\]"),
        (
            "training.depths",
            [0.1, 0.2],
            r"key 'training.depths' is \[0.1, 0.2\]. Let each be smaller than the one before",
        ),
        (
            "cases.mlp.training",
            {"depths": [0.1, 0.1]},
            r"key 'cases.mlp.training.depths' is \[0.1, 0.1\]. Let each be smaller",
        ),
        (
            "training.exempt",
            ["nobody"],
            "'training.exempt' names the arm 'nobody', which is not among the arms: rsgd, sam",
        ),
        (
            "cases.mlp.training",
            {"stop": "common", "exempt": list(CONFIG["arms"])},
            "'training.stop' is common, but no arm of case 'mlp' decides on the common depth",
        ),
        (
            "training.together",
            "batched",
            "key 'training.together' is 'batched', .* Set the one to auto, or the other to null",
        ),
        (
            "cases.mlp.training",
            {"together": "batched"},
            "key 'cases.mlp.training.together' is 'batched'",
        ),
    ],
)
def test_a_wrong_key_is_named_with_its_file(path, value, message):
    with pytest.raises(ConfigError, match=message) as caught:
        configuration.check_config(changed(path, value), SOURCES)
    assert str(ROOT / "config/config.yaml") in str(caught.value)


def test_the_file_that_is_named_is_the_one_that_sets_the_key(tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("flatness: {drawz: 3}\n")
    sources = read_sources([ROOT / "config/config.yaml", mine])
    with pytest.raises(ConfigError, match=f"^{mine}: unknown key 'flatness.drawz'"):
        configuration.check_config(changed("flatness.drawz", 3), sources)
    with pytest.raises(
        ConfigError, match=rf"^{ROOT}/config/config.yaml: key 'arms.sgd.learning_rate'"
    ):
        configuration.check_config(changed("arms.sgd.learning_rate", 0), sources)


def test_arms_of_later_files_come_last_and_null_removes_one(tmp_path):
    first, second = tmp_path / "config.yaml", tmp_path / "mine.yaml"
    first.write_text("arms: {rsgd: {}, sgd: {}, adam: {}}")
    second.write_text("arms: {new: {}, adam: null}")
    merged = {
        "new": {"method": "sam"},
        "adam": None,
        "rsgd": {},
        "sgd": {},
    }  # the order in which Snakemake merges
    assert list(in_order_of_sources("arms", merged, read_sources([first, second]))) == [
        "rsgd",
        "sgd",
        "new",
    ]


def test_a_file_that_names_every_arm_decides_their_order(tmp_path):
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("arms: {rsgd: {}, sgd: {}, adam: {}}")
    second.write_text("arms: {new: {}, sgd: {}, rsgd: {}, adam: null}")
    merged = {"new": {}, "sgd": {}, "rsgd": {}, "adam": None}
    assert list(in_order_of_sources("arms", merged, read_sources([first, second]))) == [
        "new",
        "sgd",
        "rsgd",
    ]


def reached(script: str, *modules: str) -> set[str]:
    """Return the modules of the library that a script reaches, as paths below it."""
    files = code.code_of(script, *modules)
    return {file.rpartition("symgeom/")[2].removesuffix(".py") for file in files}


def test_a_job_depends_on_the_code_that_it_reaches():
    training = reached("train_minima")
    wanted = ("learning/training/engine", "dynamics/ledger/record", "learning/optimizers/sam")
    assert training.issuperset(wanted)
    elsewhere = ("quotient/alignment", "quotient/gauge", "landscape/path", "landscape/flatness")
    assert not [module for module in training if module.startswith(elsewhere)]
    paths = reached("measure_paths")
    assert "landscape/path/geodesic" in paths
    assert not [module for module in paths if "optimizers" in module or "figures" in module]
    figure = reached("draw_figures", "study/figures/flatness")
    assert "study/figures/flatness" in figure
    assert "study/figures/chains" not in figure


SCRIPTS = sorted(path.stem for path in (ROOT / "scripts").glob("[!_]*.py"))
REACHING = {
    "study/stages/alignments": {"align_pairs"},
    "study/stages/canonical": {"canonicalise_minima"},
    "study/stages/chains": {"connect_chains"},
    "study/stages/charts": {"chart_valleys"},
    "study/stages/curvature": {"measure_curvature"},
    "study/stages/data": {"prepare_data"},
    "study/stages/descents": {"descend_two_layer"},
    "study/stages/distances": {"measure_distances"},
    "study/stages/ellipses": {"descend_ellipse"},
    "study/stages/equilibria": {"measure_equilibria"},
    "study/stages/flatness": {"measure_flatness"},
    "study/stages/imports": {"import_minima"},
    "study/stages/initialisations": {"draw_initialisations"},
    "study/stages/maps": {"map_planes"},
    "study/stages/neighbours": {"measure_neighbours"},
    "study/stages/noise_models": {"run_noise_model"},
    "study/stages/orbits": {"measure_orbits"},
    "study/stages/paths": {"measure_paths"},
    "study/stages/depths": {"choose_depth", "select_minima"},
    "study/stages/reached": {"check_training", "check_case"},
    "study/stages/simplices": {"measure_simplices"},
    "study/stages/solutions": {"solve_perceptron"},
    "study/stages/symmetry": {"discover_symmetry"},
    "study/stages/valleys": {"walk_valleys"},
    "study/claims/star": {"evaluate_claims"},
    "study/report/tables": {"write_report"},
    "study/variants/geodesic": {"measure_paths"},
    "landscape/flatness/measures/euclidean_ball": {"measure_curvature", "keep_reference"},
    "landscape/path/geodesic": {
        *("measure_paths", "connect_chains", "map_planes"),
        *("measure_simplices", "measure_neighbours", "chart_valleys"),
    },
    "landscape/plane": {"map_planes"},
    "landscape/repairing": {"measure_paths"},
    "models/ellipse/theory": {"descend_ellipse"},
    "models/perceptron/descent": {"solve_perceptron"},
    "models/two_layer/descent": {"descend_two_layer"},
}
"""Which scripts reach a module: an edit of it runs their jobs again, and what depends on these."""


def test_an_edit_concerns_few_rules():
    of_scripts = {script: reached(script) for script in SCRIPTS}
    for module, concerned in REACHING.items():
        assert (ROOT / f"symgeom/{module}.py").is_file(), module
        scripts = {script for script, modules in of_scripts.items() if module in modules}
        assert scripts == concerned, module


def test_training_alone_and_what_follows_it_at_once_depend_on_its_stage():
    """Ledgers of imported minima are labelled as theirs are; equilibria need the optimizer."""
    for module in ("training", "minima", "ledgers"):
        for script in SCRIPTS:
            concerned = script in ("train_minima", "import_minima", "measure_equilibria")
            assert (f"study/stages/{module}" in reached(script)) == concerned, (module, script)


def test_the_digest_of_code_is_that_of_the_files(home):
    """An edit of what a job reaches changes it (workflow tests edit files); a move does not."""
    digest = code.code_digest("draw_initialisations", own_code=["mine.networks:network"])
    assert digest != code.code_digest("draw_initialisations") != code.code_digest("train_minima")
    assert re.fullmatch("[0-9a-f]{16}", digest)


def test_a_case_may_limit_samples_and_train_its_chains_in_its_own_way():
    config = copy.deepcopy(CONFIG)
    case = next(iter(config["cases"]))
    config["chains"] |= {"samples": 900, "learning_rate": 0.1}
    config["cases"][case] |= {"samples": 300, "chains": {"learning_rate": 0.001}}
    configuration.check_config(config, SOURCES)
    assert options.case_options(config, "chains", case) == config["chains"] | {
        "samples": 300,
        "learning_rate": 0.001,
    }
    del config["cases"][case]["samples"], config["cases"][case]["chains"]
    assert options.case_options(config, "chains", case) == config["chains"]


def test_seeds_that_are_split_train_alone_whatever_a_case_says():
    config = changed("cases.mlp.training", {"together": "auto", "epochs": 3})
    shared = dict(config["training"])
    for name in ("go_on_without_usable", "stop", "exempt", "depths"):
        del shared[name]  # no network depends on it
    assert options.training_of(config, "mlp", "sgd") == shared | {"together": "one", "epochs": 3}
    config["granularity"]["seeds_per_job"] = None
    assert options.training_of(config, "mlp", "sgd") == shared | {"together": "auto", "epochs": 3}


def test_the_keys_of_a_stop_rule_are_those_that_decide():
    config = changed("cases.mlp.training", {"stop_loss": 0.5, "go_on_without_usable": True})
    config["arms"]["sgd"]["epochs"] = 7
    config["arms"]["mine"] = {"method": "checkpoints", "files": "mine"}
    rules = options.stop_rules_of(config, "mlp", ["sgd", "adam", "mine"])
    assert list(rules) == ["sgd", "adam"]
    assert rules["sgd"] == {
        "epochs": ("arms.sgd.epochs", 7),
        "stop_error": ("training.stop_error", config["training"]["stop_error"]),
        "stop_loss": ("cases.mlp.training.stop_loss", 0.5),
    }
    assert rules["adam"]["epochs"] == ("training.epochs", config["training"]["epochs"])
    assert options.goes_on(config, "mlp")
    del config["cases"]["mlp"]["training"]
    assert not options.goes_on(config, "mlp")


def test_what_stops_in_common_is_asked_for_depths_alone():
    config = changed("training.stop", "common")
    config["training"]["exempt"] = ["adam"]
    config["arms"]["mine"] = {"method": "checkpoints", "files": "mine"}
    config["cases"]["other"] = {"training": {"stop": "rule"}}
    training = options.training_of(config, "mlp", "sgd")
    assert training["depths"] == config["training"]["depths"]
    assert not {"stop", "exempt", "stop_error", "stop_loss"} & set(training)
    assert "stop_loss" in options.training_of(config, "other", "sgd")
    assert options.cases_by(config, stop="common") == ["mlp"]
    assert options.cases_by(config, stop="rule") == ["other"]
    assert options.stop_rules_of(config, "mlp", ["sgd", "mine"]) == {
        "sgd": {"epochs": ("training.epochs", 100), "depths": ("training.depths", 1.0)}
    }
    assert options.exempt_of(config, "mlp") == {
        "adam": "named in training.exempt",
        "mine": "trained elsewhere",
        "equal_budget": "at the budget of rsgd",
    }


def test_what_spends_a_budget_is_told_the_common_depth_with_it():
    config = changed("training.stop", "common")
    training = options.training_of(config, "mlp", "equal_budget")
    assert training["budget_of"] == "rsgd"
    assert not {"depths", "stop_error", "stop_loss"} & set(training)
    asked = options.stop_rules_of(config, "mlp", ["equal_budget"])["equal_budget"]
    assert list(asked) == ["epochs", "depths"]


def test_a_retried_job_asks_for_twice_as_much():
    amount = options.growing(1500)
    assert [amount(None, attempt=attempt) for attempt in (1, 2, 3)] == [1500, 3000, 6000]


@pytest.mark.parametrize(("device", "count"), [("auto", 0), ("cpu", 0), ("cuda", 1)])
def test_a_gpu_is_asked_for_where_one_is_needed(device, count):
    assert options.gpus(changed("device", device)) == count


def test_a_study_is_run_with_the_files_that_describe_it():
    assert options.command_options(["config/config.yaml"], cores="all") == "--cores all"
    files = ["config/config.yaml", "config/mnist.yaml", ROOT / "config/mine.yaml"]
    mine = os.path.relpath(ROOT / "config/mine.yaml")
    assert (
        options.command_options(files, cores=2)
        == f"--cores 2 --configfile config/mnist.yaml {mine}"
    )


@pytest.mark.parametrize(
    "name", ["..", "../elsewhere", "a/b", "/absolute", "", ".", "a b", "~", "a\\b"]
)
def test_no_name_leads_out_of_the_folder_of_the_study(name):
    for path, words in (
        ("study", "key 'study' cannot be used"),
        ("arms", "arms"),
        ("cases", "cases"),
    ):
        config = changed("study", name) if path == "study" else copy.deepcopy(CONFIG)
        if path != "study":
            config[path][name] = next(iter(config[path].values()))
        with pytest.raises(ConfigError, match=words):
            configuration.check_config(config, SOURCES)


@pytest.mark.parametrize("name", ["data", "reference"])
def test_a_study_is_not_named_like_what_lies_beside_it(name):
    with pytest.raises(
        ConfigError, match="key 'study' cannot be used: it is .* neither data nor reference"
    ):
        configuration.check_config(changed("study", name), SOURCES)


def test_rules_write_below_the_folder_of_the_study_alone():
    """Every output, log and benchmark begins with the study's folder.

    Only what is kept for reference lies beside it.
    """
    outside = set()
    for file in (ROOT / "workflow/rules").glob("*.smk"):
        for block in re.findall(
            r"^    (?:output|log|benchmark):\n((?:        .*\n)+)", file.read_text(), re.MULTILINE
        ):
            written = re.findall(r'(?<!caption=)"([^"]*/[^"]*)"', block)
            assert written, (file, block)
            outside |= {path for path in written if not path.startswith("<results>/")}
    assert outside == {"results/reference/{config['study']}/README.md"}
    assert (
        "results=f\"results/{config['study']}\"" in (ROOT / "workflow/rules/common.smk").read_text()
    )


def test_what_rules_import_to_plan_loads_no_large_library():
    words = [file.read_text() for file in (ROOT / "workflow/rules").glob("*.smk")]
    imports = re.findall(r"^from (symgeom\S*) import (\w+)", "\n".join(words), re.MULTILINE)
    assert len(imports) > 5
    lines = [f"from {module} import {name}" for module, name in imports]
    large = "{'torch', 'matplotlib', 'xarray', 'zarr', 'scipy'}"
    program = "\n".join([*lines, "import sys", f"assert not {large} & {{*sys.modules}}"])
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def test_what_is_no_result_is_marked_local():
    """It stays in the working folder where results lie in a default storage."""
    found = []
    for file in (ROOT / "workflow/rules").glob("*.smk"):
        for block in re.findall(
            r"^    (?:input|output):\n((?:        .*\n)+)", file.read_text(), re.MULTILINE
        ):
            named = re.findall(r"^        (\w+)=(.*),$", block, re.MULTILINE)
            found += [name for name, value in named if value.startswith("local(")]
            assert not [
                value
                for _, value in named
                if "<results>/" not in value and re.match(r"\[|f?\"|expand|[A-Z]", value)
            ]
    assert sorted(found) == [
        "kept",
        "page",
        "template",
    ]  # checkpoints: in their function
    assert "return local([files[seed]" in (ROOT / "workflow/rules/own.smk").read_text()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder with code and checkpoints of the user's own, to work in."""
    (tmp_path / "mine/parts").mkdir(parents=True)
    texts = {
        "mine/__init__.py": "",
        "mine/networks.py": "import torch\nfrom .parts import block\n"
        "from symgeom.learning.networks.mlp import build_mlp\n",
        "mine/parts/__init__.py": "from . import block",
        "mine/parts/block.py": "from mine import other",
        "mine/other.py": "def broken(:",
        "mine/unused.py": "",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "weights/mlp").mkdir(parents=True)
    for name in ("b.pt", "a.safetensors", "c.pth", "notes.txt"):
        (tmp_path / "weights/mlp" / name).write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_job_depends_on_the_users_code_that_it_reaches(home):
    plain = set(code.code_of("draw_initialisations", own_code=["mlp"]))
    assert plain == set(code.code_of("draw_initialisations"))
    own = (
        set(
            code.code_of(
                "draw_initialisations",
                own_code=["mine.networks:network", "installed_elsewhere:network"],
            )
        )
        - plain
    )
    written = {
        f"mine/{name}.py"
        for name in ("__init__", "networks", "parts/__init__", "parts/block", "other")
    }
    assert {name for name in own if not name.startswith("..")} == written
    assert any(name.endswith("symgeom/learning/networks/mlp.py") for name in own)


def imports(seeds, path):
    """Return a configuration with one imported arm."""
    return changed("seeds", seeds) | {
        "arms": {"sgd": {"method": "sgd"}, "known": {"method": "checkpoints", "path": path}}
    }


def test_seeds_are_checkpoints_by_name(home):
    config = imports([2, 0], "weights/{case}")
    assert checkpoints.checkpoints_of(config, "mlp", "known") == {
        2: "weights/mlp/c.pth",
        0: "weights/mlp/a.safetensors",
    }
    assert checkpoints.checkpoints_of(imports(3, str(home / "weights/mlp")), "mlp", "known")[
        1
    ] == str(home / "weights/mlp/b.pt")
    assert (
        options.arms_by(config, imported=True),
        options.arms_by(config, imported=False),
    ) == (
        ["known"],
        ["sgd"],
    )


def test_a_folder_of_shards_is_a_checkpoint(home):
    folder = home / "weights/mlp/b"
    folder.mkdir()
    (folder / "one.bin").write_text("")
    index = folder / "model.index.json"
    index.write_text('{"weight_map": {"weight": "one.bin"}}')
    files = checkpoints.checkpoints_of(imports(4, "weights/{case}"), "mlp", "known")
    assert files[1] == "weights/mlp/b/model.index.json"
    assert files[2] == "weights/mlp/b.pt"
    assert checkpoints.shards_of(files.values()) == ["weights/mlp/b/one.bin"]
    (folder / "one.bin").unlink()
    with pytest.raises(ConfigError, match="there is no file 'one.bin' beside it. Copy all shards"):
        checkpoints.shards_of(files.values())


def test_every_subfolder_of_a_folder_of_checkpoints_is_an_arm(home):
    for folder in ("mlp/swa", "mlp/adam", "mlp/.hidden", "lenet/swa", "lenet/muon"):
        (home / "weights" / folder).mkdir(parents=True)
    config = imports(1, "weights/{case}/*")
    config["cases"]["lenet"] = config["cases"]["mlp"]
    config["arms"]["last"] = {"method": "adam"}
    arms = checkpoints.unfold_folders(config)
    assert list(arms) == ["sgd", "adam", "muon", "swa", "last"]
    assert arms["swa"] == {"method": "checkpoints", "path": "weights/{case}/swa"}
    assert {name: arms[name] for name in ("sgd", "last")} == {
        "sgd": {"method": "sgd"},
        "last": {"method": "adam"},
    }
    assert checkpoints.unfold_folders({**config, "arms": arms}) == arms
    with pytest.raises(
        ConfigError,
        match="Arm 'muon' of case 'mlp' needs .* 'weights/mlp/muon' does not exist",
    ):
        checkpoints.checkpoints_of({**config, "arms": arms}, "mlp", "muon")


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        (
            "",
            r"'weights/\{case\}' .* for an arm, but it has no sub-folder. "
            "Correct 'arms.known.path'",
        ),
        ("sgd", "but its sub-folder 'sgd' has the name of another arm. .* rename the sub-folder"),
        (
            "long-run",
            "but its sub-folder 'long-run' cannot be the name of an arm. .* letters, digits and "
            "underscores",
        ),
    ],
)
def test_subfolders_that_cannot_be_arms_are_named(home, folder, message):
    (home / "weights/mlp" / folder).mkdir(exist_ok=True)
    with pytest.raises(ConfigError, match=f"^Arm 'known' takes every sub-folder of .*{message}"):
        checkpoints.unfold_folders(imports(1, "weights/{case}/*"))


@pytest.mark.parametrize(
    "arms", [None, {"sgd": None}, {"sgd": {"path": 3}}, {"known": {"method": "checkpoints"}}]
)
def test_what_is_no_folder_of_checkpoints_is_left_to_the_schema(arms):
    assert checkpoints.unfold_folders({"arms": arms, "cases": {"mlp": {}}}) == arms


@pytest.mark.parametrize(
    ("seeds", "path", "message"),
    [
        (
            4,
            "weights/{case}",
            r"seeds \[0, 1, 2, 3\] .*'weights/mlp' holds 3 files that end in .safetensors, .pt, "
            ".pth, .bin, .ckpt, .npz",
        ),
        ([5], "weights/{case}", r"'weights/mlp' holds 3 files"),
        (
            1,
            "none",
            "Arm 'known' of case 'mlp' needs .* its folder 'none' does not exist. "
            "Correct 'arms.known.path'",
        ),
    ],
)
def test_too_few_checkpoints_are_named(home, seeds, path, message):
    with pytest.raises(ConfigError, match=message):
        checkpoints.checkpoints_of(imports(seeds, path), "mlp", "known")
