"""Export: what is saved is what the study writes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from app import work
from cirkd.export.tables import tables
from tests.app.conftest import WIDTHS, assert_stands, settle
from tests.app.test_embeddings import study_without
from tests.app.test_overview import images_of, open_study

Open = Callable[..., Any]


def made(test: Any, key: str) -> bytes:
    """The file that a part of the page has made."""
    return next(content for wanted, content in test.session_state["_exports"].items() if wanted[0] == key)


@pytest.mark.slow
def test_a_table_and_all_tables(page: Open, study_folders: Path) -> None:
    test = page("export")
    assert not test.exception
    assert not test.error
    study = open_study(study_folders, images_of(test))
    test.selectbox(key="export_table").set_value("iou").run()
    test.button(key="export_tables_make").click().run()
    assert not test.exception
    assert made(test, "export_tables").decode() == tables(study)["iou"]().csv()
    assert any("Save iou.csv" in button.proto.label for button in test.get("download_button"))
    test.selectbox(key="export_table").set_value("all of them (zip)").run()
    test.button(key="export_tables_make").click().run()
    content = list(test.session_state["_exports"].values())[-1]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert set(archive.namelist()) == {f"{name}.csv" for name in tables(study)}


@pytest.mark.slow
def test_embeddings_figures_and_the_report(page: Open, study_folders: Path) -> None:
    test = page("export")
    study = open_study(study_folders, images_of(test))
    test.button(key="export_embeddings_make").click().run()
    assert len(pq.read_table(io.BytesIO(made(test, "export_embeddings")))) == len(study.features().pixels)
    test.selectbox(key="export_figure").set_value("drift").run()
    test.button(key="export_figures_make").click().run()
    assert b"Plotly.newPlot" in made(test, "export_figures")
    test.button(key="export_report_make").click().run()
    assert not test.exception
    assert not test.error
    assert b"<h1>What distillation changed</h1>" in made(test, "export_report")


def test_a_second_export_lets_the_first_go_on(page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    names, run = [], work.run

    def noted(key: work.Key, label: str, function: Callable[[work.Progress], Any]) -> Any:
        names.append(key[0])
        return b"made" if str(key[0]).startswith("export") else run(key, label, function)

    test = page("export")
    monkeypatch.setattr(work, "run", noted)
    for key in ("export_tables", "export_embeddings"):
        test.button(key=f"{key}_make").click().run()
    assert [name for name in names if name.startswith("export")] == ["export_tables", "export_embeddings"]


@pytest.mark.parametrize("missing", [("teacher",), ("before", "after")])
def test_any_model_may_be_missing(page: Open, missing: tuple[str, ...]) -> None:
    test = page("export", **study_without(missing))
    assert not test.exception
    assert not test.error
    test.button(key="export_tables_make").click().run()
    assert not test.exception


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_a_file_is_saved_in_a_browser(browser_page: Open, width: int) -> None:
    tab = browser_page("export", width=width)
    assert_stands(tab)
    tab.locator(".st-key-export_tables_make button").click()
    save = tab.locator(".st-key-export_tables_save button")
    save.wait_for(timeout=60_000)
    settle(tab)
    with tab.expect_download() as download:
        save.click()
    assert Path(download.value.path()).read_text().startswith("model,")
    assert download.value.suggested_filename == "models.csv"
    assert_stands(tab)
