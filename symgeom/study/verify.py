"""Whether the files of a study are whole.

Checked are the checksums of all stores, tables, figures and JSON files, the layout of the stores,
who wrote them, and what killed writers left behind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from symgeom import __version__
from symgeom.ground.checks import SymgeomError
from symgeom.ground.checksums import SUFFIX as CHECKSUMS
from symgeom.ground.checksums import broken_checksum, read_checksums, with_remedy
from symgeom.ground.sealed import broken_seal
from symgeom.ground.sealed_json import SUFFIX as JSON
from symgeom.ground.sealed_json import broken_json
from symgeom.ground.whole_files import PARTIAL
from symgeom.store import SUFFIX, read_store
from symgeom.store.contents import read_contents

LEFTOVER = "left behind by a writer that was killed. Delete it, unless snakemake is running now."


@dataclass(frozen=True)
class Verified:
    """The state of one file.

    Attributes
    ----------
    file : str
        Relative to the study's folder.
    size : int
        In bytes.
    version : str
        Of the symgeom that wrote it; "?" if that cannot be read.
    wrong : str
        What is wrong and what to do, or nothing.
    """

    file: str
    size: int
    version: str
    wrong: str


def verify_study(path: str | Path) -> list[Verified]:
    """Check every file of a study that has a checksum, and look for leftovers.

    Parameters
    ----------
    path : str or Path
        The folder of the study, ``results/<study>``.

    Returns
    -------
    list of Verified
        One for each file, in the order of their names.

    Raises
    ------
    SymgeomError
        If the folder does not exist or holds neither.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "data.zarr.zip.part7").write_bytes(b"")
    >>> [verified.file for verified in verify_study(folder)]
    ['data.zarr.zip.part7']
    """
    folder = Path(path)
    files = _checked_files(folder)
    if not files:
        state = "holds no store" if folder.is_dir() else "does not exist"
        raise SymgeomError(
            f"Cannot verify '{path}': the folder {state}. Correct the path, or run snakemake to "
            "make the study."
        )
    return [_verified(file, folder) for file in files]


def _checked_files(folder: Path) -> list[Path]:
    """Return what has a checksum, whether it is there or not, and what writers left behind."""
    files: set[Path] = set()
    for file in folder.rglob("*"):
        if file.name.endswith(CHECKSUMS):
            files.update(file.with_name(name) for name in read_checksums(file))
        elif file.name.endswith((SUFFIX, JSON)) or PARTIAL in file.name:
            files.add(file)
    return sorted(files)


def _verified(file: Path, folder: Path) -> Verified:
    """Check one file."""
    name = file.relative_to(folder).as_posix()
    size = file.stat().st_size if file.is_file() else 0
    if PARTIAL in file.name:
        return Verified(name, size, "?", LEFTOVER)
    if not file.name.endswith(SUFFIX):
        broken = broken_json(file) if file.name.endswith(JSON) else broken_checksum(file)
        return Verified(name, size, "?", with_remedy(file, broken))
    wrong = with_remedy(file, broken_seal(file))
    version = "?"
    try:
        version = str(read_store(file).attrs["package_version"])
    except SymgeomError as error:
        if not wrong:
            wrong = str(error).split(": it ", 1)[-1]
    return Verified(name, size, version, wrong)


def left_over(path: str | Path) -> list[Path]:
    """List the stores of a study that its configuration no longer names.

    Parameters
    ----------
    path : str or Path
        The folder of the study.

    Returns
    -------
    list of Path
        In the order of their names; none where the study does not say what it consists of.

    Examples
    --------
    >>> import tempfile
    >>> from symgeom.store.contents import write_contents
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "old.zarr.zip").write_bytes(b"")
    >>> write_contents(folder, ["new.zarr.zip"], arms=["sgd"], seeds=[0])
    >>> [file.name for file in left_over(folder)]
    ['old.zarr.zip']
    """
    folder = Path(path)
    contents = read_contents(folder)
    if contents is None:
        return []
    stores = sorted(folder.rglob(f"*{SUFFIX}"))
    names = [PurePosixPath(store.relative_to(folder)) for store in stores]
    return [folder / name for name in contents.divided(names)[1]]


def remove_left_over(path: str | Path) -> list[Path]:
    """Remove the stores of a study that its configuration no longer names.

    Parameters
    ----------
    path : str or Path
        The folder of the study.

    Returns
    -------
    list of Path
        What was removed.

    Raises
    ------
    SymgeomError
        If one cannot be removed.

    Examples
    --------
    >>> import tempfile
    >>> remove_left_over(tempfile.mkdtemp())
    []
    """
    stores = left_over(path)
    for store in stores:
        try:
            store.unlink()
        except OSError as error:
            raise SymgeomError(
                f"Cannot remove '{store}': {error.strerror}. Remove it by hand, or as the user "
                "whose file it is."
            ) from error
    return stores


def verified_table(
    files: Sequence[Verified], *, left_over: Sequence[Path] = (), removed: Sequence[Path] = ()
) -> str:
    """Return the state of files as text: a row for each, then what is wrong, then the sum.

    Parameters
    ----------
    files : sequence of Verified
        From :func:`verify_study`.
    left_over : sequence of Path
        From :func:`left_over`.
    removed : sequence of Path
        From :func:`remove_left_over`.

    Returns
    -------
    str
        Lines, without a last line break.

    Examples
    --------
    >>> print(verified_table([Verified("mlp/data.zarr.zip", 2_500_000, __version__, "")]))
    file                      kB  written by  state
    mlp/data.zarr.zip     2500.0       0.1.0  whole
    <BLANKLINE>
    Files: 1, all whole.
    """
    width = max(len(file.file) for file in files)
    lines = [f"{'file':<{width}}  {'kB':>9}  written by  state"]
    for file in files:
        state = "NOT WHOLE" if file.wrong else "whole"
        kilobytes = file.size / 1e3
        lines.append(f"{file.file:<{width}}  {kilobytes:>9.1f}  {file.version:>10}  {state}")
    lines.append("")
    broken = [file for file in files if file.wrong]
    for file in broken:
        lines.append(f"{file.file}: {file.wrong}")
    other_versions = {file.version for file in files} - {__version__, "?"}
    if other_versions:
        versions = ", ".join(sorted(other_versions))
        lines.append(f"Some were written by symgeom {versions}; this is {__version__}.")
    lines.extend(f"Removed {store}." for store in removed)
    if left_over:
        names = ", ".join(map(str, left_over))
        lines.append(
            f"Left over, because the configuration no longer names them: {names}. To remove them: "
            "the same command with --remove-left-over."
        )
    share = f"{len(broken)} of them not" if broken else "all"
    lines.append(f"Files: {len(files)}, {share} whole.")
    return "\n".join(lines)
