"""Files that the TensorBoard projector reads: vectors and metadata as TSV, and a sprite of what lies at each pixel."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cirkd.data.errors import ExportError
from cirkd.export.files import file_name, write_all

if TYPE_CHECKING:
    from cirkd.features.feature_set import FeatureSet

SIDE = 32
"""Pixels of the sprite's squares, per side."""
CELLS = 4
"""How many grid cells around a pixel its square shows, per side."""
MOST = 60_000
LARGEST_SPRITE = 8192
"""Pixels per side; browsers draw no larger texture."""


def write_projector(features: FeatureSet, pixels: np.ndarray, path: Path | str) -> Path:
    """Write what the projector of TensorBoard, or projector.tensorflow.org, reads, to a folder or a .zip file.

    `NAME.tsv`: the l2-normalised embeddings of some pixels in each model; `metadata.tsv`: class, image, position and
    each model's prediction; `sprite.png`: the image around each pixel; `projector_config.json` for the web page and
    `projector_config.pbtxt` for TensorBoard (`tensorboard --logdir FOLDER`).

    Args:
        pixels: their numbers in the feature set.

    Raises:
        ExportError: no pixels or too many, or a place that cannot be written to.
    """
    features.require_images("a sprite for the projector")
    if not 0 < len(pixels) <= MOST:
        raise ExportError(f"{len(pixels)} pixels for the projector; choose 1 to {MOST:,}")
    return write_all(projector_files(features, np.asarray(pixels)), path)


def projector_files(features: FeatureSet, pixels: np.ndarray) -> Iterator[tuple[str, bytes]]:
    """The files by name, one after the other."""
    for name, model in features.models.items():
        rows = model.unit_embedding()[pixels].tolist()
        yield f"{file_name(name)}.tsv", _lines([f"{value:.6g}" for value in row] for row in rows)
    yield "metadata.tsv", _metadata(features, pixels)
    yield "sprite.png", _sprite(features, pixels)
    side = _side(len(pixels))
    widths = {name: int(model.embedding.shape[1]) for name, model in features.models.items()}
    yield "projector_config.json", _config(widths, len(pixels), side)
    yield (
        "projector_config.pbtxt",
        "".join(
            f'embeddings {{\n  tensor_name: "{name}"\n  tensor_path: "{name}.tsv"\n'
            f'  metadata_path: "metadata.tsv"\n  sprite {{\n    image_path: "sprite.png"\n'
            f"    single_image_dim: {side}\n    single_image_dim: {side}\n  }}\n}}\n"
            for name in map(file_name, widths)
        ).encode(),
    )


def _metadata(features: FeatureSet, pixels: np.ndarray) -> bytes:
    known, where = features.grouping(), features.pixels
    lines = [["class", "image", "row", "column", *(f"{name} predicts" for name in features.models)]]
    for p in pixels.tolist():
        predicted = [_name(model.classes.names, int(model.prediction[p])) for model in features.models.values()]
        place = [features.image_names[where.image[p]], str(where.row[p]), str(where.column[p])]
        lines.append([_name(known.classes.names, int(known.values[p])), *place, *predicted])
    return _lines([" ".join(cell.split()) for cell in line] for line in lines)


def _sprite(features: FeatureSet, pixels: np.ndarray) -> bytes:
    """A square of squares, row by row: the surroundings of each pixel."""
    from PIL import Image

    side = _side(len(pixels))
    across = math.ceil(math.sqrt(len(pixels)))
    sheet = Image.new("RGB", (across * side, across * side))
    pictures = [Image.fromarray(image) for image in features.images]
    for number, p in enumerate(pixels.tolist()):
        image, (h, w) = int(features.pixels.image[p]), features.pixels.grid[features.pixels.image[p]]
        tall, wide = features.images[image].shape[:2]
        y, x = (features.pixels.row[p] + 0.5) * tall / h, (features.pixels.column[p] + 0.5) * wide / w
        reach = CELLS * max(tall / h, wide / w) / 2
        box = (round(x - reach), round(y - reach), round(x + reach), round(y + reach))
        sheet.paste(
            pictures[image].crop(box).resize((side, side)), ((number % across) * side, (number // across) * side)
        )
    buffer = BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _config(widths: dict[str, int], count: int, side: int) -> bytes:
    return json.dumps(
        {
            "embeddings": [
                {
                    "tensorName": name,
                    "tensorShape": [count, width],
                    "tensorPath": f"{file_name(name)}.tsv",
                    "metadataPath": "metadata.tsv",
                    "sprite": {"imagePath": "sprite.png", "singleImageDim": [side, side]},
                }
                for name, width in widths.items()
            ]
        },
        indent=2,
    ).encode()


def _side(count: int) -> int:
    return min(SIDE, LARGEST_SPRITE // math.ceil(math.sqrt(count)))


def _name(names: tuple[str, ...], label: int) -> str:
    return names[label] if label < len(names) else "none"


def _lines(rows: Iterable[list[str]]) -> bytes:
    return "".join("\t".join(row) + "\n" for row in rows).encode()
