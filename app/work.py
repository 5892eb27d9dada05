"""Long work beside the page: in a thread, with progress, time and a Cancel that are always in view.

The page's own thread only waits and draws. So a click is answered at once: any change on screen abandons the wait,
and the next run of the page joins the same job again if it still wants its result.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType
from streamlit.runtime.scriptrunner_utils.script_run_context import get_script_run_ctx

from cirkd.charts import theme
from cirkd.features.feature_set import Progress

T = TypeVar("T")
Key = tuple[Hashable, ...]

_PATIENCE = 0.4  # seconds before a progress bar appears; shorter work never flickers
_TICK = 0.15
_TELLING = 2.0  # seconds before it is said how many more it takes: the first steps are no measure


class StoppedError(Exception):
    """The user has stopped this work, and has not asked for it again."""

    def __init__(self, key: Key, label: str) -> None:
        super().__init__(f"{label}: stopped")
        self.key, self.label = key, label


@dataclass
class _Job:
    label: str
    started: float = field(default_factory=time.monotonic)
    fraction: float = 0.0
    reached: float = 0.0
    text: str = ""
    result: Any = None
    error: BaseException | None = None
    cancel: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)

    def report(self, fraction: float, text: str = "") -> None:
        """Given to the function as its progress callback; raises to cancel."""
        if self.cancel.is_set():
            raise StoppedError((), self.label)
        fraction, self.text = min(max(float(fraction), 0.0), 1.0), text
        if fraction != self.fraction:
            self.fraction, self.reached = fraction, time.monotonic()

    def told(self) -> str:
        """What it is doing, for how long, and how much longer at the pace so far, once that can be said."""
        seconds = time.monotonic() - self.started
        text = f"{self.text or self.label} · {seconds:.0f} s"
        if seconds < _TELLING or self.fraction < 0.05:
            return text
        left = (self.reached - self.started) / self.fraction - seconds
        return f"{text} · about {left:.0f} s left" if left >= 1 else f"{text} · almost done"


class _Jobs:
    """The jobs of one window, and what its user has stopped. Runs of the page that overlap share it."""

    def __init__(self) -> None:
        self.running: dict[Key, _Job] = {}
        self.stopped: set[Key] = set()
        self.lock = threading.Lock()

    def join(self, key: Key, label: str, function: Callable[[Progress], Any]) -> _Job:
        """The job of this key: the one that runs already, or a new one; others of its name are cancelled."""
        with self.lock:
            if (known := self.running.get(key)) is not None:
                return known
            for other in [other for other in self.running if other[0] == key[0]]:
                self.running.pop(other).cancel.set()
            job = self.running[key] = _Job(label)
        threading.Thread(target=_work, args=(job, function), name=f"cirkd-{key[0]}", daemon=True).start()
        return job

    def forget(self, key: Key, job: _Job) -> None:
        """The job has ended, or is not wanted any more."""
        with self.lock:
            if self.running.get(key) is job:
                del self.running[key]

    def stop(self, key: Key, job: _Job) -> None:
        """The user presses Cancel."""
        job.cancel.set()
        self.stopped.add(key)
        self.forget(key, job)


def run(key: Key, label: str, function: Callable[[Progress], T]) -> T:
    """Call `function(progress)` in a thread and wait for it on screen.

    key: (name, what): one job per key; a new key of the same name cancels the old one's job.

    Raises:
        StoppedError: the user pressed Cancel.
        Whatever the function raises.
    """
    jobs = _jobs()
    if key in jobs.stopped:
        raise StoppedError(key, label)
    job = jobs.join(key, label, function)
    if not job.done.wait(_PATIENCE):
        _show(jobs, job, key)
    jobs.forget(key, job)
    if isinstance(job.error, StoppedError):
        raise StoppedError(key, label)
    if job.error is not None:
        raise job.error
    return job.result


def style() -> str:
    """Where work is shown: in a corner of the window, wherever on the page it was asked for."""
    return (
        "<style>[class*=st-key-work-]{position:fixed;right:1.5rem;bottom:1.25rem;width:min(26rem,calc(100vw - 3rem));"
        f"z-index:1000;background:{theme.paper()};border-radius:.5rem;box-shadow:0 4px 24px rgba(0,0,0,.28)}}</style>"
    )


def running(key: Key) -> bool:
    """Whether this work is under way in this window: a page that is drawn again joins it."""
    return key in _jobs().running


def allow(key: Key) -> None:
    """Let stopped work run again."""
    _jobs().stopped.discard(key)


def _jobs() -> _Jobs:
    return st.session_state.setdefault("_work", _Jobs())


def _work(job: _Job, function: Callable[[Progress], Any]) -> None:
    try:
        job.result = function(job.report)
    except BaseException as error:  # handed to the page's thread, which raises it
        job.error = error
    finally:
        job.done.set()
    if time.monotonic() - job.started > _PATIENCE:
        _give_back()


def _give_back() -> None:
    """Return free memory to the system: glibc keeps it for each thread, 0.3 GB in all after some studies."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL("libc.so.6").malloc_trim(0)


def _show(jobs: _Jobs, job: _Job, key: Key) -> None:
    place = st.empty()
    with place.container(key=f"work-{id(job)}"), st.status(f"{job.label} …", expanded=True):
        bar = st.progress(0.0)
        st.button("Cancel", key=f"cancel-{key}", on_click=jobs.stop, args=(key, job), icon=":material/stop_circle:")
        while not job.done.wait(_TICK):
            bar.progress(job.fraction, job.told())
            _give_way()
    place.empty()


def _give_way() -> None:
    """End this run of the page if a click is waiting for it; the next one heeds the click and joins the same job.

    Streamlit lets a click within a fragment, such as Cancel there, wait until the run that goes on has ended.
    """
    context = get_script_run_ctx()
    requests = context.script_requests if context else None
    if context is None or requests is None or requests._state is not ScriptRequestType.RERUN:
        return
    if not requests._rerun_data.fragment_id_queue:
        return  # of the whole page, or another one: Streamlit ends this run by itself, and asked here it forgets which
    if context.fragment_ids_this_run:
        st.rerun(scope="fragment")
    st.rerun()
