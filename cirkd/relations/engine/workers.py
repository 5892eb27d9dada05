"""Tiles side by side on a CPU: a thread a core, each with a tile in its cache, instead of all cores on every operation.

Hundreds of short operations a pass, each shared out over all cores and waited for, spend their time waiting wherever
a core is busy with something else. Threads that meet twice a pass do not.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch

Job = Callable[[int], None]
# Beyond, Python's own lock is what threads would wait for: each then has several cores for its operations.
MOST_WORKERS = 4
# How many cores an operation takes is one setting for the whole process: one at a time may change it.
_changing_threads = threading.Lock()


class Workers:
    """Runs a job on every worker and waits for all; on the calling thread alone where there is only one."""

    def __init__(self, count: int, pool: ThreadPoolExecutor | None) -> None:
        self.count = count
        self._pool = pool

    def run(self, job: Job) -> None:
        """Call job(0), ..., job(count - 1), each in its thread, without gradients and autocast.

        An exception of any is raised here, after all have ended.
        """
        if self._pool is None:
            job(0)
            return
        inference = torch.is_inference_mode_enabled()

        def guarded(worker: int) -> None:
            with torch.inference_mode(inference), torch.no_grad():
                job(worker)

        for future in [self._pool.submit(guarded, worker) for worker in range(self.count)]:
            future.exception()
            future.result()


@contextmanager
def workers_for(device: torch.device) -> Iterator[Workers]:
    """As many workers as are worth it: one on a GPU, on one core, and while another thread of the process has some."""
    cores = torch.get_num_threads()
    if device.type != "cpu" or cores == 1 or not _changing_threads.acquire(blocking=False):
        yield Workers(1, None)
        return
    count = min(cores, MOST_WORKERS)
    try:
        torch.set_num_threads(cores // count)
        with ThreadPoolExecutor(count) as pool:
            yield Workers(count, pool)
    finally:
        torch.set_num_threads(cores)
        _changing_threads.release()
