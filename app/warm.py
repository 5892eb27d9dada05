"""What takes seconds to import is imported beside the page, while the sidebar and the first pictures are drawn."""

from __future__ import annotations

import gc
import threading

import cirkd

_once = threading.Lock()


def up() -> None:
    """Begin, the first time; returns at once. Whoever needs a library sooner waits for it in his own import."""
    if _once.acquire(blocking=False):
        cirkd.share_cores()
        threading.Thread(target=_prepare, name="cirkd-imports", daemon=True).start()


def _prepare() -> None:
    cirkd.prepare()
    # Streamlit collects garbage after every run; among the objects of the libraries, which stay, that took 0.2 s.
    gc.freeze()
