"""An `ExplorerBlock` as one run of bytes: a JSON header in front, then raw arrays and pictures.

    4 bytes   length of the header, unsigned, little endian
    header    UTF-8, padded with spaces so that the body starts at a multiple of 8
    body      arrays (little endian) and pictures, each at a multiple of 8

A `ref` in the header is `{"at": offset in the body, "length": bytes, "type": "int8" | "uint8" | "int16" | "int32" |
"float32" | "image/..."}`.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cirkd.analysis.colorings import COLORINGS, Scale
from cirkd.analysis.explorer_block import ExplorerBlock, ExplorerModel
from cirkd.analysis.projection import Projection
from cirkd.data.errors import StudyError

if TYPE_CHECKING:
    from cirkd.analysis.colorings import PixelColors
    from cirkd.analysis.divergences import Divergence
    from cirkd.data.sample import Classes

LARGEST = 60_000_000
"""Bytes that one block may have."""


def encode(
    block: ExplorerBlock,
    maps: Mapping[str, Projection],
    divergence: Divergence | None = None,
    extra: Mapping[str, Any] | None = None,
    *,
    colors: Mapping[str, Mapping[str, PixelColors]] | None = None,
) -> bytes:
    """The block, maps of its positions, the divergence of each position where it is known, and what colours dots.

    Args:
        maps: name -> a 2-D map of positions of the block (`Projection.index` among `ExplorerBlock.index`).
        extra: goes into the header under its own keys: looks, words, what to show first. Arrays in it, at any depth,
            go into the body, with a ref in their place.
        colors: from `all_colors`, of all positions of the feature set; None = no dots are drawn.

    Raises:
        StudyError: a map of other positions or not in 2-D, or more than 60 MB.
    """
    body = _Body()
    header: dict[str, Any] = {
        "positions": len(block.index),
        "of": block.provenance["of"],
        "stride": block.stride,
        "reference": block.reference,
        "low": block.low,
        "layer": block.provenance["layer"],
        "groupedBy": block.provenance["grouped_by"],
        "classes": class_table(block.classes),
        "label": body.add(block.label),
        "change": None if block.change is None else body.add(block.change),
        "dots": None if block.dots is None else body.add(block.dots),
        "images": [_image(block, i, body) for i in range(len(block.names))],
        "models": [_model(model, body) for model in block.models],
    }
    header["id"] = body.digest(model.name for model in block.models)
    header["maps"] = {name: _map(name, block, item, body) for name, item in maps.items()}
    header["divergence"] = None if divergence is None else _divergence(block, divergence, body)
    header["colorings"] = [_coloring(by, block, models, body) for by, models in (colors or {}).items()]
    return _joined({**_with_refs(dict(extra or {}), body), **header}, body)


def _with_refs(item: Any, body: _Body) -> Any:
    """The same with a ref for every array."""
    if isinstance(item, np.ndarray):
        return body.add(item)
    if isinstance(item, Mapping):
        return {name: _with_refs(part, body) for name, part in item.items()}
    return [_with_refs(part, body) for part in item] if isinstance(item, list | tuple) else item


class _Body:
    """Arrays one after the other."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.length = 0
        self.known: dict[tuple[bytes, str], dict[str, Any]] = {}

    def add(self, values: np.ndarray) -> dict[str, Any]:
        little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
        return self.add_bytes(little.tobytes(), values.dtype.name)

    def add_bytes(self, data: bytes, kind: str) -> dict[str, Any]:
        """A ref to these bytes, which are sent once however often they are added."""
        if (data, kind) in self.known:
            return self.known[data, kind]
        ref = self.known[data, kind] = {"at": self.length, "length": len(data), "type": kind}
        padded = data + b"\0" * (-len(data) % 8)
        self.parts.append(padded)
        self.length += len(padded)
        return ref

    def digest(self, names: Iterable[str]) -> str:
        """The same for the same arrays so far, of the same names."""
        found = hashlib.blake2b("\0".join(names).encode(), digest_size=12)
        for part in self.parts:
            found.update(part)
        return found.hexdigest()


def _image(block: ExplorerBlock, i: int, body: _Body) -> dict[str, Any]:
    return {
        "name": block.names[i],
        "grid": block.grid[i],
        "cells": block.cells[i],
        "size": block.sizes[i],
        "photo": body.add_bytes(block.images[i], "image/webp"),
        "label": None if block.labels is None else body.add_bytes(block.labels[i], "image/png"),
    }


def _model(model: ExplorerModel, body: _Body) -> dict[str, Any]:
    return {
        "name": model.name,
        "dimensions": model.embedding.shape[1],
        "width": model.width,
        "kept": model.kept,
        "error": model.error,
        "pairs": model.pairs,
        "comparable": model.comparable,
        "note": model.note,
        "classes": class_table(model.classes),
        "embedding": body.add(model.embedding),
        "scale": body.add(model.scale),
        "prediction": body.add(model.prediction),
        "confidence": body.add(model.confidence),
        "pictures": [body.add_bytes(item, "image/png") for item in model.pictures],
    }


def class_table(classes: Classes) -> dict[str, Any]:
    """Names and colours of classes, as a header has them."""
    return {"names": list(classes.names), "colors": [list(map(int, color)) for color in classes.colors]}


def _map(name: str, block: ExplorerBlock, item: Projection, body: _Body) -> dict[str, Any]:
    at = np.searchsorted(block.index, item.index)
    if item.dimensions != 2 or (at >= len(block.index)).any() or (block.index[at] != item.index).any():
        raise StudyError(f"map {name!r}: must show positions of this block in 2-D")
    everything = len(at) == len(block.index)
    return {
        "method": item.method,
        "space": item.space,
        "positions": None if everything else body.add(at.astype(np.int32)),
        "residual": item.residual,
        "explained": item.explained,
        "parameters": item.provenance.get("parameters", {}),
        "seed": item.provenance.get("seed", 0),
        "coordinates": {model: body.add(points) for model, points in item.coordinates.items()},
    }


def _divergence(block: ExplorerBlock, item: Divergence, body: _Body) -> dict[str, Any]:
    return {
        "temperature": item.temperature,
        "largest": item.largest,
        "values": {name: body.add(values[block.index]) for name, values in item.per_pixel.items()},
    }


def _coloring(by: str, block: ExplorerBlock, models: Mapping[str, PixelColors], body: _Body) -> dict[str, Any]:
    note = next(iter(models.values())).note
    return {
        "name": by,
        "label": COLORINGS[by].label + (f" ({note})" if note else ""),
        "models": {name: _painted(found, block, body) for name, found in models.items()},
    }


def _painted(found: PixelColors, block: ExplorerBlock, body: _Body) -> dict[str, Any]:
    codes = body.add(found.codes[block.index])
    if isinstance(found, Scale):
        return {"codes": codes, "scale": {"low": found.ends[0], "high": found.ends[1], "words": found.words}}
    named = [[code, kind.name, kind.light, kind.dark or kind.light] for code, kind in found.categories.items()]
    return {"codes": codes, "categories": named}


def _joined(header: dict[str, Any], body: _Body) -> bytes:
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-(4 + len(text)) % 8)
    size = 4 + len(text) + body.length
    if size > LARGEST:
        raise StudyError(f"{size / 1e6:.0f} MB of pixel embeddings: at most 60 MB can be shown; choose fewer images")
    return b"".join([struct.pack("<I", len(text)), text, *body.parts])
