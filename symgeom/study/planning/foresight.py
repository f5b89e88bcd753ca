"""What can be known of a study before it begins: what would stop it later is said at once.

Each check yields keys and what is wrong with them, as messages say it: "key '...' is ...". They see
only configurations that fit the schema.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields
from itertools import chain, pairwise, product

from symgeom.ground.schedule import Averaging
from symgeom.study.planning.data_sets import faults_of_data
from symgeom.study.planning.ensembles import faults_of_ensembles
from symgeom.study.planning.lenders import faults_of_budgets, faults_of_equal_budgets
from symgeom.study.planning.merging import without_null
from symgeom.study.planning.options import (
    BUDGET,
    cases_by,
    exempt_of,
    training_of,
)
from symgeom.study.planning.references import faults_of_references
from symgeom.study.planning.sources import Fault
from symgeom.study.planning.split import number_of_seeds
from symgeom.study.signs import is_of_signs

PAIRS = 3_000_000
"""How many pairs of networks a case may have: their plan takes minutes and 4 GB."""

JOBS = 100_000
"""How many jobs a study may have: their plan takes minutes and 4 GB."""

ENTRIES = 200_000_000
"""How many numbers a matrix may hold, of which training and measures keep ten: 1.6 GB each."""

LARGEST_FLOAT32 = 3.4e38
"""The largest number in single precision."""


def contradictions(config: Mapping) -> Iterator[Fault]:
    """Yield what cannot be, or cannot be done.

    Parameters
    ----------
    config : mapping
        A configuration that fits the schema.

    Yields
    ------
    (list of str, str)
        A key, after those above it, and what is wrong with it.
    """
    checks = (
        _unknown_arms,
        faults_of_data,
        faults_of_budgets,
        _seeds_that_depend_on_their_company,
        _too_many_networks,
        _matrices_too_large_for_memory,
        _numbers_larger_than_float32,
        _losses_that_do_not_fall,
        _nobody_who_decides,
        _means_without_terms,
        _momentum_that_is_none,
        _depths_that_are_none,
        _perceptrons_without_solutions,
        _descents_that_overshoot,
        _probabilities_that_are_none,
        faults_of_ensembles,
        faults_of_references,
        faults_of_equal_budgets,
    )
    yield from chain.from_iterable(check(config) for check in checks)


def _unknown_arms(config: Mapping) -> Iterator[Fault]:
    names = ", ".join(config["arms"])
    for path, training in _sections_of_training(config):
        for arm in training.get("exempt", []):
            if arm not in config["arms"]:
                fault = f"names the arm {arm!r}, which is not among the arms: {names}."
                yield [*path, "exempt"], fault
    for role, arm in without_null(config["claims"]["roles"]).items():
        if arm not in config["arms"]:
            fault = f"names the arm {arm!r}, which is not among the arms: {names}."
            yield ["claims", "roles", role], fault


def _sections_of_training(config: Mapping) -> Iterator[tuple[list[str], Mapping]]:
    """Yield every section that says how networks are trained, after the keys above it."""
    yield ["training"], config["training"]
    for case, options in config["cases"].items():
        yield ["cases", case, "training"], options.get("training", {})


def _losses_that_do_not_fall(config: Mapping) -> Iterator[Fault]:
    for path, training in _sections_of_training(config):
        depths = training.get("depths", [])
        if any(later >= earlier for earlier, later in pairwise(depths)):
            fault = f"is {depths}. Let each be smaller than the one before."
            yield [*path, "depths"], fault


def _nobody_who_decides(config: Mapping) -> Iterator[Fault]:
    for case in cases_by(config, stop="common"):
        if not set(config["arms"]).difference(exempt_of(config, case)):
            fault = (
                f"is common, but no arm of case '{case}' decides on the common depth: all are "
                "exempt, or trained elsewhere. Choose rule, or leave an arm out of "
                "training.exempt."
            )
            yield ["training", "stop"], fault


def _seeds_that_depend_on_their_company(config: Mapping) -> Iterator[Fault]:
    if not config["granularity"]["seeds_per_job"]:
        return
    for path, training in _sections_of_training(config):
        if training.get("together") == "batched":
            yield (
                [*path, "together"],
                (
                    "is 'batched', which makes the last bits of a seed depend on its company, but "
                    "'granularity.seeds_per_job' splits the seeds of an arm. Set the one to auto, "
                    "or the other to null."
                ),
            )


def _too_many_networks(config: Mapping) -> Iterator[Fault]:
    """Yield that a plan would not end."""
    granularity = config["granularity"]
    arms = len(config["arms"])
    seeds = number_of_seeds(config)
    pairs = arms * math.comb(seeds, 2)
    widest = {config["paths"]["cross_arm"], config["chains"]["cross_arm"]}
    if "all" in widest:
        pairs += math.comb(arms, 2) * seeds**2
    advice = "Ask for fewer seeds or arms, or split the study in two."
    if pairs > PAIRS:
        yield (
            ["seeds"],
            (
                f"asks for {seeds:,} minima of each of {arms} arms, which are {pairs:,} pairs; at "
                f"most {PAIRS:,} can be planned. {advice}"
            ),
        )
    trainings = arms * math.ceil(seeds / (granularity["seeds_per_job"] or seeds))
    pieces = pairs // (granularity["pairs_per_job"] or PAIRS)
    slices = config["paths"]["points"] // (granularity["points_per_job"] or PAIRS)
    jobs = len(config["cases"]) * (trainings + pieces * (3 + slices))
    if jobs > JOBS:
        yield (
            ["granularity"],
            (
                f"splits the study into more than {jobs:,} jobs; at most {JOBS:,} can be planned. "
                f"Let more seeds, pairs or points share a job. {advice}"
            ),
        )


def _matrices_too_large_for_memory(config: Mapping) -> Iterator[Fault]:
    advice = f"at most {ENTRIES:,} have room in memory. Give less."
    for case, parts in config["cases"].items():
        for part in ("data", "network"):
            widths = parts[part].get("options", {}).get("widths")
            if not isinstance(widths, list):
                continue
            largest = max(map(math.prod, pairwise(widths)), default=0)
            if largest > ENTRIES:
                fault = f"is {widths}, which makes a layer of {largest:,} weights; {advice}"
                yield ["cases", case, part, "options", "widths"], fault
    perceptron = config["perceptron"]
    if perceptron:
        entries = round(perceptron["density"] * perceptron["dimension"] ** 2)
        if entries > ENTRIES:
            dimension = perceptron["dimension"]
            fault = f"is {dimension}, which makes patterns of {entries:,} numbers; {advice}"
            yield ["perceptron", "dimension"], fault


def _numbers_larger_than_float32(config: Mapping) -> Iterator[Fault]:
    advice = "Give less, or choose 'float64' there."
    for case, arm in product(config["cases"], config["arms"]):
        if training_of(config, case, arm)["precision"] == "float64":
            continue
        for option, value in config["arms"][arm].items():
            if isinstance(value, int | float) and abs(value) > LARGEST_FLOAT32:
                fault = f"is {value}, which float32 cannot hold: case '{case}' is trained in it. "
                yield ["arms", arm, option], fault + advice
    rate = config["chains"]["learning_rate"]
    if config["chains"]["precision"] == "float32" and rate > LARGEST_FLOAT32:
        fault = f"is {rate}, which float32 cannot hold: 'chains.precision' is that. {advice}"
        yield ["chains", "learning_rate"], fault


def _means_without_terms(config: Mapping) -> Iterator[Fault]:
    for case, arm in product(config["cases"], config["arms"]):
        recipe = config["arms"][arm]
        if recipe["method"] != "swa" or BUDGET in recipe:
            continue
        names = [field.name for field in fields(Averaging)]
        options = {name: recipe[name] for name in names if name in recipe}
        epochs = training_of(config, case, arm)["epochs"]
        obstacle = Averaging(**options).obstacle(epochs)
        if obstacle:
            yield ["arms", arm], f"cannot finish in {epochs} epochs: {obstacle}"


def _momentum_that_is_none(config: Mapping) -> Iterator[Fault]:
    for arm, recipe in config["arms"].items():
        if recipe.get("nesterov") is True and recipe.get("momentum") == 0:
            fault = "is true, but the momentum is 0. Give one, or leave nesterov out."
            yield ["arms", arm, "nesterov"], fault


def _depths_that_are_none(config: Mapping) -> Iterator[Fault]:
    for case, options in config["cases"].items():
        depth = options["network"].get("options", {}).get("depth")
        if options["network"]["name"] == "resnet20" and depth and depth % 6 != 2:
            fault = f"is {depth}, expected 6n + 2: 8, 14, 20, 26, 32, ..."
            yield ["cases", case, "network", "options", "depth"], fault


def _descents_that_overshoot(config: Mapping) -> Iterator[Fault]:
    options = config["ellipse"]
    if options is None:
        return
    highest = 0.5 / options["steepness"]
    if not options["learning_rate"] < highest:
        fault = (
            f"is {options['learning_rate']}, with which steps overshoot at 'ellipse.steepness', "
            f"{options['steepness']}. Give less than {highest:.3g}."
        )
        yield ["ellipse", "learning_rate"], fault


def _perceptrons_without_solutions(config: Mapping) -> Iterator[Fault]:
    options = config["perceptron"]
    if options is None:
        return
    for kind, margin in options["margins"].items():
        if margin < options["threshold"]:
            fault = (
                f"is {margin}, less than 'perceptron.threshold', {options['threshold']}: what "
                "reaches it would be no solution. Give at least the threshold."
            )
            yield ["perceptron", "margins", kind], fault
        highest = options["dimension"] ** 0.5
        if margin > highest:
            fault = (
                f"is {margin}, but in {options['dimension']} dimensions no weights reach more than "
                f"{highest:.1f}. Give less."
            )
            yield ["perceptron", "margins", kind], fault
    if round(options["density"] * options["dimension"]) < 1:
        fault = (
            f"is {options['density']}, which is no constraint in {options['dimension']} "
            "dimensions. Give more."
        )
        yield ["perceptron", "density"], fault


def _probabilities_that_are_none(config: Mapping) -> Iterator[Fault]:
    largest = max(config["flatness"]["amplitudes"])
    for case, options in config["cases"].items():
        if is_of_signs(options["network"]) and largest > 1:
            fault = (
                f"reaches {largest}, but in case '{case}' the weights are signs, and an amplitude "
                "is the probability of a flip. Give numbers up to 1."
            )
            yield ["flatness", "amplitudes"], fault
