"""GPU work that comes again and again: recorded once, then launched as a whole.

    work = Recorded(function)
    outputs = work(*tensors, constants=(...))                      as function(*tensors, *constants)
    forget_recordings()                                            gives back the memory that they hold

A loss of a small batch is a hundred short operations, and the processor takes longer to launch them than a GPU to do
them. CUDA graphs launch them at once.
"""

from __future__ import annotations

import threading
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

Function = Callable[..., Sequence[Tensor]]
_all: weakref.WeakSet[Recorded] = weakref.WeakSet()
FIRST = 3  # calls that are no recording: what is set up at first use is then set up
COUNTED = 1000  # shapes whose calls are counted
KEPT = 4  # recordings of a function, each with the memory that its work takes


class Recorded:
    """A function of tensors on a GPU that never asks for their values.

    It may change constants in place. Its outputs are copies, so that they last.
    """

    def __init__(self, function: Function) -> None:
        self.function = function
        self._calls: dict[Hashable, int] = {}
        self._made = 0
        self._recordings: OrderedDict[Hashable, _Recording | None] = OrderedDict()
        self._lock = threading.Lock()
        _all.add(self)

    def __call__(self, *tensors: Tensor, constants: tuple[Any, ...] = ()) -> Sequence[Tensor]:
        if tensors[0].device.type != "cuda" or torch.cuda.is_current_stream_capturing():
            return self.function(*tensors, *constants)
        with self._lock, torch.cuda.device_of(tensors[0]):
            key = torch.cuda.current_stream().cuda_stream, *map(_kind, tensors), *map(_place, constants)
            recording = self._find(key, tensors, constants)
            if recording is not None:
                return recording.replay(tensors)
        return self.function(*tensors, *constants)

    def _find(self, key: Hashable, tensors: Sequence[Tensor], constants: tuple[Any, ...]) -> _Recording | None:
        if key in self._recordings:
            self._recordings.move_to_end(key)
            return self._recordings[key]
        if len(self._calls) >= COUNTED:
            self._calls.clear()
        self._calls[key] = self._calls.get(key, 0) + 1
        # To record takes as long as dozens of calls. Where shapes change all the time, as the keys of a memory that is
        # being filled, they have to come ever more often.
        if self._calls[key] <= FIRST * 2 ** max(0, self._made - KEPT + 1):
            return None
        self._made += 1
        try:
            self._recordings[key] = _Recording(self.function, tensors, constants)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
            warnings.warn(f"relations are launched one operation at a time: {reason[0]}", stacklevel=3)
            self._recordings[key] = None
        while len(self._recordings) > KEPT:
            self._calls.pop(self._recordings.popitem(last=False)[0], None)
        return self._recordings[key]

    def forget(self) -> None:
        with self._lock:
            self._calls.clear()
            self._made = 0
            self._recordings.clear()


def forget_recordings() -> None:
    """Drop all recordings of the process with the memory that they hold; what comes again is recorded again."""
    for work in list(_all):
        work.forget()


class _Recording:
    """One recording, of tensors of these shapes and orders in memory."""

    def __init__(self, function: Function, tensors: Sequence[Tensor], constants: tuple[Any, ...]) -> None:
        self.graph = torch.cuda.CUDAGraph()
        with torch.inference_mode(False), torch.no_grad(), torch.cuda.device_of(tensors[0]):
            self.given = [torch.empty_like(x).copy_(x) for x in tensors]
            with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
                self.outputs = function(*self.given, *constants)

    def replay(self, tensors: Sequence[Tensor]) -> Sequence[Tensor]:
        for mine, given in zip(self.given, tensors, strict=True):
            mine.copy_(given)
        self.graph.replay()
        return [output.clone() for output in self.outputs]


def _kind(x: Tensor) -> tuple[Hashable, ...]:
    return x.shape, x.stride(), x.dtype, x.device


def _place(x: Any) -> Hashable:
    if isinstance(x, tuple):
        return tuple(_place(one) for one in x)
    return (x.data_ptr(), *_kind(x)) if isinstance(x, Tensor) else x
