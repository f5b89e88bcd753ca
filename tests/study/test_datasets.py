"""Data sets: splits, subsets, scales, checksums; the digits and the teacher."""

from importlib import import_module

import pytest
import torch
from sklearn.datasets import load_digits

from symgeom.ground.checks import SymgeomError
from symgeom.study.datasets import DATASETS, Choice, Data, load
from symgeom.study.datasets.splits import balanced_subset, stratified_split


def digits(**options):
    return load("digits", root="nowhere", options=options)


def test_digits_are_split_without_loss():
    data, (raw, labels) = digits(), load_digits(return_X_y=True)
    together = torch.cat([data.train_inputs, data.test_inputs]) * 16
    targets = torch.cat([data.train_targets, data.test_targets])
    found = sorted(map(tuple, torch.cat([together, targets[:, None].double()], 1).tolist()))
    assert found == sorted(
        (*map(float, row), float(label)) for row, label in zip(raw, labels, strict=True)
    )
    assert (data.train_inputs.dtype, data.train_targets.dtype, data.classes) == (
        torch.float64,
        torch.int64,
        10,
    )


def test_digits_are_split_class_by_class():
    data = digits(test_fraction=0.3)
    train, test = data.train_targets.bincount(), data.test_targets.bincount()
    assert test.tolist() == [round(0.3 * count) for count in (train + test).tolist()]


def test_digits_depend_on_the_named_seed_alone():
    torch.manual_seed(1)
    first = digits(split=1).checksum
    torch.manual_seed(2)
    assert digits(split=1).checksum == first
    assert digits(split=2).checksum != first
    assert digits(split=1, subset=1000).checksum != first


def test_checksum_is_that_of_the_default_split():
    """The split of the committed reference results: a change of it is a change of the study."""
    assert digits().checksum == "dc9fbd91aed573614b62f917e17693c804f69e7d970cd62569f5fc1f02a8cb7f"


def test_subset_is_balanced_and_within_the_training_set():
    whole, part = digits(), digits(subset=105)
    assert part.train_targets.bincount().tolist() == [11] * 5 + [10] * 5
    rows = set(map(tuple, whole.train_inputs.tolist()))
    assert all(tuple(row) in rows for row in part.train_inputs.tolist())
    assert torch.equal(part.test_inputs, whole.test_inputs)


def test_splits_and_subsets_of_a_small_class():
    targets = torch.tensor([0] * 10 + [1] * 2)
    first, second = stratified_split(targets, 0.5, generator=torch.Generator())
    assert sorted(torch.cat([first, second]).tolist()) == list(range(12))
    assert targets[second].tolist() == [0] * 5 + [1]
    with pytest.raises(SymgeomError, match="class 1 has 2, 3 are needed. Ask for at most 4"):
        balanced_subset(targets, 6, generator=torch.Generator())


@pytest.mark.parametrize("fraction", [0, 1, -0.1, "0.2"])
def test_impossible_fractions_are_refused(fraction):
    with pytest.raises(SymgeomError, match="test_fraction = .*: give a number between 0 and 1"):
        digits(test_fraction=fraction)


def test_a_part_without_samples_is_refused():
    with pytest.raises(
        SymgeomError, match="'digits' with 1797 training samples and 0 test samples"
    ):
        digits(test_fraction=1e-3)


@pytest.mark.parametrize("name", DATASETS)
def test_a_data_set_says_once_what_it_is_called(name):
    """The name of its module is that in its record, from which its random streams derive."""
    module = import_module(f"symgeom.study.datasets.{name}")
    record = module.ARCHIVE.name if hasattr(module, "ARCHIVE") else module.NAME
    assert record == name


@pytest.mark.parametrize("subset", [0, -5, 2.5])
def test_impossible_subsets_are_refused(subset):
    with pytest.raises(
        SymgeomError, match=f"subset of {subset} samples: give a positive whole number"
    ):
        digits(subset=subset)


def test_unknown_names_are_refused():
    with pytest.raises(
        SymgeomError, match="Unknown data set 'digit': choose one of 'digits', 'mnist'"
    ):
        load("digit", root=".", options={})
    with pytest.raises(
        SymgeomError,
        match="Unknown option of data set 'digits' 'fraction': .*'test_fraction', .*'subset'",
    ):
        digits(fraction=0.1)
    with pytest.raises(SymgeomError, match="Unknown option of data set 'mnist' 'root'"):
        load("mnist", root=".", options={"root": "elsewhere"})
    with pytest.raises(
        SymgeomError, match="Unknown normalise 'unit': choose one of 'none', 'standard'"
    ):
        digits(normalise="unit")
    with pytest.raises(
        SymgeomError, match=r"Cannot load data set 'arrays' without the options \['path'\]"
    ):
        load("arrays", root=".", options={})


def test_digits_as_images_are_the_same_numbers():
    flat, images = digits(subset=50), digits(subset=50, images=True)
    assert (images.train_inputs.dtype, images.train_inputs.shape) == (torch.float32, (50, 1, 8, 8))
    assert torch.equal(images.train_inputs.flatten(1).double(), flat.train_inputs)
    with pytest.raises(SymgeomError, match="'digits' with images = 1: give true or false"):
        digits(images=1)


def test_test_subset_is_balanced_and_leaves_training_alone():
    whole, part = digits(), digits(test_subset=20)
    assert part.class_counts == (whole.class_counts[0], (2,) * 10)
    assert torch.equal(part.train_inputs, whole.train_inputs)
    rows = set(map(tuple, whole.test_inputs.tolist()))
    assert all(tuple(row) in rows for row in part.test_inputs.tolist())
    assert (
        digits(test_subset=20).checksum == part.checksum != digits(test_subset=20, split=1).checksum
    )


def test_class_counts_have_an_entry_for_every_class():
    targets = torch.tensor([0, 2, 2])
    assert Data(targets, targets, targets, targets[:1], 4, "four").class_counts == (
        (1, 0, 2, 0),
        (1, 0, 0, 0),
    )


def images(samples: int, seed: int) -> torch.Tensor:
    noise = torch.randn(samples, 2, 3, 4, generator=torch.Generator().manual_seed(seed))
    return (
        noise * torch.tensor([2.0, 0.01])[:, None, None] + torch.tensor([5.0, -3.0])[:, None, None]
    )


def test_standard_inputs_have_mean_0_and_deviation_1_in_every_channel_of_training():
    """On 3000 samples, more than are summed at once; a test sample is moved by the numbers of
    training."""
    train, test, targets = images(3000, 0), images(5, 1), torch.tensor([0, 1])
    scaled = Choice(normalise="standard").normalised(
        Data(train, targets, test, targets, 2, "noise")
    )
    kept = scaled.train_inputs.double()
    torch.testing.assert_close(
        kept.mean((0, 2, 3)), torch.zeros(2, dtype=torch.float64), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(
        kept.var((0, 2, 3), correction=0), torch.ones(2, dtype=torch.float64), atol=1e-4, rtol=0
    )
    mean, deviation, black = (
        torch.tensor(each)[:, None, None] for each in (scaled.mean, scaled.deviation, scaled.black)
    )
    torch.testing.assert_close(scaled.test_inputs * deviation + mean, test, atol=1e-5, rtol=0)
    torch.testing.assert_close(black * deviation + mean, torch.zeros(2, 1, 1), atol=1e-6, rtol=0)
    assert scaled.train_inputs.dtype == torch.float32


def test_a_vector_is_one_channel():
    plain, scaled = digits(subset=100), digits(subset=100, normalise="standard")
    assert (plain.mean, plain.deviation, plain.black) == ((0.0,), (1.0,), (0.0,))
    assert scaled.mean == pytest.approx((plain.train_inputs.mean().item(),))
    assert scaled.train_inputs.var(correction=0).item() == pytest.approx(1)


def test_a_constant_channel_cannot_be_standardised():
    inputs, targets = images(4, 0), torch.tensor([0, 1])
    inputs[:, 1] = 0.5
    with pytest.raises(
        SymgeomError,
        match=r"Cannot standardise data set 'noise': channels \[1\] have the same value in all 4",
    ):
        Choice(normalise="standard").normalised(Data(inputs, targets, inputs, targets, 2, "noise"))


def teacher(**options):
    return load("teacher", root="nowhere", options=options)


def test_a_linear_teacher_separates_its_classes_by_a_hyperplane():
    """One direction fits the labels: least squares on them classifies almost as the teacher, far
    above chance."""
    data = teacher(features=5, widths=[], samples=2000, test_samples=500)
    design = torch.cat([data.train_inputs, torch.ones(2000, 1, dtype=torch.float64)], 1)
    signs = 2.0 * data.train_targets.double() - 1
    direction = torch.linalg.lstsq(design, signs[:, None]).solution
    guessed = (data.test_inputs @ direction[:-1] + direction[-1] > 0).flatten().long()
    assert (guessed == data.test_targets).double().mean() > 0.95
    assert data.train_inputs.mean().abs() < 0.05
    assert data.train_inputs.std() == pytest.approx(1, abs=0.05)


def test_a_deep_teacher_is_not_linear_and_uses_all_classes():
    data = teacher(features=5, widths=[40, 40], classes=4, samples=4000, test_samples=10)
    assert len(data.train_inputs) == 4000
    assert min(data.class_counts[0]) > 400
    design = torch.cat([data.train_inputs, torch.ones(4000, 1, dtype=torch.float64)], 1)
    fitted = torch.linalg.lstsq(
        design, torch.eye(4, dtype=torch.float64)[data.train_targets]
    ).solution
    assert ((design @ fitted).argmax(1) != data.train_targets).double().mean() > 0.1


def test_a_teacher_depends_on_the_named_seed_alone():
    first, again, other = teacher(split=1), teacher(split=1), teacher(split=2)
    assert first.checksum == again.checksum != other.checksum
    assert not torch.equal(first.train_inputs[:5], first.test_inputs[:5])
    assert teacher(split=1, subset=10).class_counts[0] == (5, 5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": 0}, "'teacher' with features = 0: give a whole number"),
        ({"classes": 1}, "'teacher' with classes = 1: give a whole number, 2 or more"),
        ({"samples": 2.0}, "'teacher' with samples = 2.0"),
        ({"classes": 5, "samples": 4}, r"classes \[.*\] of 5 got none of the 4 training samples"),
        ({"widths": [0]}, r"widths \[0\]: give a list of positive whole numbers"),
    ],
)
def test_a_teacher_that_cannot_be_is_named(options, message):
    with pytest.raises(SymgeomError, match=message):
        teacher(**options)
