"""Pixel embeddings as Parquet, a row for each pixel, and as the files that the TensorBoard projector reads."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cirkd.analysis.explorer_selection import class_names
from cirkd.data.errors import ExportError
from cirkd.export.files import file_name, whole, write_all
from cirkd.features.parquet import options_of

if TYPE_CHECKING:
    import pyarrow

    from cirkd.features.feature_set import FeatureSet

SIDE = 32
"""Pixels of the sprite's squares, per side."""
CELLS = 4
"""How many grid cells around a pixel its square shows, per side."""
MOST = 60_000
LARGEST_SPRITE = 8192
"""Pixels per side; browsers draw no larger texture."""


def write_embeddings(features: FeatureSet, path: Path | str, pixels: np.ndarray | None = None) -> Path:
    """Write the embeddings of all pixels, or of some, of every model to one Parquet file, an image at a time.

    Columns: image, row, column, label (null = none), and for each model `embedding_NAME`, a fixed-size list of
    float32 (not normalised), `prediction_NAME` and `confidence_NAME`. The metadata's key `cirkd` says as JSON what was
    measured.

    Args:
        pixels: numbers of the pixels wanted, ascending; None = all.

    Raises:
        ExportError: a place that cannot be written to.
    """
    import pyarrow.parquet as pq

    features.require_images("an export of all pixels")
    schema = _schema(features)
    with whole(path) as temporary, pq.ParquetWriter(temporary, schema, **options_of(schema)) as writer:
        for image in range(len(features.images)):
            place = features.pixels.of_image(image)
            chosen = np.arange(place.start, place.stop)
            if pixels is not None:
                chosen = chosen[np.isin(chosen, pixels)]
            if len(chosen):
                writer.write_table(_rows(features, chosen, schema))
    return Path(path)


def _schema(features: FeatureSet) -> pyarrow.Schema:
    import pyarrow as pa

    fields = [
        ("image", pa.dictionary(pa.int32(), pa.string())),
        ("row", pa.int32()),
        ("column", pa.int32()),
        ("label", pa.string()),
    ]
    for name, model in features.models.items():
        fields.append((f"embedding_{name}", pa.list_(pa.float32(), model.embedding.shape[1])))
        fields += [(f"prediction_{name}", pa.string()), (f"confidence_{name}", pa.float32())]
    about = {
        **{key: value for key, value in features.provenance.items() if key != "seconds"},
        "classes": list(features.classes.names),
        "layers": {name: model.layer for name, model in features.models.items()},
    }
    return pa.schema(fields, metadata={"cirkd": json.dumps(about, default=str)})


def _rows(features: FeatureSet, chosen: np.ndarray, schema: pyarrow.Schema) -> pyarrow.Table:
    import pyarrow as pa

    where = features.pixels
    names = pa.array(features.image_names, pa.string())
    columns: dict[str, Any] = {
        "image": pa.DictionaryArray.from_arrays(pa.array(where.image[chosen], pa.int32()), names),
        "row": pa.array(where.row[chosen]),
        "column": pa.array(where.column[chosen]),
        "label": class_names(where.label[chosen], features.classes),
    }
    for name, model in features.models.items():
        flat = pa.array(model.embedding[chosen].reshape(-1), pa.float32())
        columns[f"embedding_{name}"] = pa.FixedSizeListArray.from_arrays(flat, model.embedding.shape[1])
        columns[f"prediction_{name}"] = class_names(model.prediction[chosen], model.classes)
        columns[f"confidence_{name}"] = pa.array(model.confidence[chosen], pa.float32())
    return pa.table(columns, schema=schema)


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
