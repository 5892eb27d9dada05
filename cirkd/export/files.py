"""Atomic writes of exported files, folders and zip archives."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cirkd.data.errors import ExportError
from cirkd.data.whole_files import replacing

Files = Iterable[tuple[str, bytes]]
"""Names and contents, made one after the other."""


@contextmanager
def whole(path: Path | str) -> Iterator[Path]:
    """A file beside `path` to write to; it takes its place when all went well, and is gone when not.

    Raises:
        ExportError: the place cannot be written to.
    """
    path = Path(path)
    if path.is_dir():
        raise ExportError(f"{path}: this is a folder, a file's name was wanted")
    try:
        with replacing(path) as temporary:
            yield temporary
    except OSError as error:
        raise ExportError(f"{path}: cannot be written ({error.strerror}); choose another place") from None


def write_bytes(path: Path | str, content: bytes) -> Path:
    """Write one file."""
    with whole(path) as temporary:
        temporary.write_bytes(content)
    return Path(path)


def write_all(files: Files, path: Path | str) -> Path:
    """Write files into a folder, or into one zip file where `path` ends in .zip; one at a time is in memory."""
    path = Path(path)
    if path.suffix.lower() == ".zip":
        with whole(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files:
                archive.writestr(name, content)
        return path
    if path.exists() and not path.is_dir():
        raise ExportError(f"{path}: this is a file, a folder or a name ending in .zip was wanted")
    for name, content in files:
        write_bytes(path / name, content)
    return path


def through_file(write: Callable[[Path], object], suffix: str) -> bytes:
    """What `write(path)` writes, as bytes."""
    with tempfile.TemporaryDirectory(prefix="cirkd-") as folder:
        path = Path(folder) / f"export{suffix}"
        write(path)
        return path.read_bytes()


def file_name(name: str) -> str:
    """A name that every file system takes."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
