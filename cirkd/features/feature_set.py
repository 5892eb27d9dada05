"""What was measured: the embeddings and predictions of several models at every grid position of several images.

Words: the *grid* is the reference model's embedding map (the teacher's, or the first model's when there is no
teacher). A *pixel* is one position of that grid; pixels of all images are numbered 0..P-1, image after image,
row after row, and every array of length P in this package is in that order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float16, Float32, Int32, Int64, UInt8

from cirkd.data.errors import StudyError
from cirkd.data.safe_palette import OWN, in_palette
from cirkd.data.sample import IGNORED, Classes

Progress = Callable[[float, str], object]
"""Called with the share that is done, 0..1, and what is being done; an exception raised from it cancels the work."""

TEACHER, BEFORE, AFTER = "teacher", "before", "after"
ROLES = (TEACHER, BEFORE, AFTER)
"""The names of the three models a study is about; further students have names of their own."""

NEEDS_IMAGES = "needs whole images, and this study is a sample of pixels from a folder; open the checkpoints on images"
"""What is said of everything that a sample of pixels cannot show."""


def compared(names: Iterable[str]) -> tuple[str, str] | None:
    """The two students that are compared: before and after, else the first and the last, as of one over time.

    >>> compared(["teacher", "step500", "step1000", "step1500"])
    ('step500', 'step1500')
    """
    students = [name for name in names if name != TEACHER]
    if {BEFORE, AFTER} <= set(students):
        return BEFORE, AFTER
    return (students[0], students[-1]) if len(students) > 1 else None


@dataclass(frozen=True, eq=False)
class Pixels:
    """Where each of the P pixels lies: image-major, then row-major.

    Attributes:
        image: int32 [P], the image's number, 0..N-1.
        row, column: int32 [P], the position on that image's grid.
        label: uint8 [P], the label that most of its cell's pixels have; 255 = none or ignored.
        grid: (h, w) of each of the N images; () where the pixels are a sample, not all of whole images.
    """

    image: Int32[np.ndarray, " p"]
    row: Int32[np.ndarray, " p"]
    column: Int32[np.ndarray, " p"]
    label: UInt8[np.ndarray, " p"]
    grid: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return int(self.image.shape[0])

    def of_image(self, image: int) -> slice:
        """The slice of the pixels of one image.

        Raises:
            StudyError: the pixels are a sample.
        """
        if not self.grid:
            raise StudyError(f"this {NEEDS_IMAGES}")
        start = sum(h * w for h, w in self.grid[:image])
        h, w = self.grid[image]
        return slice(start, start + h * w)

    def grid_map(self, values: np.ndarray, image: int) -> np.ndarray:
        """Values [P, ...] of all pixels -> the map [h, w, ...] of one image."""
        place = self.of_image(image)
        return values[place].reshape(*self.grid[image], *values.shape[1:])


@dataclass(frozen=True, eq=False)
class ModelFeatures:
    """What one model made of the images.

    Attributes:
        name: "teacher", "before", "after" or the name of a further student.
        layer: the one that was taken, such as "decoder".
        embedding: float32 [P, d], NOT normalised; d differs between models.
        prediction: uint8 [P], argmax of the logits on the grid, in the numbering of `FeatureSet.classes`; where the
            model has other classes (`comparable` False), in the numbering of its own `classes`.
        confidence: float32 [P], largest softmax probability on the grid, 0..1.
        prediction_maps: uint8 [H, W] per image, argmax of the logits upsampled to the image's size.
        confidence_maps: float16 [H, W] per image, largest softmax probability of the upsampled logits.
        classes: the classes its predictions are numbered in.
        info: for captions: architecture, encoder, output_stride, embedding_channels, parameters, provenance, ...
        comparable: whether its predictions can be compared with labels and with other models' predictions.
        note: one line on what is special about it ("" = nothing), e.g. a resampled grid or other classes.
    """

    name: str
    layer: str
    embedding: Float32[np.ndarray, "p d"]
    prediction: UInt8[np.ndarray, " p"]
    confidence: Float32[np.ndarray, " p"]
    prediction_maps: tuple[UInt8[np.ndarray, "_ _"], ...]
    confidence_maps: tuple[Float16[np.ndarray, "_ _"], ...]
    classes: Classes
    info: Mapping[str, Any] = field(default_factory=dict)
    comparable: bool = True
    note: str = ""

    def unit_embedding(self) -> Float32[np.ndarray, "p d"]:
        """The embedding with rows of length 1 (a row of zeros stays zeros), computed once."""
        cached = self.__dict__.get("_unit")
        if cached is None:
            length = np.linalg.norm(self.embedding, axis=1, keepdims=True)
            cached = (self.embedding / np.maximum(length, 1e-12)).astype(np.float32)
            self.__dict__["_unit"] = cached
        return cached


@dataclass(frozen=True, eq=False)
class Members:
    """The n pixels that belong to one of the K classes that occur.

    Attributes:
        classes: int64 [K], ascending.
        known: bool [P], whether a pixel belongs to a class.
        member: int64 [n], for each pixel that does, the position of its class in `classes`.
    """

    classes: Int64[np.ndarray, " k"]
    known: Bool[np.ndarray, " p"]
    member: Int64[np.ndarray, " n"]


@dataclass(frozen=True, eq=False)
class Grouping:
    """The class each pixel counts as: its label, or a model's prediction where no image is labelled.

    Attributes:
        values: uint8 [P], 255 = in no class.
        source: "label" or "prediction of NAME", for captions.
        classes: the classes the values are numbered in.
    """

    values: UInt8[np.ndarray, " p"]
    source: str
    classes: Classes

    def present(self) -> list[int]:
        """The classes that occur, ascending."""
        return [int(c) for c in np.unique(self.values) if c < len(self.classes)]

    def members(self) -> Members:
        """The pixels that belong to a class.

        Raises:
            StudyError: none does.
        """
        classes = np.array(self.present(), np.int64)
        if not len(classes):
            raise StudyError("no pixel in view belongs to a class; choose other images")
        known = self.values < len(self.classes)
        return Members(classes, known, np.searchsorted(classes, self.values[known]))


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """Several models on several images.

    Attributes:
        classes: names and colours; those of the labels where there are labels, otherwise of the reference model.
        image_names: N names.
        images: uint8 [H, W, 3] per image; none in a sample of pixels.
        labels: uint8 [H, W] per image with 255 = ignored, or None when no pixel of any image is labelled (an
            unlabelled image among labelled ones is all 255); empty in a sample of labelled pixels.
        pixels: where the P pixels lie.
        models: name -> features, in the order teacher, before, after, others; any may be missing.
        provenance: layer, device, precision, grid (the rule, as text), reference (the model whose grid it is),
            batch_size (the last that fitted), seconds, notes (list of lines to show).
    """

    classes: Classes
    image_names: tuple[str, ...]
    images: tuple[UInt8[np.ndarray, "_ _ 3"], ...]
    labels: tuple[UInt8[np.ndarray, "_ _"], ...] | None
    pixels: Pixels
    models: dict[str, ModelFeatures]
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def has_labels(self) -> bool:
        """Whether at least one pixel of the images is labelled."""
        return self.labels is not None

    @property
    def sampled(self) -> bool:
        """Whether the pixels are a sample from a folder of embeddings: no images, no grids, no maps."""
        return not self.pixels.grid

    def in_palette(self, palette: str) -> FeatureSet:
        """The same features with all classes in the colours of a palette, see `cirkd.data.safe_palette`."""
        if palette == OWN:
            return self
        models = {n: replace(m, classes=in_palette(m.classes, palette)) for n, m in self.models.items()}
        return replace(self, classes=in_palette(self.classes, palette), models=models)

    def require_images(self, what: str) -> None:
        """Nothing, where there are whole images.

        Args:
            what: needs them, for the error's line.

        Raises:
            StudyError: the pixels are a sample.
        """
        if self.sampled:
            raise StudyError(f"{what} {NEEDS_IMAGES}")

    @property
    def reference(self) -> str:
        """The model that the others are compared with: the teacher, or the first model."""
        return TEACHER if TEACHER in self.models else next(iter(self.models))

    def students(self) -> tuple[str, ...]:
        """The names of all models but the teacher."""
        return tuple(name for name in self.models if name != TEACHER)

    def grouping(self) -> Grouping:
        """Labels where there are any, otherwise the reference model's predictions."""
        if self.labels is not None and bool((self.pixels.label != IGNORED).any()):
            return Grouping(self.pixels.label, "label", self.classes)
        model = self.models[self.reference]
        return Grouping(model.prediction, f"prediction of {model.name}", model.classes)
