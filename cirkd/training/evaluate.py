"""Scores of a network on a data set: one confusion matrix over all its pixels, never means over images."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cirkd.data.errors import DataError
from cirkd.data.matching import match_classes
from cirkd.data.sample import Classes, SegmentationData
from cirkd.data.unscored import label_counts, unscored_notes
from cirkd.models import inference
from cirkd.models.segmenter import Segmenter
from cirkd.models.stream import Item, stream
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
        notes: What a user should know: how classes were matched, which labels were not scored, how files were read.
    """

    data: str
    split: str
    images: int
    miou: float
    pixel_accuracy: float
    iou: dict[str, float | None]
    notes: tuple[str, ...] = ()


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
        model: Its classes are matched with the data set's by name, see `cirkd.data.matching`.
        data: A labelled split; where it names no classes, its labels are taken to be the network's.
        precision: float32, bf16, fp16 or auto.
        progress: Called with the share done of this process's images.
        workers: Processes that read ahead.
        processes: Those that share the images; each gets the scores over all of them, the same to the last digit
            however many they are, as whole counts of pixels are what is added up.

    Raises:
        DataError: no labels, none of a class, or classes that can't be matched.
        DeviceError: an unknown precision, memory that is too small, or outputs that are not finite.
    """
    classes = data.classes or model.info.classes
    matching = match_classes(model.info.classes, classes, data.name)
    if matching.table is None:
        raise DataError(matching.note)
    processes = processes or Processes()
    mine = processes.share(range(len(data)))
    items = stream(data, mine, [model.info.preprocessing], workers=workers)
    notes: dict[str, None] = dict.fromkeys(getattr(data, "notes", ()))
    with inference.evaluating(model) as device, torch.inference_mode():
        table = torch.from_numpy(matching.table.astype(np.int64)).to(device)
        confusion = torch.zeros(len(classes), len(classes) + 1, dtype=torch.int64, device=device)
        labels = np.zeros(256, np.int64)
        counted = _counts(model, items, notes, data.name, precision, table, len(classes))
        for done, (counts, values) in enumerate(counted, 1):
            confusion += counts
            labels += values
            if progress is not None:
                progress(done / len(mine))
    confusion, labels = processes.summed(confusion.cpu()), processes.summed(torch.from_numpy(labels)).numpy()
    if data.classes is None:
        notes[f"{data.name} names no classes: its labels are taken to be numbered as the network's classes"] = None
    notes |= dict.fromkeys([matching.note, *unscored_notes(labels, classes)])
    if not confusion.any():
        found = "; ".join(unscored_notes(labels, classes)) or "there are no pixels"
        raise DataError(f"{data.name} {data.split}: no pixel has a label of its {len(classes)} classes: {found}")
    return _scores(confusion, data, classes, tuple(note for note in notes if note))


def _counts(
    model: Segmenter,
    items: Iterable[Item],
    notes: dict[str, None],
    data: str,
    precision: str,
    table: Tensor,
    classes: int,
) -> Iterator[tuple[Tensor, np.ndarray]]:
    """Confusion matrix and label counts of each image; pixels are counted while the network runs on the next.

    They are counted where the network is: a GPU waits for nothing until the end. What is to be said of how an image was
    read is added to the notes.
    """

    def count(logits: Tensor, item: Item, label: Tensor) -> tuple[Tensor, np.ndarray]:
        with torch.inference_mode(), inference.fitting("the network", item.size, logits.device):
            prediction = table[inference.at_image_size(logits, item.size, model).max(dim=0).indices]
            on_device = label.to(logits.device, non_blocking=True).long()
            return confusion_matrix(prediction, on_device, classes), label_counts(label.numpy())

    with ThreadPoolExecutor(1) as pool:
        counting: Future[tuple[Tensor, np.ndarray]] | None = None
        for item in items:
            notes.setdefault(item.note)
            if item.label is None:
                raise DataError(f"{data}: {item.name} has no label map; scores need labels")
            output = inference.run("the network", model, item.inputs[0][None], [item.name], precision=precision)
            if counting is not None:
                yield counting.result()
            counting = pool.submit(count, output.logits[0], item, item.label)
        if counting is not None:
            yield counting.result()


def confusion_matrix(prediction: Tensor, label: Tensor, num_classes: int) -> Tensor:
    """Pixel counts `[C, C + 1]`, rows by label and columns by prediction, the last for predictions of no class.

    Labels outside [0, C) are ignored.
    """
    from torchmetrics.functional.classification import multiclass_confusion_matrix

    # What is ignored counts in a class of its own, and the checks of every pixel are left out: 2 ms instead of 14.
    known = torch.where((label >= 0) & (label < num_classes), label, num_classes)
    found = prediction.clamp(max=num_classes)
    return multiclass_confusion_matrix(found, known, num_classes + 1, validate_args=False)[:num_classes]


def _scores(confusion: Tensor, data: SegmentationData, classes: Classes, notes: tuple[str, ...]) -> Evaluation:
    hits = confusion.diagonal().double()
    union = confusion.sum(0)[: len(classes)] + confusion.sum(1) - confusion.diagonal()
    iou = [float(100 * h / u) if u > 0 else None for h, u in zip(hits, union, strict=True)]
    present = [value for value in iou if value is not None]
    return Evaluation(
        data=data.name,
        split=data.split,
        images=len(data),
        miou=sum(present) / len(present),
        pixel_accuracy=float(100 * hits.sum() / confusion.sum()),
        iou=dict(zip(classes.names, iou, strict=True)),
        notes=notes,
    )
