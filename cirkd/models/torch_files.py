"""The two forms of file that `torch.save` has written, read without running anything in them."""

import mmap
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cirkd.data.errors import CheckpointError, line_of
from cirkd.models.pickle_names import TENSORS_OF_ARRAYS, Record, UnsafePickleError, entries, module_tensors
from cirkd.models.pickle_reader import read_pickle
from cirkd.models.pickle_tensors import Storage, Unsupported

_OLD_FORM = 0x1950A86A20F9469CFC6C
"""The number with which the first of an old file's pickles begins."""
_CONVERT = "where you trust it, load it where it was made and save the network's state_dict() alone with torch.save"


_OTHER = {
    "/constants.pkl": "a TorchScript program, not weights; save its state_dict() with torch.save",
    "/models/model.json": "a program of torch.export, not weights; save its state_dict with torch.save",
    "serialized_exported_program.json": "a program of torch.export, not weights; save its state_dict with torch.save",
    "model.weights.h5": "a model of Keras, whose networks are not read; give the weights of a network of PyTorch",
    ".npy": f"arrays of NumPy; {TENSORS_OF_ARRAYS}",
}
"""What other archives hold, by the end of a name in them."""


def read_torch(path: Path, *, zipped: bool) -> Mapping[str, Any]:
    """What a file of `torch.save` holds: tensors, dictionaries and texts; anything else as an inert record.

    Raises:
        CheckpointError: damaged, or naming what could run; says what to do.
    """
    try:
        with path.open("rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        content = _read_zip(path, data) if zipped else _read_old_form(path, data)
    except UnsafePickleError as error:
        raise CheckpointError(f"{path}: not a file of plain weights: {error}; it is not opened; {_CONVERT}") from None
    except Unsupported as error:
        raise CheckpointError(f"{path}: holds {error}") from None
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        raise CheckpointError(
            f"{path}: not a file of plain weights, or damaged ({line_of(error)}); copy it again"
        ) from None
    if isinstance(content, Record) and (tensors := module_tensors(content)):
        return tensors
    if isinstance(content, list | tuple):
        content = {str(place): value for place, value in enumerate(content)}
    content = entries(content) if isinstance(content, Record) else content
    if not isinstance(content, Mapping):
        what = "tensor" if isinstance(content, Tensor) else type(content).__name__
        raise CheckpointError(
            f"{path}: holds a {what}, and no dictionary of weights; save the network's state_dict() with torch.save"
        )
    return content


def _read_zip(path: Path, data: memoryview) -> Any:
    """What `torch.save` put into an archive that is not packed and holds no more than the file is long."""
    with zipfile.ZipFile(path) as archive:
        listed = archive.infolist()
    by_name = {entry.filename: entry for entry in listed}
    if other := next((text for end, text in _OTHER.items() if any(name.endswith(end) for name in by_name)), ""):
        raise CheckpointError(f"{path}: {other}")
    if any(entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 for entry in listed):
        raise CheckpointError(
            f"{path}: a packed or encrypted archive, torch.save writes neither; unpack it, give the file in it"
        )
    if len(by_name) != len(listed) or sum(e.file_size for e in listed) > len(data):
        raise CheckpointError(f"{path}: damaged (it states more than it holds); copy it again")
    pickles = [name for name in by_name if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1:
        raise CheckpointError(f"{path}: a zip archive that torch.save did not write; give the checkpoint in it")
    folder = pickles[0].removesuffix("data.pkl")
    if (order := by_name.get(f"{folder}byteorder")) and bytes(_entry(data, order)) != b"little":
        raise CheckpointError(f"{path}: its numbers are big-endian; save it again on a little-endian machine")

    def numbers(storage: Storage) -> Tensor:
        record = by_name.get(f"{folder}data/{storage.key}")
        if record is None or record.file_size != storage.nbytes:
            held = "nothing" if record is None else f"{record.file_size} bytes"
            raise UnsafePickleError(f"storage {storage.key!r} states {storage.items} numbers and holds {held}")
        return _as_tensor(_entry(data, record))

    return read_pickle(_entry(data, by_name[pickles[0]]), numbers)[0]


def _entry(data: memoryview, entry: zipfile.ZipInfo) -> memoryview:
    """The content of an entry that is not packed."""
    start = entry.header_offset
    if bytes(data[start : start + 4]) != b"PK\x03\x04":
        raise zipfile.BadZipFile("an entry is not where the archive says")
    start += 30 + int.from_bytes(data[start + 26 : start + 28], "little")
    start += int.from_bytes(data[entry.header_offset + 28 : entry.header_offset + 30], "little")
    found = data[start : start + entry.file_size]
    if len(found) != entry.file_size:
        raise zipfile.BadZipFile("an entry is cut off")
    return found


def _read_old_form(path: Path, data: memoryview) -> Any:
    """Before PyTorch 1.6: five pickles in a row, then the storages in the order of the last, each with its length."""
    at, left = 0, len(data)
    contents: list[Any] = []
    stated: dict[str, Storage] = {}
    filled: dict[str, Tensor] = {}

    def numbers(storage: Storage) -> Tensor:
        # The storages come last: tensors are made of empty ones, which are filled below.
        nonlocal left
        stated[storage.key] = storage
        left -= storage.nbytes + 8
        if left < 0:
            raise UnsafePickleError("it states more numbers than it holds")
        return filled.setdefault(storage.key, torch.empty(storage.nbytes, dtype=torch.uint8))

    for _ in range(5):
        content, length = read_pickle(data[at:], numbers)
        if not contents and content != _OLD_FORM:
            raise CheckpointError(
                f"{path}: a pickle that torch.save did not write; where you trust it, load it where it was made; "
                f"where that gives arrays, as of PaddlePaddle and detectron2, {TENSORS_OF_ARRAYS}, else save the "
                "state_dict() alone"
            )
        contents.append(content)
        at += length
    for key in contents[4]:
        count = int.from_bytes(data[at : at + 8], "little")
        storage = stated.get(key)
        if storage is None or count != storage.items or at + 8 + storage.nbytes > len(data):
            raise UnsafePickleError("it states more numbers than it holds")
        if storage.nbytes:
            filled[key].copy_(_as_tensor(data[at + 8 : at + 8 + storage.nbytes]))
        at += 8 + storage.nbytes
    if set(stated) - set(contents[4]):
        raise UnsafePickleError("it states more numbers than it holds")
    return contents[3]


def _as_tensor(data: memoryview) -> Tensor:
    """Bytes as a tensor of bytes, of which no copy is made but where they don't begin at a multiple of 16."""
    if not len(data):
        return torch.empty(0, dtype=torch.uint8)
    found = torch.frombuffer(data, dtype=torch.uint8)
    return found if found.data_ptr() % 16 == 0 else found.clone()
