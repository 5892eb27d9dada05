"""Atomic file writes."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cirkd.data.errors import CirkdError


def writable_folder(folder: Path, error: type[CirkdError]) -> None:
    """Make a folder, with those above it, unless it is there.

    Raises:
        error: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as why:
        raise error(f"{folder}: no folder can be made there ({why.strerror}); choose another place") from None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to, in a folder that is made; it takes its place when all went well, else is gone.

    Raises:
        OSError: the place cannot be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
