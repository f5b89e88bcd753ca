"""What can be known of a data set before it is read, and what of a study does not fit it."""

import math
from collections.abc import Iterator, Mapping
from itertools import chain, product

from symgeom.study.planning.options import arms_by, key_of_training, training_of
from symgeom.study.planning.sources import Fault

DIGITS = 1797
"""How many samples scikit-learn's digits are."""

CLASSES_OF_DIGITS = 10


def faults_of_data(config: Mapping) -> Iterator[Fault]:
    """Yield what the data of a case do not allow.

    Parameters
    ----------
    config : mapping
        A configuration that fits the schema.

    Yields
    ------
    (list of str, str)
        A key, after those above it, and what is wrong with it.
    """
    checks = (_large_batches, _images_that_are_none, _tokens_that_are_no_numbers)
    yield from chain.from_iterable(check(config) for check in checks)


def _large_batches(config: Mapping) -> Iterator[Fault]:
    for case, arm in product(config["cases"], arms_by(config, imported=False)):
        samples = _training_samples(config["cases"][case]["data"])
        size = training_of(config, case, arm)["batch_size"]
        if size > samples:
            fault = (
                f"is {size}, but case '{case}' has at most {samples} training samples. Lower it, "
                "or take more samples."
            )
            yield key_of_training(config, case, arm, "batch_size"), fault


def _training_samples(data: Mapping) -> float:
    """Return how many training samples a data set has at most, infinity if it is not known."""
    options = data.get("options", {})
    samples = options.get("subset", math.inf)
    if data["name"] == "teacher":
        return min(samples, options.get("samples", math.inf))
    if data["name"] == "digits":
        # Each class is rounded.
        share = 1 - options.get("test_fraction", 0)
        return min(samples, math.floor(DIGITS * share + CLASSES_OF_DIGITS / 2))
    return samples


def _images_that_are_none(config: Mapping) -> Iterator[Fault]:
    for case, arm in product(config["cases"], config["arms"]):
        change = training_of(config, case, arm).get("augmentation", "none")
        obstacle = _obstacle_to_augmentation(case, config["cases"][case]["data"])
        if change != "none" and obstacle:
            fault = f"is '{change}', but {obstacle}, or leave it out (cases.{case}: null)."
            yield ["arms", arm, "augmentation"], fault


def _obstacle_to_augmentation(case: str, data: Mapping) -> str:
    """Say why the samples of a case cannot be moved and reflected, and what to do."""
    if _is_flat(data):
        return f"the samples of case '{case}' are vectors. Choose 'none', give the case images"
    if data.get("options", {}).get("labels") == "position":
        return f"in case '{case}' pixels have labels, which would not move along. Choose 'none'"
    return ""


def _tokens_that_are_no_numbers(config: Mapping) -> Iterator[Fault]:
    advice = "whole numbers that stand for something"
    for case, parts in config["cases"].items():
        tokens = _has_tokens(parts["data"])
        of_network = parts["network"].get("options", {}).get("tokens", 0)
        if of_network and not tokens:
            fault = (
                f"is {of_network}, but the data of case '{case}' are no tokens. Choose the data "
                f"set 'tokens', if they are {advice}."
            )
            yield ["cases", case, "network", "options", "tokens"], fault
        if not tokens:
            continue
        if config["symmetry"]["constant_inputs"] == "absorb":
            fault = (
                f"is 'absorb', but the inputs of case '{case}' are tokens, {advice}: none of them "
                "can be moved into a bias. Choose 'keep'."
            )
            yield ["symmetry", "constant_inputs"], fault
        for arm, recipe in config["arms"].items():
            if recipe.get("pretraining_zeroed"):
                fault = (
                    f"is {recipe['pretraining_zeroed']}, but the inputs of case '{case}' are "
                    f"tokens, {advice}: 0 is one of them. Give 0."
                )
                yield ["arms", arm, "pretraining_zeroed"], fault


def _has_tokens(data: Mapping) -> bool:
    """Return whether a data set consists of tokens."""
    return bool(data["name"] == "tokens")


def _is_flat(data: Mapping) -> bool:
    """Return whether a data set is known to consist of vectors."""
    if _has_tokens(data):
        return True
    if data["name"] == "digits":
        return not data.get("options", {}).get("images", False)
    return data["name"] == "teacher"
