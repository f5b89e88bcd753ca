"""The lock of a killed snakemake is removed, that of a living one never: with real processes."""

import fcntl
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from symgeom.ground.checks import SymgeomError
from symgeom.study.planning.life import sign_of_life

OWNER = """
import sys, time
from pathlib import Path
from symgeom.study.planning.life import sign_of_life

folder = Path(sys.argv[1])
sign = sign_of_life(folder)
(folder / "locks").mkdir()
(folder / "locks" / "0.output.lock").write_text("results/a")
print("locked", flush=True)
time.sleep(600)
"""


@pytest.fixture
def owner(tmp_path: Path):
    """A process that has locked the folder and lives until it is killed."""
    command = [sys.executable, "-c", OWNER, str(tmp_path / "state")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


def locks(folder: Path) -> list[str]:
    """Return the lock files of a folder."""
    return [path.name for path in (folder / "locks").glob("*")]


def test_a_lock_goes_with_its_owner_and_not_before(owner: subprocess.Popen, tmp_path: Path):
    folder = tmp_path / "state"
    with sign_of_life(folder):
        assert locks(folder) == ["0.output.lock"]
    os.kill(owner.pid, 9)
    owner.wait()
    with sign_of_life(folder):
        assert locks(folder) == []
        assert (folder / "life").read_text() == socket.gethostname()


def test_one_of_two_that_live_keeps_the_lock(owner: subprocess.Popen, tmp_path: Path):
    folder = tmp_path / "state"
    with sign_of_life(folder):
        owner.kill()
        owner.wait()
        with sign_of_life(folder):  # the first of ours may have locked it
            assert locks(folder) == ["0.output.lock"]
    with sign_of_life(folder):
        assert locks(folder) == []


@pytest.mark.parametrize("last", ["", "elsewhere"])
def test_a_lock_of_another_machine_or_of_unknown_origin_stays(tmp_path: Path, last: str):
    (tmp_path / "life").write_text(last)
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "0.output.lock").write_text("results/a")
    for _ in range(2):  # looking at it does not make it ours
        sign_of_life(tmp_path).close()
        assert locks(tmp_path) == ["0.output.lock"]
    (tmp_path / "locks" / "0.output.lock").unlink()  # what snakemake --unlock does
    sign_of_life(tmp_path).close()
    assert (tmp_path / "life").read_text() == socket.gethostname()


def test_without_locks_of_the_system_nothing_is_touched(
    owner: subprocess.Popen, tmp_path: Path, monkeypatch
):
    def missing(*_: object) -> None:
        raise OSError("Operation not supported")

    owner.kill()
    owner.wait()
    monkeypatch.setattr(fcntl, "flock", missing)
    sign_of_life(tmp_path / "state").close()
    assert locks(tmp_path / "state") == ["0.output.lock"]


@pytest.mark.parametrize("existing", [True, False])
def test_a_folder_of_another_user_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existing: bool
):
    folder = tmp_path / "state"
    if existing:
        folder.mkdir()

    def refused(path: Path, *_: object, **__: object):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open" if existing else "mkdir", refused)
    words = r"Cannot run here: '.*state(/life)?'.* cannot be written \(Permission denied; it"
    with pytest.raises(SymgeomError, match=words):
        sign_of_life(folder)
