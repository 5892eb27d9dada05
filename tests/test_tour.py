"""The notebook that shows the study without a screen runs from its first cell to its last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks" / "tour.ipynb"


@pytest.mark.slow
def test_every_cell_runs() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    names: dict[str, Any] = {}
    for cell in code:
        exec(compile(cell, NOTEBOOK.name, "exec"), names)
    assert len(names["figures"]) == 5 and all(size > 0 for size in names["sizes"].values())
    assert names["pixel"].shared["teacher"] == len(names["pixel"].neighbours["teacher"])
