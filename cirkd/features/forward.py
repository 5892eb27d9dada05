"""One model over batches of images: device, precision, running out of memory, numbers that are not finite."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F

from cirkd.data.errors import StudyError
from cirkd.features.grids import MOST_SHOWN, Grid, averaged
from cirkd.relations.precision import has_bf16

if TYPE_CHECKING:
    from torch import Tensor

    from cirkd.data.sample import Sample
    from cirkd.features.kept import KeptOutputs
    from cirkd.models.segmenter import Segmenter

LAYERS = ("decoder", "projected")
PRECISIONS = ("auto", "float32", "bf16", "fp16")


@dataclass(frozen=True, eq=False)
class ImageOutput:
    """What a model gave for one image: embedding float32 [d, h, w] and logits float32 [C, h', w'] on the CPU, averaged
    where they were too fine for relations (see `cirkd.features.grids`); the same at most too fine to be shown; and at
    the image's size the prediction uint8 [H, W] and its probability float16 [H, W]; grid: the size of the model's own
    embedding map."""

    embedding: Tensor
    logits: Tensor
    fine_embedding: Tensor
    fine_logits: Tensor
    prediction: np.ndarray
    confidence: np.ndarray
    grid: Grid


def resolve_device(device: str) -> torch.device:
    """ "auto" -> a GPU where there is one.

    Raises:
        StudyError: no such device here.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:
        raise StudyError(f"device {device!r} cannot be used here; choose auto or cpu ({_line(error)})") from error
    return found


def resolve_precision(precision: str, device: torch.device) -> str:
    """ "auto" -> "bf16" on a GPU that has it, "float32" elsewhere.

    Raises:
        StudyError: an unknown precision.
    """
    if precision not in PRECISIONS:
        raise StudyError(f"precision {precision!r} is unknown; choose one of: {', '.join(PRECISIONS)}")
    if precision != "auto":
        return precision
    return "bf16" if device.type == "cuda" and has_bf16(device) else "float32"


class Runner:
    """Runs models over images with a batch size that shrinks when memory runs out, and stays shrunk.

    Attributes:
        device, precision: as resolved.
        batch_size: the largest that has fitted so far.
    """

    def __init__(self, device: str, precision: str, batch_size: int | None, kept: KeptOutputs | None = None) -> None:
        if batch_size is not None and batch_size < 1:
            raise StudyError(f"batch size {batch_size}: must be at least 1")
        self.device = resolve_device(device)
        self.precision = resolve_precision(precision, self.device)
        # A CPU gains nothing from batches, and after every image there is progress to show.
        self.batch_size = batch_size or (1 if self.device.type == "cpu" else 8)
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
        outputs = self._find_kept(model, images, settings)
        with _evaluating(model, self.device):
            for group in _by_size(images):
                group = [i for i in group if i not in outputs]
                while group:
                    taken = group[: self.batch_size]
                    try:
                        batch = self._run_batch(name, model, [images[i] for i in taken], layer)
                    except RuntimeError as error:
                        self._shrink(error, len(taken), name, images[taken[0]])
                        continue
                    outputs.update(zip(taken, batch, strict=True))
                    if self.kept is not None:
                        for i in taken:
                            self.kept.keep(model, images[i], settings, outputs[i])
                    group = group[len(taken) :]
                    done(len(outputs))
        return [outputs[i] for i in range(len(images))]

    def _find_kept(self, model: Segmenter, images: Sequence[Sample], settings: Hashable) -> dict[int, ImageOutput]:
        if self.kept is None:
            return {}
        found = {i: self.kept.find(model, sample, settings) for i, sample in enumerate(images)}
        return {i: output for i, output in found.items() if output is not None}

    def _run_batch(self, name: str, model: Segmenter, images: list[Sample], layer: str) -> list[ImageOutput]:
        batch = torch.stack([model.preprocess(sample.image) for sample in images]).to(self.device)
        with self._autocast():
            output = model(batch)
            embedding = output.embedding
            if layer == "projected":
                memory: Any = model.memory
                embedding = memory.projection(embedding)
        embedding, logits = embedding.float(), output.logits.float()
        for sample, finite in zip(images, _finite(embedding) & _finite(logits), strict=True):
            if not finite:
                raise StudyError(self._not_finite(name, layer, sample.name))
        return [self._image_output(embedding[i], logits[i], sample.image.shape[:2]) for i, sample in enumerate(images)]

    def _image_output(self, embedding: Tensor, logits: Tensor, size: tuple[int, ...]) -> ImageOutput:
        # Upsampled as in training, so that scores are those of the trainer.
        full = F.interpolate(logits[None], size=tuple(size), mode="bilinear", align_corners=True)[0]
        prediction, confidence = best_class(full)
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

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        if self.precision == "float32":
            return contextlib.nullcontext()
        dtype = torch.bfloat16 if self.precision == "bf16" else torch.float16
        return torch.autocast(self.device.type, dtype=dtype)

    def _shrink(self, error: RuntimeError, used: int, name: str, sample: Sample) -> None:
        """Halve the batch after running out of memory; raise anything else, and when one image is too much."""
        if not is_out_of_memory(error):
            raise error
        if used == 1:
            height, width = sample.image.shape[:2]
            raise StudyError(
                f"{name}: one image of {height}x{width} does not fit into the memory of {self.device}; "
                "choose smaller images, or the CPU as device"
            ) from error
        self.batch_size = max(1, used // 2)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _not_finite(self, name: str, layer: str, image: str) -> str:
        remedy = (
            "the checkpoint is damaged or its training diverged; choose another checkpoint of this run"
            if self.precision == "float32"
            else f"the range of {self.precision} may be too small for it; choose precision float32"
        )
        return f"{name}: its {layer} embedding or logits of image {image!r} hold numbers that are not finite; {remedy}"


def _coarse(values: Tensor, fine: Tensor) -> Tensor:
    """The map averaged for relations; the very tensor `fine` where nothing has to be averaged."""
    coarse = averaged(values)
    return fine if coarse is values else coarse.cpu()


def best_class(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The most probable class uint8 [...] and its softmax probability float32 [...] of logits [C, ...]."""
    best, index = logits.max(dim=0)
    return index.to(torch.uint8), torch.exp(best - torch.logsumexp(logits, dim=0))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of PyTorch says that memory ran out, on a GPU or on the CPU."""
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in text or "allocate" in text


def _finite(values: Tensor) -> Tensor:
    return torch.isfinite(values).flatten(1).all(dim=1).cpu()


def _by_size(images: Sequence[Sample]) -> list[list[int]]:
    """The images' numbers, grouped by height and width."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for i, sample in enumerate(images):
        groups.setdefault(sample.image.shape[:2], []).append(i)
    return list(groups.values())


@contextlib.contextmanager
def _evaluating(model: Segmenter, device: torch.device) -> Iterator[None]:
    """The model on the device in evaluation mode, and back in the mode it was in."""
    training = model.training
    model.to(device).eval()
    try:
        yield
    finally:
        model.train(training)


def _line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def parameter_count(model: torch.nn.Module) -> int:
    """How many numbers a model has learned, the distillation's projection head not counted."""
    return sum(math.prod(p.shape) for name, p in model.named_parameters() if not name.startswith("memory."))
