"""As much of MATLAB's file format (level 5) as label maps in a structure need.

A general reader trusts the sizes that a file states, and broken files make it take gigabytes or end the process. This
one takes nothing that is not there.

Source: MAT-File Format, The MathWorks, 2019, chapter 1.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np

LARGEST = 2**24
"""Bytes that a compressed variable may unfold to."""
_HEADER = 128
_COMPRESSED, _MATRIX, _INT32, _UINT32, _INT8, _UINT8 = 15, 14, 5, 6, 1, 2
_STRUCT, _UINT8_ARRAY = 2, 9

Elements = Iterator[tuple[int, bytes]]
"""The kind and content of one element after the other."""


def uint8_field(content: bytes, variable: str, field: str) -> np.ndarray:
    """The field uint8 `[H, W]` of a 1x1 structure.

    Args:
        content: Of the whole file.

    Raises:
        ValueError: the file, the variable or the field is not of this kind; says which.
    """
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None:
        raise ValueError("no MATLAB file of level 5")
    for kind, body in _elements(content[_HEADER:], order):
        if kind == _COMPRESSED:
            kind, body = next(_elements(_unfolded(body), order), (0, b""))
        if kind != _MATRIX:
            continue
        parts = _elements(body, order)
        flags, shape, name = _head(parts, order)
        if name == variable.encode() and flags == _STRUCT and shape == (1, 1):
            return _of_struct(parts, field.encode(), order)
    raise ValueError(f"no structure {variable}")


def _elements(content: bytes, order: str) -> Elements:
    at = 0
    while at + 8 <= len(content):
        kind, size = struct.unpack_from(f"{order}II", content, at)
        if kind >> 16:  # a small one: its content stands in the place of the size
            yield kind & 0xFFFF, content[at + 4 : at + 4 + min(kind >> 16, 4)]
            at += 8
            continue
        body = content[at + 8 : at + 8 + size]
        if len(body) < size:
            raise ValueError("it ends too early")
        yield kind, body
        at += 8 + size + (0 if kind == _COMPRESSED else -size % 8)


def _unfolded(body: bytes) -> bytes:
    unfold = zlib.decompressobj()
    try:
        found = unfold.decompress(body, LARGEST)
    except zlib.error:
        raise ValueError("its compression is damaged") from None
    if unfold.unconsumed_tail:
        raise ValueError(f"it unfolds to more than {LARGEST // 2**20} MB")
    return found


def _head(parts: Elements, order: str) -> tuple[int, tuple[int, ...], bytes]:
    """The class, shape and name of a matrix, which its first three elements say."""
    flags, shape, name = (_next(parts, kind) for kind in (_UINT32, _INT32, _INT8))
    if len(flags) != 8 or len(shape) != 8:
        raise ValueError("a variable is not two-dimensional")
    return struct.unpack(f"{order}II", flags)[0] & 0xFF, struct.unpack(f"{order}ii", shape), name


def _of_struct(parts: Elements, field: bytes, order: str) -> np.ndarray:
    (width,) = struct.unpack(f"{order}i", _next(parts, _INT32)[:4].ljust(4, b"\0"))
    names = _next(parts, _INT8)
    if width < 1:
        raise ValueError("its structure has no fields")
    for start in range(0, len(names), width):
        body = _next(parts, _MATRIX)
        if names[start : start + width].rstrip(b"\0") == field:
            return _array(body, order)
    raise ValueError(f"no field {field.decode()}")


def _array(body: bytes, order: str) -> np.ndarray:
    parts = _elements(body, order)
    kind, (height, width), _ = _head(parts, order)
    if kind != _UINT8_ARRAY:
        raise ValueError("the field holds no 8-bit numbers")
    values = _next(parts, _UINT8)
    if height < 1 or width < 1 or len(values) != height * width:
        raise ValueError(f"the field is {height}x{width} and has {len(values)} numbers")
    return np.frombuffer(values, np.uint8).reshape(width, height).T  # MATLAB stores columns


def _next(parts: Elements, wanted: int) -> bytes:
    kind, body = next(parts, (0, b""))
    if kind != wanted:
        raise ValueError("an element is missing or of another kind")
    return body
