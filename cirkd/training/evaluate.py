"""Scores of a network on a data set: one confusion matrix over all its pixels, never means over images."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cirkd.data.errors import DataError
from cirkd.data.sample import SegmentationData
from cirkd.models.segmenter import Segmenter
from cirkd.models.stream import Item, stream
from cirkd.relations.precision import has_bf16
from cirkd.training.processes import Processes


@dataclass(frozen=True)
class Evaluation:
    """Scores over a data set, in percent.

    Args:
        data, split: What was evaluated.
        images: How many images.
        miou: Mean of the IoU of the classes that occur in labels or predictions.
        pixel_accuracy: Share of labelled pixels that are right.
        iou: IoU by class name; None for a class that occurs in neither.
    """

    data: str
    split: str
    images: int
    miou: float
    pixel_accuracy: float
    iou: dict[str, float | None]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def _logits(model: Segmenter, image: Tensor, precision: str) -> Tensor:
    """Of one preprocessed image [3, H, W]: [1, C, h, w] on the network's device."""
    device = next(model.parameters()).device
    with torch.inference_mode(), autocast(device, precision):
        return model(image[None].to(device, non_blocking=True)).logits


def _class_map(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Logits upsampled (align_corners=True) to height and width, then the class of the largest: int64 [H, W]."""
    # A pixel's classes side by side, and max instead of argmax: 10 ms instead of 53 for 15 classes of 131,072 pixels.
    beside = logits.float().contiguous(memory_format=torch.channels_last)
    return F.interpolate(beside, size=size, mode="bilinear", align_corners=True)[0].max(dim=0).indices


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Autocast for a precision of a recipe: bf16, fp16, float32 for none, or auto: bf16 where the device has it."""
    if precision == "auto":
        precision = "bf16" if has_bf16(device) else "float32"
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.bfloat16)
    return torch.autocast(device.type, dtype=dtype, enabled=precision != "float32")


def evaluate(
    model: Segmenter,
    data: SegmentationData,
    *,
    precision: str = "float32",
    progress: Callable[[float], None] | None = None,
    workers: int = 0,
    processes: Processes | None = None,
) -> Evaluation:
    """Evaluate a network in evaluation mode on whole images at their own size.

    Args:
        model: Its classes must be the data set's.
        data: A labelled split.
        precision: float32, bf16 or fp16.
        progress: Called with the share done of this process's images.
        workers: Processes that read ahead.
        processes: Those that share the images; each gets the scores over all of them, the same to the last digit
            however many they are, as whole counts of pixels are what is added up.

    Raises:
        DataError: no labels, or class counts that differ.
    """
    classes = data.classes
    if classes is None or len(classes) != len(model.info.classes):
        found = "none" if classes is None else len(classes)
        raise DataError(
            f"{data.name}: {found} classes, the network has {len(model.info.classes)}; choose its own data set"
        )
    processes = processes or Processes()
    was_training = model.training
    model.eval()
    mine = processes.share(range(len(data)))
    items = stream(data, mine, [model.info.preprocessing], workers=workers)
    confusion = torch.zeros(len(classes), len(classes), dtype=torch.int64, device=next(model.parameters()).device)
    for done, counts in enumerate(_counts(model, items, data.name, precision), 1):
        confusion += counts
        if progress is not None:
            progress(done / len(mine))
    model.train(was_training)
    return _scores(processes.summed(confusion.cpu()), data)


def _counts(model: Segmenter, items: Iterable[Item], data: str, precision: str) -> Iterator[Tensor]:
    """The confusion matrix of each image; its pixels are counted while the network runs on the next.

    They are counted where the network is: a GPU waits for nothing until the end.
    """
    classes, device = len(model.info.classes), next(model.parameters()).device

    def count(logits: Tensor, size: tuple[int, int], label: Tensor) -> Tensor:
        with torch.inference_mode():
            return confusion_matrix(_class_map(logits, size), label.to(device, non_blocking=True).long(), classes)

    with ThreadPoolExecutor(1) as pool:
        counting: Future[Tensor] | None = None
        for item in items:
            if item.label is None:
                raise DataError(f"{data}: {item.name} has no label map; scores need labels")
            logits = _logits(model, item.inputs[0], precision)
            if counting is not None:
                yield counting.result()
            counting = pool.submit(count, logits, item.size, item.label)
        if counting is not None:
            yield counting.result()


def confusion_matrix(prediction: Tensor, label: Tensor, num_classes: int) -> Tensor:
    """Pixel counts `[C, C]`, rows by label and columns by prediction; labels outside [0, C) are ignored."""
    from torchmetrics.functional.classification import multiclass_confusion_matrix

    # What is ignored counts in a class of its own, and the checks of every pixel are left out: 2 ms instead of 14.
    known = torch.where((label >= 0) & (label < num_classes), label, num_classes)
    counted = multiclass_confusion_matrix(prediction, known, num_classes + 1, validate_args=False)
    return counted[:num_classes, :num_classes]


def _scores(confusion: Tensor, data: SegmentationData) -> Evaluation:
    assert data.classes is not None
    hits = confusion.diagonal().double()
    union = confusion.sum(0) + confusion.sum(1) - confusion.diagonal()
    iou = [float(100 * h / u) if u > 0 else None for h, u in zip(hits, union, strict=True)]
    present = [value for value in iou if value is not None]
    return Evaluation(
        data=data.name,
        split=data.split,
        images=len(data),
        miou=sum(present) / len(present) if present else float("nan"),
        pixel_accuracy=float(100 * hits.sum() / confusion.sum().clamp(min=1)),
        iou=dict(zip(data.classes.names, iou, strict=True)),
    )
