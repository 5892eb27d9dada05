"""Tensors out of what a pickle states about them; each lies within numbers that the file really holds."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cirkd.models.pickle_names import UnsafePickleError

_STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "UntypedStorage": torch.uint8,
    "ComplexFloatStorage": torch.complex64,
    "ComplexDoubleStorage": torch.complex128,
}
_FLOAT8 = ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz")
_DTYPES = {str(dtype).removeprefix("torch.") for dtype in _STORAGES.values()} | {"uint16", "uint32", "uint64", *_FLOAT8}
_QUANTISED = ("QInt8Storage", "QUInt8Storage", "QInt32Storage", "QUInt4x2Storage", "QUInt2x4Storage")
_PLAIN = {f"torch._utils._rebuild_{name}" for name in ("tensor", "tensor_v2", "tensor_v3")}
_WRAPPED = {f"torch._utils._rebuild_{name}" for name in ("parameter", "parameter_with_state")}
_OF_TYPE = {"torch._tensor._rebuild_from_type", "torch._tensor._rebuild_from_type_v2"}
_OTHER = {
    "torch._utils._rebuild_qtensor": "quantised tensors, as int8; save the network before it is quantised",
    "torch._utils._rebuild_sparse_tensor": "sparse tensors; save each with to_dense()",
    "torch._utils._rebuild_meta_tensor_no_storage": "tensors without values; save the network after it is filled",
}
REBUILD = _PLAIN | _WRAPPED | _OF_TYPE | set(_OTHER)
"""Names by which a pickle makes tensors."""


class Unsupported(Exception):  # noqa: N818
    """The file is in order and holds tensors that no network here takes; the text says which, and the remedy."""


@dataclass(frozen=True)
class Storage:
    """A stretch of numbers that the file says it holds.

    Args:
        key: Its name in the file.
        items: How many items.
        dtype: Their type.
    """

    key: str
    items: int
    dtype: torch.dtype

    @property
    def nbytes(self) -> int:
        return self.items * self.dtype.itemsize


def stated_storage(stated: Any) -> Storage:
    """The storage that a pickle mentions.

    Raises:
        UnsafePickleError, ValueError: stated in another form than that of `torch.save`.
    """
    kind, type_name, key, _, items, *view = stated
    last = str(getattr(type_name, "path", "")).rpartition(".")[2]
    if last in _QUANTISED:
        raise Unsupported(_OTHER["torch._utils._rebuild_qtensor"])
    if kind != "storage" or not isinstance(key, str) or type(items) is not int or not 0 <= items < 2**48 or any(view):
        raise UnsafePickleError("a storage is stated in a form that torch.save does not write")
    return Storage(key, items, _STORAGES[last])


def rebuilt(path: str, arguments: tuple[Any, ...], storages: Callable[[Storage], Tensor]) -> Tensor:
    """The tensor that a pickle makes by one of the names in `REBUILD`.

    Raises:
        Unsupported: quantised, sparse or without values.
        UnsafePickleError: it doesn't lie within its storage.
    """
    if path in _OTHER:
        raise Unsupported(_OTHER[path])
    if path in _WRAPPED:
        if not isinstance(arguments[0], Tensor):
            raise UnsafePickleError("a parameter is stated in a form that torch.save does not write")
        return arguments[0]
    if path in _OF_TYPE:
        function, _, inner = arguments[:3]
        if function.path in _OF_TYPE:
            raise UnsafePickleError("a tensor is stated in a form that torch.save does not write")
        return rebuilt(function.path, inner, storages)
    storage, offset, size, stride = arguments[:4]
    if not isinstance(storage, Storage) or len(size) != len(stride) or len(size) > 16:
        raise UnsafePickleError("a tensor is stated in a form that torch.save does not write")
    if any(type(value) is not int or not 0 <= value < 2**48 for value in (offset, *size, *stride)):
        raise UnsafePickleError("a tensor's size or stride is no number, or below 0")
    dtype = _dtype(arguments[6]) if path.endswith("v3") else storage.dtype
    held, count = storage.nbytes // dtype.itemsize, math.prod(size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) if count else 0
    if count > held or (count and last >= held):
        raise UnsafePickleError(f"a tensor of size {list(size)} does not fit the {held} numbers stored for it")
    if not count:
        return torch.empty(tuple(size), dtype=dtype)
    return storages(storage)[: held * dtype.itemsize].view(dtype).as_strided(tuple(size), tuple(stride), offset)


def _dtype(name: Any) -> torch.dtype:
    last = name.path.rpartition(".")[2]
    if last not in _DTYPES or not hasattr(torch, last):
        raise Unsupported(f"tensors of type {last[:40]}; save them as float32")
    return getattr(torch, last)
