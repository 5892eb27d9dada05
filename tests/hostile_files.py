"""Checkpoint files of every bad kind, each made to be refused."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from pathlib import Path

import torch
from torch import Tensor


class Hostile:
    """What an attacker would pickle: it leaves a file behind when it is executed."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.proof,)


def safetensors(header: dict[str, object] | bytes, data: bytes = b"", stated: int | None = None) -> bytes:
    """A safetensors file out of its parts, whatever they are."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if stated is None else stated) + text + data


def zipped(entries: dict[str, bytes], *, packed: bool = False) -> bytes:
    """A zip archive of these entries."""
    buffer = io.BytesIO()
    kind = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tensor_pickle(size: tuple[int, ...], stride: tuple[int, ...], items: int, offset: int = 0) -> bytes:
    """A state dict of one tensor that states these sizes, as torch.save would write it."""
    numbers = [*size, *stride]
    text = b"\x80\x02}q\x00X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\n"
    text += b"FloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu" + integer(items) + b"tQ" + integer(offset)
    text += b"(" + b"".join(map(integer, numbers[: len(size)])) + b"t("
    text += b"".join(map(integer, numbers[len(size) :])) + b"t\x89ccollections\nOrderedDict\n)RtRs."
    return text


def integer(value: int) -> bytes:
    """An integer of any size, as a pickle holds it."""
    content = value.to_bytes((value.bit_length() + 8) // 8, "little", signed=True)
    return b"\x8a" + bytes([len(content)]) + content


def torch_file(pickled: bytes, storage: bytes = b"\x00" * 16) -> bytes:
    return zipped({"a/data.pkl": pickled, "a/byteorder": b"little", "a/data/0": storage, "a/version": b"3\n"})


def saved(content: object, **options: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def hostile_files(good: dict[str, Tensor], proof: Path) -> dict[str, bytes]:
    """Name -> content of files that must be refused; `good` is a state dict that would be taken."""
    one = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    whole = saved(good)
    huge = {**one, "shape": [2**62, 2**62]}
    return {
        "code.pth": saved({"state_dict": good, "extra": Hostile(proof)}),
        "code-protocol-0.pth": pickle.dumps(Hostile(proof), protocol=0),
        "code-protocol-4.pth": pickle.dumps({"w": Hostile(proof)}, protocol=4),
        "code-old-form.pth": saved({"w": Hostile(proof)}, _use_new_zipfile_serialization=False),
        "whole-model.pth": saved(torch.nn.Conv2d(1, 1, 1)),
        "cut-at-start.pth": whole[:40],
        "cut-in-the-middle.pth": whole[: len(whole) // 2],
        "cut-at-end.pth": whole[:-10],
        "empty.pth": b"",
        "text.pth": b"<html>404 not found</html>",
        "header-of-gigabytes.safetensors": safetensors(b"{}", stated=2**40),
        "negative-header.safetensors": safetensors(b"{}", stated=2**63 + 1),
        "no-json.safetensors": safetensors(b"{]" * 40),
        "deep-json.safetensors": safetensors(b'{"a":' * 100_000),
        "overflowing-shape.safetensors": safetensors({"w": huge}, b"\x00" * 8),
        "outside-the-file.safetensors": safetensors({"w": {**one, "data_offsets": [0, 2**50]}}, b"\x00" * 8),
        "overlapping.safetensors": safetensors({"a": one, "b": one}, b"\x00" * 8),
        "expanded.pth": torch_file(tensor_pickle((2**40,), (0,), 4)),
        "overflowing-shape.pth": torch_file(tensor_pickle((2**62, 2**62), (1, 1), 4)),
        "negative-stride.pth": torch_file(tensor_pickle((2, 2), (-1, 1), 4)),
        "outside-its-storage.pth": torch_file(tensor_pickle((2, 2), (2, 1), 4, offset=1000)),
        "storage-of-terabytes.pth": torch_file(tensor_pickle((2, 2), (2, 1), 2**42)),
        "zip-bomb.pth": zipped({"a/data.pkl": b"\x80\x02}.", "a/data/0": bytes(20_000_000)}, packed=True),
        "zip-of-something-else.pth": zipped({"readme.txt": b"hello"}),
        "not-a-number.pth": saved(
            {k: torch.full_like(v, float("nan")) if v.is_floating_point() else v for k, v in good.items()}
        ),
        "infinite.pth": saved(
            {k: torch.full_like(v, float("inf")) if v.is_floating_point() else v for k, v in good.items()}
        ),
        "array.pth": saved(torch.zeros(3)),
        "nothing-inside.pth": saved({"epoch": 3}),
        "unknown-network.pth": saved({"layer.weight": torch.zeros(2, 2)}),
        "hdf5.h5": b"\x89HDF\r\n\x1a\n" + bytes(100),
    }
