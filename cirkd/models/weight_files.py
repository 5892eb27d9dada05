"""Reading files of weights that anyone may have written: what is inside is looked at and never executed.

Read are safetensors, in shards too, and the two forms of `torch.save`. A file costs no more memory than a few times its length,
whatever it states about itself.
"""

import json
import mmap
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from cirkd.data.bundled import checkpoint_path
from cirkd.data.errors import CheckpointError
from cirkd.models.pickle_reader import Record, UnsafePickleError, module_tensors, read_pickle
from cirkd.models.pickle_tensors import Misstated, Storage, Unsupported

_LONGEST_HEADER = 32_000_000  # bytes of JSON; that of a network of 1,000 tensors has 0.1 MB
_LONGEST_CONFIG = 1_000_000
_WEIGHTS_OF_FOLDER = ("model.safetensors", "pytorch_model.bin")
_CONVERT = "Where you trust it, load it where it was made and save the network's state_dict() alone with torch.save"


@dataclass(frozen=True, eq=False)
class FileContent:
    """What a file holds.

    Args:
        path: The file.
        kind: `safetensors` or `torch`.
        content: Tensors by name; in a `torch` file also what lies beside or above them.
        metadata: Text entries of a safetensors file, or of the same name in a `torch` file.
        config: What the `config.json` beside it says.
    """

    path: Path
    kind: str
    content: Mapping[str, Any]
    metadata: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] | None = None


def read_weights(path: Path | str) -> FileContent:
    """Read a file of weights, or a folder of `config.json` and weights; told apart by content, not by name.

    A path without a file that names a bundled checkpoint means that, as `checkpoint_path` says.

    Raises:
        CheckpointError: missing, unreadable, damaged, or not plain weights; says what to do.
    """
    file, config = locate(checkpoint_path(Path(path)))
    kind = kind_of(file)
    if kind == "safetensors":
        content, metadata = _read_safetensors(file)
        return FileContent(file, kind, content, metadata, config)
    content = _read_torch(file, zipped=kind == "zip")
    return FileContent(file, "torch", content, {k: v for k, v in content.items() if isinstance(v, str)}, config)


def locate(path: Path) -> tuple[Path, dict[str, Any] | None]:
    """The file of weights that a path means, and the `config.json` beside it where there is one.

    Raises:
        CheckpointError: nothing there, no permission, a folder without weights, or a link out of its folder.
    """
    try:
        is_folder = path.is_dir()
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: this path cannot be used ({error}); check it") from None
    if not is_folder:
        require_file(path)
        return path, _config(path.parent / "config.json")
    config = _config(path / "config.json")
    if config is None:
        raise CheckpointError(
            f"{path}: this is a folder, a checkpoint file was wanted, or config.json and model.safetensors in it"
        )
    for name in _WEIGHTS_OF_FOLDER:
        if (path / name).exists() or (path / name).is_symlink():
            require_file(path / name)
            return path / name, config
    raise CheckpointError(f"{path}: there is a config.json and no {_WEIGHTS_OF_FOLDER[0]} beside it; copy it there")


def require_file(path: Path) -> None:
    """The path is a file of this folder that can be read.

    Raises:
        CheckpointError: it is not.
    """
    try:
        if path.is_symlink():
            _require_inside(path)
        if path.is_dir():
            raise CheckpointError(f"{path}: this is a folder, a checkpoint file was wanted")
        if not path.exists():
            raise CheckpointError(f"{path}: there is no such file; check the path, or train one with `cirkd train`")
        if not path.is_file():
            raise CheckpointError(f"{path}: this is a device or a pipe, a checkpoint file was wanted")
        if not os.access(path, os.R_OK):
            raise CheckpointError(f"{path}: no permission to read this file; change its access rights")
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{str(path)[:200]}: this path cannot be used ({error}); check it") from None


def _require_inside(link: Path) -> None:
    """A link may lead to its own folder, or into the store of the Hugging Face hub that its folder belongs to."""
    folder, target = link.parent.resolve(), link.resolve()
    store = folder.parents[1] / "blobs" if len(folder.parents) > 1 and folder.parent.name == "snapshots" else None
    if not target.is_relative_to(folder) and not (store is not None and target.is_relative_to(store)):
        raise CheckpointError(
            f"{link}: this link leads out of its folder, to {target}; give the path of the file itself"
        )


def _config(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    require_file(path)
    try:
        if path.stat().st_size > _LONGEST_CONFIG:
            raise CheckpointError(f"{path}: over {_LONGEST_CONFIG // 10**6} MB, a short list of settings was wanted")
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: damaged ({str(error)[:80]}); save the model again") from None
    return found if isinstance(found, dict) else None


def kind_of(path: Path) -> str:
    """`safetensors`, `zip` or `pickle`, by the first bytes.

    Raises:
        CheckpointError: none of them.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}); check the disk") from None
    if start[:4] == b"PK\x03\x04":
        return "zip"
    if start[:1] == b"\x80" and path.suffix != ".safetensors":
        return "pickle"
    stated = int.from_bytes(start[:8], "little")
    if len(start) > 8 and start[8:9] == b"{" and stated <= size - 8:
        return "safetensors"
    if path.suffix == ".safetensors":
        what = "empty" if size == 0 else "its header is cut off or no header"
        raise CheckpointError(f"{path}: damaged or not a safetensors file ({what}); copy it again")
    raise CheckpointError(
        f"{path}: not a file of plain weights (it begins like {_looks_like(start)}); "
        "safetensors and files of torch.save are read"
    )


def _looks_like(start: bytes) -> str:
    if not start:
        return "nothing: it is empty"
    if start.startswith(b"version https://"):
        return "a pointer of Git LFS, 130 bytes instead of the weights: fetch them with `git lfs pull`"
    if start.lstrip()[:9].lower().startswith((b"<!doctype", b"<html")):
        return "text: a web page, perhaps of a log-in; download the file itself"
    if start[:1] == b"\x08" and b"pytorch" in start:
        return "ONNX, which holds a program: save the state_dict() of the network that it was exported from"
    known = {b"\x89HDF": "HDF5, as Keras writes it", b"\x93NUM": "an array of NumPy", b"\x1f\x8b": "gzip; unpack it",
             b"GGUF": "GGUF", b"\x89PNG": "an image", b"\xff\xd8\xff": "an image"}  # fmt: skip
    found = next((text for mark, text in known.items() if start.startswith(mark)), None)
    is_text = all(byte >= 32 or byte in b"\t\r\n" for byte in start)
    return found or ("text" if is_text else "nothing that is known here")


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with path.open("rb") as file:
            if int.from_bytes(file.read(8), "little") > _LONGEST_HEADER:
                raise CheckpointError(f"{path}: damaged (a header over {_LONGEST_HEADER // 10**6} MB); copy it again")
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            return {key: file.get_tensor(key) for key in file.keys()}, metadata  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError, RuntimeError, OverflowError, KeyError) as error:
        raise CheckpointError(f"{path}: damaged or not a safetensors file ({_line(error)}); copy it again") from None


def _read_torch(path: Path, *, zipped: bool) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        content = _read_zip(path, data) if zipped else _read_old_form(data)
    except UnsafePickleError as error:
        raise CheckpointError(f"{path}: not a file of plain weights: {error}; it is not opened. {_CONVERT}") from None
    except Unsupported as error:
        raise CheckpointError(f"{path}: holds {error}") from None
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        raise CheckpointError(
            f"{path}: not a file of plain weights, or damaged ({_line(error)}); copy it again"
        ) from None
    if isinstance(content, Record) and (tensors := module_tensors(content)):
        return tensors
    if not isinstance(content, Mapping):
        what = "tensor" if isinstance(content, Tensor) else getattr(content, "path", type(content).__name__)
        raise CheckpointError(
            f"{path}: holds a {what}; a dictionary of weights was wanted; save the network's state_dict() with torch.save"
        )
    return content


def _read_zip(path: Path, data: memoryview) -> Any:
    """What `torch.save` put into an archive that is not packed and holds no more than the file is long."""
    with zipfile.ZipFile(path) as archive:
        listed = archive.infolist()
    by_name = {entry.filename: entry for entry in listed}
    if any(name.endswith("/constants.pkl") for name in by_name):
        raise CheckpointError(f"{path}: a TorchScript program, not weights; save its state_dict() with torch.save")
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
            raise Misstated(f"storage {storage.key!r} states {storage.items} numbers and holds {held}")
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


def _read_old_form(data: memoryview) -> Any:
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
            raise Misstated("it states more numbers than it holds")
        return filled.setdefault(storage.key, torch.empty(storage.nbytes, dtype=torch.uint8))

    for _ in range(5):
        content, length = read_pickle(data[at:], numbers)
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


def _line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:100] if text else type(error).__name__
