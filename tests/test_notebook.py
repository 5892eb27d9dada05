"""The tour runs from its first cell to its last, and shows the study's own numbers and figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks" / "tour.ipynb"


@pytest.mark.slow
def test_the_tour_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(NOTEBOOK.parent)
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    names: dict[str, Any] = {}
    for number, cell in enumerate(cells):
        exec(compile("".join(cell["source"]), f"tour.ipynb, code cell {number + 1}", "exec"), names)
    study = names["study"]
    assert study.names == ("teacher", "before", "after")
    change = 100 * study.scores().iou_change("before", "after")[study.scores().present]
    np.testing.assert_allclose(np.sort(names["figures"][0].data[0].x), np.sort(change))
    again = study.export_embeddings(tmp_path / "embeddings.parquet")
    assert names["sizes"]["embeddings.parquet"] == again.stat().st_size
    assert pq.read_metadata(again).num_rows == len(study.features().pixels)
    assert {"iou.csv", "memory-bank.csv"} <= set(names["sizes"])


def test_the_tour_is_stored_without_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells)
