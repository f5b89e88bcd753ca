"""Whether the stores of a study are whole: every checksum, the layout, who wrote them, and what killed writers left behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from symgeom import __version__
from symgeom.ground.checks import SymgeomError
from symgeom.ground.sealed import broken_seal
from symgeom.ground.whole_files import PARTIAL
from symgeom.store import SUFFIX, read_store

REMAKE = "Delete it and make it again: snakemake --cores all {file} (with the study's --configfile, if it has one)."
"""By name, because snakemake does not miss a store when all that is made from it is there."""
LEFTOVER = "left behind by a writer that was killed. Delete it, unless snakemake is running now."


@dataclass(frozen=True)
class Verified:
    """What was found of one file.

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
    """Check every store of a study, and look for leftovers.

    Parameters
    ----------
    path : str or Path
        The folder of the study, ``results/<study>``.

    Returns
    -------
    list of Verified
        One for each store and each leftover, in the order of their names.

    Raises
    ------
    SymgeomError
        If the folder does not exist or holds neither.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "data.zarr.zip.part7").write_bytes(b"")
    >>> [found.file for found in verify_study(folder)]
    ['data.zarr.zip.part7']
    """
    folder = Path(path)
    files = sorted(
        file
        for kind in (f"*{SUFFIX}", f"*{PARTIAL}*")
        for file in folder.rglob(kind)
        if file.is_file()
    )
    if not files:
        state = "holds no store" if folder.is_dir() else "does not exist"
        raise SymgeomError(
            f"Cannot verify '{path}': the folder {state}. Correct the path, or run snakemake to make the study."
        )
    return [_verified(file, file.relative_to(folder)) for file in files]


def _verified(file: Path, name: Path) -> Verified:
    if not file.name.endswith(SUFFIX):
        return Verified(name.as_posix(), file.stat().st_size, "?", LEFTOVER)
    version, wrong = "?", broken_seal(file)
    wrong = wrong and f"{wrong}. {REMAKE.format(file=file)}"
    try:
        version = str(read_store(file).attrs["package_version"])
    except SymgeomError as error:
        wrong = wrong or str(error).split(": it ", 1)[-1]
    return Verified(name.as_posix(), file.stat().st_size, version, wrong)


def verified_table(found: Sequence[Verified]) -> str:
    """Return what was found as text: a row for each file, then what is wrong, then the sum.

    Parameters
    ----------
    found : sequence of Verified
        From :func:`verify_study`.

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
    wide = max(len(each.file) for each in found)
    lines = [f"{'file':<{wide}}  {'kB':>9}  written by  state"]
    for each in found:
        state = "NOT WHOLE" if each.wrong else "whole"
        lines.append(f"{each.file:<{wide}}  {each.size / 1e3:>9.1f}  {each.version:>10}  {state}")
    broken = [each for each in found if each.wrong]
    others = sorted({each.version for each in found} - {__version__, "?"})
    lines.append("")
    lines += [f"{each.file}: {each.wrong}" for each in broken]
    if others:
        lines.append(f"Some were written by symgeom {', '.join(others)}; this is {__version__}.")
    lines.append(f"Files: {len(found)}, {f'{len(broken)} of them not' if broken else 'all'} whole.")
    return "\n".join(lines)
