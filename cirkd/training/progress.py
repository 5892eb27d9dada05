"""A command at the terminal: one line that says how far it is, and Ctrl-C or SIGTERM, which ask a run to stop."""

import signal
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

# A line stays one line in a log, and what stands in brackets in a name or a path is no colour.
_AS_WRITTEN: Any = {"soft_wrap": True, "markup": False, "emoji": False}


class Progress:
    """Progress of a run in optimiser steps; where output is not a terminal, a line every half minute instead.

    Args:
        name: What is running.
        steps: Length of the run.
        done: Steps done before.
        shown: False keeps silent, as in all processes but the first.
    """

    def __init__(self, name: str, steps: int, done: int, shown: bool) -> None:
        self.name, self.steps, self.done = name, steps, done
        self.console = Console(quiet=not shown, **_AS_WRITTEN)
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[loss]}"),
        )
        self.bar = Bar(*columns, console=self.console, disable=not (shown and self.console.is_terminal))
        self.task = self.bar.add_task(name, total=steps, completed=done, loss="")
        self.seconds_per_step = 0.0
        # The median of the last steps: a start-up or an evaluation between steps doesn't upset the time left.
        self._recent: deque[float] = deque(maxlen=50)
        self._last = self._last_line = time.monotonic()

    def __enter__(self) -> "Progress":
        self.bar.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.bar.stop()

    def advance(self, loss: float) -> None:
        """One more step is done, with this task loss."""
        now = time.monotonic()
        took, self._last = now - self._last, now
        self._recent.append(took)
        self.seconds_per_step = statistics.median(self._recent)
        self.done += 1
        self.bar.update(self.task, completed=self.done, loss=f"task {loss:.3f}")
        if not self.console.is_terminal and now - self._last_line > 30:
            self._last_line = now
            left = (self.steps - self.done) * self.seconds_per_step / 60
            self.console.print(
                f"{self.name}: step {self.done} of {self.steps}, task {loss:.3f}, "
                f"{self.seconds_per_step:.2f} s a step, {left:.0f} min left"
            )

    def note(self, text: str) -> None:
        """A line that stays."""
        self.console.print(f"{self.name}: {text}")
        self._last = time.monotonic()


@contextmanager
def bar(text: str, shown: bool, *, lines: bool = False) -> Iterator[Callable[[float], None]]:
    """A bar on stderr with the time left, to call with the share done; nothing where that is no terminal.

    Args:
        shown: False keeps silent, as in all processes but the first.
        lines: Whether there is a line after five seconds and every half minute where it is no terminal.
    """
    console = Console(stderr=True, **_AS_WRITTEN)
    last = time.monotonic() - 25
    with Bar(console=console, transient=True, disable=not (shown and console.is_terminal)) as drawn:
        task = drawn.add_task(escape(text), total=1.0)

        def update(share: float) -> None:
            nonlocal last
            drawn.update(task, completed=share)
            if lines and shown and not console.is_terminal and time.monotonic() - last > 30:
                last = time.monotonic()
                console.print(f"{text}: {share:.0%}")

        yield update


@dataclass
class StopRequest:
    """Whether someone has asked the run to stop."""

    requested: bool = False


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """While open, SIGINT and SIGTERM set `requested`; outside the main thread signals stay as they are."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def ask(number: int, frame: FrameType | None) -> None:
        request.requested = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
