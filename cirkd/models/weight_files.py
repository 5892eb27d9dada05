"""Reading files of weights that anyone may have written: what is inside is looked at and never executed.

Read are safetensors, in shards too, and the two forms of `torch.save`. A file costs no more memory than a few times its
length, whatever it states about itself.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from cirkd.data.bundled import checkpoint_path
from cirkd.data.errors import CheckpointError, line_of
from cirkd.models.fit import MERGE
from cirkd.models.settings_beside import FILES
from cirkd.models.torch_files import read_torch

_START = 264  # as far as the mark of a tar archive
_LONGEST_HEADER = 32_000_000  # bytes of JSON; that of a network of 1,000 tensors has 0.1 MB
_LONGEST_CONFIG = 1_000_000
_WEIGHTS_OF_FOLDER = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
_ENDINGS = (".safetensors", ".pth", ".pt", ".ckpt", ".bin", ".pth.tar")
_NO_WEIGHTS = re.compile(r"optim|sched|scaler|random|rng|training_args")
"""Files that trainers put beside the weights."""
_SHARDED = "a sharded checkpoint of torch.distributed; join {} with dcp_to_torch_save, and give the file"
_SHARD = re.compile(
    r"(model|pytorch_model)(?:-\d+-of-\d+)\.(safetensors|bin)|(?:model|pytorch_model)\.\w+\.index\.json"
)


_PROGRAM = "which holds a program: save the state_dict() of the network that it was made from"
_BY_ENDING = {
    ".onnx": f"ONNX, {_PROGRAM}",
    ".engine": f"an engine of TensorRT, {_PROGRAM}",
    ".trt": f"an engine of TensorRT, {_PROGRAM}",
    ".mlmodel": f"Core ML, {_PROGRAM}",
    ".tflite": "TensorFlow Lite, whose networks are not read",
    ".pb": "TensorFlow's, whose networks are not read",
    ".index": "TensorFlow's, whose networks are not read",
    ".7z": "an archive; unpack it, and give the file in it",
    ".rar": "an archive; unpack it, and give the file in it",
}
"""What a file is whose beginning does not tell."""


@dataclass(frozen=True, eq=False)
class FileContent:
    """What a file holds.

    Args:
        path: The file.
        content: Tensors by name; in a file of `torch.save` also what lies beside or above them.
        metadata: Text entries of a safetensors file, or of a file of `torch.save`.
        config: What the `config.json` beside it says.
        beside: Other settings beside it, by the file's name; see `settings_beside`.
    """

    path: Path
    content: Mapping[str, Any]
    metadata: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] | None = None
    beside: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_weights(path: Path | str) -> FileContent:
    """Read a file of weights, or a folder of `config.json` and weights; told apart by content, not by name.

    A path without a file that names a bundled checkpoint means that, as `checkpoint_path` says.

    Raises:
        CheckpointError: missing, unreadable, damaged, or not plain weights; says what to do.
    """
    file, config = locate(checkpoint_path(Path(path)))
    if file.name.endswith(".index.json"):
        content, metadata = _read_shards(file), {}
    else:
        content, metadata = _read_file(file)
    beside = {name: found for name in FILES if config is not None and (found := _config(file.parent / name))}
    return FileContent(file, content, metadata, config, beside)


def _read_shards(index: Path) -> dict[str, Any]:
    """All tensors of the files that an index lists."""
    found: dict[str, Any] = {}
    names = indexed(index)
    for name in sorted(set(names.values())):
        shard = index.parent / name
        if not shard.exists():
            raise CheckpointError(f"{shard}: the index lists this shard and it is not there; copy it there")
        require_file(shard)
        found |= _read_file(shard)[0]
    if missing := next((name for name in names if name not in found), None):
        raise CheckpointError(f"{index}: {missing} is in no shard; copy them again")
    return found


def indexed(index: Path) -> dict[str, str]:
    """Name of a tensor -> name of the file beside it that holds it, as an index of shards lists them.

    Raises:
        CheckpointError: no such index, or one that lists what is no file beside it.
    """
    names = (_config(index) or {}).get("weight_map")
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise CheckpointError(f"{index}: no index of weights; copy it again, with all its shards")
    if strange := next((name for name in names.values() if Path(name).name != name), None):
        raise CheckpointError(f"{index}: lists {strange[:60]!r}, which is no file beside it; copy it again")
    return names


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
        if path.suffix == ".distcp":
            raise CheckpointError(f"{path}: a part of {_SHARDED.format('its folder')}")
        # A configuration belongs to the files of its folder that have the usual names, and to no other.
        shard = _SHARD.fullmatch(path.name)
        usual = shard or path.name in _WEIGHTS_OF_FOLDER
        config = _config(path.parent / "config.json") if usual else None
        if shard is None or path.name.endswith(".index.json"):
            return path, config
        index = path.with_name(f"{shard[1]}.{shard[2]}.index.json")
        if not index.is_file():
            raise CheckpointError(f"{path}: one shard of several; copy the others and {index.name} beside it")
        return index, config
    config = _config(path / "config.json")
    if config is None:
        raise CheckpointError(f"{path}: this is a folder, {_held_by(path)}")
    for name in _WEIGHTS_OF_FOLDER:
        if (path / name).exists() or (path / name).is_symlink():
            require_file(path / name)
            return path / name, config
    raise CheckpointError(f"{path}: there is a config.json and no {_WEIGHTS_OF_FOLDER[0]} beside it; copy it there")


def _held_by(folder: Path) -> str:
    """What was wanted in place of a folder without `config.json`, and what in it might be that."""
    names = sorted(file.name for file in folder.iterdir() if file.is_file())
    if parts := next((file.parent for pattern in ("*.distcp", "*/*.distcp") for file in folder.glob(pattern)), None):
        return _SHARDED.format("it" if parts == folder else parts.name)
    if "adapter_config.json" in names:
        return f"an adapter (LoRA) without its network; {MERGE}"
    inside = [str(file.relative_to(folder)) for file in folder.glob("*/*_model_states.pt")]
    held = [name for name in names if name.endswith(_ENDINGS) and not _NO_WEIGHTS.search(name)] or sorted(inside)
    offered = f"; give a file in it, such as {', '.join(held[:3])}" if held else ""
    return f"a checkpoint file was wanted, or config.json and model.safetensors in it{offered}"


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
            start = file.read(_START)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}); check the disk") from None
    if start[:4] == b"PK\x03\x04":
        return "zip"
    # Before pickles: the length of a header, with which these files begin, may have a pickle's first byte.
    stated = int.from_bytes(start[:8], "little")
    if len(start) > 8 and start[8:9] == b"{" and stated <= size - 8:
        return "safetensors"
    if start[:1] == b"\x80" and path.suffix != ".safetensors":
        return "pickle"
    if path.suffix == ".safetensors":
        what = "empty" if size == 0 else "its header is cut off or no header"
        raise CheckpointError(f"{path}: damaged or not a safetensors file ({what}); copy it again")
    raise CheckpointError(
        f"{path}: not a file of plain weights (it begins like {_looks_like(start, path.suffix.lower())}); "
        "safetensors and files of torch.save are read"
    )


def _looks_like(start: bytes, ending: str) -> str:
    if not start:
        return "nothing: it is empty"
    if start.startswith(b"version https://"):
        return "a pointer of Git LFS, 130 bytes instead of the weights: fetch them with `git lfs pull`"
    if start.lstrip()[:9].lower().startswith((b"<!doctype", b"<html")):
        return "text: a web page, perhaps of a log-in; download the file itself"
    if start[257:262] == b"ustar":
        return "a tar archive; unpack it"
    if start[:1] == b"\x08" and b"pytorch" in start:
        return _BY_ENDING[".onnx"]
    known = {
        b"\x89HDF": "HDF5, as Keras writes it",
        b"\x93NUM": "an array of NumPy",
        b"\x1f\x8b": "gzip; unpack it",
        b"GGUF": "GGUF",
        b"\x89PNG": "an image",
        b"\xff\xd8\xff": "an image",
    }
    found = next((text for mark, text in known.items() if start.startswith(mark)), None)
    is_text = all(byte >= 32 or byte in b"\t\r\n" for byte in start[:16])
    return found or ("text" if is_text else _BY_ENDING.get(ending, "nothing that is known here"))


@contextmanager
def opened_safetensors(path: Path) -> Iterator[Any]:
    """A file of safetensors, open; whatever is found wrong with it becomes one line.

    Raises:
        CheckpointError: damaged.
    """
    try:
        with path.open("rb") as file:
            if int.from_bytes(file.read(8), "little") > _LONGEST_HEADER:
                raise CheckpointError(f"{path}: damaged (a header over {_LONGEST_HEADER // 10**6} MB); copy it again")
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError, ValueError, TypeError, RuntimeError, OverflowError, KeyError) as error:
        raise CheckpointError(f"{path}: damaged or not a safetensors file ({line_of(error)}); copy it again") from None


def _read_file(path: Path) -> tuple[Mapping[str, Any], dict[str, str]]:
    """What one file holds, and its text entries."""
    if (kind := kind_of(path)) == "safetensors":
        with opened_safetensors(path) as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
    content = read_torch(path, zipped=kind == "zip")
    return content, {name: value for name, value in content.items() if isinstance(value, str)}
