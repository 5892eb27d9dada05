"""Choosing, moving and zooming in the linked view, by mouse, keyboard and finger, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.app.conftest import assert_stands, settle
from tests.app.explorer_view import View, distance, inside, middle

pytestmark = pytest.mark.browser


def test_a_lasso_chooses_the_dots_inside_it(view: Callable[..., View]) -> None:
    here = view()
    left, top, width, height = here.box("scatter-before")
    shape = ((0.1, 0.1), (0.8, 0.2), (0.5, 0.5), (0.7, 0.9), (0.1, 0.7))
    corners = [(left + x * width, top + y * height) for x, y in shape]
    here.drag(corners)
    chosen = set(here.read("selection"))
    places = [here.read("mapPlace", "before", pixel) for pixel in range(here.count)]
    outline = np.array(corners)
    edge = [distance(outline, np.array(place)) for place in places]
    within = {p for p, place in enumerate(places) if inside(outline, *place)}
    sure = {p for p in range(here.count) if edge[p] > 3}  # a hand's line is not drawn to the pixel
    assert chosen & sure == within & sure
    assert 0 < len(chosen) < here.count
    here.tab.get_by_text("The chosen pixels").wait_for(timeout=60_000)
    here.tab.get_by_text(f"{len(chosen)} pixels", exact=False).first.wait_for()
    settle(here.tab)
    assert set(here.read("selection")) == chosen
    assert_stands(here.tab)


def test_a_box_in_an_image_chooses_its_pixels_and_shift_adds(view: Callable[..., View]) -> None:
    here = view()
    h, w = here.features.pixels.grid[0]
    start = here.features.pixels.of_image(0).start

    def box(x0: float, y0: float, x1: float, y1: float) -> set[int]:
        here.box("tile-after-0")
        a, b = here.read("imagePlace", "after", 0, x0, y0), here.read("imagePlace", "after", 0, x1, y1)
        here.drag([tuple(a), (b[0], a[1]), tuple(b)])
        inside = [(r, c) for r in range(h) for c in range(w) if x0 < (c + 0.5) / w < x1 and y0 < (r + 0.5) / h < y1]
        return {start + r * w + c for r, c in inside}

    # Edges that lie on cell borders, so that the pointer's whole pixels do not matter.
    first = box(1 / w, 1 / h, 4 / w, 3 / h)
    assert set(here.read("selection")) == first
    assert len(first) == 6
    here.tab.keyboard.down("Shift")
    second = box(6 / w, 4 / h, 9 / w, 6 / h)
    here.tab.keyboard.up("Shift")
    assert set(here.read("selection")) == first | second
    here.tab.keyboard.press("Escape")
    assert here.read("selection") == []


def test_a_click_in_the_legend_chooses_a_class(view: Callable[..., View]) -> None:
    here = view()
    label = here.features.pixels.label
    road, car = here.features.classes.names.index("road"), here.features.classes.names.index("car")
    here.tab.get_by_test_id("explorer").get_by_role("button", name="road", exact=True).click()
    assert here.read("selection") == np.flatnonzero(label == road).tolist()
    here.tab.get_by_test_id("explorer").get_by_role("button", name="car", exact=True).click(modifiers=["Shift"])
    assert here.read("selection") == np.flatnonzero((label == road) | (label == car)).tolist()


def test_keys_move_the_pin_switch_images_draw_and_clear(view: Callable[..., View]) -> None:
    here = view()
    pixel = middle(here, 0)
    w = here.features.pixels.grid[0][1]
    here.over("teacher", pixel)
    here.tab.mouse.down()
    here.tab.mouse.up()
    for key, step in (("ArrowRight", 1), ("ArrowDown", w), ("ArrowLeft", -1), ("ArrowUp", -w)):
        here.tab.keyboard.press(key)
        pixel += step
        assert here.read("pin") == pixel
    overlays = ["image", "labels", "prediction", "similarity", "relation", "divergence"]
    for digit, overlay in enumerate(overlays, start=1):
        here.tab.keyboard.press(str(digit))
        assert here.read("view")["overlay"] == overlay
        assert here.tab.get_by_test_id("overlay").get_attribute("data-value") == overlay
    here.tab.keyboard.press("l")
    assert here.read("view")["tool"] == "lasso"
    here.tab.keyboard.press("Escape")
    assert (here.read("pin"), here.read("selection"), here.read("view")["tool"]) == (-1, [], "point")


def test_zoom_and_move(view: Callable[..., View]) -> None:
    here = view()
    pixel = middle(here, 0)
    here.over("teacher", pixel)
    here.tab.keyboard.down("Control")
    here.tab.mouse.wheel(0, -300)
    here.tab.keyboard.up("Control")
    here.tab.wait_for_function("document.querySelector('[data-testid=explorer]').explorer.view.zooms[0] > 2")
    here.over("after", pixel)
    assert here.read("hover") == pixel  # enlarged in all models alike
    place = here.read("tilePlace", "after", pixel)
    here.tab.keyboard.press("m")
    here.drag([tuple(place), (place[0] + 20, place[1] + 9)])
    moved = here.read("tilePlace", "after", pixel)
    np.testing.assert_allclose(np.subtract(moved, place), (20, 9), atol=1.5)
    left, top, width, height = here.box("scatter-teacher")
    here.tab.mouse.move(left + width / 2, top + height / 2)
    here.tab.keyboard.down("Control")
    here.tab.mouse.wheel(0, -300)
    here.tab.keyboard.up("Control")
    here.tab.wait_for_function("document.querySelector('[data-testid=explorer]').explorer.view.zoom > 2")
    here.tab.get_by_role("button", name="Whole").click()
    assert here.read("view")["zoom"] == 1
    assert set(here.read("view")["zooms"]) == {1}


def test_a_finger_pins_by_a_tap(chromium: Any, app_url: str, study_folders: Path) -> None:
    context = chromium.new_context(viewport={"width": 900, "height": 1000}, has_touch=True)
    tab = context.new_page()
    tab.goto(f"{app_url}/explorer")
    settle(tab)
    here = View(tab, study_folders)
    pixel = middle(here, 0)
    here.box("tile-teacher-0")
    tab.touchscreen.tap(*here.read("tilePlace", "teacher", pixel))
    assert here.read("pin") == pixel
    context.close()


def test_two_presses_of_enter_choose_a_box_and_arrows_go_from_image_to_image(view: Callable[..., View]) -> None:
    here = view()
    h, w = here.features.pixels.grid[0]
    pixel = middle(here, 0)
    here.over("teacher", pixel)
    here.tab.mouse.down()
    here.tab.mouse.up()
    for key in ("Enter", "ArrowRight", "ArrowRight", "ArrowDown", "Enter"):
        here.tab.keyboard.press(key)
    assert here.read("selection") == [pixel, pixel + 1, pixel + 2, pixel + w, pixel + w + 1, pixel + w + 2]
    for _ in range(w):
        here.tab.keyboard.press("ArrowRight")
    assert here.read("pin") >= h * w


def test_a_tour_pins_what_changed_and_a_wipe_lays_before_over_after(view: Callable[..., View]) -> None:
    here = view()
    change = here.study.pixel_change().grid
    for kind, code in (("fixed", 2), ("broken", 3)):
        if (change == code).any():
            here.tab.get_by_test_id("explorer").get_by_role("button", name=kind, exact=True).click()
            assert change[here.read("pin")] == code
            shown = here.tab.get_by_test_id(f"tile-after-{int(here.features.pixels.image[here.read('pin')])}")
            box = shown.bounding_box()
            assert box["y"] >= 0 and box["y"] + box["height"] < 901, "in view, to the pixel"
    here.tab.get_by_test_id("wiping").click()
    here.tab.get_by_test_id("tile-after-0").scroll_into_view_if_needed()
    boxes = [here.tab.get_by_test_id(f"tile-{name}-0").bounding_box() for name in ("before", "after")]
    assert boxes[0] == boxes[1]
    box = boxes[0]
    for share, name in ((0.25, "before"), (0.75, "after")):
        at = [box["x"] + share * box["width"], box["y"] + box["height"] / 2]
        seen = here.tab.evaluate("([x, y]) => document.elementFromPoint(x, y).closest('.cx-tile').dataset.testid", at)
        assert seen == f"tile-{name}-0"
