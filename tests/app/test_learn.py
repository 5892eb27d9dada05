"""Learn: every number is the study's, and a click, the slider and the address move all steps."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cirkd.charts import theme
from tests.app.conftest import WIDTHS, assert_stands, settle
from tests.app.drawn import array, traces, wait_for_charts
from tests.app.test_embeddings import study_without
from tests.app.test_overview import images_of, open_study

Open = Callable[..., Any]


def text_of(test: Any) -> str:
    return "\n".join(m.value for m in test.markdown)


def test_every_step_shows_the_studys_numbers(page: Open, study_folders: Path) -> None:
    test = page("learn", learn_row="3", learn_column="5", learn_temperature="0.2")
    assert not test.exception
    assert not test.error
    study = open_study(study_folders, images_of(test))
    pixel = 3 * study.features().pixels.grid[0][1] + 5
    lesson = study.pixel_lesson(pixel, 1, 0.2)
    text = text_of(test)
    assert f"For this pixel and image *j*: **{theme.number(lesson.divergence['after'])} nats**" in text
    assert f"**{lesson.rows['after'].spread:,.0f}** of" in text
    split = lesson.shared_out["after"]
    assert f"diverge by **{theme.number(split.total)}** nats" in text
    gradient = study.gradient_lesson(0, 1, "after", 0.2)
    assert f"**{theme.number(gradient.loss, 4)} nats**" in text
    assert f"takes it to **{theme.number(gradient.stepped, 4)}**" in text
    memory = study.memory_lesson("after", 0.2)
    assert f"Here the pixel loss is **{theme.number(memory.losses[0].loss)}** nats" in text
    maps = [array(trace["z"]).ravel() for trace in traces(test, "heatmap")]
    wanted = [
        *(lesson.rows[name].similarity for name in ("teacher", "after")),
        *(lesson.rows[name].distribution for name in ("teacher", "after")),
        lesson.terms["after"],
    ]
    for drawn, values in zip(maps, wanted, strict=True):
        np.testing.assert_allclose(drawn, values, atol=2e-4)
    assert len(test.latex) == 7


def test_it_begins_where_relations_diverge_most(page: Open, study_folders: Path) -> None:
    test = page("learn")
    study = open_study(study_folders, images_of(test))
    pixel = study.telling_pixel(0, "after")
    where = study.features().pixels
    assert test.number_input(key="learn_row").value == where.row[pixel]
    assert test.number_input(key="learn_column").value == where.column[pixel]
    test.selectbox(key="learn_i").set_value(2).run()
    assert not test.exception
    assert test.number_input(key="learn_row").value == where.row[study.telling_pixel(2, "after")]


def test_the_slider_moves_the_distribution_and_the_divergence(page: Open) -> None:
    test = page("learn")
    before = text_of(test)
    test.select_slider(key="learn_temperature").set_value(0.5).run()
    assert not test.exception
    after = text_of(test)
    pick = lambda text: next(line for line in text.splitlines() if line.startswith("For this pixel"))  # noqa: E731
    assert pick(before) != pick(after)
    assert "Softmax at τ = **0.5**" in after


@pytest.mark.parametrize("missing", [("teacher",), ("before",), ("after",), ("teacher", "before"), ("before", "after")])
def test_any_model_may_be_missing(page: Open, missing: tuple[str, ...]) -> None:
    test = page("learn", **study_without(missing))
    assert not test.exception
    assert len(test.latex) == (3 if len(missing) == 2 else 7)
    assert not test.error
    # Without the teacher that filled the bank, or without a bank, the memory's losses cannot be shown.
    said = "".join(info.value for info in test.info)
    if missing == ("teacher",):
        assert "there is no teacher in view" in said
    else:
        assert bool(said) == (len(missing) == 2 or "after" in missing)


def test_images_without_labels_still_work(page: Open, study_folders: Path, tmp_path: Path) -> None:
    for file in (study_folders / "data" / "streets" / "val").glob("*.webp"):
        shutil.copy(file, tmp_path)
    test = page("learn", data="folder", folder=str(tmp_path))
    assert not test.exception
    assert not test.error


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_a_click_in_the_image_moves_every_step(browser_page: Open, width: int) -> None:
    tab = browser_page("learn", width=width, scheme="dark" if width < 1000 else "light")
    assert_stands(tab)
    wait_for_charts(tab, 7)
    picture = tab.locator(".st-key-learn_photo_i .nsewdrag").first
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    tab.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.6)
    tab.mouse.click(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.6)
    tab.wait_for_function("() => new URL(location).searchParams.get('learn_column') !== null", timeout=60_000)
    settle(tab)
    column = int(tab.locator(".st-key-learn_column input").input_value())
    assert abs((column + 0.5) / 12 - 0.7) < 0.09
    assert_stands(tab)
