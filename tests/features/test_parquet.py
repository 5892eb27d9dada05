"""What repeats is written once; what does not is not searched for repetitions."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cirkd.features.parquet import options_of


def test_names_and_places_have_dictionaries_and_embeddings_have_none(tmp_path: Path) -> None:
    embedding = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(12, dtype=np.float32)), 4)
    table = pa.table(
        {
            "image": pa.array([0, 0, 1], pa.int32()),
            "label": pa.array(["road", None, "sky"]),
            "key": pa.array([5, 2**63, 7], pa.uint64()),
            "after": embedding,
            "confidence": pa.array([0.5, 0.25, 1.0]),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet", **options_of(table.schema))
    group = pq.read_metadata(tmp_path / "t.parquet").row_group(0)
    columns = [group.column(i) for i in range(group.num_columns)]
    with_dictionary = {column.path_in_schema.split(".")[0]: column.has_dictionary_page for column in columns}
    assert with_dictionary == {"image": True, "label": True, "key": False, "after": False, "confidence": False}
    assert pq.read_table(tmp_path / "t.parquet").equals(table)
