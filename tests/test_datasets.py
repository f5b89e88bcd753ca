"""Data sets: splits, checksums, MNIST files on disk, and the door to torchvision."""

import struct
import sys

import pytest
import torch
from sklearn.datasets import load_digits

from symgeom.checks import SymgeomError
from symgeom.datasets import load
from symgeom.datasets.data import balanced_subset, stratified_split
from symgeom.datasets.torchvision_door import OPERATORS_MISSING, import_torchvision


def digits(**options):
    return load("digits", root="nowhere", options=options)


def test_digits_are_split_without_loss():
    data, (raw, labels) = digits(), load_digits(return_X_y=True)
    together = torch.cat([data.train_inputs, data.test_inputs]) * 16
    targets = torch.cat([data.train_targets, data.test_targets])
    found = sorted(map(tuple, torch.cat([together, targets[:, None].double()], 1).tolist()))
    assert found == sorted((*map(float, row), float(label)) for row, label in zip(raw, labels, strict=True))
    assert (data.train_inputs.dtype, data.train_targets.dtype, data.classes) == (torch.float64, torch.int64, 10)


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


@pytest.mark.parametrize("subset", [0, -5, 2.5])
def test_impossible_subsets_are_refused(subset):
    with pytest.raises(SymgeomError, match=f"subset of {subset} samples: give a positive whole number"):
        digits(subset=subset)


def test_unknown_names_are_refused():
    with pytest.raises(SymgeomError, match="Unknown data set 'digit': choose one of 'digits', 'mnist'"):
        load("digit", root=".", options={})
    with pytest.raises(SymgeomError, match="Unknown option of data set 'digits' 'fraction': choose one of 'test_fraction'"):
        digits(fraction=0.1)


def write_mnist(root, train=20, test=10, labels=None):
    """Write image k as 28 rows of grey level k, labelled k modulo 10, in the layout of MNIST."""
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for part, count in (("train", train), ("t10k", test)):
        pixels = b"".join(bytes([sample]) * 784 for sample in range(count))
        (folder / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 2051, count, 28, 28) + pixels)
        names = bytes(sample % 10 for sample in range(labels or count))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 2049, len(names)) + names)
    return folder


def test_mnist_is_read_from_disk(tmp_path):
    write_mnist(tmp_path)
    data = load("mnist", root=tmp_path, options={})
    assert data.train_inputs.shape == (20, 1, 28, 28)
    assert data.train_inputs.dtype == torch.float64
    assert torch.equal(data.train_inputs[:, 0, 27, 3] * 255, torch.arange(20.0, dtype=torch.float64))
    assert data.test_targets.tolist() == list(range(10))
    part = load("mnist", root=str(tmp_path), options={"subset": 10})
    assert part.train_targets.sort().values.tolist() == list(range(10))


def test_broken_mnist_files_are_named(tmp_path):
    folder = write_mnist(tmp_path)
    images = folder / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-1])
    with pytest.raises(SymgeomError, match=f"Cannot read MNIST in '{folder}': .* Remove the files"):
        load("mnist", root=tmp_path, options={})


def test_mnist_images_without_labels_are_named(tmp_path):
    folder = write_mnist(tmp_path, labels=15)
    with pytest.raises(SymgeomError, match=f"Cannot read MNIST in '{folder}': 20 images and 15 labels"):
        load("mnist", root=tmp_path, options={})


def test_mnist_that_cannot_be_downloaded_is_one_sentence(tmp_path, monkeypatch):
    mnist = import_torchvision().datasets.MNIST
    monkeypatch.setattr(mnist, "mirrors", [f"{(tmp_path / 'mirror').as_uri()}/"])
    with pytest.raises(
        SymgeomError, match="Cannot download MNIST to '.*raw': .* put the four files train-images-idx3-ubyte"
    ) as caught:
        load("mnist", root=tmp_path, options={})
    assert "\n" not in str(caught.value)


def test_mnist_is_downloaded_where_it_can_be(tmp_path, monkeypatch):
    monkeypatch.setattr(import_torchvision().datasets.MNIST, "download", lambda self: write_mnist(tmp_path))
    assert load("mnist", root=tmp_path, options={}).train_targets.tolist() == [*range(10), *range(10)]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a function that puts a package named torchvision before the real one; afterwards all is as it was."""
    held = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "torchvision"}
    monkeypatch.syspath_prepend(tmp_path)

    def write(source):
        (tmp_path / "torchvision.py").write_text(source)

    yield write
    sys.modules.pop("torchvision", None)
    sys.modules.update(held)


REGISTER = "import torch\nused = torch.library.register_fake\n"


def test_door_replaces_nothing_where_torchvision_fits(package):
    package(REGISTER)
    assert import_torchvision().used is torch.library.register_fake


def test_door_opens_where_the_operators_are_missing(package):
    package(f"{REGISTER}@torch.library.register_fake('torchvision::nms')\ndef meta_nms(boxes): return 'plain'\n")
    register_fake = torch.library.register_fake
    door = import_torchvision()
    assert door.used is not register_fake
    assert door.meta_nms(None) == "plain"
    assert torch.library.register_fake is register_fake


def test_door_stays_shut_on_any_other_failure(package):
    package(f"raise RuntimeError({OPERATORS_MISSING.replace('nms', 'roi_align')!r})")
    with pytest.raises(RuntimeError, match="roi_align"):
        import_torchvision()


def test_door_does_not_hide_a_second_failure(package):
    package(
        "import torch\n"
        f"if torch.library.register_fake.__module__ == 'torch.library': raise RuntimeError({OPERATORS_MISSING!r})\n"
        "raise RuntimeError('another fault')"
    )
    register_fake = torch.library.register_fake
    with pytest.raises(RuntimeError, match="another fault"):
        import_torchvision()
    assert torch.library.register_fake is register_fake
