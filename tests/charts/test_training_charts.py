"""The curves of a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cirkd.charts import training as charts
from cirkd.training.journal import read_history
from tests.app.runs_on_screen import write_run


def test_a_term_that_is_0_is_left_out_of_a_logarithmic_axis_and_what_is_not_finite_stays(tmp_path: Path) -> None:
    write_run(tmp_path / "run", steps=20)
    history = read_history(tmp_path / "run" / "journal.jsonl")
    at, nan = history.at, float("nan")
    values = [0.0, *[0.5] * (len(at) - 2), nan]
    history = replace(history, raw={"task": values}, weighted={"task": values})
    for weighted in (True, False):
        (line,) = charts.losses(history, weighted=weighted).data
        assert list(line.x) == list(at[1:]) and list(line.y)[:-1] == values[1:-1] and line.y[-1] != line.y[-1]
    empty = replace(history, raw={"task": [0.0] * len(at)})
    assert not charts.losses(empty, weighted=False).data[0].x
