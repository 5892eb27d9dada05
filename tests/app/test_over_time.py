"""A folder of one student's checkpoints is a study of that student over time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

import cirkd
from cirkd.cli import main
from cirkd.models.places import COMMANDED, told_models
from tests.app.conftest import assert_stands, settle

Open = Callable[..., Any]
STEPS = (500, 1_000, 5_000, 10_000)


@pytest.fixture
def steps(study_folders: Path, tmp_path: Path) -> Path:
    """A folder with a student at four steps; and a file that is none of them."""
    folder = tmp_path / "run"
    folder.mkdir()
    for number, step in enumerate(STEPS):
        part = "baseline" if number < 2 else "cirkd"
        shutil.copy(study_folders / "checkpoints" / f"streets-{part}.safetensors", folder / f"s{step}.safetensors")
    (folder / "journal.jsonl").touch()
    return folder


@pytest.mark.slow
def test_the_command_line_and_python_open_it(
    page: Open, study_folders: Path, steps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(COMMANDED, json.dumps(told_models([f"students={steps}"])))
    test = page()
    assert not test.exception
    assert not test.error
    assert test.multiselect(key="bar_others").value == [f"{steps}/s{step}.safetensors" for step in STEPS]
    study = cirkd.Study.open(students=steps, images=f"{study_folders}/data/streets", indices=range(2))
    assert study.names == tuple(f"s{step}" for step in STEPS)
    table = tmp_path / "changes.csv"
    words = ["changes", str(table), "--students", str(steps), "--images", f"{study_folders}/data/streets"]
    assert main([*words, "--device", "cpu"]) == 0
    assert "s500" in table.read_text().splitlines()[0]


def test_a_folder_of_fewer_than_two_checkpoints_is_one_line_and_changes_nothing(page: Open, tmp_path: Path) -> None:
    test = page()
    before = test.query_params["after"]
    test.text_input(key="bar_path").set_value(str(tmp_path)).run()
    assert not test.exception
    assert ["no checkpoints there; give a folder that holds a student at two steps" in e.value for e in test.error] == [
        True
    ]
    assert test.query_params["after"] == before
    assert not [button for button in test.button if button.key == "bar_over_time"]


@pytest.mark.browser
def test_the_sidebar_offers_it_where_a_model_is_added(browser_page: Open, steps: Path) -> None:
    from playwright.sync_api import expect

    tab = browser_page("")
    tab.get_by_text("More checkpoints").click()
    path = tab.locator(".st-key-bar_path input")
    path.fill(str(steps))
    path.press("Enter")
    expect(tab.get_by_text("run: 4 checkpoints of one student, s500 to s10000.")).to_be_visible(timeout=60_000)
    tab.get_by_role("button", name="Show this student over time").click()
    page = tab.locator("[data-testid=stMain]")
    expect(page.locator("[data-testid=stMetricLabel]").last).to_contain_text("Relation divergence", timeout=60_000)
    expect(page.locator("[data-testid=stMetricLabel]", has_text="s10000")).to_be_visible(timeout=60_000)
    settle(tab)
    assert_stands(tab)
    shown = [
        label.split(" · ")[0].split()[-1] for label in page.locator("[data-testid=stMetricLabel]").all_inner_texts()
    ]
    assert shown[:-1] == ["Teacher", *(f"s{step}" for step in STEPS)]
    assert [tab.locator(f".st-key-bar_{role} input").input_value() for role in ("before", "after")] == ["none", "none"]
    expect(tab.get_by_role("button", name="Show this student over time")).to_have_count(0)
    assert parse_qs(urlparse(tab.url).query)["others"][0].count(".safetensors") == len(STEPS)
