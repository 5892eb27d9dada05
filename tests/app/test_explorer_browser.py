"""The linked view in a real browser: what is drawn is what was computed, and what is drawn around is what is chosen."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.analysis.oracles import softmax
from tests.app.conftest import WIDTHS, assert_stands, settle
from tests.app.explorer_view import View, middle

pytestmark = pytest.mark.browser
Open = Callable[..., Any]


@contextmanager
def without_errors(tab: Any) -> Iterator[None]:
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    yield
    assert not errors


def test_pointing_draws_the_cosines_of_every_model_in_every_image(view: Callable[..., View]) -> None:
    here = view()
    pixel = middle(here, 1)
    assert here.read("pin") >= 0  # a place that says something, so that heatmaps are seen at once
    assert here.read("drawn", "teacher", 0) is not None
    here.tab.keyboard.press("Escape")
    assert here.read("drawn", "teacher", 0) is None
    with without_errors(here.tab):
        here.over("before", pixel)
    assert here.read("hover") == pixel
    errors = here.read("block")["errors"]
    for name in here.study.names:
        wanted = here.rows(name) @ here.rows(name)[pixel]
        for image in range(len(here.features.images)):
            drawn = np.array(here.read("drawn", name, image))
            where = here.features.pixels.of_image(image)
            assert np.abs(drawn - wanted[where]).max() <= errors[name] + 1e-5
    low, table = here.read("block")["low"], _ramp()
    here.tab.get_by_test_id("raw").click()
    here.over("before", pixel)
    drawn = np.array(here.read("drawn", "after", 0)).reshape(here.features.pixels.grid[0])
    for row, column in ((0, 0), (2, 3), (drawn.shape[0] - 1, drawn.shape[1] - 1)):
        share = min(max((drawn[row, column] - low) / (1 - low), 0), 1)
        assert here.read("color", "after", 0, row, column)[:3] == table[int(share * 255)]
    here.tab.mouse.move(5, 5)
    assert here.read("drawn", "teacher", 0) is None


def _ramp() -> list[list[int]]:
    """256 colours from stop to stop of the scale."""
    from plotly.colors import sequential

    stops = [[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in sequential.Cividis]
    places = np.linspace(0, len(stops) - 1, 256)
    channels = [np.floor(np.interp(places, range(len(stops)), values) + 0.5) for values in zip(*stops, strict=True)]
    return [[int(value) for value in color] for color in zip(*channels, strict=True)]


def test_a_dot_and_its_pixel_are_one(view: Callable[..., View]) -> None:
    here = view()
    projection = here.study.explorer_map("pca")
    for name, pixel in (("teacher", middle(here, 0)), ("after", middle(here, 2))):
        at = here.read("coordinates", name, pixel)
        np.testing.assert_allclose(at, projection.coordinates[name][pixel], atol=1e-5)
        here.box(f"scatter-{name}")
        x, y = here.read("mapPlace", name, pixel)
        here.tab.mouse.move(x, y)
        found = here.read("hover")
        assert np.hypot(*np.subtract(here.read("mapPlace", name, found), (x, y))) <= 1  # itself, or one on top of it


def test_a_click_pins_and_python_answers(view: Callable[..., View]) -> None:
    here = view()
    pixel = middle(here, 1)
    here.over("after", pixel)
    here.tab.mouse.down()
    here.tab.mouse.up()
    assert here.read("pin") == pixel
    here.tab.mouse.move(5, 5)
    assert here.read("drawn", "teacher", 0) is not None
    relations = here.study.pixel_relations(pixel, 0.1, 10)
    for name, found in here.read("neighbours").items():
        values, error = relations.similarity[name], here.read("block")["errors"][name]
        least = values[relations.neighbours[name][-1]]
        assert len(found) == 10
        assert min(values[found]) >= least - 2 * error - 1e-5
    here.tab.get_by_text("The pinned pixel", exact=True).wait_for(timeout=60_000)
    settle(here.tab)
    assert_stands(here.tab)
    assert here.read("pin") == pixel  # the view was not built anew
    place = here.features.pixels
    here.tab.get_by_text(f"row {place.row[pixel]}, column {place.column[pixel]}.").wait_for()


def test_a_reload_keeps_what_is_shown(view: Callable[..., View], study_folders: Path) -> None:
    here = view()
    pixel = middle(here, 1)
    here.over("after", pixel)
    here.tab.mouse.down()
    here.tab.mouse.up()
    here.tab.keyboard.press("5")
    here.tab.get_by_test_id("projection").select_option("relation")
    here.tab.wait_for_function("location.search.includes('explorer_map=relation')", timeout=60_000)
    written = "pin => new URL(location).searchParams.get('explorer_pin') === pin"  # after the map
    here.tab.wait_for_function(written, arg=str(pixel), timeout=60_000)
    here.tab.reload()
    again = View(here.tab, study_folders)
    assert again.read("pin") == pixel
    assert (again.read("view")["overlay"], again.read("view")["shownMap"]) == ("relation", "relation")
    here.tab.get_by_text("The pinned pixel", exact=True).wait_for(timeout=60_000)


def test_tau_moves_the_relation_distribution(view: Callable[..., View]) -> None:
    here = view()
    pixel = middle(here, 1)
    here.over("before", pixel)
    here.tab.mouse.down()
    here.tab.mouse.up()
    here.tab.keyboard.press("5")
    for tau in (0.1, 0.5):
        here.tab.get_by_test_id("tau").fill(str(tau))
        assert here.read("view")["tau"] == tau
        for name in here.study.names:
            for image in range(len(here.features.images)):
                rows = here.rows(name)
                wanted = softmax(rows[here.features.pixels.of_image(image)] @ rows[pixel], tau)
                drawn = np.array(here.read("drawn", name, image))
                assert drawn.sum() == pytest.approx(1, abs=1e-4)
                # An error e of two cosines changes a share at most by the factor exp(2 e / tau).
                error = here.read("block")["errors"][name]
                np.testing.assert_allclose(drawn, wanted, rtol=np.expm1(2 * error / tau) + 1e-4)


def test_divergence_is_asked_for_and_drawn(view: Callable[..., View]) -> None:
    here = view()
    here.tab.get_by_test_id("overlay").get_by_text("Relation divergence").click()
    here.tab.wait_for_function(
        "document.querySelector('[data-testid=explorer]')?.explorer.block.divergence === 0.1", timeout=90_000
    )
    here.tab.wait_for_function("document.querySelector('[data-testid=explorer]').explorer.drawn('after', 1)")
    found = here.study.divergence(0.1)
    for name in ("before", "after"):
        drawn = np.array(here.read("drawn", name, 1))
        np.testing.assert_allclose(drawn, found.per_pixel[name][here.features.pixels.of_image(1)], atol=1e-5)
    assert here.read("drawn", "teacher", 1) is None


def test_maps_of_a_sample_come_when_chosen(view: Callable[..., View]) -> None:
    here = view()
    here.tab.get_by_test_id("projection").select_option("relation")
    assert here.read("view")["shownMap"] == "relation"
    projection = here.study.explorer_map("relation")
    np.testing.assert_allclose(here.read("coordinates", "after", 7), projection.coordinates["after"][7], atol=1e-5)
    here.tab.get_by_test_id("projection").select_option("tsne")
    here.tab.wait_for_function(
        "document.querySelector('[data-testid=explorer]')?.explorer.view.shownMap === 'tsne'", timeout=90_000
    )
    here.tab.get_by_test_id("color-by").select_option("error")
    assert_stands(here.tab)


def test_heatmaps_along_the_images_edges_and_raw_cells_have_the_same_numbers(view: Callable[..., View]) -> None:
    here = view()
    here.over("before", middle(here, 0))
    rows, columns = here.features.pixels.grid[0]
    heat = (
        "() => { const c = document.querySelector('[data-testid=tile-after-0] .cx-grid'); return [c.height, c.width] }"
    )
    smooth, drawn = here.tab.evaluate(heat), here.read("drawn", "after", 0)
    assert smooth[0] > rows and smooth[1] > columns
    here.tab.get_by_test_id("raw").click()
    here.over("before", middle(here, 0))
    assert here.tab.evaluate(heat) == [rows, columns]
    assert here.read("drawn", "after", 0) == drawn


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_stands_at_every_width_and_in_both_themes(view: Callable[..., View], width: int, scheme: str) -> None:
    here = view(width=width, scheme=scheme)
    assert_stands(here.tab)
    here.over("before", middle(here, 0))
    here.tab.mouse.down()
    here.tab.mouse.up()
    here.tab.get_by_text("The pinned pixel", exact=True).wait_for(timeout=60_000)
    settle(here.tab)
    assert_stands(here.tab)
    here.tab.get_by_test_id("scatter-teacher").scroll_into_view_if_needed()
    shot = Image.open(io.BytesIO(here.tab.get_by_test_id("scatter-teacher").screenshot())).convert("RGB")
    paper = {"light": (255, 255, 255), "dark": (17, 22, 31)}[scheme]
    assert shot.getpixel((4, shot.height // 2)) == paper
    names = here.tab.locator("[data-testid=explorer] [role=img]").evaluate_all("all => all.map(e => e.ariaLabel)")
    assert len(names) == 3 + 3 * len(here.features.images)
    assert all(names)
