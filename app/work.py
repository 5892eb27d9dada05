"""Long work beside the page: in a thread, with progress, elapsed time and a cancel that works.

The page's own thread only waits and draws. So a click is answered at once: any change on screen abandons the wait,
and the next run of the page joins the same job again if it still wants its result.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import streamlit as st

T = TypeVar("T")
Progress = Callable[[float, str], None]

_PATIENCE = 0.4  # seconds before a progress bar appears; shorter work never flickers
_TICK = 0.15


class StoppedError(Exception):
    """The user has stopped this work, and has not asked for it again."""

    def __init__(self, key: Hashable, label: str) -> None:
        super().__init__(f"{label}: stopped")
        self.key, self.label = key, label


@dataclass
class _Job:
    label: str
    name: str
    started: float = field(default_factory=time.monotonic)
    fraction: float = 0.0
    text: str = ""
    result: Any = None
    error: BaseException | None = None
    cancel: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)

    def report(self, fraction: float, text: str = "") -> None:
        """Given to the function as its progress callback; raises to cancel."""
        if self.cancel.is_set():
            raise StoppedError(None, self.label)
        self.fraction, self.text = min(max(float(fraction), 0.0), 1.0), text


def run(key: Hashable, label: str, function: Callable[[Progress], T]) -> T:
    """Call `function(progress)` in a thread and wait for it on screen.

    key: (name, what): one job per key; a new key of the same name cancels the old one's job.

    Raises:
        StoppedError: the user pressed Cancel.
        Whatever the function raises.
    """
    jobs: dict[Hashable, _Job] = st.session_state.setdefault("_jobs", {})
    if key in st.session_state.setdefault("_stopped", set()):
        raise StoppedError(key, label)
    if key not in jobs or jobs[key].cancel.is_set():
        _start(jobs, key, label, function)
    job = jobs[key]
    if not job.done.wait(_PATIENCE):
        _show(job, key)
    jobs.pop(key, None)
    if job.error is not None:
        raise job.error
    return job.result


def running(key: Hashable) -> bool:
    """Whether this work is under way in this session: a page that is drawn again joins it."""
    jobs: dict[Hashable, _Job] = st.session_state.get("_jobs", {})
    return key in jobs and not jobs[key].cancel.is_set()


def allow(key: Hashable) -> None:
    """Let stopped work run again."""
    st.session_state.setdefault("_stopped", set()).discard(key)


def _start(jobs: dict[Hashable, _Job], key: Hashable, label: str, function: Callable[[Progress], Any]) -> None:
    name = str(key[0]) if isinstance(key, tuple) and key else str(key)
    for old_key, old in list(jobs.items()):
        if old.name == name:
            old.cancel.set()
            del jobs[old_key]
    job = jobs[key] = _Job(label, name)

    def work() -> None:
        try:
            job.result = function(job.report)
        except BaseException as error:  # handed to the page's thread, which raises it
            job.error = error
        finally:
            job.done.set()

    threading.Thread(target=work, name=f"cirkd-{name}", daemon=True).start()


def _show(job: _Job, key: Hashable) -> None:
    place = st.empty()
    with place.status(f"{job.label} …", expanded=True):
        bar = st.progress(0.0)
        st.button("Cancel", key=f"cancel-{key}", on_click=_stop, args=(job, key), icon=":material/stop_circle:")
        while not job.done.wait(_TICK):
            bar.progress(job.fraction, f"{job.text or job.label} · {time.monotonic() - job.started:.0f} s")
    place.empty()


def _stop(job: _Job, key: Hashable) -> None:
    job.cancel.set()
    st.session_state.setdefault("_jobs", {}).pop(key, None)
    st.session_state.setdefault("_stopped", set()).add(key)
