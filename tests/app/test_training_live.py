"""The Training page in a browser: a tiny run begun, watched, stopped and resumed for real, and the player."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import expect

from cirkd.training import runs
from cirkd.training.journal import read_history
from tests.app.conftest import WIDTHS, assert_stands, choose, settle
from tests.app.drawn import wait_for_charts
from tests.app.runs_on_screen import runs_folder as runs_folder
from tests.app.runs_on_screen import write_run, write_snapshot
from tests.training.test_runs import SMALL, wait
from tests.training.tiny import write_camvid

Open = Callable[..., Any]


PLAYER = "document.querySelector('[data-testid=trajectory]')?.player"
STOP = ".st-key-training_stop button:visible"  # Streamlit's header has one of that name too while a script runs
PROGRESS = ".st-key-training_progress [data-testid=stProgress]"  # not that of other work
# Each step as it is told, and the places from which the dots leave for it.
WATCHED = f"""() => {{
  const player = {PLAYER}, told = window.told = [];
  const note = () => player.step !== told.at(-1)?.step && told.push({{ step: player.step, places: player.places }});
  const label = document.querySelector('[data-testid=trajectory] .cp-step');
  new MutationObserver(note).observe(label, {{ childList: true, characterData: true, subtree: true }});
}}"""


def read(tab: Any, what: str) -> Any:
    return tab.evaluate(f"() => {PLAYER}.{what}")


def at_rest(tab: Any) -> None:
    tab.wait_for_function(f"() => {PLAYER}.gliding === false", timeout=60_000)


@pytest.mark.browser
@pytest.mark.slow
def test_a_run_is_begun_watched_stopped_and_resumed(
    runs_folder: Path, app_url: str, browser_page: Open, tmp_path: Path
) -> None:
    root = write_camvid(tmp_path / "camvid")
    tab = browser_page("training")
    tab.get_by_text("Start a run").click(timeout=90_000)  # the recipes stand on PyTorch, which may still be loading
    choose(tab, "training_recipe", "camvid-baseline")
    tab.locator("input[aria-label='Name of the run'][value=camvid-baseline]").wait_for(timeout=60_000)
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
    tab.locator(PROGRESS, has_text="left").wait_for(timeout=60_000)
    first = tab.locator(PROGRESS).inner_text()
    changed = "([progress, first]) => ![undefined, first].includes(document.querySelector(progress)?.innerText)"
    tab.wait_for_function(changed, arg=[PROGRESS, first], timeout=60_000)
    tab.reload()
    assert runs.read_run(folder).status == "running"
    tab.locator(STOP).click(timeout=60_000)
    wait(lambda: runs.read_run(folder).status == "stopped")
    done = read_history(folder / "journal.jsonl").step
    tab.get_by_role("button", name="Resume").click(timeout=60_000)
    wait(lambda: read_history(folder / "journal.jsonl").step > done)
    assert read_history(folder / "journal.jsonl").resumed == (done,)
    tab.locator(STOP).click(timeout=60_000)
    wait(lambda: runs.read_run(folder).status == "stopped")


@pytest.mark.browser
@pytest.mark.slow
def test_a_run_of_the_command_line_is_stopped_and_resumed_on_the_page(
    runs_folder: Path, app_url: str, browser_page: Open, tmp_path: Path
) -> None:
    root = write_camvid(tmp_path / "camvid")
    words = [sys.executable, "-m", "cirkd.cli", "train", "camvid-baseline", *SMALL, "--steps", "5000"]
    words += ["--snapshot-every", "25"]  # not so many that laying them out takes long
    words += ["--name", "typed", "--runs", str(runs_folder), "--root", str(root)]
    folder, journal = runs_folder / "typed", runs_folder / "typed" / "journal.jsonl"
    with subprocess.Popen(words, cwd=tmp_path) as typed:
        try:
            wait(lambda: read_history(journal).step >= 1)
            tab = browser_page("training")
            choose(tab, "training_run", "typed")
            tab.get_by_test_id("trajectory").wait_for(timeout=60_000)
            last = read(tab, "steps")[-1]
            tab.wait_for_function(f"last => {PLAYER}.steps.at(-1) > last", arg=last, timeout=120_000)
            tab.locator(STOP).click(timeout=60_000)
            assert typed.wait(timeout=60) == 0
        finally:
            typed.kill()
    done = read_history(journal).step
    tab.get_by_role("button", name="Resume").click(timeout=60_000)
    wait(lambda: read_history(journal).step > done)
    assert read_history(journal).resumed == (done,)
    tab.locator(STOP).click(timeout=60_000)
    wait(lambda: runs.read_run(folder).status == "stopped")
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
    tab.evaluate(WATCHED)
    tab.get_by_role("button", name="▶ Play").click()
    tab.wait_for_function(f"() => told.length === 3 && {PLAYER}.playing === false", timeout=60_000)
    told = tab.evaluate("told")
    assert [now["step"] for now in told] == [0, 10, 20]
    assert told[-1]["places"] != places
    at_rest(tab)
    assert (read(tab, "step"), read(tab, "places")) == (20, places)


@pytest.mark.browser
def test_a_run_that_ends_stays_on_screen_and_is_called_ended(
    runs_folder: Path, app_url: str, browser_page: Open
) -> None:
    folder = runs_folder / "ending"
    write_run(folder)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"]) as trains:
        began = psutil.Process(trains.pid).create_time()
        (folder / "process.json").write_text(json.dumps({"pid": trains.pid, "began": began}))
        tab = browser_page("training")
        choose(tab, "training_run", "ending")
        shown = tab.locator(".st-key-training_run input")
        expect(shown).to_have_value("ending · running", timeout=60_000)
        trains.kill()
    status = runs.read_run(folder).status
    assert status != "running"
    expect(shown).to_have_value(f"ending · {status}", timeout=60_000)
    choose(tab, "training_beside", "told")
    tab.get_by_text("told, dashed").first.wait_for(timeout=60_000)
    expect(shown).to_have_value(f"ending · {status}")
    assert_stands(tab)


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
            tab.get_by_test_id("trajectory").wait_for(timeout=60_000)
            settle(tab)
            slider = tab.get_by_role("slider", name="Step")
            slider.focus()
            slider.press("ArrowLeft")
            at_rest(tab)
            assert read(tab, "step") == 10
            places = read(tab, "places")
            write_snapshot(folder, 30)
            tab.wait_for_function(f"() => {PLAYER}.steps.length === 4", timeout=60_000)
            at_rest(tab)
            assert (read(tab, "steps"), read(tab, "step"), slider.input_value()) == ([0, 10, 20, 30], 10, "1")
            assert read(tab, "places") == places
            slider.press("End")
            write_snapshot(folder, 40)  # whoever is at the end is taken along
            tab.wait_for_function(f"() => {PLAYER}.step === 40", timeout=60_000)
            tab.get_by_text("embeddings of the first 3 snapshots").wait_for(timeout=60_000)
            tab.get_by_role("button", name="Fit the map to all snapshots").click()
            tab.get_by_text("embeddings of all snapshots").wait_for(timeout=60_000)
            assert_stands(tab)
        finally:
            trains.kill()
