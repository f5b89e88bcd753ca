"""The options of a job: what all cases share, what a case changes, what an arm changes."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from symgeom.models.noise.experiments.catalogue import EXPERIMENTS, PICTURES

ROOT = Path(__file__).resolve().parents[3]
"""The folder of the repository."""

DEFAULT = Path("config/config.yaml")
"""The configuration of the default study, over which others are merged."""

IMPORTED = "checkpoints"
"""The method of arms that were trained elsewhere."""

BUDGET = "budget_of"
"""The key of an arm that names another one, whose budget its seeds spend."""

TRAINING_KEYS = ("batch_size", "epochs", BUDGET, "order", "augmentation")
"""What an arm's recipe may say about training beside its optimizer's options."""

OF_CASES = ("go_on_without_usable", "stop", "exempt")
"""What the section training says of a case as a whole: no network depends on it."""

STOP_RULES = {
    "rule": ("epochs", "stop_error", "stop_loss"),
    "common": ("epochs", "depths"),
}
"""What decides whether a network is a minimum, by ``training.stop``."""


def arms_by(config: Mapping, *, imported: bool) -> list[str]:
    """Return the arms that were trained elsewhere, or those that are trained here.

    Parameters
    ----------
    config : mapping
        The configuration.
    imported : bool
        Which of them.

    Returns
    -------
    list of str
        In the order of the study.

    Examples
    --------
    >>> arms_by({"arms": {"sgd": {"method": "sgd"}}}, imported=True)
    []
    """
    arms = []
    for arm, recipe in config["arms"].items():
        if (recipe["method"] == IMPORTED) == imported:
            arms.append(arm)
    return arms


def case_options(config: Mapping, section: str, case: str) -> dict:
    """Return the options of a measure on a case.

    Parameters
    ----------
    config : mapping
        The configuration.
    section : str
        Which measure.
    case : str
        The case, which may have options of its own and limit the number of samples.

    Returns
    -------
    dict
        The options.

    Examples
    --------
    >>> config = {"maps": {"points": 5, "samples": None}, "cases": {"mlp": {"samples": 100}}}
    >>> case_options(config, "maps", "mlp")
    {'points': 5, 'samples': 100}
    """
    options = config[section] | config["cases"][case].get(section, {})
    limits = [options["samples"], config["cases"][case].get("samples")]
    samples = min((limit for limit in limits if limit is not None), default=None)
    return options | {"samples": samples}


def training_of(config: Mapping, case: str, arm: str | None = None) -> dict:
    """Return how an arm trains on a case: what all do, what the case changes, what the arm changes.

    Parameters
    ----------
    config : mapping
        The configuration.
    case : str
        The case.
    arm : str, optional
        The arm; by default what all arms of the case share.

    Returns
    -------
    dict
        The options. Seeds that are split into jobs train one after another, so that no number
        depends on how they are split.
    """
    training = _training_of_case(config, case)
    recipe = config["arms"].get(arm, {})
    training |= {key: recipe[key] for key in TRAINING_KEYS if key in recipe}
    if config["granularity"]["seeds_per_job"]:
        training["together"] = "one"
    asked = set(STOP_RULES[training["stop"]])
    if BUDGET in recipe:
        asked.discard("depths")  # the depth comes with the budget
    unasked = set(OF_CASES).union(*STOP_RULES.values()).difference(asked)
    return {key: value for key, value in training.items() if key not in unasked}


def key_of_training(config: Mapping, case: str, arm: str, key: str) -> list[str]:
    """Return which key decides how an arm trains on a case.

    Parameters
    ----------
    config : mapping
        The configuration.
    case, arm : str
        The case and the arm.
    key : str
        A key of the section ``training``.

    Returns
    -------
    list of str
        The key, after those above it.

    Examples
    --------
    >>> config = {"arms": {"sgd": {"epochs": 3}}, "cases": {"mlp": {}}}
    >>> key_of_training(config, "mlp", "sgd", "epochs")
    ['arms', 'sgd', 'epochs']
    """
    if key in TRAINING_KEYS and key in config["arms"][arm]:
        return ["arms", arm, key]
    if key in config["cases"][case].get("training", {}):
        return ["cases", case, "training", key]
    return ["training", key]


def stop_rules_of(
    config: Mapping, case: str, arms: Sequence[str]
) -> dict[str, dict[str, tuple[str, float]]]:
    """Return what the networks of some arms of a case are trained to.

    Parameters
    ----------
    config : mapping
        The configuration.
    case : str
        The case.
    arms : sequence of str
        The arms.

    Returns
    -------
    dict of str to dict
        Of every arm that is trained here, by the names of :data:`STOP_RULES`: the key that decides,
        and its value; of ``depths`` the first, which is the easiest.
    """
    rules: dict[str, dict[str, tuple[str, float]]] = {}
    for arm in arms:
        if config["arms"][arm]["method"] == IMPORTED:
            continue
        of_case = _training_of_case(config, case)
        training = of_case | training_of(config, case, arm)
        rules[arm] = {}
        for name in STOP_RULES[of_case["stop"]]:
            key = ".".join(key_of_training(config, case, arm, name))
            value = training[name]
            rules[arm][name] = (key, value[0] if name == "depths" else value)
    return rules


def cases_by(config: Mapping, *, stop: str) -> list[str]:
    """Return the cases whose training stops by a rule for each network, or in common.

    Parameters
    ----------
    config : mapping
        The configuration.
    stop : {"rule", "common"}
        Which of them.

    Returns
    -------
    list of str
        In the order of the study.

    Examples
    --------
    >>> cases_by({"training": {"stop": "rule"}, "cases": {"mlp": {}}}, stop="common")
    []
    """
    return [case for case in config["cases"] if _training_of_case(config, case)["stop"] == stop]


def exempt_of(config: Mapping, case: str) -> dict[str, str]:
    """Return which arms do not decide at which depth a case is compared, and why.

    Parameters
    ----------
    config : mapping
        The configuration.
    case : str
        The case.

    Returns
    -------
    dict of str to str
        By arm.

    Examples
    --------
    >>> config = {"training": {"exempt": ["adam"]}, "cases": {"mlp": {}}, "arms": {"adam": {}}}
    >>> exempt_of(config, "mlp")
    {'adam': 'named in training.exempt'}
    """
    named = _training_of_case(config, case)["exempt"]
    reasons = {}
    for arm, recipe in config["arms"].items():
        if arm in named:
            reasons[arm] = "named in training.exempt"
        elif recipe["method"] == IMPORTED:
            reasons[arm] = "trained elsewhere"
        elif BUDGET in recipe:
            reasons[arm] = f"at the budget of {recipe[BUDGET]}"
    return reasons


def goes_on(config: Mapping, case: str) -> bool:
    """Return whether a case goes on after a training that left nothing to compare.

    Parameters
    ----------
    config : mapping
        The configuration.
    case : str
        The case.

    Returns
    -------
    bool
        ``training.go_on_without_usable``, of the case or of the study.

    Examples
    --------
    >>> config = {"training": {"go_on_without_usable": False}, "cases": {"mlp": {}}}
    >>> goes_on(config, "mlp")
    False
    """
    return bool(_training_of_case(config, case)["go_on_without_usable"])


def _training_of_case(config: Mapping, case: str) -> dict:
    """Return how a case is trained: what all are, and what the case changes."""
    return config["training"] | config["cases"][case].get("training", {})


def recipe_of(config: Mapping, arm: str) -> dict:
    """Return an arm's optimizer and its options.

    Parameters
    ----------
    config : mapping
        The configuration.
    arm : str
        The arm.

    Returns
    -------
    dict
        Without what the recipe says about training.

    Examples
    --------
    >>> recipe_of({"arms": {"sgd": {"method": "sgd", "epochs": 3}}}, "sgd")
    {'method': 'sgd'}
    """
    recipe = config["arms"][arm]
    return {key: value for key, value in recipe.items() if key not in TRAINING_KEYS}


def pictures_of(config: Mapping, experiment: str) -> dict[str, str]:
    """Return which pictures an experiment with a model of noise takes, and where they lie.

    Parameters
    ----------
    config : mapping
        The configuration.
    experiment : str
        A key of ``noise_models.experiments``.

    Returns
    -------
    dict of str to str
        ``pictures`` and ``root``; empty for an experiment without pictures.

    Examples
    --------
    >>> pictures_of({"noise_models": {}, "data_root": "there"}, "picture_layers")
    {'pictures': 'digits', 'root': 'there'}
    """
    if not EXPERIMENTS[experiment].on_pictures:
        return {}
    pictures = config["noise_models"].get("pictures", next(iter(PICTURES)))
    return {"pictures": pictures, "root": config["data_root"]}


def command_options(files: Sequence[str | Path], *, cores: int | str) -> str:
    """Return the options with which snakemake runs the study that some files describe.

    Parameters
    ----------
    files : sequence of str or Path
        Files of configuration; the default one needs no mention.
    cores : int or str
        As snakemake takes them.

    Returns
    -------
    str
        To stand after the targets: snakemake takes all words after ``--configfile`` for files.

    Examples
    --------
    >>> command_options(["config/config.yaml"], cores=2)
    '--cores 2'
    """
    merged = [os.path.relpath(file) for file in files if Path(file) != DEFAULT]
    words = ["--cores", str(cores)]
    if merged:
        words += ["--configfile", *merged]
    return " ".join(words)


def growing(amount: int) -> Callable[[object, int], int]:
    """Return a resource that doubles from attempt to attempt.

    A job that a cluster ended for want of it may pass when it is retried.

    Parameters
    ----------
    amount : int
        What the first attempt asks for.

    Returns
    -------
    callable
        As Snakemake takes it: a function of ``wildcards`` and ``attempt``.

    Examples
    --------
    >>> growing(1000)(None, attempt=2)
    2000
    """

    def amount_of(wildcards: object, attempt: int) -> int:
        return amount * 2 ** (attempt - 1)

    return amount_of


def gpus(config: Mapping) -> int:
    """Return how many GPUs a job that computes on ``device`` must ask for.

    Parameters
    ----------
    config : mapping
        The configuration.

    Returns
    -------
    int
        None where one is merely welcome (``auto``).

    Examples
    --------
    >>> gpus({"device": "auto"})
    0
    """
    return int(config["device"] == "cuda")
