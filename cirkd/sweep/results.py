"""The table of a sweep: a row a run, and what it says of the recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cirkd.analysis.paired import Paired, compare
from cirkd.data.errors import TrainingError
from cirkd.export.table import Table, write_table

FILE = "results.parquet"


@dataclass(frozen=True)
class SweepResults:
    """The rows of the finished runs.

    Attributes:
        rows: column -> value, of each run.
        baseline: the recipe that the others are compared with.
    """

    rows: Sequence[Mapping[str, Any]]
    baseline: str

    @property
    def recipes(self) -> list[str]:
        """In the order of the rows."""
        return list(dict.fromkeys(row["recipe"] for row in self.rows))

    @property
    def seeds(self) -> list[int]:
        return sorted({row["seed"] for row in self.rows})

    @property
    def columns(self) -> list[str]:
        """Of all rows, in their order."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def compare(self, measure: str) -> list[Paired]:
        """All recipes by one column."""
        return compare(
            {
                recipe: {row["seed"]: row[measure] for row in self.rows if row["recipe"] == recipe and measure in row}
                for recipe in self.recipes
            },
            self.baseline,
        )

    def table(self) -> Table:
        """As columns; what a run lacks is null."""
        columns = {name: [row.get(name) for row in self.rows] for name in self.columns}
        return Table("results", "Every run", columns, {"baseline": self.baseline})

    def write(self, folder: Path) -> Path:
        """Write `results.parquet`."""
        return write_table(self.table(), folder / FILE)


def read_results(folder: Path) -> SweepResults:
    """What `SweepResults.write` wrote.

    Raises:
        TrainingError: there are no results in the folder.
    """
    import json

    import pyarrow.parquet as pq

    path = folder / FILE
    if not path.is_file():
        raise TrainingError(f"{path}: no results here; make them with cirkd sweep --folder {folder}")
    table = pq.read_table(path)
    about = json.loads((table.schema.metadata or {}).get(b"cirkd", b"{}"))
    return SweepResults(table.to_pylist(), about.get("baseline", ""))
