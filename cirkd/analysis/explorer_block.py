"""What the linked view draws: all positions of all images in every model, small enough to send to a browser.

Embeddings are l2-normalised, turned to their principal axes, cut to 64 of them, or to fewer (32 at least) where
there are many positions, and rounded to 8 bits. What that costs is measured against the exact embeddings and stated
with the result.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32, Int8, Int32, Int64, UInt8

from cirkd.analysis.pictures import encoded
from cirkd.analysis.scores import pixel_change
from cirkd.data.errors import StudyError
from cirkd.features.feature_set import AFTER, BEFORE, IGNORED, FeatureSet, ModelFeatures
from cirkd.features.sampling import balanced_sample

if TYPE_CHECKING:
    from cirkd.data.sample import Classes

MOST_POSITIONS = 50_000
"""Positions of all images together beyond which the grids are thinned."""
DOTS = 12_500
"""Dots that a map draws at most, class-balanced; a lasso takes what lies in it all the same."""
MOST_DIMENSIONS, FEWEST_DIMENSIONS = 64, 32
MOST_NUMBERS = 2_000_000
"""Positions times dimensions of one model: what a browser multiplies for every pixel pointed at, in about 2 ms."""
AT_A_TIME = 64
"""Rows whose dot products with all others are held at once."""
MEASURED = 4096
"""Positions whose pairs are all measured for the error; of more, that many rows' worth of pairs."""
WIDEST = 640
"""Longest side of a picture that is sent, in pixels."""


@dataclass(frozen=True, eq=False)
class ExplorerModel:
    """One model's part of the block; the cosine of positions i and j is
    `scale[i] * scale[j] * (embedding[i] . embedding[j])`.

    Attributes:
        name: as in the feature set.
        embedding: int8 [Q, k], k at most 64.
        scale: float32 [Q], above 0 unless the embedding is zero.
        error: the largest error of a cosine that was found, 0..2.
        pairs: how many pairs of positions were measured for it.
        width: d, the dimensions that the model has.
        kept: share of the squared length of the embeddings that k dimensions hold, 0..1.
        prediction: uint8 [Q], numbered in `classes`.
        confidence: float32 [Q], 0..1.
        pictures: the predictions of every image as a PNG.
        classes, comparable, note: as in `ModelFeatures`.
    """

    name: str
    embedding: Int8[np.ndarray, "q k"]
    scale: Float32[np.ndarray, " q"]
    error: float
    pairs: int
    width: int
    kept: float
    prediction: UInt8[np.ndarray, " q"]
    confidence: Float32[np.ndarray, " q"]
    pictures: tuple[bytes, ...]
    classes: Classes
    comparable: bool = True
    note: str = ""


@dataclass(frozen=True, eq=False)
class ExplorerBlock:
    """All that the linked view needs and that does not change while it is looked at.

    Attributes:
        models: in the feature set's order.
        index: int64 [Q], the positions' numbers in the feature set, ascending.
        grid: (h, w) of each image's thinned grid; positions go image after image, row after row.
        cells: (h, w) of each image's whole grid.
        stride: every which row and column of a grid is taken; 1 = all.
        label: uint8 [Q], 255 = none.
        change: uint8 [Q], from before to after as in `PixelChange.grid`; None where there is no such pair.
        dots: int32, ascending: the positions that maps draw; None where they draw all.
        images: every image as WebP; labels: as PNG, None where no image is labelled.
        sizes: (height, width) of every image in its own pixels.
        names: of the images; classes: of the labels.
        reference: the model that the others are compared with.
        low: a cosine that 99 % of the measured pairs exceed in every model, rounded down to tenths: the lower end of
            the colour scale for similarities.
        provenance: of (positions there are), layer, grouped_by, seconds.
    """

    models: tuple[ExplorerModel, ...]
    index: Int64[np.ndarray, " q"]
    grid: tuple[tuple[int, int], ...]
    cells: tuple[tuple[int, int], ...]
    stride: int
    label: UInt8[np.ndarray, " q"]
    change: UInt8[np.ndarray, " q"] | None
    dots: Int32[np.ndarray, " n"] | None
    images: tuple[bytes, ...]
    labels: tuple[bytes, ...] | None
    sizes: tuple[tuple[int, int], ...]
    names: tuple[str, ...]
    classes: Classes
    reference: str
    low: float
    provenance: dict[str, Any] = field(default_factory=dict)

    def position_at(self, image: int, y: float, x: float) -> int:
        """The position whose cell of the thinned grid holds a point; y and x are shares of the image's sides, 0..1."""
        h, w = self.grid[image]
        row, column = min(max(int(y * h), 0), h - 1), min(max(int(x * w), 0), w - 1)
        return sum(rows * columns for rows, columns in self.grid[:image]) + row * w + column


def explorer_block(features: FeatureSet, most: int = MOST_POSITIONS) -> ExplorerBlock:
    """Bring a feature set into the form that the linked view draws.

    Args:
        most: positions of all images together; where there are more, every second (third, ...) row and column of
            every grid is left out, evenly.

    Raises:
        StudyError: `most` is below the number of images.
    """
    started = time.perf_counter()
    index, grid, stride = thin(features.pixels.grid, most)
    packed, lows = [], []
    for model in features.models.values():
        made, low = _model(features, model, index)
        packed.append(made)
        lows.append(low)
    pair = {BEFORE, AFTER} <= set(features.models) and features.has_labels
    few = len(index) <= DOTS
    return ExplorerBlock(
        models=tuple(packed),
        index=index,
        grid=grid,
        cells=features.pixels.grid,
        stride=stride,
        label=features.pixels.label[index],
        change=pixel_change(features).grid[index] if pair else None,
        dots=None if few else balanced_sample(features.grouping().values[index], DOTS).index.astype(np.int32),
        images=tuple(encoded(x, WIDEST, "WEBP", quality=82, method=1) for x in features.images),
        labels=None if features.labels is None else tuple(_class_picture(x, features.classes) for x in features.labels),
        sizes=tuple((image.shape[0], image.shape[1]) for image in features.images),
        names=features.image_names,
        classes=features.classes,
        reference=features.reference,
        low=float(np.clip(math.floor(min(lows) * 10 + 1e-6) / 10, -1.0, 0.8)),
        provenance={
            "of": len(features.pixels),
            "layer": features.provenance.get("layer", ""),
            "grouped_by": features.grouping().source,
            "seconds": time.perf_counter() - started,
        },
    )


def thin(
    grids: Sequence[tuple[int, int]], most: int
) -> tuple[Int64[np.ndarray, " q"], tuple[tuple[int, int], ...], int]:
    """Every stride-th row and column of every grid, with the least stride that leaves at most `most` positions.

    Returns the positions' numbers among all, ascending; the size of each thinned grid; and the stride. A grid that is
    narrower than the stride keeps its middle row or column.

    Raises:
        StudyError: `most` is below the number of grids.
    """
    if most < len(grids):
        raise StudyError(f"at most {most} positions for {len(grids)} images: allow at least one for each")
    stride = 1
    while sum(len(_kept(h, stride)) * len(_kept(w, stride)) for h, w in grids) > most:
        stride += 1
    numbers, sizes, start = [], [], 0
    for h, w in grids:
        rows, columns = _kept(h, stride), _kept(w, stride)
        numbers.append((start + rows[:, None] * w + columns[None, :]).reshape(-1))
        sizes.append((len(rows), len(columns)))
        start += h * w
    return np.concatenate(numbers).astype(np.int64), tuple(sizes), stride


def quantise(
    unit: Float32[np.ndarray, "q d"], dimensions: int = MOST_DIMENSIONS
) -> tuple[Int8[np.ndarray, "q k"], Float32[np.ndarray, " q"], float]:
    """Unit rows -> 8-bit rows, what to multiply them by, and the share of squared length that was kept.

    The rows are turned to the principal axes of their second moments, so that cutting dimensions changes dot products
    least, and then by a fixed random rotation: it spreads what lies on the first axes over all, and rounding costs
    half as much.
    """
    width = unit.shape[1]
    values, vectors = np.linalg.eigh((unit.T @ unit).astype(np.float64))
    k = min(dimensions, width)
    kept = float(values[::-1][:k].sum() / max(values.sum(), 1e-30))
    spread, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(k, k)))
    rows = unit @ (vectors[:, ::-1][:, :k] @ spread).astype(np.float32)
    largest = np.abs(rows).max(axis=1, keepdims=True)
    rounded = np.rint(rows * (127 / np.maximum(largest, 1e-12))).astype(np.int8)
    length = np.linalg.norm(rounded.astype(np.float32), axis=1)
    return rounded, (np.linalg.norm(rows, axis=1) / np.maximum(length, 1e-12)).astype(np.float32), min(kept, 1.0)


def cosine_error(
    unit: Float32[np.ndarray, "q d"], approximate: Float32[np.ndarray, "q k"], measured: int = MEASURED
) -> tuple[float, int]:
    """The largest difference of a dot product of `unit` rows from that of `approximate` rows, and how many pairs.

    All pairs where there are at most `measured` rows; of more, those of evenly spread rows with all others.
    """
    count = len(unit)
    rows = np.arange(0, count, max(1, math.ceil((count / measured) ** 2)))
    largest = 0.0
    for start in range(0, len(rows), AT_A_TIME):
        block = rows[start : start + AT_A_TIME]
        # Dot products are symmetric: with all rows there, the pairs before this block have been measured.
        others = slice(block[0] if len(rows) == count else 0, None)
        found = unit[block] @ unit[others].T
        found -= approximate[block] @ approximate[others].T
        largest = max(largest, float(np.abs(found, out=found).max()))
    return largest, len(rows) * count


def dimensions_for(positions: int) -> int:
    """How many dimensions so many positions can have, a multiple of 4: 64, or fewer as they become many."""
    return min(max(MOST_NUMBERS // max(positions, 1) // 4 * 4, FEWEST_DIMENSIONS), MOST_DIMENSIONS)


def _kept(size: int, stride: int) -> np.ndarray:
    """Positions 0..size-1 with this stride, centred."""
    return np.arange(min((stride - 1) // 2, size // 2), size, stride)


def _model(features: FeatureSet, model: ModelFeatures, index: np.ndarray) -> tuple[ExplorerModel, float]:
    """The model's part, and the cosine that 99 % of its pairs exceed."""
    unit = model.unit_embedding()[index]
    embedding, scale, kept = quantise(unit, dimensions_for(len(index)))
    error, pairs = cosine_error(unit, embedding * scale[:, None])
    some = unit[:: max(1, len(unit) // 256)]
    made = ExplorerModel(
        name=model.name,
        embedding=embedding,
        scale=scale,
        error=error,
        pairs=pairs,
        width=unit.shape[1],
        kept=kept,
        prediction=model.prediction[index],
        confidence=model.confidence[index],
        pictures=tuple(_class_picture(item, model.classes) for item in model.prediction_maps),
        classes=model.classes,
        comparable=model.comparable,
        note=model.note,
    )
    return made, float(np.quantile(some @ some.T, 0.01))


def _class_picture(values: UInt8[np.ndarray, "h w"], classes: Classes) -> bytes:
    """A map of classes in their colours, as a PNG with a palette; transparent where there is no class."""
    from PIL import Image

    picture = Image.fromarray(values)
    scale = min(1.0, WIDEST / max(picture.size))
    picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.NEAREST)
    table = np.zeros((256, 3), np.uint8)
    table[: len(classes)] = np.array(classes.colors, np.uint8).reshape(-1, 3)
    picture.putpalette(table.tobytes())
    buffer = BytesIO()
    picture.save(buffer, "PNG", transparency=IGNORED, compress_level=6)
    return buffer.getvalue()
