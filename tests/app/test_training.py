"""The Training page: what it says of a run, and a tiny run begun, watched, stopped and resumed for real."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from cirkd.analysis.trajectory import trajectory
from cirkd.charts import training as charts
from cirkd.training import runs
from cirkd.training.journal import Journal, read_history
from tests.app.conftest import WIDTHS, assert_stands, choose, settle
from tests.app.drawn import figures, wait_for_charts
from tests.training.test_runs import SMALL, wait
from tests.training.tiny import write_camvid

Open = Callable[..., Any]
CLASSES = {"names": ["road", "sky"], "colors": [[128, 64, 128], [70, 130, 180]]}
PLAYER = "document.querySelector('[data-testid=trajectory]').player"


def read(tab: Any, what: str) -> Any:
    return tab.evaluate(f"() => {PLAYER}.{what}")


@pytest.fixture(scope="module")
def runs_folder(study_folders: Path) -> Iterator[Path]:
    """The folder of runs that the app looks at; whatever trains there is stopped at the end."""
    folder = study_folders / "runs"
    write_run(folder / "told")
    yield folder
    for run in runs.find_runs(folder):
        runs.stop(run.folder)


def components(block: Any) -> Iterator[Any]:
    """The components of our own within a block of an `AppTest` page."""
    for child in block.children.values():
        if child.type == "bidi_component":
            yield child
        elif hasattr(child, "children"):
            yield from components(child)


def write_snapshot(folder: Path, step: int) -> None:
    """16 positions of one probe image, half of them road; random, the same for a step."""
    rng = np.random.default_rng(step)
    label = np.repeat(np.array([0, 1], np.uint8), 8).reshape(4, 4)
    np.savez_compressed(
        folder / "snapshots" / f"step_{step:06d}.npz",
        names=np.array(["a"]),
        label_0=label,
        embedding_0=rng.normal(size=(8, 4, 4)).astype(np.float16),
    )


def write_run(folder: Path, steps: int = 40) -> None:
    """A run half done: a journal of two terms and three snapshots."""
    journal = Journal(folder / "journal.jsonl")
    journal.write("start", 0, recipe={"steps": steps, "name": folder.name}, classes=CLASSES, resumed=False)
    (folder / "snapshots").mkdir()
    for step in range(1, steps // 2 + 1):
        raw = {"task": 3.0 / step, "kd": 1.0 / step}
        journal.write(
            "train",
            step,
            raw=raw,
            weighted=raw,
            total=4.0 / step,
            learning_rate=0.05,
            seconds_per_step=0.5,
            pixel_memory_fill=step / steps,
            gpu_memory_bytes=3 * 2**30,
        )
        if step % 10 == 0:
            journal.write("evaluation", step, split="val", miou=step / 2)
    for step in (0, 10, 20):
        write_snapshot(folder, step)


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


def test_records_of_shipped_checkpoints_are_watched_like_runs(
    runs_folder: Path, page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a run of one's own they are what is on screen; one's own run of the same name goes first."""
    write_run(tmp_path / "records" / "shipped")
    write_run(tmp_path / "records" / "told", steps=20)
    monkeypatch.setenv("CIRKD_CHECKPOINTS", str(tmp_path))
    test = page("training")
    assert test.selectbox(key="training_run").options[-1] == "shipped · bundled"
    assert sum(option.startswith("told") for option in test.selectbox(key="training_run").options) == 1
    test.selectbox(key="training_run").set_value("told").run()
    assert {metric.label: metric.value for metric in test.metric}["mIoU on val"] == "10.0 %"
    monkeypatch.setenv("CIRKD_RUNS", str(tmp_path / "none"))
    test = page("training")
    assert test.selectbox(key="training_run").options == ["told · bundled", "shipped · bundled"]
    assert not test.exception and not test.info
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


@pytest.mark.browser
@pytest.mark.slow
def test_a_run_is_begun_watched_stopped_and_resumed(
    runs_folder: Path, app_url: str, browser_page: Open, tmp_path: Path
) -> None:
    root = write_camvid(tmp_path / "camvid")
    tab = browser_page("training")
    tab.get_by_text("Start a run").click(timeout=90_000)  # the recipes stand on PyTorch, which may still be loading
    choose(tab, "training_recipe", "camvid-baseline")
    tab.locator("input[aria-label='Name of the run'][value=camvid-baseline]").wait_for(timeout=30_000)
    settle(tab)  # the fields of the recipe chosen before are gone
    for label, value in (
        ("Name of the run", "live"),
        ("Steps", "5000"),
        ("Folder of CamVid", str(root)),
        ("Further fields, as on the command line", " ".join(SMALL)),
    ):
        field = tab.get_by_label(label, exact=True)
        field.fill(value)
        field.press("Tab")
    tab.get_by_role("button", name="Start", exact=True).click()
    folder = runs_folder / "live"
    wait(lambda: read_history(folder / "journal.jsonl").step >= 1)
    tab.locator("[data-testid=stProgress]", has_text="left").wait_for(timeout=60_000)
    first = tab.locator("[data-testid=stProgress]").inner_text()
    tab.wait_for_function(
        "first => document.querySelector('[data-testid=stProgress]')?.innerText !== first", arg=first, timeout=60_000
    )
    tab.reload()
    assert runs.look(folder).status == "running"
    tab.get_by_role("button", name="Stop", exact=True).click(timeout=60_000)
    wait(lambda: runs.look(folder).status == "stopped")
    done = read_history(folder / "journal.jsonl").step
    tab.get_by_role("button", name="Resume").click(timeout=60_000)
    wait(lambda: read_history(folder / "journal.jsonl").step > done)
    assert read_history(folder / "journal.jsonl").resumed == (done,)
    tab.get_by_role("button", name="Stop", exact=True).click(timeout=60_000)
    wait(lambda: runs.look(folder).status == "stopped")


@pytest.mark.browser
@pytest.mark.slow
def test_a_run_of_the_command_line_is_stopped_and_resumed_on_the_page(
    runs_folder: Path, app_url: str, browser_page: Open, tmp_path: Path
) -> None:
    root = write_camvid(tmp_path / "camvid")
    words = [sys.executable, "-m", "cirkd.cli", "train", "camvid-baseline", *SMALL, "--steps", "5000"]
    words += ["--snapshot-every", "25"]  # the page shows at most forty of them
    words += ["--name", "typed", "--runs", str(runs_folder), "--root", str(root)]
    folder, journal = runs_folder / "typed", runs_folder / "typed" / "journal.jsonl"
    with subprocess.Popen(words, cwd=tmp_path) as typed:
        try:
            wait(lambda: read_history(journal).step >= 1)
            tab = browser_page("training")
            choose(tab, "training_run", "typed")
            snapshots = len(list((folder / "snapshots").iterdir()))
            tab.wait_for_function(f"count => {PLAYER}.steps.length > count", arg=snapshots, timeout=60_000)
            tab.get_by_role("button", name="Stop", exact=True).click(timeout=60_000)
            assert typed.wait(timeout=60) == 0
        finally:
            typed.kill()
    done = read_history(journal).step
    tab.get_by_role("button", name="Resume").click(timeout=60_000)
    wait(lambda: read_history(journal).step > done)
    assert read_history(journal).resumed == (done,)
    tab.get_by_role("button", name="Stop", exact=True).click(timeout=60_000)
    wait(lambda: runs.look(folder).status == "stopped")
    assert_stands(tab)


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_stands_and_plays_in_a_browser(runs_folder: Path, app_url: str, browser_page: Open, width: int) -> None:
    tab = browser_page("training", width=width)
    choose(tab, "training_run", "told")
    wait_for_charts(tab, 5)
    settle(tab)
    assert_stands(tab)
    places = read(tab, "places")
    assert (read(tab, "step"), read(tab, "playing")) == (20, False)
    tab.get_by_role("button", name="▶ Play").click()
    tab.wait_for_function(f"() => {PLAYER}.playing && {PLAYER}.step === 10", timeout=20_000)
    assert read(tab, "places") != places
    tab.wait_for_function(f"() => !{PLAYER}.playing && {PLAYER}.step === 20", timeout=20_000)
    tab.wait_for_timeout(600)
    assert read(tab, "places") == places


@pytest.mark.browser
def test_new_snapshots_come_by_themselves_and_move_nothing(runs_folder: Path, app_url: str, browser_page: Open) -> None:
    folder = runs_folder / "growing"
    write_run(folder)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"]) as trains:
        began = psutil.Process(trains.pid).create_time()
        (folder / "process.json").write_text(json.dumps({"pid": trains.pid, "began": began}))
        try:
            tab = browser_page("training")
            choose(tab, "training_run", "growing")
            tab.get_by_test_id("trajectory").wait_for(timeout=30_000)
            settle(tab)
            slider = tab.get_by_role("slider", name="Step")
            slider.focus()
            slider.press("ArrowLeft")
            tab.wait_for_timeout(600)
            assert read(tab, "step") == 10
            places = read(tab, "places")
            write_snapshot(folder, 30)
            tab.wait_for_function(f"() => {PLAYER}.steps.length === 4", timeout=30_000)
            tab.wait_for_timeout(600)
            assert (read(tab, "steps"), read(tab, "step"), slider.input_value()) == ([0, 10, 20, 30], 10, "1")
            assert read(tab, "places") == places
            slider.press("End")
            write_snapshot(folder, 40)  # whoever is at the end is taken along
            tab.wait_for_function(f"() => {PLAYER}.step === 40", timeout=30_000)
            tab.get_by_text("embeddings of the first 3 snapshots").wait_for()
            tab.get_by_role("button", name="Fit the map to all snapshots").click()
            tab.get_by_text("embeddings of all snapshots").wait_for(timeout=30_000)
            assert_stands(tab)
        finally:
            trains.kill()
