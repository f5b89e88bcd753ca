"""Data sets as stores hold them."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from tiny_study import DIGITS, TinyStudy

from symgeom.ground.checks import SymgeomError
from symgeom.study.stages import data


@pytest.fixture(scope="module")
def digits():
    return data.measure(DIGITS, root="nowhere")


def test_samples_are_those_of_the_source(digits):
    pixels, labels = load_digits(return_X_y=True)
    label_of = {tuple(row): label for row, label in zip(pixels, labels, strict=True)}
    rows = set()
    for split in ("train", "test"):
        inputs = digits[f"{split}_inputs"].values
        levels = np.round(inputs * 16)
        np.testing.assert_array_equal(levels / 16, inputs)
        for row, target in zip(levels, digits[f"{split}_targets"].values, strict=True):
            assert label_of[tuple(row)] == target
            rows.add((split, tuple(row)))
    train = {row for split, row in rows if split == "train"}
    test = {row for split, row in rows if split == "test"}
    assert not train & test


def test_counts_are_those_of_the_targets(digits):
    for split in ("train", "test"):
        counts = np.bincount(digits[f"{split}_targets"], minlength=10)
        assert digits[f"{split}_class_count"].values.tolist() == counts.tolist()


def test_arrays_say_what_they_are(digits):
    assert digits["train_inputs"].dims == ("train_sample", "feature0")
    assert digits["train_inputs"].dtype == np.float64
    assert digits["train_targets"].dtype == np.int64
    assert digits["class"].values.tolist() == list("0123456789")
    assert digits.attrs["data_set"] == "digits"
    assert digits.attrs["classes"] == 10
    for array in digits.data_vars.values():
        assert array.attrs["units"] == "1"
        assert array.attrs["long_name"]


def test_images_have_channels_and_axes():
    recipe = {"name": "digits", "options": {"subset": 50, "images": True}}
    images = data.measure(recipe, root="nowhere")
    assert images["test_inputs"].dims == ("test_sample", "feature0", "feature1", "feature2")
    assert images["test_inputs"].shape[1:] == (1, 8, 8)
    assert images["black"].values.tolist() == [0.0]


def test_an_unknown_data_set_is_named():
    with pytest.raises(SymgeomError, match="stars"):
        data.measure({"name": "stars"}, root="nowhere")


def test_a_case_takes_samples_evenly_and_changes_no_network(tiny: TinyStudy):
    before = {name: tensor.dtype for name, tensor in tiny.case.trained.named_parameters()}
    problems = tiny.case.problems("float64", samples=50)
    counts = np.bincount(problems["train"].targets, minlength=10)
    assert counts.min() >= 4
    assert counts.sum() == pytest.approx(50, abs=10)
    after = {name: tensor.dtype for name, tensor in tiny.case.trained.named_parameters()}
    assert after == before


def test_the_scaling_is_stored_and_said(tmp_path):
    """Of levels, which are divided by 255, and of vectors with a constant feature."""
    levels = np.arange(40, dtype=np.uint8).reshape(10, 4)
    levels[:, 2] = 7
    np.savez(tmp_path / "mine.npz", inputs=levels, targets=np.arange(10) % 2)
    options = {"path": "mine.npz", "test_fraction": 0.4, "normalise": "standard"}
    mine = data.measure({"name": "arrays", "options": options}, root=str(tmp_path))
    assert mine.attrs["divisor"] == 255
    assert mine.attrs["constant"] == [2]
    assert mine.attrs["mean"][2] == 7 / 255
    assert len(mine.attrs["deviation"]) == len(mine["black"]) == 4
    assert data.describe(mine) == (
        "arrays: 6 training and 4 test samples of shape (4,), 2 classes. The numbers of the source "
        "are divided by 255. Constant in training, and therefore centred and not scaled: 1 "
        "of 4 features (2)."
    )


def test_files_that_are_no_samples_are_said(digits):
    noted = digits.assign_attrs(ignored_files=3, divisor=1)
    assert data.describe(noted) == (
        "digits: 150 training and 359 test samples of shape (64,), 10 classes. Files that are no "
        "samples: 3."
    )
