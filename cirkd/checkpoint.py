"""One safe file format for everything trained: safetensors, with a JSON header that says what the tensors are.

Metadata key `cirkd` of a `.safetensors` file holds the header as JSON: format, architecture, classes, preprocessing,
provenance (recipe, seed, steps, scores), and the shape of the memory where there is one. Floating-point weights are
kept in 16 bit. Files of other projects are recognised by content (`cirkd.models.layouts`); nothing in any file is
executed.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from cirkd.data.bundled import checkpoint_path
from cirkd.data.errors import CheckpointError
from cirkd.data.sample import Classes
from cirkd.data.whole_files import replacing
from cirkd.losses.memory import RelationMemory
from cirkd.models.answers import Answers, answered, checked, named_classes, read_sidecar
from cirkd.models.build import build_from_info
from cirkd.models.fit import UNUSUAL, compare, filled, on_meta_device
from cirkd.models.foreign import identify_foreign
from cirkd.models.header import header_of, info_of, parse_header
from cirkd.models.hub import fetched, is_remote, with_revision
from cirkd.models.inference import resolve_device
from cirkd.models.layouts import Recognised
from cirkd.models.own_network import open_own
from cirkd.models.places import own_network
from cirkd.models.segmenter import Segmenter
from cirkd.models.weight_files import FileContent, kind_of, opened_safetensors, read_weights, require_file

Module = TypeVar("Module", bound=nn.Module)

_WEIGHTS = "model."
_MEMORY = "memory."


def save_checkpoint(
    path: Path | str, model: Segmenter, memory: RelationMemory | None = None, **provenance: Any
) -> None:
    """Write a network, and the relation memory it was distilled with, to one file.

    The file is complete or not there: it is written beside its place and moved. Floating-point tensors are stored as
    float16; a value that float16 can't hold stops the save.

    Args:
        memory: that of the model when None, where it was loaded with one.

    Raises:
        CheckpointError: weights are not finite in float16, or the disk refuses.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     save_checkpoint(Path(folder) / "mine.safetensors", load_model("streets-cirkd", "cpu"))
        ...     load_model(Path(folder) / "mine.safetensors", "cpu").info.architecture
        'segformer'
    """
    path = Path(path)
    if model.info.layout == "own":
        raise CheckpointError(f"{path}: a network of your own is made by your own code; save its state_dict() instead")
    weights = {key: value for key, value in model.state_dict().items() if not key.startswith(_MEMORY)}
    tensors = {_WEIGHTS + key: _to_half(key, value) for key, value in weights.items()}
    if memory is None and isinstance(model.memory, RelationMemory):
        memory = model.memory
    header = header_of(model.info, provenance)
    if memory is not None:
        tensors |= {_MEMORY + key: _to_half(key, value) for key, value in memory.state_dict().items()}
        header["memory"] = memory.settings()
    try:
        with replacing(path) as temporary:
            save_file(tensors, temporary, metadata={"cirkd": json.dumps(header)})
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be written ({error}); the old file, if any, is untouched") from None


def read_header(path: Path | str) -> dict[str, Any]:
    """Read a checkpoint's header without its weights.

    Raises:
        CheckpointError: not a checkpoint of this project.
    """
    path = checkpoint_path(Path(path))
    require_file(path)
    if kind_of(path) != "safetensors":
        raise CheckpointError(f"{path}: not a safetensors file; save it with cirkd's save_checkpoint")
    with opened_safetensors(path) as file:
        metadata = file.metadata() or {}
    if "cirkd" not in metadata:
        raise CheckpointError(
            f"{path}: a safetensors file without this project's header; save it with cirkd's save_checkpoint"
        )
    return parse_header(path, metadata["cirkd"])


def build_network(found: Recognised) -> Segmenter:
    """The network that a file was recognised as, with fresh weights.

    Raises:
        CheckpointError: none can be built as its header says.
    """
    try:
        return build_from_info(found.info)
    except CheckpointError as error:
        raise CheckpointError(f"{found.path}: {error}") from None
    except UNUSUAL as error:
        text = " ".join(str(error).split())[:120]
        raise CheckpointError(
            f"{found.path}: no network can be built as its header or config.json says ({text}); save the model again"
        ) from None


def build_memory(found: Recognised) -> RelationMemory:
    """The empty memory that a file was recognised to hold.

    Raises:
        CheckpointError: its settings are incomplete.
    """
    try:
        return RelationMemory(**(found.memory or {}))
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise CheckpointError(f"{found.path}: its header is incomplete ({error!r}); save the model again") from None


def identify(
    path: Path | str, answers: Answers | None = None, classes: Classes | None = None, *, beside: bool = True
) -> Recognised:
    """Find out what a file or folder of weights is, by its content and by what the user says.

    Args:
        path: A file of this project or of another, or a folder that `save_pretrained` wrote.
        answers: What its content does not tell; `NAME.cirkd.json` beside it holds where these don't say.
        classes: The classes, in place of a file that names them.
        beside: Whether `NAME.cirkd.json` is read.

    Raises:
        CheckpointError: unreadable, unsafe or unknown; says what to do.
    """
    if remote := is_remote(path):
        path = fetched(str(path))
    file = read_weights(path)
    answers = (answers or Answers()).over(read_sidecar(Path(path)) if beside else Answers())
    found = _own(file) if isinstance(file.metadata.get("cirkd"), str) else identify_foreign(file, answers)
    if remote:
        found = replace(found, info=with_revision(found.info, file.path))
    try:
        return replace(found, info=answered(found.info, answers, classes))
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None


def load_model(
    path: Path | str,
    device: str | torch.device = "auto",
    *,
    architecture: str | None = None,
    encoder: str | None = None,
    classes: Classes | Sequence[str] | Path | str | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    range: float | None = None,
    channel_order: str | None = None,
    input_scale: float | None = None,
    align_corners: bool | None = None,
    weights: str | None = None,
) -> Segmenter:
    """A checkpoint as a network in evaluation mode; `memory` holds projection head and queues where the file has them.

    What is given here overrules what the file says, and `NAME.cirkd.json` beside it.

    Args:
        path: A file of this project, or one of those in `cirkd.models.layouts`, or a folder that `save_pretrained`
            wrote, recognised by content; `FILE.py:make` or `FILE.py:make,WEIGHTS` for a network of your own; or
            `hf://OWNER/NAME`.
        device: `auto` takes a GPU when there is one.
        classes: Their names in the order of the outputs, or a file that lists them.
        architecture, encoder, mean, std, range, channel_order, input_scale, align_corners, weights: As in
            `cirkd.models.answers.Answers`.

    Raises:
        CheckpointError: missing, damaged, unsafe, unknown, or weights that don't fit or aren't finite; says what to do.

    Example:
        >>> load_model("checkpoints/streets-baseline.safetensors", "cpu").info.architecture
        'segformer'
    """
    target = resolve_device(device)
    answers, listed = _answers(
        path,
        classes,
        architecture=architecture,
        encoder=encoder,
        mean=mean,
        std=std,
        range=range,
        channel_order=channel_order,
        input_scale=input_scale,
        align_corners=align_corners,
        weights=weights,
    )
    if own := own_network(str(path)):
        return open_own(own, answers, listed).to(target).eval()
    found = identify(path, answers, listed)
    model = _filled(found, build_network, found.tensors)
    if found.memory is not None:
        model.memory = _filled(found, build_memory, found.memory_tensors)
    return model.to(target).eval()


def _answers(path: Path | str, classes: Any, **given: Any) -> tuple[Answers, Classes | None]:
    """What was given, in the form in which it is kept."""
    listed = named_classes(classes) if isinstance(classes, list | tuple) else classes
    file = None if isinstance(listed, Classes) else listed
    try:
        return checked(**given, classes=file), listed if isinstance(listed, Classes) else None
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: {error}") from None


def load_models(
    paths: Sequence[Path],
    device: str | torch.device = "auto",
    names: Sequence[str] = (),
    answers: Answers | None = None,
) -> dict[str, Segmenter]:
    """Load several checkpoints, as `load_model`, each under its name; without names, under that of its file.

    Args:
        answers: What those are that are not this project's own.

    Raises:
        CheckpointError: two have one name, or there are not as many names as files.
    """
    names = list(names) or [path.stem for path in paths]
    if len(names) != len(paths):
        raise CheckpointError(f"{len(names)} names for {len(paths)} checkpoints; give each one, in the same order")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise CheckpointError(f"two checkpoints are called {twice}; give names of their own with --names")
    return {name: load_told(path, device, answers) for name, path in zip(names, paths, strict=True)}


def load_told(path: Path | str, device: str | torch.device, answers: Answers | None) -> Segmenter:
    """As `load_model`, with answers that are meant for files of other projects: this one's say all themselves."""
    given = {} if answers is None else answers.given()
    if given:
        with suppress(CheckpointError):
            read_header(path)
            given = {}
    return load_model(path, device, **given)


def _to_half(key: str, value: Tensor) -> Tensor:
    value = value.detach().cpu().contiguous()
    if not value.is_floating_point():
        return value
    half = value.half()
    if not torch.isfinite(half).all():
        raise CheckpointError(f"{key} holds values that float16 cannot; the run has diverged, lower its learning rate")
    return half


def _own(file: FileContent) -> Recognised:
    """A file of this project, as its header says."""
    header = parse_header(file.path, file.metadata["cirkd"])
    tensors = {key: value for key, value in file.content.items() if isinstance(value, Tensor)}
    weights = {key.removeprefix(_WEIGHTS): value for key, value in tensors.items() if key.startswith(_WEIGHTS)}
    memory = header.get("memory")
    queues = {key.removeprefix(_MEMORY): value for key, value in tensors.items() if key.startswith(_MEMORY)}
    held = queues if memory is not None else {}
    return Recognised(info_of(file.path, header), weights, path=file.path, memory=memory, memory_tensors=held)


def _filled(found: Recognised, build: Callable[[Recognised], Module], tensors: dict[str, Tensor]) -> Module:
    """The network or memory with the file's tensors in it."""
    with on_meta_device():
        empty = build(found)
    fit = compare(empty, tensors)
    if fit.not_finite:
        name = fit.not_finite[0]
        raise CheckpointError(f"{found.path}: {name} holds NaN or infinity; {fit.remedy(found.other)}")
    if not fit.complete:
        what = f"{found.info.architecture} on {found.info.encoder}"
        raise CheckpointError(f"{found.path}: its weights are not those of {what} ({fit.complaint()}); {fit.remedy()}")
    return filled(empty, lambda: build(found), tensors)
