"""Data sets: splits, subsets, scales, checksums; the digits and the teacher."""

import os
from importlib import import_module

import pytest
import torch
from sklearn.datasets import load_digits

from symgeom.ground.checks import SymgeomError
from symgeom.study.datasets import DATASETS, Choice, Data, load
from symgeom.study.datasets.checking import check_data
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


@pytest.mark.parametrize(
    ("train", "test", "classes", "message"),
    [
        ([0, 1], [], 2, "with 2 training samples and 0 test samples: both need at least one"),
        ([], [0, 1], 2, "with 0 training samples and 2 test samples: both need at least one"),
        ([0, 1, 1], [0, 2], 3, "of 3 classes: none of its 3 training samples is of class 2. Keep"),
        ([1, 2], [0, 1, 2], 3, "is of class 0. Keep at least one of every class for training"),
        ([3], [0], 9, r"is of class 0, 1, 2, 4, 5, \.\.\.\. Keep at least one"),
        ([0, 0], [0, 0], 2, "is of class 1. .*a smaller test_fraction, a larger subset, or more"),
    ],
)
def test_training_needs_samples_of_every_class(train, test, classes, message):
    parts = [torch.tensor(part, dtype=torch.int64) for part in (train, test)]
    with pytest.raises(SymgeomError, match=f"Cannot use data set 'parts' .*{message}"):
        Choice().indices("parts", *parts, classes=classes)


def test_a_subset_needs_samples_of_every_class():
    with pytest.raises(SymgeomError, match="none of its 7 training samples is of class 7, 8, 9"):
        digits(subset=7)
    assert digits(test_subset=7).class_counts[1] == (1,) * 7 + (0,) * 3


ONES = torch.ones(2, 3)


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (ONES, ONES[:, :2], r"training samples have shape \(3,\), test samples \(2,\). Give both"),
        (ONES, ONES[:, :, None], r"training samples have shape \(3,\), test samples \(3, 1\)"),
        (ONES[:, :0], ONES[:, :0], r"a sample has shape \(0,\), which holds no number"),
        (torch.ones(2, 1, 0, 4), torch.ones(2, 1, 0, 4), r"has shape \(1, 0, 4\), which holds no"),
        (ONES * torch.nan, ONES, "of its training inputs, 6 of 6 values are NaN, infinite or"),
        (ONES, ONES * torch.inf, "of its test inputs, 6 of 6 values are NaN, infinite or"),
        (ONES.log().log(), ONES, "beyond 3.4e.38, the largest number of float32. Repair them"),
        (ONES.double(), ONES.double() / 0, "beyond 1.8e.308, the largest number of float64"),
    ],
)
def test_inputs_are_numbers_that_training_can_use(train, test, message):
    targets = torch.tensor([0, 1])
    with pytest.raises(SymgeomError, match=f"Cannot use data set 'mine': .*{message}"):
        check_data(Data(train, targets, test, targets, 2, "mine"), "data set 'mine'")


def test_finite_inputs_of_an_infinite_sum_are_no_fault():
    largest = torch.full((2, 3), torch.finfo(torch.float64).max, dtype=torch.float64)
    targets = torch.tensor([0, 1])
    check_data(Data(largest, targets, largest, targets, 2, "large"), "data set 'large'")


@pytest.mark.parametrize("name", ["arrays", "image_folder"])
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere.npz", "from '.*/nowhere.npz': No such file or directory. Correct the option 'pa"),
        ("file/below", "from '.*/file/below': Not a directory. Correct"),
        ("a" * 300, "from '.*': File name too long. Correct the option 'path'"),
        ("null\0byte", "from '.*': embedded null byte. Correct the option 'path'"),
        (
            "https://example.org/a.npz",
            "from 'https://example.org/a.npz': it is an address, .* Download",
        ),
        ("s3://bucket/a.zarr", "from 's3://bucket/a.zarr': it is an address"),
        ("", "from path = '': give the name of a file or a folder"),
        (7, "from path = 7: give the name of a file or a folder"),
        (None, "from path = None: give the name"),
        (["a.npz"], r"from path = \['a.npz'\]: give the name"),
    ],
)
def test_a_path_that_leads_nowhere_is_named(tmp_path, name, path, message):
    (tmp_path / "file").touch()
    with pytest.raises(SymgeomError, match=f"Cannot read data {message}"):
        load(name, root=tmp_path, options={"path": path})


def test_a_pipe_is_no_data_set(tmp_path):
    """Reading it would wait for ever."""
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(SymgeomError, match="from '.*pipe.npz': it is neither a file nor a folder"):
        load("arrays", root=tmp_path, options={"path": "pipe.npz"})


@pytest.mark.parametrize("split", [-1, 1.0, "1", True, None])
def test_a_split_is_a_whole_number(split):
    with pytest.raises(SymgeomError, match=f"Cannot draw from split = {split!r}: give a whole"):
        digits(split=split)


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


def test_vectors_are_standardised_by_feature():
    """Whatever the scales of the features: here they differ by 16 orders of magnitude."""
    noise = torch.randn(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    inputs, targets = noise * torch.tensor([1e-8, 1, 1e8]) + torch.tensor([1, 2, 3]), torch.zeros(2)
    data = Data(inputs, targets, inputs[:5] + 1, targets, 2, "table")
    scaled = Choice(normalise="standard").normalised(data)
    torch.testing.assert_close(
        scaled.train_inputs, (noise - noise.mean(0)) / noise.std(0, correction=0)
    )
    assert scaled.mean == pytest.approx(inputs.mean(0).tolist())
    assert scaled.deviation == pytest.approx(inputs.std(0, correction=0).tolist())
    torch.testing.assert_close(
        scaled.test_inputs, (inputs[:5] + 1 - inputs.mean(0)) / inputs.std(0, correction=0)
    )
    plain = Choice().normalised(data)
    assert (plain.mean, plain.deviation, plain.black) == ((0.0,), (1.0,), (0.0,))


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9, -1e-300])
def test_constant_features_are_centred_and_named(value):
    """Exactly, though the mean of equal numbers may differ from them in its last bit."""
    inputs, targets = torch.full((7, 3), value, dtype=torch.float64), torch.zeros(2)
    inputs[:, 1] = torch.arange(7)
    data = Data(inputs, targets, inputs + 2, targets, 2, "table")
    scaled = Choice(normalise="standard").normalised(data)
    assert scaled.constant == (0, 2)
    assert (scaled.train_inputs[:, [0, 2]] == 0).all()
    assert scaled.deviation == (1.0, 2.0, 1.0)
    torch.testing.assert_close(scaled.test_inputs[:, 0], torch.full((7,), 2.0).double())


@pytest.mark.parametrize(("step", "constant"), [(1e-16, True), (1e-13, False), (0.0, True)])
def test_what_differs_by_rounding_is_constant(step, constant):
    targets = torch.zeros(2)
    inputs = torch.tensor([[0.3], [0.3 + step], [0.3]], dtype=torch.float64)
    data = Data(inputs, targets, inputs, targets, 2, "table")
    assert Choice(normalise="standard").normalised(data).constant == ((0,) if constant else ())


def test_a_constant_channel_is_centred_and_named():
    inputs, targets = images(4, 0), torch.tensor([0, 1])
    inputs[:, 1] = 0.5
    data = Data(inputs, targets, inputs, targets, 2, "noise")
    scaled = Choice(normalise="standard").normalised(data)
    assert (scaled.constant, scaled.mean[1]) == ((1,), 0.5)
    assert (scaled.train_inputs[:, 1] == 0).all()


def test_digits_name_their_constant_pixels():
    scaled = digits(normalise="standard")
    constant = (load_digits().data == 0).all(0).nonzero()[0].tolist()
    assert set(constant) <= set(scaled.constant)
    assert digits().constant == ()


def test_a_test_sample_beyond_all_deviations_cannot_be_standardised():
    inputs, targets = torch.tensor([[1.0], [1.0 + 1e-9]], dtype=torch.float64), torch.zeros(2)
    data = Data(inputs, targets, inputs * 1e300, targets, 2, "far")
    with pytest.raises(SymgeomError, match="standardise data set 'far': its values or .* become"):
        Choice(normalise="standard").normalised(data)


def test_values_without_finite_squares_cannot_be_standardised():
    inputs, targets = torch.tensor([[1e200], [2e200]], dtype=torch.float64), torch.zeros(2)
    with pytest.raises(
        SymgeomError, match="data set 'big': its values or their squares become inf"
    ):
        Choice(normalise="standard").normalised(Data(inputs, targets, inputs, targets, 2, "big"))


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
        (
            {"classes": 5, "samples": 4},
            "'teacher' of 5 classes: none of its 4 training samples is of class .*. Keep at least",
        ),
        ({"samples": 10**12}, "hold data set 'teacher': that takes .* GB of memory, and this mach"),
        ({"features": 10**30}, "takes .* GB of memory.* Ask for fewer samples, features or cl"),
        ({"widths": [0]}, r"widths \[0\]: give a list of positive whole numbers"),
    ],
)
def test_a_teacher_that_cannot_be_is_named(options, message):
    with pytest.raises(SymgeomError, match=message):
        teacher(**options)
