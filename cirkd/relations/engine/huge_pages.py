"""Large memory in large pages: handed out 4 kB at a time, it costs a good part of the work that it is for."""

from __future__ import annotations

import contextlib
import math
import mmap

import torch
from torch import Tensor

# Below, ordinary memory is as fast, and is used again by the next allocation.
LEAST_BYTES = 2**25


def empty(*shape: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """As `torch.empty`; large and on a CPU, in large pages where the system has them. Freed with the tensor."""
    size = math.prod(shape) * dtype.itemsize
    advice = getattr(mmap, "MADV_HUGEPAGE", None)
    if device.type != "cpu" or advice is None or size < LEAST_BYTES:
        return torch.empty(*shape, dtype=dtype, device=device)
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a kernel without them: the memory is as good
        memory.madvise(advice)
    return torch.frombuffer(memory, dtype=dtype).view(shape)
