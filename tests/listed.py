"""Lists of checksums beside the files of a made-up study."""

from collections.abc import Iterable
from pathlib import Path

from symgeom.ground.checksums import write_checksums


def list_checksums(path: Path, files: Iterable[Path]) -> None:
    """List the checksums of files as they are now."""
    write_checksums(path, {file.name: file.read_bytes() for file in files})
