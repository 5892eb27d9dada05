"""The one way to run a network: on which device, in what precision, within memory, to finite numbers, at image size."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from cirkd.data.errors import DeviceError, line_of
from cirkd.models.layer_names import DECODER
from cirkd.models.segmenter import SegmentationOutput
from cirkd.models.taps import taken, tapped
from cirkd.relations.precision import has_bf16

if TYPE_CHECKING:
    from cirkd.models.segmenter import Segmenter

PRECISIONS = ("auto", "float32", "bf16", "fp16")
Item = TypeVar("Item")
Result = TypeVar("Result")


class MemoryFullError(DeviceError):
    """One image alone needs more memory than the device has."""


def resolve_device(device: str | torch.device) -> torch.device:
    """The device of a name: `auto` is a GPU where there is one (CUDA's, else Apple's), else the processor.

    Raises:
        DeviceError: no such device here.

    Example:
        >>> resolve_device("cpu")
        device(type='cpu')
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        line = line_of(error)
        raise DeviceError(f"device {str(device)!r} cannot be used here; choose auto or cpu ({line})") from error
    return found


def resolve_precision(precision: str, device: torch.device) -> str:
    """The precision of a name: `auto` is bf16 on a GPU that has it, float32 elsewhere.

    Raises:
        DeviceError: an unknown precision.

    Example:
        >>> resolve_precision("auto", torch.device("cpu"))
        'float32'
    """
    if precision not in PRECISIONS:
        raise DeviceError(f"precision {precision!r} is unknown; choose one of: {', '.join(PRECISIONS)}")
    if precision != "auto":
        return precision
    return "bf16" if device.type == "cuda" and has_bf16(device) else "float32"


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager[Any]:
    """Autocast for a precision's name; none for float32.

    Raises:
        DeviceError: an unknown precision.
    """
    wanted = resolve_precision(precision, device)
    if wanted == "float32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16 if wanted == "bf16" else torch.float16)


@contextlib.contextmanager
def evaluating(model: Segmenter, device: torch.device | None = None) -> Iterator[torch.device]:
    """The network in evaluation mode, on a device (its own when None), and afterwards in the mode it was in."""
    training = model.training
    if device is not None:
        model.to(device)
    model.eval()
    try:
        yield next(model.parameters()).device
    finally:
        model.train(training)


def run(
    name: str, model: Segmenter, batch: Tensor, images: Sequence[str], *, precision: str, layer: str = DECODER
) -> SegmentationOutput:
    """Logits and the map of a layer, float32 and on the network's device, of preprocessed images.

    Args:
        name: What to call the network in errors.
        batch: Network input `[B, 3, h, w]`, on any device.
        images: The images' names, for errors.
        precision: As of `resolve_precision`.
        layer: One of `cirkd.models.taps.layers`, such as `decoder`.

    Raises:
        DeviceError: an unknown precision, memory that is too small, or numbers that are not finite.
        StudyError: the network has no such layer.
    """
    logits, maps = run_layers(name, model, batch, images, precision=precision, layers=(layer,))
    return SegmentationOutput(logits, maps[layer])


def run_layers(
    name: str, model: Segmenter, batch: Tensor, images: Sequence[str], *, precision: str, layers: Sequence[str]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits, and layer -> map, of several layers in one pass; arguments and errors as of `run`."""
    device = next(model.parameters()).device
    with fitting(name, tuple(batch.shape[2:]), device):
        with autocast(device, precision), tapped(model, layers) as tap:
            output = model(batch.to(device, non_blocking=True))
            maps = {layer: taken(model, layer, tap, output.embedding, batch.shape[2:]) for layer in layers}
        logits, maps = output.logits.float(), {layer: values.float() for layer, values in maps.items()}
        finite = torch.isfinite(logits).flatten(1).all(dim=1)
        for values in maps.values():
            finite = finite & torch.isfinite(values).flatten(1).all(dim=1)
    if not finite.all():
        image = next(image for image, good in zip(images, finite.tolist(), strict=True) if not good)
        used = resolve_precision(precision, device)
        remedy = (
            "the checkpoint is damaged or its training diverged; choose another checkpoint of this run"
            if used == "float32"
            else f"the range of {used} may be too small for it; choose precision float32"
        )
        what = f"its {', '.join(layers)} embedding or logits of image {image!r}"
        raise DeviceError(f"{name}: {what} hold numbers that are not finite; {remedy}")
    return logits, maps


@contextlib.contextmanager
def fitting(name: str, size: tuple[int, ...], device: torch.device) -> Iterator[None]:
    """Turn running out of memory into one clear line.

    Raises:
        MemoryFullError: memory ran out in here.
    """
    try:
        yield
    except RuntimeError as error:
        text = str(error).lower()
        if not (isinstance(error, torch.OutOfMemoryError) or "out of memory" in text or "allocate" in text):
            raise
        raise MemoryFullError(
            f"{name}: one image of {size[0]}x{size[1]} does not fit into the memory of {device}; "
            "choose smaller images, or the CPU as device"
        ) from error


class BatchSize:
    """How many images go through a network at once: halved when memory runs out, and then for good.

    Args:
        device: Where; a processor gains nothing from batches, and after every image there is progress to show.
        size: To begin with; None is 8 on a GPU and 1 on a processor.

    Raises:
        DeviceError: below 1.
    """

    def __init__(self, device: torch.device, size: int | None = None) -> None:
        if size is not None and size < 1:
            raise DeviceError(f"batch size {size}: must be at least 1")
        self.size = size or (1 if device.type == "cpu" else 8)

    def over(
        self, items: Sequence[Item], work: Callable[[Sequence[Item]], Sequence[Result]]
    ) -> Iterator[tuple[Item, Result]]:
        """Each item with its result, in order.

        Raises:
            MemoryFullError: one item alone is too much.
        """
        at = 0
        while at < len(items):
            taken = items[at : at + self.size]
            try:
                results = work(taken)
            except MemoryFullError:
                if len(taken) == 1:
                    raise
                self.size = max(1, len(taken) // 2)
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
                continue
            yield from zip(taken, results, strict=True)
            at += len(taken)


def at_image_size(logits: Tensor, size: tuple[int, ...], model: Segmenter) -> Tensor:
    """Logits `[C, h, w]` upsampled to height and width by the rule of the network's layout: `[C, H, W]`."""
    # A pixel's classes side by side: finding the largest of 15 at 131,072 pixels then takes 10 ms instead of 53.
    beside = logits[None].float().contiguous(memory_format=torch.channels_last)
    corners = model.info.align_corners
    return F.interpolate(beside, size=tuple(size), mode="bilinear", align_corners=corners)[0]


def best_class(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The most probable class uint8 [...] and its softmax probability float32 [...] of logits [C, ...]."""
    best, index = logits.max(dim=0)
    return index.to(torch.uint8), torch.exp(best - torch.logsumexp(logits, dim=0))
