"""Image sets of torchvision: read from disk, downloaded, and what is wrong with them named."""

import hashlib
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from symgeom.checks import SymgeomError
from symgeom.datasets import load
from symgeom.torchvision_door import import_torchvision


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
    assert data.train_inputs.dtype == torch.float32
    torch.testing.assert_close(data.train_inputs[:, 0, 27, 3] * 255, torch.arange(20.0))
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
        SymgeomError, match="Cannot download MNIST to '.*raw': .* put the 4 files train-images-idx3-ubyte"
    ) as caught:
        load("mnist", root=tmp_path, options={})
    assert "\n" not in str(caught.value)


def test_mnist_is_downloaded_where_it_can_be(tmp_path, monkeypatch):
    monkeypatch.setattr(import_torchvision().datasets.MNIST, "download", lambda self: write_mnist(tmp_path))
    assert load("mnist", root=tmp_path, options={}).train_targets.tolist() == [*range(10), *range(10)]


def test_fashion_mnist_is_read_from_its_own_folder(tmp_path):
    write_mnist(tmp_path).parent.rename(tmp_path / "FashionMNIST")
    data = load("fashion_mnist", root=tmp_path, options={"subset": 10, "test_subset": 10, "normalise": "standard"})
    assert (data.name, data.class_counts) == ("fashion_mnist", ((1,) * 10, (1,) * 10))
    assert data.train_inputs.mean().abs() < 1e-6
    (tmp_path / "FashionMNIST" / "raw" / "t10k-labels-idx1-ubyte").write_bytes(b"short")
    with pytest.raises(SymgeomError, match="Cannot read Fashion-MNIST in '.*FashionMNIST/raw'"):
        load("fashion_mnist", root=tmp_path, options={})


COLOURS = np.array([10, 100, 250], dtype=np.uint8)


def write_cifar(root: Path, monkeypatch: pytest.MonkeyPatch, name: str = "CIFAR10", classes: int = 10) -> Path:
    """Write two images of every class: image k has colour (10, 100, 250) and k in its first pixel; and make it the original."""
    source = getattr(import_torchvision().datasets, name)
    folder, key = root / source.base_folder, "labels" if classes == 10 else "fine_labels"
    folder.mkdir()

    def write(file: str, content: dict) -> tuple[str, str]:
        (folder / file).write_bytes(pickle.dumps(content))
        return file, hashlib.md5((folder / file).read_bytes()).hexdigest()

    images = np.broadcast_to(COLOURS[None, :, None], (2 * classes, 3, 1024)).copy()
    images[:, :, 0] = np.arange(2 * classes)[:, None]
    batch = {"data": images.reshape(-1, 3072), key: [number % classes for number in range(2 * classes)]}
    for part in ("train_list", "test_list"):
        written = [list(write(file, batch)) for file, _ in getattr(source, part)]
        monkeypatch.setattr(source, part, written)
    file, digest = write(source.meta["filename"], {source.meta["key"]: list("abcdefghij")})
    monkeypatch.setattr(source, "meta", source.meta | {"filename": file, "md5": digest})
    return folder


@pytest.mark.parametrize(
    ("name", "source", "classes", "parts"), [("cifar10", "CIFAR10", 10, 5), ("cifar100", "CIFAR100", 100, 1)]
)
def test_cifar_is_read_from_disk(tmp_path, monkeypatch, name, source, classes, parts):
    write_cifar(tmp_path, monkeypatch, source, classes)
    data = load(name, root=tmp_path, options={})
    assert (data.classes, data.class_counts) == (classes, ((2 * parts,) * classes, (2,) * classes))
    assert (data.train_inputs.shape, data.train_inputs.dtype) == ((2 * parts * classes, 3, 32, 32), torch.float32)
    torch.testing.assert_close(data.test_inputs[3, :, 5, 5] * 255, torch.tensor([10.0, 100.0, 250.0]))
    torch.testing.assert_close(data.test_inputs[:, 0, 0, 0] * 255, torch.arange(2.0 * classes))
    assert data.test_targets.tolist() == [*range(classes), *range(classes)]


def test_cifar_files_that_are_not_the_originals_are_not_unpickled(tmp_path, monkeypatch):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "sprung",)

    (write_cifar(tmp_path, monkeypatch) / "data_batch_3").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(SymgeomError, match="Cannot read CIFAR-10 in '.*cifar-10-batches-py': .*corrupted.* Remove the files"):
        load("cifar10", root=tmp_path, options={})
    assert not (tmp_path / "sprung").exists()


def test_cifar_that_cannot_be_downloaded_is_one_sentence(tmp_path, monkeypatch):
    source = import_torchvision().datasets.CIFAR100
    monkeypatch.setattr(source, "url", (tmp_path / "mirror.tar.gz").as_uri())
    with pytest.raises(
        SymgeomError, match="Cannot download CIFAR-100 to '.*': .* put the 3 files train, test, meta there"
    ) as caught:
        load("cifar100", root=tmp_path, options={})
    assert "\n" not in str(caught.value)
