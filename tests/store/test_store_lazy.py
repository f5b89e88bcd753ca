"""Stores that are read chunk by chunk, or over a network: the same arrays, only what is asked
for, and bad bytes are found."""

import functools
import threading
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import numpy as np
import pytest
import xarray as xr
from fsspec.implementations.local import LocalFileSystem
from synthetic_stores import DESCRIBED, minima, pairs, write

from symgeom.ground.checks import SymgeomError
from symgeom.store import dataset_to_parameters, open_study, read_store
from symgeom.store.layout import CHUNK


def study(folder: Path) -> Path:
    """Write a study in batches: minima by arm, distances by parts of the pairs, out of order."""
    for arm in ("sgd", "adam"):
        write(folder / "digits" / "minima" / "mlp" / f"{arm}.zarr.zip", minima((arm,)))
    write(folder / "digits" / "distances" / "mlp" / "0.zarr.zip", pairs([1, 0], [2, 2]))
    write(folder / "digits" / "distances" / "mlp" / "1.zarr.zip", pairs([0], [1]))
    return folder / "digits"


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the numbers of bytes that are asked of local files, as they are asked."""
    asked: list[int] = []
    plain = LocalFileSystem.cat_file

    def cat_file(
        self: LocalFileSystem,
        path: str,
        start: int | None = None,
        end: int | None = None,
        **more: object,
    ) -> bytes:
        found = plain(self, path, start=start, end=end, **more)
        asked.append(len(found))
        return found

    monkeypatch.setattr(LocalFileSystem, "cat_file", cat_file)
    return asked


def test_a_lazy_store_holds_what_a_whole_one_holds(tmp_path: Path):
    path = write(tmp_path / "m.zarr.zip", minima())
    whole, lazy = read_store(path), read_store(path, lazy=True)
    xr.testing.assert_identical(lazy.load(), whole)
    xr.testing.assert_identical(
        read_store(path, lazy=True).sel(arm="adam").load(), whole.sel(arm="adam")
    )
    xr.testing.assert_identical(
        read_store(path, lazy=True, only=["error"]).load(), read_store(path, only=["error"])
    )


def test_one_network_is_read_with_one_request_per_tensor(tmp_path: Path, requests: list[int]):
    lazy = read_store(write(tmp_path / "m.zarr.zip", minima()), lazy=True)
    requests.clear()
    one = dataset_to_parameters(lazy, at=(1, 2))
    assert len(requests) == len(one) == 6
    assert sum(requests) < sum(array.nbytes for array in one.values()) + 6 * 200
    whole = dataset_to_parameters(read_store(tmp_path / "m.zarr.zip"))
    assert all(np.array_equal(one[name], whole[name][1, 2]) for name in whole)


def test_large_arrays_are_chunks_of_bounded_size_and_small_ones_are_one(
    tmp_path: Path, requests: list[int]
):
    rows, columns = 3 * (CHUNK // 8 // 1000), 1000
    long = np.random.default_rng(0).standard_normal((rows, columns))
    wide = np.arange(2.0 * CHUNK / 8 + 5).reshape(1, -1)
    variables = {
        "long": (("pair", "t"), long, DESCRIBED),
        "wide": (("row", "column"), wide, DESCRIBED),
    }
    path = write(
        tmp_path / "p.zarr.zip",
        xr.Dataset(variables | {"short": ("t", np.ones(columns), DESCRIBED)}),
    )
    names = [name for name in zipfile.ZipFile(path).namelist() if "/c/" in name]
    assert names == [
        "long/c/0/0",
        "long/c/1/0",
        "long/c/2/0",
        "short/c/0",
        *(f"wide/c/0/{number}" for number in range(3)),
    ]
    lazy = read_store(path, lazy=True)
    requests.clear()
    assert np.array_equal(lazy["long"][-5:].values, long[-5:])
    assert len(requests) == 1
    assert requests[0] < long.nbytes / 2
    assert np.array_equal(lazy["wide"].values, wide)


def test_a_lazy_study_is_the_whole_one(tmp_path: Path):
    folder = study(tmp_path)
    whole, lazy = open_study(folder), open_study(folder, lazy=True)
    xr.testing.assert_identical(lazy.load(), whole)
    again = open_study(folder, lazy=True)["mlp/distances"]["distance"]
    for chosen in (
        slice(1, None),
        slice(None, None, -1),
        [2, 0],
        [2, 2],
        1,
        [],
        np.array([True, False, True]),
    ):
        xr.testing.assert_identical(
            again[chosen].load(), whole["mlp/distances"]["distance"][chosen]
        )
    weights = open_study(folder, lazy=True)["mlp/minima"]["parameter.2.weight"]
    picked = {"arm": 1, "seed": [2, 0], "hidden2": slice(1, 3)}
    xr.testing.assert_identical(
        weights.isel(picked).load(), whole["mlp/minima"]["parameter.2.weight"].isel(picked)
    )


def test_of_a_lazy_study_only_what_is_asked_for_is_read(tmp_path: Path, requests: list[int]):
    folder = study(tmp_path)
    lazy = open_study(folder, lazy=True)
    requests.clear()
    lazy["mlp/minima"]["parameter.0.weight"].sel(arm="sgd", seed=1).values  # noqa: B018
    assert len(requests) == 1


def test_arms_with_different_seeds_leave_the_same_gaps(tmp_path: Path):
    for arm, seeds in (("adam", (0, 1)), ("sgd", (1, 2))):
        write(tmp_path / "minima" / "case" / f"{arm}.zarr.zip", minima((arm,), seeds), seeds)
    xr.testing.assert_identical(open_study(tmp_path, lazy=True).load(), open_study(tmp_path))


def test_a_study_without_weights(tmp_path: Path):
    folder = study(tmp_path)
    whole, light = (
        open_study(folder)["mlp/minima"].to_dataset(),
        open_study(folder, weights=False)["mlp/minima"].to_dataset(),
    )
    weights = {name for name in whole if name.startswith("parameter.")}
    assert len(weights) == 6
    xr.testing.assert_identical(light, whole.drop_vars(weights))
    xr.testing.assert_identical(
        open_study(folder, weights=False, lazy=True)["mlp/minima"].to_dataset().load(), light
    )


def test_a_flipped_bit_is_found_when_its_chunk_is_read(tmp_path: Path):
    path = write(tmp_path / "m.zarr.zip", minima())
    content = bytearray(path.read_bytes())
    content[content.index(b"parameter.0.weight/c/0/1/0/0") + 60] ^= 1
    path.write_bytes(content)
    lazy = read_store(path, lazy=True)
    assert lazy["parameter.0.weight"][0, 0].shape == (3, 4)
    lazy["parameter.0.weight"][0, 0].load()
    with pytest.raises(
        SymgeomError, match=r"m.zarr.zip': it is truncated or no zarr store \(BadZipFile\)"
    ):
        lazy["parameter.0.weight"][0, 1].load()


@pytest.mark.parametrize("kept", [0, 0.3, 0.99])
def test_a_truncated_store_is_refused_when_it_is_opened(tmp_path: Path, kept: float):
    path = write(tmp_path / "m.zarr.zip", minima())
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(SymgeomError, match="truncated or no zarr store"):
        read_store(path, lazy=True)


class Ranges(SimpleHTTPRequestHandler):
    """A server of files that understands requests for a part of one, which that of the standard
    library does not."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Send a part if one is asked for."""
        path, asked = Path(self.translate_path(self.path)), self.headers.get("Range")
        if asked is None or not path.is_file():
            super().do_GET()
            return
        start, end = asked.removeprefix("bytes=").split("-")
        content = path.read_bytes()
        part = content[int(start) : int(end) + 1 if end else None]
        self.send_response(206)
        self.send_header("Content-Length", str(len(part)))
        self.send_header(
            "Content-Range", f"bytes {start}-{int(start) + len(part) - 1}/{len(content)}"
        )
        self.end_headers()
        self.wfile.write(part)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Return where a local server offers a study."""
    study(tmp_path)
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Ranges, directory=str(tmp_path))
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/digits"
        server.shutdown()


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[str]:
    """Return where fsspec's memory holds a study."""
    memory = fsspec.filesystem("memory")
    memory.put(str(study(tmp_path)), "/bucket/digits", recursive=True)
    yield "memory://bucket/digits"
    memory.rm("/bucket", recursive=True)


@pytest.mark.parametrize("where", ["address", "bucket"])
@pytest.mark.parametrize("lazy", [False, True])
def test_a_study_elsewhere_is_the_local_one(
    tmp_path: Path, request: pytest.FixtureRequest, where: str, lazy: bool
):
    url = request.getfixturevalue(where)
    assert (tmp_path / "digits").is_dir()
    local = open_study(tmp_path / "digits")
    xr.testing.assert_identical(open_study(url, lazy=lazy).load(), local)
    xr.testing.assert_identical(
        open_study(f"{url}/", files=[f"{url}/distances/mlp/1.zarr.zip"])["mlp/distances"]
        .load()
        .to_dataset(),
        read_store(tmp_path / "digits/distances/mlp/1.zarr.zip"),
    )
    store = read_store(f"{url}/minima/mlp/sgd.zarr.zip", lazy=lazy)
    xr.testing.assert_identical(
        store.load(), read_store(tmp_path / "digits/minima/mlp/sgd.zarr.zip")
    )
    with pytest.raises(SymgeomError, match=r"none.zarr.zip': there is no such file"):
        read_store(f"{url}/mlp/none.zarr.zip", lazy=lazy)
    with pytest.raises(
        SymgeomError, match="Cannot open the study .*/nowhere': the folder does not exist"
    ):
        open_study(f"{url}/nowhere")


def test_the_name_of_a_folder_is_no_pattern(tmp_path: Path):
    study(tmp_path / "a[b]*")
    assert len(open_study(tmp_path / "a[b]*" / "digits").leaves) == 2


def test_an_unknown_file_system_is_named():
    with pytest.raises(
        SymgeomError,
        match="Cannot read 'nowhere://study/m.zarr.zip': Protocol not known: nowhere.*correct the",
    ):
        read_store("nowhere://study/m.zarr.zip")
