"""The Training page: what it says of a run."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cirkd.analysis.trajectory import trajectory
from cirkd.charts import training as charts
from cirkd.training.journal import Journal, read_history
from tests.app.drawn import figures
from tests.app.runs_on_screen import runs_folder as runs_folder
from tests.app.runs_on_screen import write_run

Open = Callable[..., Any]


def components(block: Any) -> Iterator[Any]:
    """The components of our own within a block of an `AppTest` page."""
    for child in block.children.values():
        if child.type == "bidi_component":
            yield child
        elif hasattr(child, "children"):
            yield from components(child)


def test_a_run_on_screen_is_what_its_journal_says(runs_folder: Path, page: Open) -> None:
    test = page("training")
    assert not test.exception and not test.error
    test.selectbox(key="training_run").set_value("told").run()
    assert not test.exception and not test.error
    shown = {metric.label: metric.value for metric in test.metric}
    assert shown["mIoU on val"] == "10.0 %"
    assert shown["Loss, weighted sum"] == "0.2"
    assert shown["GPU memory"] == "3.0 GiB"
    drawn = figures(test)
    history = read_history(runs_folder / "told" / "journal.jsonl")
    raw = {trace["name"]: trace["y"] for trace in drawn[1]["data"]}
    for name, values in history.raw.items():
        np.testing.assert_allclose(raw[charts.term(name)[0]], values)
    played = json.loads(next(components(test.main)).proto.json)
    found = trajectory(runs_folder / "told")
    assert played["steps"] == found.steps.tolist() == [0, 10, 20]
    assert [group["color"] for group in played["groups"]] == ["rgb(128,64,128)", "rgb(70,130,180)"]
    for group, label in zip(played["groups"], (0, 1), strict=True):
        assert group["dots"] == np.flatnonzero(found.labels == label).tolist()
    shape, corner = np.array(played["shape"]), np.array(found.frame[0])
    np.testing.assert_allclose(np.array(played["frames"]) * shape + corner, found.coordinates, atol=1e-4 * shape.max())


def test_two_runs_are_compared_in_one_picture(runs_folder: Path, page: Open) -> None:
    if not (runs_folder / "shorter").is_dir():
        write_run(runs_folder / "shorter", steps=20)
    test = page("training")
    test.selectbox(key="training_run").set_value("told").run()
    alone = figures(test)
    test.selectbox(key="training_beside").set_value("shorter").run()
    assert not test.exception and not test.error
    history = read_history(runs_folder / "shorter" / "journal.jsonl")
    for before, together in zip(alone[:3], figures(test)[:3], strict=True):
        own, other = together["data"][: len(before["data"])], together["data"][len(before["data"]) :]
        assert [trace["name"] for trace in own] == [trace["name"] for trace in before["data"]]
        assert [trace["hovertemplate"] for trace in other] == [f"shorter · {t['hovertemplate']}" for t in own]
        assert [t["name"] for t in other if t["showlegend"]] == ["shorter, dashed"]
        assert {trace["line"]["dash"] for trace in other}.isdisjoint({trace["line"]["dash"] for trace in own})
    np.testing.assert_allclose(other[0]["y"], [value for _, _, value in history.evaluations])
    test.selectbox(key="training_run").set_value("shorter").run()
    assert test.selectbox(key="training_beside").value is None, "a run is not compared with itself"


@pytest.mark.slow
def test_a_finished_runs_checkpoint_opens_in_the_study_in_the_role_that_is_asked_for(
    runs_folder: Path, study_folders: Path, page: Open
) -> None:
    folder = runs_folder / "done"
    write_run(folder)
    Journal(folder / "journal.jsonl").write("end", 40)
    written = shutil.copy(study_folders / "checkpoints" / "streets-cirkd.safetensors", folder / "done.safetensors")
    try:
        test = page("training")
        test.selectbox(key="training_run").set_value("done").run()
        test.button(key="training_as_before").click().run()
        assert not test.exception and not test.error
        assert test.title[0].value == "What distillation changed"
        assert test.selectbox(key="bar_before").value == str(written)
    finally:
        shutil.rmtree(folder)


@pytest.mark.slow
def test_records_of_shipped_checkpoints_are_watched_like_runs(
    runs_folder: Path, page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a run of one's own they are what is on screen; one's own run of the same name goes first."""
    for name in ("shipped", "streets-few-baseline", "streets-few-cirkd"):
        write_run(tmp_path / "records" / name)
    write_run(tmp_path / "records" / "told", steps=20)
    monkeypatch.setenv("CIRKD_CHECKPOINTS", str(tmp_path))
    test = page("training")
    shipped = [f"{name} · bundled" for name in ("streets-few-cirkd", "streets-few-baseline", "shipped")]
    assert test.selectbox(key="training_run").options[-3:] == shipped, "first the student's that the app opens with"
    assert sum(option.startswith("told") for option in test.selectbox(key="training_run").options) == 1
    test.selectbox(key="training_run").set_value("told").run()
    assert {metric.label: metric.value for metric in test.metric}["mIoU on val"] == "10.0 %"
    monkeypatch.setenv("CIRKD_RUNS", str(tmp_path / "none"))
    test = page("training")
    assert test.selectbox(key="training_run").options == [*shipped, "told · bundled"]
    assert not test.exception and not test.info
    assert {metric.label: metric.value for metric in test.metric}["mIoU on val"] == "10.0 %"
    test.selectbox(key="training_run").set_value("told").run()
    assert {metric.label: metric.value for metric in test.metric}["mIoU on val"] == "5.0 %"


def test_a_failed_run_shows_its_one_line(runs_folder: Path, page: Open) -> None:
    folder = runs_folder / "failed"
    folder.mkdir()
    (folder / "launch.json").write_text("{}")
    (folder / "log.txt").write_text("$ cirkd train x\nsome words\ncirkd: /no/where: there is no such folder\n")
    test = page("training")
    test.selectbox(key="training_run").set_value("failed").run()
    assert not test.exception
    assert [e.value for e in test.error] == ["/no/where: there is no such folder"]
    assert "some words" in "".join(code.value for code in test.code)


@pytest.mark.parametrize("more", ["--teacher nets/mine.py:make", "--teacher=NETS.PY:make,best.pth --steps 3"])
def test_no_file_of_python_is_run_from_the_browser(runs_folder: Path, page: Open, more: str) -> None:
    """Refused in one line that holds the command for a terminal, which means the same there."""
    test = page("training")
    test.text_input(key="training_name_streets-teacher").set_value("from-afar")
    test.text_input(key="training_more_streets-teacher").set_value(more)
    next(b for b in test.button if b.label == "Start").click().run()
    assert not test.exception and not (runs_folder / "from-afar").exists()
    (line,) = [error.value for error in test.error if "nets/mine" in error.value or "NETS.PY" in error.value]
    told = re.search(r"`cirkd train (.*)`", line.replace("\\", ""))
    assert told and "none is run from the browser" in line
    words = shlex.split(told[1])
    assert words[:3] == ["streets-teacher", "--name", "from-afar"] and words[-len(more.split()) :] == more.split()


def test_a_name_that_is_taken_is_refused_in_one_line(runs_folder: Path, page: Open) -> None:
    test = page("training")
    test.selectbox(key="training_run").set_value("told")
    test.text_input(key="training_name_streets-teacher").set_value("told")
    next(b for b in test.button if b.label == "Start").click().run()
    assert not test.exception
    assert len(test.error) == 1 and "holds a run already" in test.error[0].value
