"""Embeddings: the same pixels in every model, chosen in one place and lit in all."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.charts import theme
from tests.app.conftest import WIDTHS, assert_stands, settle
from tests.app.drawn import array, colors_of, traces, wait_for_charts
from tests.app.test_overview import images_of, open_study

Open = Callable[..., Any]


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
    strip = traces(test, "scatter")
    assert sum(len(array(trace["x"])) for trace in strip) == len(projection.index)


def test_choosing_classes_lights_their_pixels_up_in_every_map_and_image(page: Open, study_folders: Path) -> None:
    test = page("embeddings")
    study = open_study(study_folders, images_of(test))
    grouping = study.features().grouping()
    kind = grouping.present()[0]
    test.pills(key="embeddings_classes").set_value([kind]).run()
    assert not test.exception
    maps = traces(test, "scattergl")
    lit = maps[0]["selectedpoints"]
    assert lit
    assert all(trace["selectedpoints"] == lit for trace in maps)
    places = [trace for trace in traces(test, "scatter") if "selectedpoints" in trace]
    assert sum(len(trace["selectedpoints"]) for trace in places) == len(lit)
    text = "\n".join(m.value for m in test.markdown)
    assert f"**{len(lit):,} pixels**" in text
    assert f"100 % {grouping.classes.names[kind]}" in text
    test.button(key="embeddings_clear").click().run()
    assert not any(trace.get("selectedpoints") for trace in traces(test, "scattergl"))


@pytest.mark.parametrize("by", ["prediction", "error", "change", "image", "confidence", "divergence"])
def test_every_colouring_draws_the_same_dots(page: Open, by: str) -> None:
    test = page("embeddings")
    test.selectbox(key="embeddings_by").set_value(by).run()
    assert not test.exception
    assert not test.error
    drawn = traces(test, "scattergl")
    assert len({len(array(trace["x"])) for trace in drawn}) == 1
    if by in ("confidence", "divergence"):
        assert len({(trace["marker"]["cmin"], trace["marker"]["cmax"]) for trace in drawn}) == 1


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


def test_images_without_labels_are_coloured_by_prediction(page: Open, study_folders: Path, tmp_path: Path) -> None:
    for file in (study_folders / "data" / "streets" / "val").glob("*.webp"):
        shutil.copy(file, tmp_path)
    test = page("embeddings", data="folder", folder=str(tmp_path))
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
def test_a_lasso_lights_the_same_pixels_up_in_the_browser(browser_page: Open) -> None:
    tab = browser_page("embeddings")
    assert_stands(tab)
    wait_for_charts(tab, 3 + 6)
    box = tab.locator(".st-key-embeddings_before .js-plotly-plot .nsewdrag").first.bounding_box()
    left, top, width, height = (box[k] for k in ("x", "y", "width", "height"))
    tab.mouse.move(left + 5, top + 5)
    tab.mouse.down()
    for x, y in ((0.6, 0.02), (0.98, 0.5), (0.6, 0.98), (0.02, 0.95), (0.02, 0.05)):
        tab.mouse.move(left + x * width, top + y * height, steps=6)
    tab.mouse.up()
    tab.get_by_role("button", name="Let go").wait_for(timeout=30_000)
    settle(tab)
    assert_stands(tab)
    lit = tab.evaluate(
        "() => [...document.querySelectorAll('.js-plotly-plot')].map(p => p.data[0])"
        ".filter(t => t.type === 'scattergl').map(t => (t.selectedpoints || []).length)"
    )
    assert len(lit) == 3
    assert lit[0] == lit[1] == lit[2] > 0


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_stands_in_a_browser(browser_page: Open, width: int) -> None:
    tab = browser_page("embeddings", width=width)
    assert_stands(tab)
    wait_for_charts(tab, 3 + 6)
    assert_stands(tab)
