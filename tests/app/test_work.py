"""Work beside the page: results, errors, progress, cancelling, and one job for one key."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from app import work


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    state: dict[str, Any] = {}
    monkeypatch.setattr(work.st, "session_state", state)
    monkeypatch.setattr(work, "_show", lambda jobs, job, key: job.done.wait(10))
    return state


def test_result_and_error_come_back(session: dict[str, Any]) -> None:
    assert work.run(("a", 1), "A", lambda progress: 42) == 42

    def fail(progress: work.Progress) -> None:
        raise ZeroDivisionError("here")

    with pytest.raises(ZeroDivisionError, match="here"):
        work.run(("b", 1), "B", fail)
    assert session["_work"].running == {}


def test_cancelled_work_stops_and_stays_stopped_until_allowed(session: dict[str, Any]) -> None:
    ended = threading.Event()

    def endless(progress: work.Progress) -> None:
        try:
            while True:
                progress(0.5, "still at it")
                time.sleep(0.01)
        finally:
            ended.set()

    key = ("features", "study")
    jobs = work._jobs()
    job = jobs.join(key, "Features", endless)
    jobs.stop(key, job)
    assert ended.wait(5)
    with pytest.raises(work.StoppedError):
        work.run(key, "Features", lambda progress: 1)
    work.allow(key)
    assert work.run(key, "Features", lambda progress: 1) == 1


def test_the_time_left_is_that_of_the_pace_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(work.time, "monotonic", lambda: now)
    job = work._Job("Maps", started=now)
    now = 110.0
    job.report(0.25, "UMAP of before")
    assert job.told() == "UMAP of before · 10 s · about 30 s left"
    now = 125.0
    assert job.told() == "UMAP of before · 25 s · about 15 s left"
    now = 141.0
    assert job.told() == "UMAP of before · 41 s · almost done"


def test_a_job_that_was_left_is_joined_again(session: dict[str, Any]) -> None:
    calls = []

    def slow(progress: work.Progress) -> int:
        calls.append(1)
        time.sleep(0.3)
        return 7

    work._jobs().join(("features", 1), "Features", slow)
    assert work.run(("features", 1), "Features", slow) == 7
    assert len(calls) == 1


def test_another_study_cancels_the_work_on_the_one_before(session: dict[str, Any]) -> None:
    release = threading.Event()
    first = work._jobs().join(("features", 1), "Features", lambda progress: release.wait(5))
    assert work.run(("features", 2), "Features", lambda progress: 2) == 2
    assert first.cancel.is_set()
    release.set()


def test_runs_of_a_page_that_overlap_never_lose_a_job(session: dict[str, Any]) -> None:
    """A page that was left may still be asking while the next one asks, for the same things and for others."""
    failed: list[BaseException] = []

    def ask(number: int) -> None:
        try:
            for turn in range(60):
                assert work.run(("features", (number + turn) % 3), "Features", lambda progress: 1) == 1
        except BaseException as error:
            failed.append(error)

    session["_work"] = work._Jobs()
    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
