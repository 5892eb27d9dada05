"""Relations: the matrices, means and divergences on screen are the study's."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from app import captions
from cirkd.charts import theme
from tests.app.conftest import WIDTHS, assert_stands, settle
from tests.app.drawn import array, traces, wait_for_charts
from tests.app.test_embeddings import study_without
from tests.app.test_overview import images_of, open_study
from tests.factories import make_features

Open = Callable[..., Any]


def test_matrices_and_differences_are_the_studys(page: Open, study_folders: Path) -> None:
    test = page("relations")
    assert not test.exception
    assert not test.error
    study = open_study(study_folders, images_of(test))
    pair, means = study.relations(0, 1), study.class_relations()
    drawn = [array(trace["z"]) for trace in traces(test, "heatmap")]
    wanted = []
    for matrices in (pair.matrices, means.matrices):
        for name, z in matrices.items():
            wanted.append(z)
            if name != "teacher":
                wanted.append(z - matrices["teacher"])
    for z, there in zip(wanted, drawn, strict=False):
        np.testing.assert_allclose(there, z, atol=2e-4)


def test_divergences_are_the_studys(page: Open, study_folders: Path) -> None:
    test = page("relations", relations_temperature="0.2")
    assert not test.exception
    study = open_study(study_folders, images_of(test))
    divergence = study.divergence(0.2)
    shown = {metric.label: metric.value for metric in test.metric}
    for name, mean in divergence.mean.items():
        role = theme.role(name)
        assert shown[f"{role.markdown} {role.label} · mean divergence"] == f"{theme.number(mean)} nats"
    maps = [t for t in traces(test, "heatmap") if t.get("opacity") is not None]
    pixels = study.features().pixels
    wanted = [pixels.grid_map(divergence.per_pixel[n], i) for i in (0, 1) for n in ("before", "after")]
    assert len(maps) == len(wanted)
    for trace, z in zip(maps, wanted, strict=True):
        np.testing.assert_allclose(array(trace["z"]), z, atol=2e-3)
    assert len({trace["zmax"] for trace in maps}) == 1


def test_a_student_distilled_without_pixel_relations_was_not_distilled_between_cells() -> None:
    objective = {"relation_stride": 16, "kd": 1.0}
    told = {name: {"provenance": {"recipe": {"teacher": "t", "objective": dict(objective)}}} for name in ("a", "b")}
    told["b"]["provenance"]["recipe"]["objective"]["minibatch_pixel"] = 1.0
    features = make_features(("teacher", "a", "b"))
    models = {name: replace(model, info=told.get(name, {})) for name, model in features.models.items()}
    said = captions._trained_cells(replace(features, models=models))
    assert said == " b was distilled between means over cells of 16 x 16 pixels."


def test_students_of_one_symbol_have_columns_of_their_own(page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(theme, "_SYMBOLS", (("square", "■"),))
    test = page("relations", **study_without(("before", "after")), others="streets-baseline,streets-cirkd")
    assert not test.exception
    heads = [f"■ {name}" for name in ("streets-baseline", "streets-cirkd")]
    wanted = [head for name in heads for head in (name, f"{name}, weighted")]
    assert list(test.table[0].value.columns) == ["Term", *wanted, "Weight"]


@pytest.mark.slow
def test_another_pair_draws_another_matrix(page: Open, study_folders: Path) -> None:
    test = page("relations", relations_order="position")
    test.selectbox(key="relations_a").set_value(2).run()
    test.selectbox(key="relations_b").set_value(2).run()
    assert not test.exception
    study = open_study(study_folders, images_of(test))
    pair = study.relations(2, 2, order="position")
    first = array(traces(test, "heatmap")[0]["z"])
    np.testing.assert_allclose(first, pair.matrices["teacher"], atol=2e-4)


@pytest.mark.parametrize("missing", [("teacher",), ("before",), ("teacher", "after")])
def test_any_model_may_be_missing(page: Open, missing: tuple[str, ...]) -> None:
    test = page("relations", **study_without(missing))
    assert not test.exception
    assert not test.error
    assert traces(test, "heatmap")
    assert any(("No teacher" if "teacher" in missing else "No before") in c.value for c in test.caption)


@pytest.mark.slow
def test_images_without_labels_still_work(page: Open, unlabelled: Path) -> None:
    test = page("relations", data="folder", folder=str(unlabelled))
    assert not test.exception
    assert not test.error
    assert any("No labels" in c.value for c in test.caption)


@pytest.mark.browser
@pytest.mark.parametrize("part", ["pair", "regions"])
def test_a_click_on_a_row_shows_its_heatmap(browser_page: Open, study_folders: Path, part: str) -> None:
    tab = browser_page("relations")
    wait_for_charts(tab, 10, ".js-plotly-plot .heatmaplayer")
    chart = tab.locator(f".st-key-{part}-after .js-plotly-plot")
    box = chart.locator(".nsewdrag").first.bounding_box()
    assert box is not None
    chart.locator(".nsewdrag").first.click(position={"x": 0.6 * box["width"], "y": 0.5 * box["height"]})
    shown = tab.locator(".st-key-relations_row_" + part + "_after_0 .js-plotly-plot")
    shown.wait_for(timeout=60_000)
    settle(tab)
    assert_stands(tab)
    (pointer,) = chart.evaluate("e => e.layout.shapes.filter(s => s.type === 'path').map(s => s.path)")
    label = chart.evaluate("(e, row) => e.data[0].y[row]", round(float(pointer.split()[5])))
    found = re.fullmatch(r"(.+), row (\d+), column (\d+) of (.+)", label)
    assert found is not None
    kind, row, column, image = found.groups()
    tab.get_by_text(f"The row of one pixel: {kind}, row {row}, column {column} of {image}").wait_for()
    images = tuple(parse_qs(urlsplit(tab.url).query)["images"][0].split(","))
    study = open_study(study_folders, images)
    where = study.features().pixels
    start = where.of_image(images.index(image)).start
    pixel = start + int(row) * where.grid[images.index(image)][1] + int(column)
    wanted = where.grid_map(study.pixel_relations(pixel).similarity["after"], 0)
    drawn = shown.evaluate("e => Array.from(e.calcdata[0][0].z, row => Array.from(row))")
    np.testing.assert_allclose(drawn, wanted, atol=2e-3)


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_stands_in_a_browser(browser_page: Open, width: int) -> None:
    tab = browser_page("relations", width=width)
    assert_stands(tab)
    wait_for_charts(tab, 10, ".js-plotly-plot .heatmaplayer")
    assert_stands(tab)
