"""The cache: one making a key, one budget, the oldest first, and no lock but the key's own."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from cirkd.cache import IDLE, Cache, size


@dataclass
class Record:
    rows: np.ndarray
    more: dict[str, object]


def test_a_size_is_that_of_the_arrays_each_counted_once():
    rows = np.zeros((100, 10), np.float32)
    assert size(rows) == 4000
    assert size([rows, rows[3:], rows.T]) == 4000
    tensor = torch.zeros(50, 4)
    assert size(Record(rows, {"t": tensor, "view": tensor[1:], "text": "ten bytes!"})) == 4000 + 800 + 59
    assert size({"picture": b"x" * 70, "number": 3, "none": None}) == 70
    assert size(torch.nn.Linear(100, 100)) == 0


def test_the_oldest_go_first_and_the_latest_stays():
    cache = Cache(budget=1000)
    for name in "abc":
        cache.keep(name, np.zeros(400, np.uint8))
    assert [cache.find(name) is None for name in "abc"] == [True, False, False]
    cache.find("b")
    cache.keep("d", np.zeros(400, np.uint8))
    assert [cache.find(name) is None for name in "bcd"] == [False, True, False]
    cache.keep("large", np.zeros(5000, np.uint8))
    assert cache.used() == 5000 and [cache.find(name) is None for name in (*"abcd", "large")] == [True] * 4 + [False]


def test_idle_values_have_a_budget_of_their_own(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("cirkd.cache.time.monotonic", lambda: clock[0])
    cache = Cache(budget=1000, idle_budget=500)
    for name in "abc":
        cache.keep(name, np.zeros(200, np.uint8))
    clock[0] = IDLE - 1
    cache.find("b")
    clock[0] = IDLE + 1
    cache.keep("d", np.zeros(200, np.uint8))  # b was asked for; a and c are idle, and 500 bytes hold neither
    assert [cache.find(name) is None for name in "abcd"] == [True, False, True, False]
    cache.keep("e", np.zeros(400, np.uint8))
    assert [cache.find(name) is None for name in "bde"] == [False, False, False]


def test_threads_make_a_value_once_and_other_values_do_not_wait():
    cache, calls, begun, release = Cache(), [], threading.Event(), threading.Event()

    def slow() -> int:
        calls.append(1)
        begun.set()
        assert release.wait(20)
        return 7

    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(cache.get("slow", slow))) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert begun.wait(20)
    assert cache.get("other", lambda: 3) == 3
    release.set()
    for thread in threads:
        thread.join(20)
    assert found == [7] * 4 and len(calls) == 1 and not cache._makers


def test_what_fails_is_not_kept_and_the_next_one_makes_it():
    cache = Cache()
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 // 0)
    assert cache.get("a", lambda: 5) == 5 and not cache._makers
