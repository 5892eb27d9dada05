"""Kernels against PyTorch's operations: tried out once a process, before anything is computed with them."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Work = Callable[[], Sequence[Tensor]]


def is_faster(ours: Work, plain: Work, device: torch.device, tolerance: float = 1e-3) -> bool:
    """Whether `ours` gives what `plain` gives, in less time; what can't be built or is wrong is left with a warning.

    Args:
        tolerance: how large the norm of the difference of two results may be, relative to the right one's.
    """
    try:
        found, seconds = _second_time(ours, device)
        wanted, plain_seconds = _second_time(plain, device)
        _compare(found, wanted, tolerance)
    except Exception as error:
        _leave(error, device)
        return False
    return seconds < plain_seconds


def is_right(ours: Work, plain: Work, device: torch.device, tolerance: float = 1e-5) -> bool:
    """Whether `ours` gives what `plain` gives, however long it takes: the answer is the same in every process.

    Args:
        tolerance: as of `is_faster`.
    """
    try:
        _compare(ours(), plain(), tolerance)
    except Exception as error:
        _leave(error, device)
        return False
    return True


def _compare(found: Sequence[Tensor], wanted: Sequence[Tensor], tolerance: float) -> None:
    for mine, theirs in zip(found, wanted, strict=True):
        if not bool((mine - theirs).norm() <= tolerance * theirs.norm()):
            raise ArithmeticError("their results are wrong")


def _leave(error: Exception, device: torch.device) -> None:
    """Warn that kernels are left out, and why."""
    reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
    warnings.warn(f"relations are computed without all kernels on {device}: {reason[0]}", stacklevel=3)


def _second_time(work: Work, device: torch.device) -> tuple[Sequence[Tensor], float]:
    """What it gives, and the seconds that it takes once all is built."""
    work()
    start = _now(device)
    found = work()
    return found, _now(device) - start


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
