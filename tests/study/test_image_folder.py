"""Folders of pictures and zips of them: what is read, what is chosen, and what is wrong named."""

import io
import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from symgeom.ground.checks import SymgeomError
from symgeom.study.datasets import load

COLOURS = {"ant": (200, 0, 50), "bee": (0, 100, 250), "cat": (30, 60, 90)}


def picture(
    colour: tuple[int, ...], level: int = 0, size: tuple[int, int] = (6, 4), kind: str = "PNG"
) -> bytes:
    """Return a file of one colour whose first pixel is grey of a level."""
    pixels = np.full((size[1], size[0], 3), colour, dtype=np.uint8)
    pixels[0, 0] = level
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def files(parts: tuple[str, ...] = ("train/", "test/"), count: int = 4) -> dict[str, bytes]:
    """Return pictures of three classes; the first pixel of picture k is grey of level k."""
    return {
        f"{part}{name}/{number:02d}.png": picture(colour, number)
        for part in parts
        for name, colour in COLOURS.items()
        for number in range(count)
    }


def write_folder(root: Path, contents: dict[str, bytes]) -> Path:
    for name, content in contents.items():
        (root / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "pets" / name).write_bytes(content)
    return root / "pets"


def write_zip(root: Path, contents: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(root / "pets.zip", "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return root / "pets.zip"


def read(root: Path, **options: object):
    path = "pets" if (root / "pets").exists() else "pets.zip"
    return load("image_folder", root=root, options={"path": path, **options})


@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_classes_and_pictures_are_read_in_the_order_of_their_names(tmp_path: Path, write):
    more = {
        "train/notes.txt": b"!",
        "test/ant/labels.csv": b"",
        "readme.md": b"",
        "train/ant/.hidden.png": b"",
        ".git/x.png": b"",
    }
    write(tmp_path, dict(reversed((files() | more).items())))
    data = read(tmp_path)
    assert data.train_inputs.shape == (12, 3, 4, 6)
    assert data.train_inputs.dtype == torch.float32
    assert (data.classes, data.class_names, data.ignored) == (3, ("ant", "bee", "cat"), 3)
    assert data.train_targets.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    expected = torch.tensor(list(COLOURS.values())).repeat_interleave(4, 0)
    torch.testing.assert_close(data.test_inputs[:, :, 3, 5] * 255, expected.float())
    torch.testing.assert_close(data.test_inputs[:, 1, 0, 0] * 255, torch.arange(4.0).repeat(3))


def test_a_folder_and_its_zip_are_one_data_set(tmp_path: Path):
    write_zip(tmp_path, files())
    packed = read(tmp_path, subset=6)
    write_folder(tmp_path, files())
    assert read(tmp_path, subset=6).checksum == packed.checksum
    absolute = load(
        "image_folder", root="nowhere", options={"path": str(tmp_path / "pets.zip"), "subset": 6}
    )
    assert absolute.checksum == packed.checksum


def test_class_folders_are_split_here(tmp_path: Path):
    write_folder(tmp_path, files(("",), count=8))
    data = read(tmp_path, test_fraction=0.25)
    assert data.class_counts == ((6,) * 3, (2,) * 3)
    for label, colour in enumerate(COLOURS.values()):
        train = data.train_inputs[data.train_targets == label]
        test = data.test_inputs[data.test_targets == label]
        levels = torch.cat([train, test])[:, 0, 0, 0] * 255
        assert levels.round().sort().values.tolist() == list(range(8))
        torch.testing.assert_close(
            data.test_inputs[data.test_targets == label][0, :, 2, 2] * 255,
            torch.tensor(colour).float(),
        )
    assert (
        read(tmp_path, test_fraction=0.25, split=1).checksum
        != data.checksum
        == read(tmp_path, test_fraction=0.25).checksum
    )


def test_only_chosen_pictures_are_decoded(tmp_path: Path):
    """One of 4 pictures of each class is broken; some subset of 3 never touches it, and another
    one names it."""
    write_folder(tmp_path, files() | {"train/bee/02.png": b"no picture"})
    found = []
    for split in range(12):
        try:
            found.append(read(tmp_path, subset=3, split=split).class_counts[0])
        except SymgeomError as error:
            found.append(str(error))
    assert (1, 1, 1) in found
    assert any(
        f"Cannot read the picture 'train/bee/02.png' of class 'bee' in '{tmp_path}" in str(each)
        for each in found
    )


@pytest.mark.parametrize("write", [write_folder, write_zip])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no picture",
        picture((1, 2, 3))[:60],
        picture((9, 9, 9), size=(64, 64), kind="JPEG")[:300],
    ],
)
def test_an_unreadable_picture_is_named_with_its_class(tmp_path: Path, write, content: bytes):
    write(tmp_path, files() | {"test/cat/01.png": content})
    with pytest.raises(
        SymgeomError,
        match="Cannot read the picture 'test/cat/01.png' of class 'cat' in .* Repair or remove",
    ):
        read(tmp_path)


def test_a_flipped_byte_in_a_zip_is_named(tmp_path: Path):
    content = write_zip(tmp_path, files()).read_bytes()
    place = content.index(b"train/bee/01.png") + 60
    (tmp_path / "pets.zip").write_bytes(
        content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :]
    )
    with pytest.raises(SymgeomError, match="'train/bee/01.png' of class 'bee'"):
        read(tmp_path)


def test_grey_pictures_get_three_channels_or_one(tmp_path: Path):
    grey = io.BytesIO()
    Image.fromarray(np.full((4, 6), 77, dtype=np.uint8)).save(grey, "PNG")
    write_folder(
        tmp_path,
        {f"{part}/{name}/0.png": grey.getvalue() for part in ("train", "test") for name in "ab"},
    )
    assert (read(tmp_path).train_inputs * 255).round().unique().tolist() == [77]
    assert read(tmp_path).train_inputs.shape == (2, 3, 4, 6)
    assert read(tmp_path, grayscale=True).train_inputs.shape == (2, 1, 4, 6)


def test_colours_turn_grey_by_the_weights_of_itu_601(tmp_path: Path):
    write_folder(tmp_path, files())
    levels = read(tmp_path, grayscale=True).test_inputs[::4, 0, 2, 2] * 255
    expected = [0.299 * red + 0.587 * green + 0.114 * blue for red, green, blue in COLOURS.values()]
    torch.testing.assert_close(levels, torch.tensor(expected), atol=1.0, rtol=0)


def test_the_middle_is_cut_out_of_what_was_resized(tmp_path: Path):
    """A picture of 40 by 20 pixels, red on the left quarter, green in the middle half, blue on
    the right quarter."""
    pixels = np.zeros((20, 40, 3), dtype=np.uint8)
    pixels[:, :10, 0], pixels[:, 10:30, 1], pixels[:, 30:, 2] = 255, 255, 255
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    tall = io.BytesIO()
    Image.fromarray(pixels.transpose(1, 0, 2)).save(tall, "PNG")
    for part in ("train", "test"):
        content = {f"{part}/a/0.png": stream.getvalue(), f"{part}/b/0.png": tall.getvalue()}
        write_folder(tmp_path, content)
    middle = read(tmp_path, size=20).train_inputs
    assert middle.shape == (2, 3, 20, 20)
    assert torch.equal(middle, torch.tensor([0.0, 1.0, 0.0])[:, None, None].expand(2, 3, 20, 20))
    half = read(tmp_path, size=10).train_inputs
    assert half.shape == (2, 3, 10, 10)
    assert torch.equal(half[:, 1, 2:8, 2:8], torch.ones(2, 6, 6))


def test_pictures_of_several_sizes_need_the_option(tmp_path: Path):
    write_folder(tmp_path, files() | {"train/cat/03.png": picture((1, 1, 1), size=(5, 4))})
    with pytest.raises(
        SymgeomError,
        match="'train/cat/03.png' has 4 by 5 pixels, 'train/ant/00.png' 4 by 6. Give the option",
    ):
        read(tmp_path)
    assert read(tmp_path, size=4).train_inputs.shape == (12, 3, 4, 4)


def test_train_and_test_of_different_sizes_need_the_option(tmp_path: Path):
    small = {name: picture((1, 1, 1), size=(3, 3)) for name in files(("test/",))}
    write_folder(tmp_path, files(("train/",)) | small)
    with pytest.raises(
        SymgeomError,
        match="'test/ant/00.png' has 3 by 3 pixels, 'train/ant/00.png' 4 by 6. Give the option",
    ):
        read(tmp_path)


def test_pixels_of_16_bits_are_refused(tmp_path: Path):
    stream = io.BytesIO()
    Image.fromarray(np.full((4, 6), 40000, dtype=np.uint16)).save(stream, "PNG")
    write_folder(tmp_path, files() | {"train/ant/00.png": stream.getvalue()})
    with pytest.raises(
        SymgeomError, match="'train/ant/00.png' of class 'ant' .* more than 8 bits each"
    ):
        read(tmp_path)


def without(part: str) -> dict[str, bytes]:
    return {name: content for name, content in files().items() if part not in name}


@pytest.mark.parametrize(
    ("contents", "options", "message"),
    [
        ({}, {}, "No such file or directory"),
        (
            files() | files(("",)),
            {},
            r"folders 'train' and 'test' there are pictures in \['ant', 'bee', 'cat'\]. Move those",
        ),
        (files() | {"new/a.png": b""}, {}, r"there are pictures in \['new'\]. Move those"),
        (files(("",)), {"test_fraction": 0.05}, "12 training samples and 0 test samples"),
        (files(("",), count=1), {"test_fraction": 0.6}, "0 training samples and 3 test samples"),
        (
            files(("",)) | {"dog/1.png": picture((1, 1, 1))},
            {"test_fraction": 0.6},
            "of 4 classes: none of its 6 training samples is of class 3",
        ),
        (
            files(),
            {"size": 100_000},
            "size = 100000: give .* whole number of pixels, at most 11585",
        ),
        (
            {name: picture((1, 1, 1), size=(2000, 1)) for name in files()},
            {"size": 300},
            "'train/ant/00.png' .*: resized from 2000 by 1 pixels to 600000 by 300 it has more th",
        ),
        (
            files(("",)),
            {},
            r"no folders 'train' and 'test' \(but \['ant', 'bee', 'cat'\]\). Give the option 'te",
        ),
        (
            files(),
            {"test_fraction": 0.2},
            "with test_fraction = 0.2: it is split into 'train' and 'test' already",
        ),
        (files(("train/",)), {}, "it has a folder 'train' and no 'test'"),
        (without("test/cat"), {}, r"classes \['cat'\] are in one of 'train' and 'test' only"),
        (
            {f"{part}/ant/1.png": picture((1, 1, 1)) for part in ("train", "test")},
            {},
            r"'.*train': it has 1 class folders \['ant'\]. .* If they lie in 'ant', give that one",
        ),
        (
            files() | {"train/dog/notes.txt": b"", "test/dog/1.png": b""},
            {},
            r"class folders \['dog'\] of '.*train': they hold no",
        ),
        (
            {"a.png": picture((1, 1, 1))},
            {"test_fraction": 0.5},
            r"has 0 class folders \[\]. Give at least two",
        ),
        (files(), {"size": 0}, "with size = 0: give a positive whole number of pixels"),
        (files(), {"grayscale": "yes"}, "with grayscale = 'yes': give true or false"),
        (files(), {"subset": 15}, "class 0 has 4, 5 are needed"),
    ],
)
@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_what_is_no_data_set_is_named(
    tmp_path: Path, write, contents: dict, options: dict, message: str
):
    if contents:
        write(tmp_path, contents)
    with pytest.raises(SymgeomError, match=message):
        read(tmp_path, **options)


def test_an_empty_class_folder_is_named(tmp_path: Path):
    write_folder(tmp_path, files(("",)))
    (tmp_path / "pets" / "dog").mkdir()
    with pytest.raises(
        SymgeomError,
        match=r"class folders \['dog'\] of '.*pets': they hold no pictures. Fill them, or remove",
    ):
        read(tmp_path, test_fraction=0.5)


def test_an_empty_folder_in_a_zip_is_named(tmp_path: Path):
    write_zip(tmp_path, files(("",)) | {"dog/": b""})
    with pytest.raises(SymgeomError, match=r"class folders \['dog'\] of '.*pets.zip'"):
        read(tmp_path, test_fraction=0.5)


def test_a_file_that_is_no_zip_is_named(tmp_path: Path):
    (tmp_path / "pets.zip").write_bytes(b"no zip")
    with pytest.raises(
        SymgeomError,
        match="Cannot read pictures from '.*pets.zip': File is not a zip file. Give a folder, or",
    ):
        read(tmp_path)


def test_a_picture_lies_as_its_camera_noted(tmp_path: Path):
    """Held upright, a camera writes rows of pixels that are columns of the picture (EXIF 6)."""
    pixels = np.zeros((4, 6, 3), dtype=np.uint8)
    pixels[:, 0] = 250
    note = Image.Exif()
    note[0x0112] = 6
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", exif=note)
    names = files(("train/", "test/"))
    write_folder(tmp_path, dict.fromkeys(names, stream.getvalue()))
    data = read(tmp_path)
    assert data.train_inputs.shape == (12, 3, 6, 4)
    upright = torch.zeros(6, 4)
    upright[0] = 250 / 255
    torch.testing.assert_close(data.train_inputs[0, 0], upright)


def test_another_part_beside_train_and_test_is_ignored(tmp_path: Path):
    write_folder(tmp_path, files() | files(("val/",)) | {"notes/a.txt": b""})
    assert read(tmp_path).ignored == 13


@pytest.mark.parametrize(
    ("link", "target", "message"),
    [
        ("ant/loop", "..", "link 'ant/loop' leads back to '.*pets', in which"),
        ("ant/self", "../ant", "link 'ant/self' leads back to '.*pets/ant', in"),
        ("loop", ".", "link 'loop' leads back to '.*pets', in which it"),
        ("ant/deep/loop", "../..", "link 'ant/deep/loop' leads back to '.*pets', in"),
        (
            "ant/above",
            "../..",
            "link 'ant/above/pets/ant/above' leads back to '.*pets/ant/above', in",
        ),
    ],
)
def test_a_loop_of_links_is_named(tmp_path: Path, link: str, target: str, message: str):
    folder = write_folder(tmp_path, files(("",)))
    (folder / link).parent.mkdir(exist_ok=True)
    (folder / link).symlink_to(target)
    with pytest.raises(SymgeomError, match=f"{message}.* Remove the link"):
        read(tmp_path, test_fraction=0.5)


def test_two_links_that_lead_to_each_other_are_named(tmp_path: Path):
    folder = write_folder(tmp_path, files(("",)))
    (folder / "ant/to").symlink_to("../bee")
    (folder / "bee/to").symlink_to("../ant")
    with pytest.raises(SymgeomError, match="link '(ant|bee)/to/to' leads back to '.*', in which"):
        read(tmp_path, test_fraction=0.5)


def test_links_to_folders_elsewhere_are_followed(tmp_path: Path):
    folder = write_folder(tmp_path, files(("",)))
    (tmp_path / "elsewhere").mkdir()
    (folder / "cat").rename(tmp_path / "elsewhere/cat")
    (folder / "cat").symlink_to("../elsewhere/cat")
    assert read(tmp_path, test_fraction=0.5).class_counts == ((2,) * 3, (2,) * 3)


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_folder(tmp_path, files(("",)))
    scan = os.scandir

    def refuse(path: str):
        if str(path).endswith("bee"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(SymgeomError, match="list the folder '.*bee': Permission denied. Make it"):
        read(tmp_path, test_fraction=0.5)


def test_a_pipe_is_no_picture(tmp_path: Path):
    """Reading it would wait for ever."""
    folder = write_folder(tmp_path, files())
    os.mkfifo(folder / "train/ant/04.png")
    with pytest.raises(SymgeomError, match="picture 'train/ant/04.png' of .*: it is no file. Rep"):
        read(tmp_path)


def test_pictures_that_do_not_fit_into_memory_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write_folder(tmp_path, files())
    monkeypatch.setattr(os, "sysconf", lambda name: 80)
    with pytest.raises(
        SymgeomError,
        match="24 pictures of 4 by 6 pixels of '.*': that takes 0 GB of memory, .* Give a smaller",
    ):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../ant/0.png", "its entry '../ant/0.png' leads out of the folder. Pack"),
        ("ant/../../0.png", "its entry 'ant/../../0.png' leads out of the folder"),
        ("/ant/0.png", "its entry '/ant/0.png' leads out of the folder"),
    ],
)
def test_a_zip_that_leads_out_of_its_folder_is_refused(tmp_path: Path, name: str, message: str):
    write_zip(tmp_path, files(("",)) | {name: b""})
    with pytest.raises(SymgeomError, match=message):
        read(tmp_path, test_fraction=0.5)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_a_name_twice_is_refused(tmp_path: Path):
    path = write_zip(tmp_path, files(("",)))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("ant/00.png", b"")
    with pytest.raises(SymgeomError, match="it has the entry 'ant/00.png' twice. Pack the folder"):
        read(tmp_path, test_fraction=0.5)


@pytest.mark.parametrize(
    ("position", "value", "message"),
    [
        ((6, 8), 1, "is encrypted, password required"),
        ((8, 10), 99, "compression method is not supported"),
        ((8, 10), 14, "Repair or remove"),
    ],
)
def test_a_zip_that_cannot_be_unpacked_is_named(
    tmp_path: Path, position: tuple[int, int], value: int, message: str
):
    content = bytearray(write_zip(tmp_path, files()).read_bytes())
    for mark, offset in zip((b"PK\3\4", b"PK\1\2"), position, strict=True):
        start = content.find(mark)
        while start >= 0:
            content[start + offset] = value
            start = content.find(mark, start + 1)
    (tmp_path / "pets.zip").write_bytes(content)
    with pytest.raises(
        SymgeomError, match=f"picture 'train/ant/00.png' of class 'ant' .*{message}"
    ):
        read(tmp_path)


def test_a_picture_of_100000_pixels_a_side_is_refused_before_it_is_decoded(tmp_path: Path):
    """Its header alone says so: the pixels are not even there."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    header = struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    content = b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", 100) + b"IDAT"
    write_folder(tmp_path, files() | {"train/ant/00.png": content})
    with pytest.raises(SymgeomError, match="picture 'train/ant/00.png' .*10000000000 pixels"):
        read(tmp_path, size=4)
