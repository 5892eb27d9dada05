"""One safe file format for everything trained: safetensors, with a JSON header that says what the tensors are.

Metadata key `cirkd` of a `.safetensors` file holds the header as JSON: format, architecture, classes, preprocessing,
provenance (recipe, seed, steps, scores), and the shape of the memory where there is one. Floating-point weights are
kept in 16 bit. `.pth` files are read with `weights_only=True`: nothing in them is executed.
"""

import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from cirkd.data.errors import CheckpointError
from cirkd.data.sample import Classes
from cirkd.losses.memory import RelationMemory
from cirkd.models.build import build_segmenter
from cirkd.models.segmenter import ModelInfo, Preprocessing, Segmenter

FORMAT = 1
_WEIGHTS = "model."
_MEMORY = "memory."


def save_checkpoint(
    path: Path | str, model: Segmenter, memory: RelationMemory | None = None, **provenance: Any
) -> None:
    """Write a network, and the relation memory it was distilled with, to one file.

    The file is complete or not there: it is written beside its place and moved. Floating-point tensors are stored as
    float16; a value that float16 can't hold stops the save.

    Raises:
        CheckpointError: weights are not finite in float16, or the disk refuses.
    """
    path = Path(path)
    tensors = {_WEIGHTS + key: _to_half(key, value) for key, value in model.state_dict().items()}
    header = _header(model.info, provenance)
    if memory is not None:
        tensors |= {_MEMORY + key: _to_half(key, value) for key, value in memory.state_dict().items()}
        header["memory"] = memory.settings()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, temporary, metadata={"cirkd": json.dumps(header)})
        os.replace(temporary, path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be written ({error}); the old file, if any, is untouched") from None
    finally:
        temporary.unlink(missing_ok=True)


def read_header(path: Path | str) -> dict[str, Any]:
    """Read a checkpoint's header without its weights.

    Raises:
        CheckpointError: not a checkpoint of this project.
    """
    path = Path(path)
    _require_file(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        header = json.loads(metadata["cirkd"])
        if header["format"] > FORMAT:
            raise CheckpointError(f"{path}: written by a newer version (format {header['format']}); update cirkd")
    except KeyError:
        raise CheckpointError(
            f"{path}: a safetensors file without this project's header; save it with cirkd's save_checkpoint"
        ) from None
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: damaged or not a safetensors file ({error}); copy it again") from None
    return header


def load_model(path: Path | str, device: str | torch.device = "auto") -> Segmenter:
    """Load a checkpoint as a network in evaluation mode, ready to run.

    Args:
        path: A `.safetensors` file of this project, or a `.pth` of the same layout.
        device: `auto` takes a GPU when there is one.

    Returns:
        The network; `memory` holds projection head and class queues where the file has them.

    Raises:
        CheckpointError: missing, damaged, foreign, or weights that don't fit or aren't finite; says what to do.
    """
    path = Path(path)
    _require_file(path)
    header, tensors = _read_pth(path) if path.suffix in (".pth", ".pt") else _read_safetensors(path)
    model = _build(path, header)
    weights = {k.removeprefix(_WEIGHTS): v.float() for k, v in tensors.items() if k.startswith(_WEIGHTS)}
    _fill(path, model, weights)
    if "memory" in header:
        memory = RelationMemory(**header["memory"])
        _fill(path, memory, {k.removeprefix(_MEMORY): _widen(v) for k, v in tensors.items() if k.startswith(_MEMORY)})
        model.memory = memory
    return model.to(resolve_device(device)).eval()


def resolve_device(device: str | torch.device) -> torch.device:
    """`auto` becomes `cuda` when there is one, else `cpu`; anything else is taken at its word.

    Raises:
        CheckpointError: a GPU was asked for and there is none.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    resolved = torch.device(device)
    if resolved.type == "cuda" and not torch.cuda.is_available():
        raise CheckpointError("device cuda was asked for and there is no GPU here; choose auto or cpu")
    return resolved


def _header(info: ModelInfo, provenance: dict[str, Any]) -> dict[str, Any]:
    header = asdict(replace(info, provenance=dict(info.provenance) | provenance))
    return {"format": FORMAT, **header}


def _to_half(key: str, value: Tensor) -> Tensor:
    value = value.detach().cpu().contiguous()
    if not value.is_floating_point():
        return value
    half = value.half()
    if not torch.isfinite(half).all():
        raise CheckpointError(f"{key} holds values that float16 cannot; the run has diverged, lower its learning rate")
    return half


def _widen(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value


def _require_file(path: Path) -> None:
    if path.is_dir():
        raise CheckpointError(f"{path}: this is a folder, a checkpoint file was wanted")
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file; check the path, or train one with `cirkd train`")
    if not os.access(path, os.R_OK):
        raise CheckpointError(f"{path}: no permission to read this file; change its access rights")


def _read_safetensors(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    header = read_header(path)
    try:
        return header, load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: damaged ({error}); copy it again") from None


def _read_pth(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch reports refused pickles, torn archives and plain text through a dozen unrelated exception types.
        reason = str(error).strip().splitlines()[0][:100] if str(error).strip() else type(error).__name__
        raise CheckpointError(
            f"{path}: not a file of plain weights ({reason}); save it again with torch.save(model.state_dict(), ...)"
        ) from None
    if not isinstance(content, dict) or not isinstance(content.get("cirkd"), str):
        raise CheckpointError(f"{path}: weights of an unknown network; only files that cirkd wrote are read yet")
    try:
        header = json.loads(content["cirkd"])
    except ValueError:
        raise CheckpointError(f"{path}: its header is damaged; copy the file again") from None
    return header, {key: value for key, value in content.items() if isinstance(value, Tensor)}


def _build(path: Path, header: dict[str, Any]) -> Segmenter:
    try:
        classes = Classes(
            names=tuple(header["classes"]["names"]),
            colors=tuple((int(r), int(g), int(b)) for r, g, b in header["classes"]["colors"]),
            ignore_index=int(header["classes"]["ignore_index"]),
        )
        preprocessing = Preprocessing(
            **{
                key: tuple(value) if isinstance(value, list) else value
                for key, value in header["preprocessing"].items()
            }
        )
        model = build_segmenter(
            header["architecture"],
            header["encoder"],
            classes,
            output_stride=header["output_stride"],
            embedding_channels=header["embedding_channels"],
            auxiliary=header["auxiliary"],
            preprocessing=preprocessing,
            **header["options"],
        )
        model.info = replace(model.info, provenance=header["provenance"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: its header is incomplete ({error!r}); save the model again") from None
    return model


def _fill(path: Path, module: torch.nn.Module, state: dict[str, Tensor]) -> None:
    for key, value in state.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise CheckpointError(f"{path}: {key} holds NaN or infinity; training diverged, use an earlier file")
    try:
        module.load_state_dict(state, strict=True)
    except RuntimeError as error:
        detail = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{path}: weights and header disagree ({detail}); save the model again") from None
