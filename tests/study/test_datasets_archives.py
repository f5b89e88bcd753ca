"""Image sets of torchvision: read from disk, downloaded, and what is wrong with them named."""

import gzip
import hashlib
import io
import pickle
import socket
import struct
import tarfile
import zipfile
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
from PIL import Image

from symgeom.ground.checks import SymgeomError
from symgeom.ground.torchvision_door import import_torchvision
from symgeom.study.datasets import archives, cifar10, fashion_mnist, load, mnist


def md5(content: bytes) -> str:
    """Return the checksum by which the originals are known."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def write_mnist(root, monkeypatch, name="MNIST", *, train=20, labels=None):
    """Write image k as 28 rows of grey level k, labelled k modulo 10, in the layout of MNIST; and
    make it the original."""
    module = {"MNIST": mnist, "FashionMNIST": fashion_mnist}[name]
    folder, originals = root / name / "raw", {}
    folder.mkdir(parents=True)
    for part, count in (("train", train), ("t10k", 10)):
        pixels = b"".join(bytes([sample]) * 784 for sample in range(count))
        names = bytes(sample % 10 for sample in range(labels or count))
        originals[f"{part}-images-idx3-ubyte"] = struct.pack(">IIII", 2051, count, 28, 28) + pixels
        originals[f"{part}-labels-idx1-ubyte"] = struct.pack(">II", 2049, len(names)) + names
    for file, content in originals.items():
        (folder / file).write_bytes(content)
    files = {file: md5(content) for file, content in originals.items()}
    monkeypatch.setattr(module, "ARCHIVE", replace(module.ARCHIVE, files=files))
    return folder


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that says nothing."""

    def log_message(self, *words):
        pass


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A folder, and the address at which it is served."""
    (tmp_path / "mirror").mkdir()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Quiet, directory=tmp_path / "mirror")
    ) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield tmp_path / "mirror", f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def mnist_mirror(mirror, tmp_path, monkeypatch):
    """What :func:`write_mnist` writes, each file compressed, where torchvision downloads from."""
    source, (folder, address) = import_torchvision().datasets.MNIST, mirror
    for file in write_mnist(tmp_path / "origin", monkeypatch).iterdir():
        (folder / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))
    known = [
        (f"{file}.gz", md5((folder / f"{file}.gz").read_bytes())) for file in mnist.ARCHIVE.files
    ]
    monkeypatch.setattr(source, "resources", known)
    monkeypatch.setattr(source, "mirrors", [address])
    return folder


def test_mnist_is_read_from_disk(tmp_path, monkeypatch):
    write_mnist(tmp_path, monkeypatch)
    data = load("mnist", root=tmp_path, options={})
    assert data.train_inputs.shape == (20, 1, 28, 28)
    assert data.train_inputs.dtype == torch.float32
    torch.testing.assert_close(data.train_inputs[:, 0, 27, 3] * 255, torch.arange(20.0))
    assert data.test_targets.tolist() == list(range(10))
    part = load("mnist", root=str(tmp_path), options={"subset": 10})
    assert part.train_targets.sort().values.tolist() == list(range(10))


def test_broken_mnist_files_are_named(tmp_path, monkeypatch):
    folder = write_mnist(tmp_path, monkeypatch)
    images = folder / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-1])
    with pytest.raises(SymgeomError, match=f"Cannot read MNIST in '{folder}': .* Remove the files"):
        load("mnist", root=tmp_path, options={})


@pytest.mark.parametrize("file", mnist.ARCHIVE.files)
@pytest.mark.parametrize(("name", "module"), [("MNIST", mnist), ("FashionMNIST", fashion_mnist)])
def test_a_file_with_one_changed_byte_is_not_the_original(
    tmp_path, monkeypatch, name, module, file
):
    """Also where it can be read: a grey level, a label."""
    place = write_mnist(tmp_path, monkeypatch, name) / file
    place.write_bytes(place.read_bytes()[:-1] + b"\x03")
    expected = module.ARCHIVE.files[file]
    digest = md5(place.read_bytes())
    fault = f"is not the original \\(its MD5 is {digest}, expected {expected}\\)"
    with pytest.raises(
        SymgeomError,
        match=f"Cannot use .*MNIST in '{place.parent}': the file '{file}' {fault}. Remove the",
    ):
        load(module.ARCHIVE.name, root=tmp_path, options={})


def test_the_originals_have_checksums_of_their_own():
    known = [
        digest
        for archive in (mnist.ARCHIVE, fashion_mnist.ARCHIVE)
        for digest in archive.files.values()
    ]
    assert len(set(known)) == 8
    assert all(len(bytes.fromhex(digest)) == 16 for digest in known)


def test_mnist_images_without_labels_are_named(tmp_path, monkeypatch):
    folder = write_mnist(tmp_path, monkeypatch, labels=15)
    with pytest.raises(
        SymgeomError, match=f"Cannot read MNIST in '{folder}': 20 images and 15 labels"
    ):
        load("mnist", root=tmp_path, options={})


def test_mnist_is_downloaded_unpacked_and_read(tmp_path, mnist_mirror):
    assert load("mnist", root=tmp_path, options={}).train_targets.tolist() == [
        *range(10),
        *range(10),
    ]


@pytest.mark.parametrize("harm", ["absent", "changed"])
def test_mnist_that_cannot_be_downloaded_as_it_was_published_is_one_sentence(
    tmp_path, mnist_mirror, monkeypatch, harm
):
    (mnist_mirror / "train-labels-idx1-ubyte.gz").write_bytes(
        gzip.compress(b"labels of someone else", mtime=0)
    )
    if harm == "absent":
        monkeypatch.setattr(
            import_torchvision().datasets.MNIST, "mirrors", [f"{(tmp_path / 'nowhere').as_uri()}/"]
        )
    with pytest.raises(
        SymgeomError,
        match="Cannot download MNIST from .* to '.*raw': .* put the 4 files train-images",
    ) as caught:
        load("mnist", root=tmp_path, options={})
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "MNIST/raw/train-labels-idx1-ubyte").exists()


def test_fashion_mnist_is_read_from_its_own_folder(tmp_path, monkeypatch):
    write_mnist(tmp_path, monkeypatch, "FashionMNIST")
    data = load(
        "fashion_mnist",
        root=tmp_path,
        options={"subset": 10, "test_subset": 10, "normalise": "standard"},
    )
    assert (data.name, data.class_counts) == ("fashion_mnist", ((1,) * 10, (1,) * 10))
    assert data.train_inputs.mean().abs() < 1e-6
    (tmp_path / "FashionMNIST" / "raw" / "t10k-labels-idx1-ubyte").write_bytes(b"short")
    with pytest.raises(SymgeomError, match="Cannot read Fashion-MNIST in '.*FashionMNIST/raw'"):
        load("fashion_mnist", root=tmp_path, options={})


COLOURS = np.array([10, 100, 250], dtype=np.uint8)


def write_cifar(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: str = "CIFAR10", classes: int = 10
) -> Path:
    """Write two images of every class: image k has colour (10, 100, 250) and k in its first
    pixel; and make it the original."""
    source = getattr(import_torchvision().datasets, name)
    folder, key = root / source.base_folder, "labels" if classes == 10 else "fine_labels"
    folder.mkdir()

    def write(file: str, content: dict) -> tuple[str, str]:
        (folder / file).write_bytes(pickle.dumps(content))
        return file, md5((folder / file).read_bytes())

    images = np.broadcast_to(COLOURS[None, :, None], (2 * classes, 3, 1024)).copy()
    images[:, :, 0] = np.arange(2 * classes)[:, None]
    batch = {
        "data": images.reshape(-1, 3072),
        key: [number % classes for number in range(2 * classes)],
    }
    for part in ("train_list", "test_list"):
        written = [list(write(file, batch)) for file, _ in getattr(source, part)]
        monkeypatch.setattr(source, part, written)
    file, digest = write(source.meta["filename"], {source.meta["key"]: list("abcdefghij")})
    monkeypatch.setattr(source, "meta", source.meta | {"filename": file, "md5": digest})
    return folder


@pytest.mark.parametrize(
    ("name", "source", "classes", "parts"),
    [("cifar10", "CIFAR10", 10, 5), ("cifar100", "CIFAR100", 100, 1)],
)
def test_cifar_is_read_from_disk(tmp_path, monkeypatch, name, source, classes, parts):
    write_cifar(tmp_path, monkeypatch, source, classes)
    data = load(name, root=tmp_path, options={})
    assert (data.classes, data.class_counts) == (classes, ((2 * parts,) * classes, (2,) * classes))
    assert (data.train_inputs.shape, data.train_inputs.dtype) == (
        (2 * parts * classes, 3, 32, 32),
        torch.float32,
    )
    torch.testing.assert_close(
        data.test_inputs[3, :, 5, 5] * 255, torch.tensor([10.0, 100.0, 250.0])
    )
    torch.testing.assert_close(data.test_inputs[:, 0, 0, 0] * 255, torch.arange(2.0 * classes))
    assert data.test_targets.tolist() == [*range(classes), *range(classes)]


def write_pictures(
    root: Path, names: tuple[str, ...] = cifar10.CLASSES, size: tuple[int, int] = (32, 32)
) -> Path:
    """Write a zip with one picture of every class, grey of the level of its number, for training
    and for testing."""
    with zipfile.ZipFile(root / "cifar10.zip", "w") as archive:
        for part in ("train", "test"):
            for number, name in enumerate(names):
                picture = io.BytesIO()
                Image.new("RGB", size, (number,) * 3).save(picture, "PNG")
                archive.writestr(f"{part}/{name}/0.png", picture.getvalue())
    return root / "cifar10.zip"


def test_cifar_is_read_from_pictures_where_its_files_are_not_there(tmp_path, monkeypatch):
    pictures = write_pictures(tmp_path)
    data = load("cifar10", root=tmp_path, options={})
    assert (data.name, data.class_names[3]) == ("cifar10 as pictures", "cat")
    assert data.train_inputs.shape == (10, 3, 32, 32)
    torch.testing.assert_close(data.train_inputs[:, 2, 7, 7] * 255, torch.arange(10.0))
    assert data.train_targets.tolist() == [*range(10)]
    with zipfile.ZipFile(pictures) as archive:
        archive.extractall(tmp_path / "cifar10")
    pictures.unlink()
    assert load("cifar10", root=tmp_path, options={}).checksum == data.checksum
    write_cifar(tmp_path, monkeypatch)
    assert load("cifar10", root=tmp_path, options={}).name == "cifar10"


@pytest.mark.parametrize(
    ("names", "size"), [(cifar10.CLASSES[1:], (32, 32)), (cifar10.CLASSES, (28, 28))]
)
def test_other_pictures_are_not_taken_for_cifar(tmp_path, names, size):
    write_pictures(tmp_path, names, size)
    with pytest.raises(
        SymgeomError,
        match=f"in '{tmp_path}/cifar10.zip' for CIFAR-10: they are of shape .*{size[0]}.* Rename",
    ):
        load("cifar10", root=tmp_path, options={})


def test_cifar_files_that_are_not_the_originals_are_not_unpickled(tmp_path, monkeypatch):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "sprung",)

    (write_cifar(tmp_path, monkeypatch) / "data_batch_3").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(
        SymgeomError,
        match="Cannot read CIFAR-10 in '.*cifar-10-batches-py': .*corrupted.* Remove the files",
    ):
        load("cifar10", root=tmp_path, options={})
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("harm", ["", "absent", "changed"])
def test_cifar_is_downloaded_as_it_was_published_or_refused_in_one_sentence(
    tmp_path, mirror, monkeypatch, harm
):
    source, archive = import_torchvision().datasets.CIFAR100, mirror[0] / "cifar.tar.gz"
    (tmp_path / "origin").mkdir()
    folder = write_cifar(tmp_path / "origin", monkeypatch, "CIFAR100", 100)
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(folder, folder.name)
    monkeypatch.setattr(source, "url", mirror[1] + archive.name)
    monkeypatch.setattr(source, "tgz_md5", md5(archive.read_bytes()))
    if not harm:
        assert load("cifar100", root=tmp_path, options={}).class_counts == ((2,) * 100, (2,) * 100)
        return
    archive.write_bytes(archive.read_bytes()[:-1] + b"\x03")
    if harm == "absent":
        monkeypatch.setattr(source, "url", (tmp_path / "nowhere.tar.gz").as_uri())
    with pytest.raises(
        SymgeomError,
        match="Cannot download CIFAR-100 from .* to '.*': .* put the 3 files train, test, meta",
    ) as caught:
        load("cifar100", root=tmp_path, options={})
    assert "\n" not in str(caught.value)
    assert not (tmp_path / folder.name).exists()


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mnist", "MNIST"),
        ("mnist", "MNIST/raw"),
        ("fashion_mnist", "FashionMNIST"),
        ("cifar10", "cifar-10-batches-py"),
        ("cifar100", "cifar-100-python"),
    ],
)
def test_a_file_where_a_folder_belongs_is_named(tmp_path, name, file):
    """Before anything is downloaded."""
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).touch()
    with pytest.raises(SymgeomError, match=f"Cannot read .*'.*{file}' is a file, and no folder"):
        load(name, root=tmp_path, options={})


@pytest.mark.parametrize("silent", [True, False])
def test_a_server_that_does_not_answer_is_named(tmp_path, monkeypatch, silent):
    """One that takes the connection and says nothing, and one that is not there."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(archives, "PATIENCE", 0.1)
    before = socket.getdefaulttimeout()
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
        if not silent:
            server.close()
        source = import_torchvision().datasets
        monkeypatch.setattr(source.MNIST, "mirrors", [f"http://{host}/"])
        monkeypatch.setattr(source.CIFAR10, "url", f"http://{host}/cifar.tar.gz")
        for name in ("mnist", "cifar10"):
            with pytest.raises(SymgeomError, match=f"Cannot download .* from {host} to .*Connect"):
                load(name, root=tmp_path, options={})
    assert socket.getdefaulttimeout() == before
