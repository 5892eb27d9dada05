"""A folder that `cirkd extract` wrote, in the app: pages show what it holds, or say in one line what they lack."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cirkd
from app import page_list
from app.page_list import PageEntry
from cirkd.features.store import extract_to

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def folder(study_folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy study's validation images, 40 pixels of each class."""
    path = tmp_path_factory.mktemp("embeddings") / "val"
    names = ("streets-teacher", "streets-baseline", "streets-cirkd")
    models = {name: cirkd.load_model(study_folders / "checkpoints" / f"{name}.safetensors", "cpu") for name in names}
    data = cirkd.open_data("streets", "val", study_folders / "data" / "streets")
    extract_to(path, models, data, per_class=40)
    return path


def text_of(test: Any) -> str:
    return "\n".join(item.value for item in [*test.caption, *test.markdown, *test.info])


@pytest.mark.parametrize("entry", page_list.PAGES, ids=lambda entry: entry.name)
def test_every_page_shows_the_folder_or_says_what_it_lacks(page: Open, folder: Path, entry: PageEntry) -> None:
    test = page(entry.name, data="folder", folder=str(folder))
    assert not test.exception
    assert not test.error
    lacking = [item.value for item in test.info if "whole images" in item.value]
    assert len(lacking) == (entry.needs_images or entry.name in ("relations", "export"))
    assert all("choose images in the sidebar" in line for line in lacking)
    if entry.name in ("embeddings", "relations", "centroids"):
        assert len(test.get("plotly_chart")) >= 3


def test_the_sidebar_says_what_the_folder_holds(page: Open, folder: Path) -> None:
    test = page("centroids", data="folder", folder=str(folder))
    said = text_of(test)
    stored = int(cirkd.Study.from_folder(folder).features().provenance["stored"])
    assert "Stored embeddings" in said
    assert "streets-cirkd" in said
    assert f"{stored:,} pixels shown of {stored:,} stored" in said
    assert "streets val" in said
    assert not [box for box in test.selectbox if box.key == "bar_teacher"]
    test.toggle(key="bar_counts").set_value(True).run()
    counts = [table.value["Stored"].sum() for table in test.dataframe if "Stored" in table.value]
    assert counts == [stored]


def test_a_folder_given_by_hand_lies_in_the_address_and_gives_way_again(page: Open, folder: Path) -> None:
    test = page("centroids")
    test.selectbox(key="bar_data").set_value("folder").run()
    test.text_input(key="bar_folder").set_value(str(folder)).run()
    assert not test.exception
    assert not test.error
    assert test.query_params["folder"] in (str(folder), [str(folder)])
    test.selectbox(key="bar_data").set_value("streets").run()
    assert not test.exception
    assert not test.error
    assert test.selectbox(key="bar_teacher").value == "streets-teacher"
    assert "IoU" in text_of(test)


def test_an_unfinished_folder_is_one_clear_line(page: Open, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "settings.json").write_bytes((folder / "settings.json").read_bytes())
    test = page("embeddings", data="folder", folder=str(tmp_path))
    assert not test.exception
    assert len(test.error) == 1
    assert "not finished" in test.error[0].value


@pytest.mark.browser
@pytest.mark.parametrize("name", ["embeddings", "relations", "centroids", "explorer"])
def test_pages_stand_in_a_browser(browser_page: Open, folder: Path, name: str) -> None:
    from tests.app.conftest import assert_stands

    for width in (1440, 800):
        assert_stands(browser_page(f"{name}?data=folder&folder={folder}", width=width))
