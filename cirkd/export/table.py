"""A table, and a table as CSV and Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cirkd.data.errors import ExportError
from cirkd.export.files import whole

if TYPE_CHECKING:
    import pyarrow

FORMATS = ("csv", "parquet")


@dataclass(frozen=True)
class Table:
    """Columns of one length.

    Attributes:
        name: for files; title: for people.
        columns: header -> values: text, whole numbers or numbers (nan = none).
        about: what the numbers are and how they were made.
    """

    name: str
    title: str
    columns: Mapping[str, Sequence[Any] | np.ndarray]
    about: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def arrow(self) -> pyarrow.Table:
        """As an Arrow table; nan becomes null, `about` goes into the metadata."""
        import pyarrow as pa

        arrays = {name: pa.array(list(map(_plain, values)), from_pandas=True) for name, values in self.columns.items()}
        return pa.table(arrays).replace_schema_metadata({"cirkd": json.dumps(dict(self.about), default=str)})

    def csv(self) -> str:
        """As CSV with a header; nan becomes nothing."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        rows = zip(*(map(_plain, values) for values in self.columns.values()), strict=True)
        writer.writerows(["" if value is None or value != value else value for value in row] for row in rows)
        return text.getvalue()


def write_table(table: Table, path: Path | str) -> Path:
    """Write a table as its file's name says: .csv or .parquet.

    Raises:
        ExportError: another ending, or a place that cannot be written to.
    """
    path = Path(path)
    kind = path.suffix.lower().lstrip(".")
    if kind not in FORMATS:
        raise ExportError(f"{path}: tables are written as {' or '.join(FORMATS)}; end the name with one of them")
    with whole(path) as temporary:
        if kind == "csv":
            temporary.write_text(table.csv(), encoding="utf-8")
        else:
            import pyarrow.parquet as pq

            pq.write_table(table.arrow(), temporary)
    return path


def _plain(value: Any) -> Any:
    """A number as Python has it; nan as None."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and value != value else value
