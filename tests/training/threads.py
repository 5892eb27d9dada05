"""The threads of this process, as Linux lists them."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path


def named(part: str) -> set[str]:
    """The names of this process's threads that hold `part`; a thread may end while it is looked at."""
    found = set()
    for path in Path("/proc/self/task").glob("*/comm"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found.add(path.read_text().strip())
    return {name for name in found if part in name}


def left(part: str, seconds: float = 10) -> set[str]:
    """Those that stay: a thread that has been joined is listed for a moment longer."""
    end = time.monotonic() + seconds
    while (found := named(part)) and time.monotonic() < end:
        time.sleep(0.05)
    return found
