"""The tables of a study: its claims and its barriers, with their checksums."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from symgeom.ground.checksums import write_checksums
from symgeom.study.claims.family import as_family
from symgeom.study.claims.intervals import write_barriers
from symgeom.study.claims.record import Judgement, write_claims


def write_tables(
    claims: str | Path,
    barriers: str | Path,
    judgements: Iterable[Judgement],
    rows: Iterable[Mapping],
    *,
    checksums: str | Path,
) -> None:
    """Write both tables of a study.

    Parameters
    ----------
    claims, barriers, checksums : str or Path
        The files to write, in one folder.
    judgements : iterable of Judgement
        The claims, in the order of the table; they are one family of tests.
    rows : iterable of mapping
        The barriers, as from :func:`~symgeom.study.claims.intervals.barrier_intervals`.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> files = [folder / name for name in ("claims.csv", "barriers.csv", "tables.sha256")]
    >>> write_tables(*files[:2], [], [], checksums=files[2])
    >>> all(file.is_file() for file in files)
    True
    """
    contents = {
        Path(claims).name: write_claims(claims, as_family(judgements)),
        Path(barriers).name: write_barriers(barriers, rows),
    }
    write_checksums(checksums, contents)
