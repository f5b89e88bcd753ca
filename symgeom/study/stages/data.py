"""Read a data set, split it, and label it with what is known of it."""

from collections.abc import Mapping

import xarray as xr

from symgeom.study.datasets import load
from symgeom.study.datasets.checking import listed
from symgeom.study.labels import labelled, names

LISTED = 20
"""Constant features that the log names at most; the attribute has all."""


def measure(recipe: Mapping, *, root: str) -> xr.Dataset:
    """Read a data set and label it.

    Parameters
    ----------
    recipe : mapping
        Its name and options.
    root : str
        The folder in which data sets lie.

    Returns
    -------
    xr.Dataset
        Inputs, targets and class counts of both splits; checksum, divisor, mean, deviation and
        what is constant as attributes.
    """
    loaded = load(recipe["name"], root=root, options=recipe.get("options", {}))
    train_counts, test_counts = loaded.class_counts
    splits = {
        "train": (loaded.train_inputs, loaded.train_targets, train_counts),
        "test": (loaded.test_inputs, loaded.test_targets, test_counts),
    }
    arrays = {}
    for split, (inputs, targets, counts) in splits.items():
        sample = f"{split}_sample"
        features = [f"feature{axis}" for axis in range(inputs.ndim - 1)]
        arrays[f"{split}_inputs"] = labelled(
            (sample, *features), inputs.numpy(), "1", f"{split} inputs"
        )
        positions = [f"position{axis}" for axis in range(targets.ndim - 1)]
        arrays[f"{split}_targets"] = labelled(
            (sample, *positions), targets.numpy(), "1", f"{split} classes"
        )
        arrays[f"{split}_class_count"] = labelled(
            "class", list(counts), "1", f"{split} samples of each class"
        )
    black = "what an input of 0 has become"
    arrays["black"] = labelled("channel", list(loaded.black), "1", black)
    numbers = [str(label) for label in range(loaded.classes)]
    attrs = {
        "data_set": loaded.name,
        "classes": loaded.classes,
        "checksum": loaded.checksum,
        "ignored_files": loaded.ignored,
        "divisor": loaded.divisor,
        "mean": list(loaded.mean),
        "deviation": list(loaded.deviation),
        "constant": list(loaded.constant),
    }
    return xr.Dataset(arrays, names("class", loaded.class_names or numbers, "class"), attrs)


def describe(data: xr.Dataset) -> str:
    """Say in a line what a data set is, and what was done to its numbers.

    Parameters
    ----------
    data : xr.Dataset
        As from :func:`measure`.

    Returns
    -------
    str
        Samples, their shape, the scaling, and what is constant, for the log.
    """
    shape = data["train_inputs"].shape[1:]
    axis = "channels" if len(shape) > 1 else "features"
    sentences = [
        f"{data.attrs['data_set']}: {data.sizes['train_sample']} training and "
        f"{data.sizes['test_sample']} test samples of shape {shape}, {data.attrs['classes']} "
        "classes."
    ]
    if data["train_inputs"].dtype.kind == "i":
        largest = int(max(data["train_inputs"].max(), data["test_inputs"].max()))
        sentences.append(f"Inputs are tokens, whole numbers from 0 to {largest}.")
    if data["train_targets"].ndim > 1:
        sentences.append("Every position of a sample has a class.")
    if data.attrs["divisor"] != 1:
        sentences.append(f"The numbers of the source are divided by {data.attrs['divisor']}.")
    if data.attrs["ignored_files"]:
        sentences.append(f"Files that are no samples: {data.attrs['ignored_files']}.")
    constant = data.attrs["constant"]
    if constant:
        sentences.append(
            f"Constant in training, and therefore centred and not scaled: {len(constant)} of "
            f"{shape[0]} {axis} ({listed(constant, LISTED)})."
        )
    return " ".join(sentences)
