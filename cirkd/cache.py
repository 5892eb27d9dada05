"""One store for everything that is worth keeping, with one budget of memory."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar, cast

T = TypeVar("T")

BUDGET = 1_500_000_000
"""Bytes that a cache may hold where nothing else is said."""
IDLE = 600.0
"""Seconds after which a value that nobody has asked for is idle."""


class Cache:
    """Values by key; the least recently used are dropped first when all together are larger than a budget.

    May be shared between threads. There is one lock for each key: two threads that want the same value make it once,
    and a thread that wants another value never waits. Arrays that several values share count once. Loaded networks
    (whatever has a `state_dict`) count nothing: they belong to whoever loaded them.

    >>> cache = Cache(budget=1_000_000)
    >>> cache.get("answer", lambda: 42), cache.get("answer", lambda: 0)
    (42, 42)

    Args:
        budget: in bytes. The latest value is kept even if it alone is larger.
        idle_budget: in bytes, of all values together as long as idle ones are among them; None = the same.
    """

    def __init__(self, budget: int = BUDGET, idle_budget: int | None = None) -> None:
        self.budget = budget
        self.idle_budget = budget if idle_budget is None else min(idle_budget, budget)
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._used: dict[Hashable, float] = {}  # when each was last asked for
        self._makers: dict[Hashable, tuple[threading.Lock, int]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value under a key; made now if it is not there. What `make` raises is passed on, and nothing kept."""
        with self._making(key):
            found = self.find(key, self)
            if found is not self:
                return cast(T, found)
            value = make()
            self.keep(key, value)
            return value

    def find(self, key: Hashable, default: Any = None) -> Any:
        """The value under a key, or the default where there is none (now)."""
        with self._lock:
            if key not in self._values:
                return default
            self._touch(key)
            return self._values[key]

    def keep(self, key: Hashable, value: Any) -> None:
        """Put a value under a key, and let go of the oldest ones that are too much."""
        with self._lock:
            self._values[key] = value
            now = self._touch(key)
            seen: set[int] = set()
            held = 0
            for number, known in enumerate(reversed(list(self._values))):
                held += size(self._values[known], seen)
                idle = now - self._used[known] > IDLE
                if number and held > (self.idle_budget if idle else self.budget):
                    del self._values[known], self._used[known]

    def used(self) -> int:
        """Bytes of all values together."""
        with self._lock:
            values, seen = list(self._values.values()), set()
        return sum(size(value, seen) for value in values)

    def _touch(self, key: Hashable) -> float:
        """Make a value the latest one. Returns the time."""
        self._values.move_to_end(key)
        self._used[key] = time.monotonic()
        return self._used[key]

    @contextmanager
    def _making(self, key: Hashable) -> Iterator[None]:
        """Hold the key's own lock, which is there for as long as somebody wants it."""
        with self._lock:
            lock, users = self._makers.get(key, (threading.Lock(), 0))
            self._makers[key] = lock, users + 1
        try:
            with lock:
                yield
        finally:
            with self._lock:
                lock, users = self._makers.pop(key)
                if users > 1:
                    self._makers[key] = lock, users - 1


def size(value: Any, seen: set[int] | None = None) -> int:
    """Bytes that a value holds, roughly: its arrays, tensors, texts and bytes, wherever they lie in it.

    Args:
        seen: ids of what was counted already, which counts nothing; added to.
    """
    seen = set() if seen is None else seen
    if value is None or isinstance(value, int | float | type) or id(value) in seen or hasattr(value, "state_dict"):
        return 0
    seen.add(id(value))
    if isinstance(value, bytes | bytearray):
        return len(value)
    if isinstance(value, str):
        return 49 + len(value)
    if hasattr(value, "untyped_storage"):  # a tensor, of which others may be views
        storage = value.untyped_storage()
        place = storage.data_ptr()
        new = place not in seen
        seen.add(place)
        return storage.nbytes() if new else 0
    if hasattr(value, "nbytes"):
        base = getattr(value, "base", None)
        return int(value.nbytes) if base is None or not hasattr(base, "nbytes") else size(base, seen)
    if isinstance(value, Mapping):
        return sum(size(part, seen) for part in value.values())
    if isinstance(value, list) and value and isinstance(value[0], str | int | float):
        return 60 * len(value)  # one word for each of very many pixels: not looked at one by one
    if isinstance(value, list | tuple | set | frozenset):
        return sum(size(part, seen) for part in value)
    return sum(size(part, seen) for part in vars(value).values()) if hasattr(value, "__dict__") else 0
