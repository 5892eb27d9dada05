"""Several models over images: what each gave for each image, with those outputs used again that are kept."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import ref

import numpy as np
import torch

from cirkd.features.grids import MOST_SHOWN, Grid, averaged
from cirkd.models import inference
from cirkd.models.inference import best_class

if TYPE_CHECKING:
    from torch import Tensor

    from cirkd.cache import Cache
    from cirkd.data.sample import Sample
    from cirkd.models.segmenter import Segmenter


@dataclass(frozen=True, eq=False)
class ImageOutput:
    """What a model gave for one image.

    Attributes:
        embedding: float32 [d, h, w] on the CPU, averaged where it was too fine for relations (see
            `cirkd.features.grids`).
        logits: float32 [C, h', w'], likewise.
        fine_embedding, fine_logits: The same, averaged only where they were too fine to be shown.
        prediction: uint8 [H, W] at the image's size.
        confidence: float16 [H, W], the prediction's probability.
        grid: the size of the model's own embedding map.
    """

    embedding: Tensor
    logits: Tensor
    fine_embedding: Tensor
    fine_logits: Tensor
    prediction: np.ndarray
    confidence: np.ndarray
    grid: Grid


class Runner:
    """Runs models over images with a batch size that shrinks when memory runs out, and stays shrunk.

    Attributes:
        device, precision: as resolved.
        batch: how many images at once.
    """

    def __init__(self, device: str, precision: str, batch_size: int | None, kept: Cache | None = None) -> None:
        self.device = inference.resolve_device(device)
        self.precision = inference.resolve_precision(precision, self.device)
        self.batch = inference.BatchSize(self.device, batch_size)
        self.kept = kept

    @torch.no_grad()
    def run(
        self,
        name: str,
        model: Segmenter,
        images: Sequence[Sample],
        layer: str,
        done: Callable[[int], None] = lambda count: None,
    ) -> list[ImageOutput]:
        """Outputs of one model in the order of the images; `done` is called with the images finished so far.

        Raises:
            StudyError: the output is not finite, or one image alone does not fit into memory.
        """
        settings = (layer, str(self.device), self.precision)
        kept, keys = self.kept, [output_key(model, sample, settings) for sample in images if self.kept is not None]
        found = {i: kept.find(key) for i, key in enumerate(keys)} if kept is not None else {}
        outputs: dict[int, ImageOutput] = {i: output for i, output in found.items() if output is not None}

        def work(taken: Sequence[int]) -> list[ImageOutput]:
            return self._run_batch(name, model, [images[i] for i in taken], layer)

        with inference.evaluating(model, self.device):
            for group in _by_size(images):
                for i, output in self.batch.over([i for i in group if i not in outputs], work):
                    outputs[i] = output
                    if kept is not None:
                        kept.keep(keys[i], output)
                    done(len(outputs))
        return [outputs[i] for i in range(len(images))]

    def _run_batch(self, name: str, model: Segmenter, images: list[Sample], layer: str) -> list[ImageOutput]:
        batch = torch.stack([model.preprocess(sample.image) for sample in images])
        names = [sample.name for sample in images]
        size = images[0].image.shape[:2]
        with inference.fitting(name, size, self.device):
            output = inference.run(name, model, batch, names, precision=self.precision, layer=layer)
            return [
                _image_output(model, embedding, logits, size)
                for embedding, logits in zip(output.embedding, output.logits, strict=True)
            ]


def _image_output(model: Segmenter, embedding: Tensor, logits: Tensor, size: tuple[int, ...]) -> ImageOutput:
    prediction, confidence = best_class(inference.at_image_size(logits, size, model))
    fine, fine_logits = averaged(embedding, MOST_SHOWN).cpu(), averaged(logits, MOST_SHOWN).cpu()
    return ImageOutput(
        embedding=_coarse(embedding, fine),
        logits=_coarse(logits, fine_logits),
        fine_embedding=fine,
        fine_logits=fine_logits,
        prediction=prediction.cpu().numpy(),
        confidence=confidence.half().cpu().numpy(),
        grid=(int(embedding.shape[1]), int(embedding.shape[2])),
    )


def _coarse(values: Tensor, fine: Tensor) -> Tensor:
    """The map averaged for relations; the very tensor `fine` where nothing has to be averaged."""
    coarse = averaged(values)
    return fine if coarse is values else coarse.cpu()


def output_key(model: Segmenter, sample: Sample, settings: Hashable) -> Hashable:
    """Under what a model's output for an image is kept: the same for the same loaded model, pixels and settings.

    For models whose weights stay as they are. A key does not keep its model alive, and no other model ever has the key
    of one that is gone.
    """
    pixels = hashlib.blake2b(sample.image.tobytes(), digest_size=16).digest()
    return "output", ref(model), sample.image.shape, pixels, settings


def _by_size(images: Sequence[Sample]) -> list[list[int]]:
    """The images' numbers, grouped by height and width."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for i, sample in enumerate(images):
        groups.setdefault(sample.image.shape[:2], []).append(i)
    return list(groups.values())


def parameter_count(model: torch.nn.Module) -> int:
    """How many numbers a model has learned, the distillation's projection head not counted."""
    return sum(math.prod(p.shape) for name, p in model.named_parameters() if not name.startswith("memory."))
