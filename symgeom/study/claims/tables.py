"""The tables of a study: its claims, its barriers and its ensembles, with their checksums."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from symgeom.ground.checksums import write_checksums
from symgeom.study.claims.ensemble_table import write_ensembles
from symgeom.study.claims.family import as_family
from symgeom.study.claims.intervals import write_barriers
from symgeom.study.claims.record import Judgement, write_claims


def write_tables(
    files: Mapping[str, str | Path],
    judgements: Iterable[Judgement],
    *,
    barriers: Iterable[Mapping],
    ensembles: Iterable[Mapping],
    checksums: str | Path,
) -> None:
    """Write all tables of a study.

    Parameters
    ----------
    files : mapping of str to path
        The files of "claims", "barriers" and "ensembles", in one folder.
    judgements : iterable of Judgement
        The claims, in the order of the table; they are one family of tests.
    barriers : iterable of mapping
        As from :func:`~symgeom.study.claims.intervals.barrier_intervals`.
    ensembles : iterable of mapping
        As from :func:`~symgeom.study.claims.ensemble_table.ensemble_intervals`.
    checksums : str or Path
        The file of the checksums, beside them.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> files = {name: folder / f"{name}.csv" for name in ("claims", "barriers", "ensembles")}
    >>> write_tables(files, [], barriers=[], ensembles=[], checksums=folder / "tables.sha256")
    >>> all(file.is_file() for file in files.values())
    True
    """
    contents = {
        "claims": write_claims(files["claims"], as_family(judgements)),
        "barriers": write_barriers(files["barriers"], barriers),
        "ensembles": write_ensembles(files["ensembles"], ensembles),
    }
    by_file = {Path(files[name]).name: content for name, content in contents.items()}
    write_checksums(checksums, by_file)
