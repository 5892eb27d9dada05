"""The lesson as one file: small, complete, and alive without a network."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cirkd import cli, lesson
from cirkd.charts import theme
from cirkd.data.errors import StudyError
from cirkd.lesson import LARGEST, record_of, write_lesson
from cirkd.report import write_report
from cirkd.study import Study
from tests.analysis.test_trajectory import write as write_snapshots
from tests.app.toy import make_checkpoints, make_streets
from tests.factories import make_features


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    root = tmp_path_factory.mktemp("study")
    make_checkpoints(root / "checkpoints")
    make_streets(root / "data" / "streets")
    teacher, before, after = (
        root / "checkpoints" / f"streets-{x}.safetensors" for x in ("teacher", "baseline", "cirkd")
    )
    return Study.open(teacher=teacher, before=before, after=after, images=root / "data" / "streets" / "val")


@pytest.fixture(scope="module")
def written(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lesson(study, tmp_path_factory.mktemp("out") / "lesson.html", title="Roads <1>")


def test_it_is_one_small_file_that_names_no_address(written: Path) -> None:
    text = written.read_text(encoding="utf-8")
    assert len(text.encode()) < LARGEST
    assert not re.search(r"https?://|<link(?! rel=\"icon\" href=\"data:)|<img|@import|\bfetch\(", text)
    assert "<title>Roads &lt;1&gt;</title>" in text


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_it_lives_without_a_network(written: Path, chromium: Any, width: int, scheme: str) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True)
    tab = context.new_page()
    wrong: list[str] = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on(
        "request",
        lambda request: None if request.url.startswith(("file:", "data:", "blob:")) else wrong.append(request.url),
    )
    tab.goto(written.as_uri())
    tab.wait_for_selector("[data-testid=lesson][data-ready=true]", timeout=60_000)
    tab.get_by_test_id("step-embeddings").scroll_into_view_if_needed()
    photo = tab.get_by_test_id("picture-photo-i-teacher").first
    photo.scroll_into_view_if_needed()
    before = tab.evaluate("document.querySelector('[data-testid=lesson]').lesson.view.a")
    box = photo.bounding_box()
    for share in (0.2, 0.8):
        tab.mouse.move(box["x"] + share * box["width"], box["y"] + share * box["height"])
    assert tab.evaluate("document.querySelector('[data-testid=lesson]').lesson.view.a") != before
    assert tab.evaluate("document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth") <= 1
    tab.get_by_test_id("view-explorer").click()
    tab.wait_for_selector("[data-testid=explorer][data-ready=true]", timeout=60_000)
    options = tab.get_by_test_id("projection").locator("option").all_inner_texts()
    assert options == ["PCA", "Relation space"]  # what the file holds
    assert wrong == []
    context.close()


def test_more_images_than_fit_are_thinned_or_refused(
    study: Study, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = written.stat().st_size
    positions = len(study.features().pixels)
    monkeypatch.setattr(lesson, "POSITIONS", (positions, positions // 4))
    monkeypatch.setattr(lesson, "LARGEST", size - 1)
    assert write_lesson(study, tmp_path / "thin.html").stat().st_size < size
    monkeypatch.setattr(lesson, "LARGEST", 1000)
    with pytest.raises(StudyError, match="choose fewer"):
        write_lesson(study, tmp_path / "none.html")
    assert not (tmp_path / "none.html").exists()


@pytest.mark.browser
def test_the_report_opens_it(study: Study, chromium: Any, tmp_path: Path) -> None:
    report = write_report(study, tmp_path / "report.html")
    context = chromium.new_context(offline=True)
    tab = context.new_page()
    tab.goto(report.as_uri(), wait_until="commit", timeout=90_000)  # its figures take long to draw
    tab.wait_for_selector("#lesson[href^=blob]", timeout=90_000)
    with context.expect_page(timeout=90_000) as opened:
        tab.click("#lesson", timeout=90_000)
    opened.value.wait_for_selector("[data-testid=lesson][data-ready=true]", timeout=90_000)
    opened.value.get_by_test_id("step-pairs").evaluate("step => step.scrollIntoView()")
    opened.value.wait_for_function("location.hash.includes('lesson=pairs')", timeout=90_000)
    context.close()


@pytest.mark.slow
def test_a_report_may_leave_it_out(study: Study, tmp_path: Path) -> None:
    report = write_report(study, tmp_path / "report.html", lesson=False)
    assert "lesson-file" not in report.read_text(encoding="utf-8")


def test_a_record_is_found_beside_its_checkpoint(tmp_path: Path) -> None:
    assert record_of(tmp_path / "a.safetensors") is None
    folder = tmp_path / "records" / "a" / "snapshots"
    folder.mkdir(parents=True)
    (folder / "step_000001.npz").touch()
    assert record_of(tmp_path / "a.safetensors") == tmp_path / "records" / "a"
    assert record_of(tmp_path / "records" / "a" / "a.safetensors") == tmp_path / "records" / "a"


def test_the_dots_of_a_record_are_named_by_the_classes_of_its_run(tmp_path: Path) -> None:
    features = make_features(classes=4)
    write_snapshots(tmp_path, (0, 10))
    classes = {"names": ["sky", "road", "car"], "colors": [[1, 1, 1]] * 3}
    (tmp_path / "journal.jsonl").write_text(json.dumps({"kind": "start", "step": 0, "classes": classes, "recipe": {}}))
    files = {"after": tmp_path / "a.safetensors"}
    study: Any = SimpleNamespace(names=tuple(features.models), files=files, features=lambda: features)
    found = lesson._trajectory(study)
    assert found is not None and [group["name"] for group in found["groups"]] == ["sky", "road", "car"]
    few = make_features(classes=2)  # what the run knows of its classes has their colour
    study.features = lambda: replace(few, classes=replace(few.classes, names=("car", "road")))
    found = lesson._trajectory(study)
    assert found is not None and [group["color"] for group in found["groups"]] == [
        theme.class_color(color) for color in ((1, 1, 1), few.classes.colors[1], few.classes.colors[0])
    ]


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lesson", str(tmp_path / "x.html"), "--images", str(tmp_path / "nowhere")]) == 1
    assert "nowhere" in capsys.readouterr().err
