"""How tables of embeddings are written to Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


def options_of(schema: pa.Schema) -> dict[str, Any]:
    """What pyarrow's writer takes: packed, with dictionaries for columns that repeat: names, classes, places.

    Embeddings, confidences and drawn numbers hardly repeat; to look for repetitions in them takes several times the
    rest of the writing, and the file grows by nearly half.
    """
    import pyarrow as pa

    def hardly(kind: pa.DataType) -> bool:
        return pa.types.is_floating(kind) or pa.types.is_fixed_size_list(kind) or pa.types.is_uint64(kind)

    repeating = [field.name for field in schema if not hardly(field.type)]
    return {"compression": "zstd", "use_dictionary": repeating}
