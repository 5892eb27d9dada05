"""Long calls in a process of their own, where they hold nothing up and can be stopped at any moment.

UMAP compiles for seconds and lays out for many more without letting Python's other threads run, and no library that
lays points out can be asked to stop. So such a call goes to a worker: a second Python that is kept for the next call,
as what it has imported and compiled is worth keeping, and that is ended when its call is no longer wanted.
"""

from __future__ import annotations

import importlib
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from cirkd.data.errors import CirkdError, StudyError

TICK = 0.2
"""Seconds between two looks at whether the call is still wanted."""

_idle: list[subprocess.Popen[bytes]] = []
_lock = threading.Lock()


def call(module: str, function: str, *arguments: Any, still: Callable[[], object]) -> Any:
    """`module.function(*arguments)` in a worker.

    Args:
        still: called every moment while it runs; an exception raised from it ends the worker and is passed on.

    Raises:
        CirkdError: the function did.
        StudyError: the worker ended without an answer, most likely for lack of memory.
    """
    worker = _worker()
    answers: queue.Queue[tuple[str, Any]] = queue.Queue()
    threading.Thread(target=_ask, args=(worker, (module, function, arguments), answers), daemon=True).start()
    try:
        while True:
            try:
                kind, answer = answers.get(timeout=TICK)
                break
            except queue.Empty:
                still()
    except BaseException:
        worker.kill()
        raise
    if kind == "ended":
        worker.kill()
        raise StudyError(f"{function}: its process ended without an answer; free memory or choose fewer pixels")
    with _lock:
        spare = bool(_idle)
        if not spare:
            _idle.append(worker)
    if spare:
        worker.kill()
    if kind == "error":
        raise answer
    return answer


def _worker() -> subprocess.Popen[bytes]:
    """The worker that waits for something to do, or a new one."""
    with _lock:
        while _idle:
            if (worker := _idle.pop()).poll() is None:
                return worker
    command = [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; import {__name__} as a; a.serve()"]
    # Threads that wait sleep: beside other programs, those that spin cost t-SNE twice its time.
    settings = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=settings)


def _ask(worker: subprocess.Popen[bytes], task: Any, answers: queue.Queue[tuple[str, Any]]) -> None:
    try:
        to, back = cast(BinaryIO, worker.stdin), cast(BinaryIO, worker.stdout)
        pickle.dump(task, to)
        to.flush()
        answers.put(pickle.load(back))
    except (OSError, EOFError, pickle.UnpicklingError):
        answers.put(("ended", None))


def serve() -> None:
    """What a worker does until nobody is left to ask it."""
    back = sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever a library prints is no answer
    while True:
        try:
            module, function, arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = "done", getattr(importlib.import_module(module), function)(*arguments)
        except (CirkdError, ValueError, MemoryError) as error:
            answer = "error", error
        pickle.dump(answer, back)
        back.flush()
