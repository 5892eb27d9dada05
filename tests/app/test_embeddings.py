"""Embeddings: maps of the same class-balanced pixels in every model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cirkd.charts import theme
from tests.app.conftest import WIDTHS, assert_stands
from tests.app.drawn import array, colors_of, traces, wait_for_charts
from tests.app.test_explorer import tell
from tests.app.test_overview import images_of, open_study
from tests.cases import mostly_slow

Open = Callable[..., Any]
COLOURINGS = ("prediction", "error", "change", "image", "confidence", "divergence")


def test_dots_and_residuals_are_the_studys(page: Open, study_folders: Path) -> None:
    test = page("embeddings")
    assert not test.exception
    assert not test.error
    study = open_study(study_folders, images_of(test))
    grouping = study.features().grouping()
    projection = study.projection("pca", dimensions=2, budget=150 * len(grouping.present()), align=True)
    drawn = traces(test, "scattergl")
    assert len(drawn) == 3
    colors = ["#{:02x}{:02x}{:02x}".format(*grouping.classes.colors[c]) for c in projection.labels]
    text = "\n".join(m.value for m in test.markdown)
    for trace, name in zip(drawn, study.names, strict=True):
        np.testing.assert_allclose(array(trace["x"]), projection.coordinates[name][:, 0], atol=1e-4)
        assert colors_of(trace["marker"]) == colors
        if name != "teacher":
            assert f"residual {theme.number(projection.residual[name], 2)}" in text


@pytest.mark.slow
def test_pixels_chosen_in_the_explorer_light_up(page: Open, study_folders: Path) -> None:
    test = page("explorer")
    tell(test, pin=None, selection=[0, 60])
    test.switch_page("views/embeddings.py").run()
    assert not test.exception
    study = open_study(study_folders, images_of(test))
    budget = 150 * len(study.features().grouping().present())
    index = study.projection("pca", dimensions=2, budget=budget, align=True).index
    wanted = [dot for dot, pixel in enumerate(index) if pixel < 60]
    assert wanted
    assert all(trace["selectedpoints"] == wanted for trace in traces(test, "scattergl"))
    assert any(f"Lit: {len(wanted)} of the 60 pixels" in c.value for c in test.caption)


@pytest.mark.parametrize("by", mostly_slow(COLOURINGS, fast=("error",)))
def test_every_colouring_draws_the_same_dots(page: Open, by: str) -> None:
    test = page("embeddings")
    test.selectbox(key="embeddings_by").set_value(by).run()
    assert not test.exception
    assert not test.error
    drawn = traces(test, "scattergl")
    assert len({len(array(trace["x"])) for trace in drawn}) == 1
    if by in ("confidence", "divergence"):
        assert len({(trace["marker"]["cmin"], trace["marker"]["cmax"]) for trace in drawn}) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "kind", "words"),
    [
        ({"embeddings_dimensions": "3-D"}, "scatter3d", "PCA"),
        ({"embeddings_space": "shared relations"}, "scattergl", "one map for all models"),
        ({"embeddings_map": "t-SNE", "embeddings_pixels": "20"}, "scattergl", "t-SNE (metric cosine"),
    ],
)
def test_a_link_opens_every_kind_of_map(page: Open, query: dict[str, str], kind: str, words: str) -> None:
    test = page("embeddings", **query)
    assert not test.exception
    assert not test.error
    assert traces(test, kind)
    assert any(words in c.value for c in test.caption)


def test_maps_can_be_left_as_they_are(page: Open) -> None:
    test = page("embeddings")
    assert "residual" in "".join(m.value for m in test.markdown)
    test.toggle(key="embeddings_align").set_value(False).run()
    assert not test.exception
    assert "residual" not in "".join(m.value for m in test.markdown)


@pytest.mark.parametrize("missing", [("teacher",), ("before",), ("teacher", "after")])
def test_any_model_may_be_missing(page: Open, missing: tuple[str, ...]) -> None:
    test = page("embeddings", **study_without(missing))
    assert not test.exception
    assert not test.error
    assert len(traces(test, "scattergl")) == 3 - len(missing)
    assert any(("No teacher" if "teacher" in missing else "No before") in c.value for c in test.caption)


def test_images_without_labels_are_coloured_by_prediction(page: Open, unlabelled: Path) -> None:
    test = page("embeddings", data="folder", folder=str(unlabelled))
    assert not test.exception
    assert not test.error
    assert any("No labels" in c.value for c in test.caption)
    assert "error" not in test.selectbox(key="embeddings_by").options
    assert len(traces(test, "scattergl")) == 3


def study_without(missing: tuple[str, ...]) -> dict[str, str]:
    """Query parameters of the toy study without some of its models."""
    query = {"teacher": "streets-teacher", "before": "streets-baseline", "after": "streets-cirkd"}
    return {**query, **dict.fromkeys(missing, "none")}


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_stands_in_a_browser(browser_page: Open, width: int) -> None:
    tab = browser_page("embeddings", width=width)
    assert_stands(tab)
    wait_for_charts(tab, 3)
    assert_stands(tab)
