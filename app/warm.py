"""What takes seconds to import is imported beside the page, while the sidebar and the first pictures are drawn."""

from __future__ import annotations

import threading

import cirkd

_once = threading.Lock()


def up() -> None:
    """Begin, the first time; returns at once. Whoever needs a library sooner waits for it in his own import."""
    if _once.acquire(blocking=False):
        cirkd.share_cores()
        threading.Thread(target=cirkd.prepare, name="cirkd-imports", daemon=True).start()
