"""Pixel embeddings as Parquet: a row for each pixel, each model's embedding a list of fixed length."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cirkd.analysis.explorer_selection import class_names
from cirkd.export.files import whole
from cirkd.features.parquet import options_of

if TYPE_CHECKING:
    import pyarrow

    from cirkd.features.feature_set import FeatureSet


def write_embeddings(features: FeatureSet, path: Path | str, pixels: np.ndarray | None = None) -> Path:
    """Write the embeddings of all pixels, or of some, of every model to one Parquet file, an image at a time.

    Columns: image, row, column, label (null = none), and for each model `NAME`, a fixed-size list of float32 (not
    normalised), `NAME_prediction` and `NAME_confidence`. The metadata's key `cirkd` says as JSON what was measured.

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
        fields.append((name, pa.list_(pa.float32(), model.embedding.shape[1])))
        fields += [(f"{name}_prediction", pa.string()), (f"{name}_confidence", pa.float32())]
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
        columns[name] = pa.FixedSizeListArray.from_arrays(flat, model.embedding.shape[1])
        columns[f"{name}_prediction"] = class_names(model.prediction[chosen], model.classes)
        columns[f"{name}_confidence"] = pa.array(model.confidence[chosen], pa.float32())
    return pa.table(columns, schema=schema)
