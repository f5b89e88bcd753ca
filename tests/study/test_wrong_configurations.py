"""Mistakes in a configuration: each is one sentence with the file, the key and what to do."""

import re
import textwrap

import pytest
import yaml
from overlays import DEFAULT, planned, refusal

from symgeom.study.planning.configuration import check_config
from symgeom.study.planning.foresight import JOBS, PAIRS
from symgeom.study.planning.sources import ConfigError, read_sources

NUMBERS = {
    "an amplitude is NaN": (
        "flatness: {amplitudes: [.nan, 0.1]}",
        "key 'flatness.amplitudes[0]' is nan. Give a finite number.",
    ),
    "an ensemble needs more minima than there are": (
        "seeds: 3\nneighbours: {kinds: [independent]}",
        "key 'neighbours.kinds' asks for 'independent', which needs 4 minima of an arm, but there "
        "are 3 seeds. Leave it out, or raise 'seeds'.",
    ),
    "an arm beside ensembles is none": (
        "neighbours: {beside: [sdg]}",
        "key 'neighbours.beside' names the arm 'sdg', which is not among the arms: rsgd, sam",
    ),
    "an amplitude is infinite": (
        "flatness: {amplitudes: [0.1, .inf]}",
        "key 'flatness.amplitudes[1]' is inf. Give a finite number.",
    ),
    "an amplitude stands twice": (
        "flatness: {amplitudes: [0.1, 0.1]}",
        "it is [0.1, 0.1], expected list of at least 2 different values: number, above 0",
    ),
    "an amplitude is negative": (
        "flatness: {amplitudes: [0.1, -0.1]}",
        "key 'flatness.amplitudes[1]' cannot be used: it is -0.1, expected number, above 0",
    ),
    "a radius is NaN": ("curvature: {radius: .nan}", "key 'curvature.radius' is nan"),
    "a radius is infinite": ("curvature: {adaptive_radius: .inf}", "'curvature.adaptive_radius'"),
    "a level is NaN": ("claims: {level: .nan}", "key 'claims.level' is nan. Give a finite number."),
    "a level is 1": ("claims: {level: 1}", "it is 1, expected number, above 0, below 1"),
    "a loss is minus infinity": ("training: {stop_loss: -.inf}", "'training.stop_loss' is -inf"),
    "an option of one's own is NaN": (
        "cases: {mlp: {network: {name: 'mine:net', options: {gains: [1.0, .nan]}}}}",
        "key 'cases.mlp.network.options.gains[1]' is nan",
    ),
    "a seed has more than 64 bits": (
        "seeds: [18446744073709551616]",
        "key 'seeds[0]' is 18446744073709551616, which does not fit in 64 bits",
    ),
    "seeds are a fraction": (
        "seeds: 2.0",
        "it is 2.0, expected a number of seeds, at least 1, or a list of different seeds",
    ),
    "seeds are too many": (
        "seeds: 100000",
        f"key 'seeds' asks for 100,000 minima of each of 6 arms, which are 29,999,700,000 pairs; "
        f"at most {PAIRS:,} can be planned. Ask for fewer seeds or arms",
    ),
    "jobs are too many": (
        "seeds: 1000\ngranularity: {pairs_per_job: 1}",
        f"key 'granularity' splits the study into more than 8,992,002 jobs; at most {JOBS:,} can",
    ),
    "a width is too large for memory": (
        "cases: {mlp: {network: {options: {widths: [1000000000000]}}}}",
        "widths[0]' cannot be used: it is 1000000000000, expected whole number, at least 1, at "
        "most 100000",
    ),
    "a layer is too large for memory": (
        "cases: {mlp: {network: {options: {widths: [100000, 90000]}}}}",
        "widths' is [100000, 90000], which makes a layer of 9,000,000,000 weights; at most "
        "200,000,000 have room in memory",
    ),
    "patterns are too large for memory": (
        "perceptron: {dimension: 100000}",
        "key 'perceptron.dimension' is 100000, which makes patterns of 30,000,000,000 numbers",
    ),
    "an image is too large": (
        "cases: {mlp: {data: {name: image_folder, options: {path: a, size: 100000}}}}",
        "options.size' cannot be used: it is 100000, expected whole number, at least 1, at most "
        "4096",
    ),
    "a rate overflows float32": (
        "arms: {sgd: {learning_rate: 1.0e+200}}\ntraining: {precision: bfloat16}",
        "key 'arms.sgd.learning_rate' is 1e+200, which float32 cannot hold: case 'mlp' is trained "
        "in it. Give less, or choose 'float64' there.",
    ),
    "a rate of chains overflows float32": (
        "chains: {learning_rate: 1.0e+200}",
        "key 'chains.learning_rate' is 1e+200, which float32 cannot hold: 'chains.precision' is",
    ),
    "a radius overflows float32": (
        "curvature: {radius: 1.0e+300}",
        "it is 1e+300, expected number, above 0, at most 1000000",
    ),
    "a switch is a number": (
        "paths: {repair: 1}",
        "key 'paths.repair' cannot be used: it is 1, expected true or false",
    ),
    "a count is a switch": (
        "training: {batch_size: true}",
        "it is true, expected whole number, at least 1",
    ),
    "a number is null": (
        "training: {stop_loss: null}",
        "it is null, expected number, above 0",
    ),
}

WORDS = {
    "a key is a switch to YAML": (
        "study: mine\nno: 3",
        "the key 'no' in line 2 is true or false to YAML. Write it in quotes",
    ),
    "a case is a switch to YAML": (
        "cases: {on: {data: {name: digits}, network: {name: mlp}}}",
        "the key 'on' of 'cases' in line 1 is true or false to YAML",
    ),
    "an arm is a number to YAML": (
        "arms:\n  1: {method: sgd}",
        "the key '1' of 'arms' in line 2 is a number to YAML",
    ),
    "an arm is a date to YAML": ("arms: {2026-01-01: {method: sgd}}", "is a date to YAML"),
    "a key is null to YAML": (
        "arms: {~: {method: sgd}}",
        "the key '~' of 'arms' in line 1 is null",
    ),
    "a key is binary": ("!!binary YQ==: 1", "the key 'YQ==' in line 1 is something else to YAML"),
    "an arm stands twice": (
        "arms:\n  mine: {method: sgd}\n  other: {method: adam}\n  mine: {method: sam}",
        "key 'arms.mine' stands twice (line 2 and line 4), and YAML forgets the first",
    ),
    "a section stands twice": (
        "paths: {points: 3}\nseeds: 2\npaths: {repair: false}",
        "key 'paths' stands twice (line 1 and line 3)",
    ),
    "an option stands twice": (
        "arms: {sgd: {momentum: 0.1, momentum: 0.2}}",
        "key 'arms.sgd.momentum' stands twice",
    ),
    "a number has leading zeros": (
        "seeds: 010",
        "YAML reads '010' in line 1, of key 'seeds', as a number to the base 8 or 60",
    ),
    "a number has a colon": ("flatness: {draws: 1:30}", "YAML reads '1:30' in line 1"),
    "a number has an exponent": (
        "arms: {sgd: {learning_rate: 1e-3}}",
        "it is '1e-3', expected number, above 0. For YAML this is text: write 1.0e-3.",
    ),
    "a number has an exponent without a sign": (
        "training: {stop_loss: 2.5E2}",
        "For YAML this is text: write 2.5e+2.",
    ),
    "a number is in quotes": ("seeds: '3'", "it is '3', .* Leave out the quotes."),
    "a text is a number": ("data_root: 3", "it is 3, expected the path of a folder"),
    "a model is a number": (
        "cases: {mlp: {network: {name: torchvision, options: {model: 18}}}}",
        "it is 18, expected text. Put it in quotes.",
    ),
    "a study is a date": ("study: 2026-01-01", "key 'study' cannot be used: it is 2026-01-01"),
    "a study ends in a newline": (
        'study: "mine\\n"',
        r"it is 'mine\\n', expected a name of letters, digits, hyphens and underscores",
    ),
    "a study is too long for a folder": (
        f"study: {'a' * 300}",
        "aaa..., expected a name of letters, digits, hyphens and underscores",
    ),
    "a case has a hyphen": (
        "cases: {a-b: {data: {name: digits}, network: {name: mlp}}}",
        "key 'cases' holds the name 'a-b', expected a name of letters, digits and underscores, at "
        "most 60.",
    ),
    "an arm ends in a newline": (
        'arms: {"a\\n": {method: sgd}}',
        r"key 'arms' holds the name 'a\\n', expected a name of letters",
    ),
    "an arm is too long for a file": (f"arms: {{{'a' * 61}: {{method: sgd}}}}", "at most 60"),
    "arms are a list": ("arms: [1, 2]", "it is [1, 2], expected a mapping with at least one arm"),
    "no case is left": ("cases: {mlp: null}", "expected a mapping with at least one case"),
    "a section is null": ("training: null", "it is null, expected mapping"),
    "a network is unknown": (
        "cases: {mlp: {network: {name: mpl}}}",
        "it is 'mpl', expected `mlp`, `lenet`, .*, or something of your own, package.module:name",
    ),
    "a data root is empty": ("data_root: ''", "it is '', expected the path of a folder"),
}

FORESEEN = {
    "a threshold of the perceptron": (
        "perceptron: {threshold: 0.5}",
        "key 'perceptron.threshold' cannot be used: it is 0.5, expected number, below 0",
    ),
    "a margin below the threshold": (
        "perceptron: {margins: {typical: -0.9}}",
        "key 'perceptron.margins.typical' is -0.9, less than 'perceptron.threshold', -0.5",
    ),
    "a margin beyond all": (
        "perceptron: {margins: {robust: 1000}}",
        "key 'perceptron.margins.robust' is 1000, but in 500 dimensions no weights reach more than "
        "22.4. Give less.",
    ),
    "a perceptron without constraints": (
        "perceptron: {density: 1.0e-6}",
        "key 'perceptron.density' is 1e-06, which is no constraint in 500 dimensions",
    ),
    "steps that overshoot an ellipse": (
        "ellipse: {steepness: 4, learning_rate: 0.2, steps: 5}",
        "key 'ellipse.learning_rate' is 0.2, with which steps overshoot at 'ellipse.steepness', 4. "
        "Give less than 0.125",
    ),
    "a mean without terms": (
        "arms: {mine: {method: swa, averages_least: 1000}}",
        "key 'arms.mine' cannot finish in 100 epochs: averaging begins after epoch 75 .* the mean "
        "has 25 terms in the end, and averages_least = 1000. Raise epochs",
    ),
    "a mean of all epochs": (
        "arms: {mine: {method: swa, average_from: 1.0}}",
        "it is 1.0, expected number, at least 0, below 1",
    ),
    "a mean in few epochs": (
        "arms: {mine: {method: swa}}\ncases: {mlp: {training: {epochs: 8}}}",
        "key 'arms.mine' cannot finish in 8 epochs: averaging begins after epoch 6",
    ),
    "augmentation of vectors": (
        "arms: {sgd: {augmentation: crop}}",
        "key 'arms.sgd.augmentation' is 'crop', but the samples of case 'mlp' are vectors",
    ),
    "augmentation of drawn inputs": (
        "arms: {sgd: {augmentation: flip}}\n"
        "cases: {mlp: null, t: {data: {name: teacher}, network: {name: mlp}}}",
        "but the samples of case 't' are vectors. Choose 'none', give the case images, or leave it "
        "out (cases.t: null).",
    ),
    "images that move away from the labels of their pixels": (
        "cases: {mlp: null, t: {data: {name: arrays, options: {path: a.npz, labels: position}}, "
        "network: {name: 'mine:net'}}}\narms: {sgd: {augmentation: flip}}",
        "key 'arms.sgd.augmentation' is 'flip', but in case 't' pixels have labels, which would "
        "not move along. Choose 'none', or leave it out (cases.t: null).",
    ),
    "tokens that the data are not": (
        "cases: {mlp: null, t: {data: {name: arrays, options: {path: a.npz}}, "
        "network: {name: transformer, options: {tokens: 9}}}}",
        "key 'cases.t.network.options.tokens' is 9, but the data of case 't' are no tokens. Choose",
    ),
    "tokens that are zeroed": (
        "cases: {mlp: null, t: {data: {name: tokens, options: {path: a.npz}}, "
        "network: {name: transformer, options: {tokens: 9}}}}\n"
        "arms: {adversarial: {pretraining_zeroed: 0.1}}",
        "key 'arms.adversarial.pretraining_zeroed' is 0.1, but the inputs of case 't' are tokens",
    ),
    "tokens in a bias": (
        "cases: {mlp: null, t: {data: {name: tokens, options: {path: a.npz}}, "
        "network: {name: transformer, options: {tokens: 9}}}}\n"
        "symmetry: {constant_inputs: absorb}",
        "key 'symmetry.constant_inputs' is 'absorb', but the inputs of case 't' are tokens",
    ),
    "a batch larger than the data": (
        "training: {batch_size: 1500}",
        "key 'training.batch_size' is 1500, but case 'mlp' has at most 1442 training samples",
    ),
    "a batch of an arm": (
        "arms: {sgd: {batch_size: 5000}}",
        "key 'arms.sgd.batch_size' is 5000, but case 'mlp' has at most 1442",
    ),
    "a batch of a case": (
        "cases: {t: {data: {name: teacher, options: {samples: 99}}, network: {name: mlp},"
        " training: {batch_size: 100}}}",
        "key 'cases.t.training.batch_size' is 100, but case 't' has at most 99 training samples",
    ),
    "Nesterov's momentum of 0": (
        "arms: {sgd: {momentum: 0, nesterov: true}}",
        "key 'arms.sgd.nesterov' is true, but the momentum is 0",
    ),
    "a depth that no network has": (
        "cases: {mlp: {network: {name: resnet20, options: {depth: 21}}}}",
        "options.depth' is 21, expected 6n + 2: 8, 14",
    ),
    "a width that is even": (
        "cases: {mlp: {network: {name: binary_mlp, options: {widths: [7, 8]}}}}",
        "widths[1]' cannot be used: it is 8, expected odd numbers",
    ),
    "probabilities above 1": (
        "cases: {mlp: {network: {name: binary_mlp}}}\nflatness: {amplitudes: [0.1, 1.5]}",
        "key 'flatness.amplitudes' reaches 1.5, but in case 'mlp' the weights are signs",
    ),
    "a module that is not there": (
        "arms: {mine: {method: 'nowhere_at_all:Signs'}}",
        "key 'arms.mine.method' is 'nowhere_at_all:Signs', but no module 'nowhere_at_all' is in "
        "the working directory '.*' or installed. Correct the name before the colon.",
    ),
    "a program instead of a module": (
        "arms: {mine: {method: '__main__:Signs'}}",
        "no module '__main__' is in the working directory",
    ),
    "a name that a module does not have": (
        "cases: {mlp: {network: {name: 'symgeom.learning.networks.mlp:build'}}}",
        "mlp.py' defines no 'build'. Correct the name behind the colon.",
    ),
    "a budget of nobody": (
        "arms: {equal_budget: {budget_of: nobody}}",
        "key 'arms.equal_budget.budget_of' names the arm 'nobody', which is not among the arms: "
        "rsgd, sam, sgd, adam, adversarial, equal_budget. Correct it, or leave the arm out",
    ),
    "a budget of its own": (
        "arms: {mine: {method: sgd, budget_of: mine}}",
        "key 'arms.mine.budget_of' names its own arm. Name the arm whose budget it shall spend.",
    ),
    "a budget of checkpoints": (
        "arms: {known: {method: checkpoints, path: a}, mine: {method: sgd, budget_of: known}}",
        "key 'arms.mine.budget_of' names the arm 'known', whose minima were trained elsewhere, at "
        "a cost that is not known. Name an arm that is trained here.",
    ),
    "a budget of two stages": (
        "arms: {mine: {method: sgd, budget_of: adversarial}}",
        "key 'arms.mine.budget_of' is 'adversarial', but arm 'adversarial' begins with a stage on "
        "random labels, whose cost no other arm has.",
    ),
    "a budget for two stages": (
        "arms: {mine: {method: adv, budget_of: sgd}}",
        "key 'arms.mine.budget_of' is 'sgd', but arm 'mine' begins with a stage on random labels",
    ),
    "budgets in a circle": (
        "arms: {a: {method: sgd, budget_of: b}, b: {method: sam, budget_of: c}, "
        "c: {method: sgd, budget_of: a}}",
        "key 'arms.a.budget_of' is 'b', whose own budget follows from arm 'a' in turn: neither "
        "could be trained first. Take the key from one of them.",
    ),
    "a budget and epochs": (
        "arms: {equal_budget: {epochs: 40}}",
        "key 'arms.equal_budget.epochs' is 40, but how long the arm trains follows from the budget "
        "of arm 'rsgd'. Leave one of the two keys out.",
    ),
    "a role without an arm": (
        "claims: {roles: {flat: nobody}}",
        "key 'claims.roles.flat' names the arm 'nobody', which is not among the arms: rsgd, sam",
    ),
    "seeds that depend on their company": (
        "training: {together: batched}",
        "is 'batched', .* Set the one to auto, or the other to null.",
    ),
}


def pattern(words: str) -> str:
    """Return a regular expression of what a sentence holds; only ``.*`` and ``\\`` are meant."""
    return re.escape(words).replace(r"\.\*", ".*").replace(r"\\\\", r"\\")


@pytest.mark.parametrize(
    ("text", "words"),
    [*NUMBERS.values(), *WORDS.values(), *FORESEEN.values()],
    ids=[*NUMBERS, *WORDS, *FORESEEN],
)
def test_a_mistake_is_one_sentence_with_file_and_key(tmp_path, text, words):
    sentence = refusal(tmp_path, text)
    assert re.search(pattern(words), sentence), sentence
    assert sentence.startswith(f"{tmp_path}/mine.yaml: ")


def test_a_subset_that_the_batches_of_the_default_exceed_is_named(tmp_path):
    sentence = refusal(tmp_path, "cases: {mlp: {data: {options: {subset: 100}}}}")
    words = "key 'training.batch_size' is 128, but case 'mlp' has at most 100 training samples."
    assert sentence.startswith(f"{DEFAULT}: {words}")


OWN_CODE = {
    "def net(:": "line 1 of '.*mine.py' is no Python: invalid syntax. Correct it.",
    "x = 1\n  y = 2": "line 2 of '.*mine.py' is no Python: unexpected indent",
    "x = '\0'": "'.*mine.py' is no Python: source code string cannot contain null bytes",
    "def network(): ...": "'.*mine.py' defines no 'net'. Correct the name behind the colon.",
}


@pytest.mark.parametrize("code", OWN_CODE)
def test_code_of_the_users_own_that_cannot_be_used_is_named(tmp_path, monkeypatch, code):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(code)
    sentence = refusal(tmp_path, "arms: {own: {method: 'mine:net'}}")
    assert sentence.startswith(f"{tmp_path}/mine.yaml: key 'arms.own.method' is 'mine:net', but ")
    assert re.search(pattern(OWN_CODE[code]), sentence), sentence


def test_a_module_that_a_package_does_not_have_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/__init__.py").touch()
    (tmp_path / "parts/nets.py").write_text("net = 3")
    cases = "cases: {mlp: {network: {name: 'parts.nets:net'}}}"
    assert planned(tmp_path, cases)
    sentence = refusal(tmp_path, cases.replace("nets:", "net:"))
    assert "is 'parts.net:net', but no module 'parts.net' is in the working directory" in sentence


@pytest.mark.parametrize(
    "code",
    [
        "def net(): ...",
        "class net: ...",
        "if True:\n    net = 3",
        "try:\n    from a import b as net\nexcept ImportError:\n    net = None",
        "from torch.nn import *",
        "def __getattr__(name): ...",
        "with open('a') as (net, other): ...",
    ],
)
def test_code_of_the_users_own_is_looked_at_and_not_run(tmp_path, monkeypatch, code):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(f"{code}\nraise RuntimeError\n")
    text = "arms: {own: {method: 'mine:net'}, installed: {method: 'torch.optim:Muon'}}"
    assert "own" in planned(tmp_path, text)["arms"]


def test_what_is_at_the_limit_is_planned(tmp_path):
    text = """
    seeds: 700
    flatness: {amplitudes: [1.0e-300, 1.0e+6]}
    perceptron: {threshold: -0.5, margins: {typical: -0.5}}
    arms:
      mine: {method: swa, averages_least: 25}
      images: {method: sgd, augmentation: none, learning_rate: 1.0e+200}
    training: {batch_size: 1442}
    cases: {mlp: {network: {options: {widths: [100000, 2000]}}}}
    """
    config = planned(tmp_path, textwrap.dedent(text))
    assert list(config["arms"])[-2:] == ["mine", "images"]


def test_a_changed_method_begins_anew(tmp_path):
    arms = planned(tmp_path, "arms: {rsgd: {method: adam}, adam: {beta1: 0.5}}")["arms"]
    assert arms["rsgd"] == {"method": "adam"}
    assert arms["adam"] == {"method": "adam", "learning_rate": 2e-3, "beta1": 0.5}
    assert list(arms) == ["rsgd", "sam", "sgd", "adam", "adversarial", "equal_budget"]


def test_a_changed_data_set_or_network_begins_anew(tmp_path):
    text = "cases: {mlp: {data: {name: teacher}, network: {name: lenet}, samples: 50}}"
    case = planned(tmp_path, text)["cases"]["mlp"]
    assert case == {"data": {"name": "teacher"}, "network": {"name": "lenet"}, "samples": 50}
    same = "cases: {mlp: {network: {name: mlp, options: {bias: false}}}}"
    options = planned(tmp_path, same)["cases"]["mlp"]["network"]["options"]
    assert options == {"widths": [128, 128], "bias": False, "activation": "relu"}


def test_what_later_files_say_of_a_changed_method_counts(tmp_path):
    first = "arms: {rsgd: {method: adam, beta1: 0.5}}"
    second = "arms: {rsgd: {beta2: 0.9}}"
    assert planned(tmp_path, first, second)["arms"]["rsgd"] == {
        "method": "adam",
        "beta1": 0.5,
        "beta2": 0.9,
    }
    removed = planned(tmp_path, first, "arms: {rsgd: null}\nclaims: {roles: {flat: sgd}}")
    assert "rsgd" not in removed["arms"]
    again = planned(tmp_path, first, "arms: {rsgd: null}", "arms: {rsgd: {method: sam}}")
    assert again["arms"]["rsgd"] == {"method": "sam"}


def test_an_arm_goes_with_the_one_whose_budget_it_spends(tmp_path):
    more = "arms: {third: {method: sgd, budget_of: equal_budget}}"
    assert list(planned(tmp_path, more)["arms"])[-2:] == ["equal_budget", "third"]
    without = "arms: {rsgd: null}\nclaims: {roles: {flat: sam}}"
    config = planned(tmp_path, more, without)
    assert list(config["arms"]) == ["sam", "sgd", "adam", "adversarial"]
    assert "equal_budget" not in config["claims"]["roles"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "arms: {sgd: {momentum: 0.5, nesterov: true}}",
            "is 'equal_budget', which differs from the reference 'sgd' in momentum, nesterov, but "
            "only its budget may differ. Correct it, or leave it out (arms.equal_budget: null, "
            "claims.roles.equal_budget: null).",
        ),
        (
            "claims: {roles: {flat: sam}}",
            "is 'equal_budget', whose budget_of is 'rsgd' and not the flat arm 'sam'.",
        ),
        (
            "claims: {roles: {equal_budget: sgd}}",
            "is 'sgd', whose budget_of is None and not the flat arm 'rsgd'.",
        ),
    ],
)
def test_a_control_at_equal_compute_differs_in_its_budget_alone(tmp_path, text, words):
    assert f"key 'claims.roles.equal_budget' {words}" in refusal(tmp_path, text)


def test_an_option_that_remains_of_the_default_is_blamed_on_its_file(tmp_path):
    sentence = refusal(tmp_path, "arms: {sgd: {method: sgd, rho: 0.1}}")
    assert sentence.startswith(f"{tmp_path}/mine.yaml: unknown key 'arms.sgd.rho'. Known here: ")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"device": "tpu"}, "--config: key 'device' is 'tpu', which is unknown"),
        ({"seeds": 0}, "--config: key 'seeds' cannot be used: it is 0"),
        ({"sedes": 3}, "--config: unknown key 'sedes'. Did you mean 'seeds'?"),
        (
            {"training": {"epochs": "3"}},
            "--config: key 'training.epochs' cannot be used: it is '3', expected whole number, at "
            "least 1. Snakemake takes what is nested in --config for text: write it in a file, and "
            "name that after --configfile.",
        ),
    ],
)
def test_what_the_command_line_sets_is_blamed_on_it(tmp_path, settings, words):
    assert words in refusal(tmp_path, command_line=settings)


def test_what_is_missing_is_blamed_on_the_file_that_begins_it(tmp_path):
    sentence = refusal(tmp_path, "arms: {known: {method: checkpoints}}", "seeds: 2")
    assert sentence.startswith(f"{tmp_path}/mine.yaml: key 'arms.known.path' is missing")


def test_a_key_that_is_no_text_is_refused_where_no_file_names_it():
    """Another workflow, of which this one is a module, may make a configuration by itself."""
    config = yaml.safe_load(DEFAULT.read_text())
    config["arms"][1] = {"method": "sgd"}
    with pytest.raises(ConfigError, match="key 'arms' holds the key 1, which is no text. Put it"):
        check_config(config, [])


def test_aliases_and_merged_mappings_are_read(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("a: &a {x: 1}\nb: {<<: *a, y: 2}\nc: *a\n'no': 0x10\n")
    (source,) = read_sources([file])
    assert source.content == {"a": {"x": 1}, "b": {"x": 1, "y": 2}, "c": {"x": 1}, "no": 16}
    file.write_text("# nothing\n")
    assert read_sources([file])[0].content == {}
