"""What is measured of a network on every image of a split: confusion, outlines, calibration; and a linear probe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cirkd.analysis.segmentation_measures import (
    band_width,
    boundary_counts,
    calibration_counts,
    calibration_error,
    linear_probe,
)
from cirkd.data.sample import SegmentationData
from cirkd.export.files import whole
from cirkd.features.sampling import balanced_sample
from cirkd.models import inference
from cirkd.models.segmenter import Segmenter
from cirkd.models.stream import Item, stream
from cirkd.relations import resize_labels
from cirkd.training.evaluate import confusion_matrix

PROBE_IMAGES, PROBE_PIXELS = 60, 6_000
"""Images of each split, and pixels of them all, that the linear probe is fitted to and asked about."""


def image_measures(model: Segmenter, data: SegmentationData) -> tuple[dict[str, float], np.ndarray]:
    """Boundary IoU and expected calibration error of a split, in percent, and uint32 confusions [n, C, C] by image.

    The network's classes are the data set's, as after training on it.
    """
    classes = len(model.info.classes)
    both, either = torch.zeros(classes), torch.zeros(classes)
    calibration, confusions = torch.zeros(3, 1), []
    for item, logits, _ in _outputs(model, data, range(len(data))):
        assert item.label is not None, "a split that is trained on has labels"
        logits, label = inference.at_image_size(logits, item.size, model).cpu(), item.label.long()
        prediction = logits.argmax(0)
        confusions.append(confusion_matrix(prediction, label, classes)[:, :classes].numpy().astype(np.uint32))
        counts = boundary_counts(prediction, label, classes, band_width(*item.size))
        both, either = both + counts[0], either + counts[1]
        calibration = calibration + calibration_counts(logits, label)
    occurs = either > 0
    measured = {
        "boundary_iou": float(100 * (both[occurs] / either[occurs]).mean()),
        "calibration_error": calibration_error(calibration),
    }
    return measured, np.stack(confusions)


def probed(model: Segmenter, train: SegmentationData, val: SegmentationData) -> float:
    """Mean accuracy over classes of a linear classifier of embeddings, fitted on `train` and asked about `val`."""
    return linear_probe(*_rows(model, train), *_rows(model, val))


def _rows(model: Segmenter, data: SegmentationData) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings and labels of a class-balanced sample of pixels of some images, evenly spread over the split."""
    indices = np.unique(np.linspace(0, len(data) - 1, PROBE_IMAGES).round()).astype(int)
    rows, labels = [], []
    for item, _, embedding in _outputs(model, data, indices.tolist()):
        assert item.label is not None, "a split that is trained on has labels"
        small = resize_labels(item.label[None], (embedding.shape[1], embedding.shape[2]))[0]
        chosen = balanced_sample(small.numpy().reshape(-1).astype(np.uint8), PROBE_PIXELS // len(indices)).index
        rows.append(embedding.flatten(1).T[torch.from_numpy(chosen)].cpu().numpy())
        labels.append(small.reshape(-1)[torch.from_numpy(chosen)].numpy())
    together = np.concatenate(labels)
    known = together < len(model.info.classes)
    return np.concatenate(rows)[known], together[known]


def _outputs(
    model: Segmenter, data: SegmentationData, indices: Any
) -> Iterator[tuple[Item, torch.Tensor, torch.Tensor]]:
    """Each image with its logits and embedding, [C, h, w] and [d, h, w]."""
    with inference.evaluating(model), torch.inference_mode():
        for item in stream(data, list(indices), [model.info.preprocessing]):
            output = inference.run("the network", model, item.inputs[0][None], [item.name], precision="float32")
            yield item, output.logits[0], output.embedding[0]


def keep_confusions(path: Path, confusions: dict[str, np.ndarray]) -> None:
    """Write the confusion matrices of a run's splits."""
    with whole(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **confusions)  # pyright: ignore[reportArgumentType]


def read_confusions(path: Path) -> dict[str, np.ndarray]:
    """What `keep_confusions` wrote: split -> [n, C, C]."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
