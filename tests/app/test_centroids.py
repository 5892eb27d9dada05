"""Centroids: the numbers, the map and the table on screen are the study's."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cirkd.charts import theme
from tests.app.conftest import WIDTHS, assert_stands
from tests.app.drawn import array, figures, traces, wait_for_charts
from tests.app.test_embeddings import study_without
from tests.app.test_overview import images_of, open_study

Open = Callable[..., Any]


def test_numbers_and_matrices_are_the_studys(page: Open, study_folders: Path) -> None:
    test = page("centroids")
    assert not test.exception
    assert not test.error
    study = open_study(study_folders, images_of(test))
    found = study.centroids()
    mark = theme.role("after").markdown
    shown = {metric.label: metric.value for metric in test.metric}
    assert shown[f"{mark} Nearest centroid"] == theme.percent(found.nearest_centroid_accuracy["after"])
    assert shown[f"{mark} CKA"] == theme.decimals(found.cka_to_teacher["after"])
    assert shown[f"{mark} Neighbours kept"] == theme.percent(found.neighbour_overlap["after"])
    cosine = found.cosine
    wanted = [cosine["teacher"]]
    for name in ("before", "after"):
        wanted += [cosine[name], cosine[name] - cosine["teacher"]]
    for trace, z in zip(traces(test, "heatmap"), wanted, strict=True):
        np.testing.assert_allclose(array(trace["z"]), z, atol=1e-4)
    arrows = figures(test)[0]["layout"]["annotations"]
    np.testing.assert_allclose([(a["ax"], a["ay"]) for a in arrows], found.map["before"], atol=1e-4)
    np.testing.assert_allclose([(a["x"], a["y"]) for a in arrows], found.map["after"], atol=1e-4)


def test_the_table_ties_geometry_to_the_iou(page: Open, study_folders: Path) -> None:
    test = page("centroids")
    study = open_study(study_folders, images_of(test))
    found, scores = study.centroids(), study.scores()
    table, shape = (frame.value for frame in test.dataframe)
    names = study.features().grouping().classes.names
    assert list(table["class"]) == [names[c] for c in found.classes]
    np.testing.assert_allclose(table["approach"], found.approach("before", "after"), atol=1e-4)
    np.testing.assert_allclose(shape["compactness after"], found.compactness["after"], atol=1e-4)
    np.testing.assert_allclose(shape["separation teacher"], found.separation["teacher"], atol=1e-4)
    np.testing.assert_allclose(table["row_distance before"], found.row_distance["before"], atol=1e-4)
    np.testing.assert_allclose(shape["fisher after"], study.centroids().fisher_by_class["after"], rtol=1e-3)
    np.testing.assert_allclose(table["change"], 100 * scores.iou_change("before", "after")[found.classes], atol=1e-3)


@pytest.mark.slow
def test_layers_are_compared_when_asked_for(page: Open, study_folders: Path) -> None:
    test = page("centroids")
    before = len(figures(test))
    test.toggle(key="centroids_layers").set_value(True).run()
    assert not test.exception
    assert not test.error
    found = open_study(study_folders, images_of(test)).layer_similarity()
    shown = [array(trace["z"]) for trace in traces(test, "heatmap")[-3:]]
    wanted = [found.cka["before"], found.cka["after"], found.change("before", "after")[1]]
    for z, values in zip(shown, wanted, strict=True):
        np.testing.assert_allclose(z, values, atol=1e-4)
    assert len(figures(test)) == before + 3
    assert any(f"{found.positions:,} positions of {found.images} images" in c.value for c in test.caption)


@pytest.mark.parametrize("missing", [("teacher",), ("before",), ("teacher", "after"), ("before", "after")])
def test_any_model_may_be_missing(page: Open, missing: tuple[str, ...]) -> None:
    test = page("centroids", **study_without(missing))
    assert not test.exception
    assert not test.error
    assert len(test.dataframe) == 2
    assert any(("No teacher" if "teacher" in missing else "No before") in c.value for c in test.caption)


def test_without_a_teacher_nothing_is_said_to_come_closer(page: Open) -> None:
    test = page("centroids", **study_without(("teacher",)))
    table = test.dataframe[0].value
    assert "drift" in table and "approach" not in table
    told = [metric.proto.help for metric in test.metric] + [caption.value for caption in test.caption[1:]]
    assert not [text for text in told if re.search("teacher's|in the teacher|closer", text)]


def test_images_without_labels_still_work(page: Open, unlabelled: Path) -> None:
    test = page("centroids", data="folder", folder=str(unlabelled))
    assert not test.exception
    assert not test.error
    assert any("No labels" in c.value for c in test.caption)
    assert "change" not in test.dataframe[0].value


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_stands_in_a_browser(browser_page: Open, width: int) -> None:
    tab = browser_page("centroids", width=width)
    assert_stands(tab)
    wait_for_charts(tab, 1 + 1 + 5)
    assert_stands(tab)
