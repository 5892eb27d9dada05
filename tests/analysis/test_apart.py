"""Calls in a process of their own: the same answers, errors that come back, and an end at any moment."""

from __future__ import annotations

import time

import numpy as np
import psutil
import pytest

from cirkd.analysis import apart
from cirkd.analysis.layout import lay_out
from cirkd.data.errors import StudyError


def test_the_answer_is_that_of_a_plain_call() -> None:
    rows = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    there = apart.call("cirkd.analysis.layout", "lay_out", rows, rows[:, :2], "tsne", 0, still=lambda: None)
    np.testing.assert_allclose(there, lay_out(rows, rows[:, :2], "tsne", 0), rtol=1e-4)


def test_errors_come_back_and_the_worker_is_kept() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        apart.call("builtins", "int", "seven", still=lambda: None)
    (worker,) = apart._idle
    assert apart.call("builtins", "int", "7", still=lambda: None) == 7
    assert apart._idle == [worker]


def test_a_call_that_is_not_wanted_ends_within_a_second() -> None:
    class OffError(Exception):
        pass

    idle = {worker.pid for worker in apart._idle}
    others = {process for process in psutil.Process().children() if process.pid not in idle}
    looks: list[float] = []

    def still() -> None:
        looks.append(time.monotonic())
        if len(looks) == 8:
            raise OffError

    with pytest.raises(OffError):
        apart.call("time", "sleep", 60, still=still)
    assert time.monotonic() - looks[-1] < 1
    assert not psutil.wait_procs(set(psutil.Process().children()) - others, timeout=20)[1]


def test_a_worker_that_dies_is_one_clear_line() -> None:
    with pytest.raises(StudyError, match="ended without an answer"):
        apart.call("os", "_exit", 3, still=lambda: None)
    assert apart.call("builtins", "int", "7", still=lambda: None) == 7
