"""Kernels against PyTorch's operations: whether they agree is tried once a process, before they are used."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Work = Callable[[], Sequence[Tensor]]


def is_right(ours: Work, plain: Work, device: torch.device, tolerance: float) -> bool:
    """Whether `ours` can be built and gives what `plain` gives; if not, a warning says why. Time plays no part.

    Args:
        tolerance: how large the norm of the difference of two results may be, relative to the right one's.
    """
    try:
        for mine, theirs in zip(ours(), plain(), strict=True):
            if not bool((mine - theirs).norm() <= tolerance * theirs.norm()):
                raise ArithmeticError("their results are wrong")
    except Exception as error:  # compilers fail in ways of their own
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        warnings.warn(f"relations are computed without all kernels on {device}: {reason[0]}", stacklevel=3)
        return False
    return True
