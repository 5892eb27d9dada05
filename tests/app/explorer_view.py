"""The page with the linked view, as the tests in a browser hold it; and the geometry of what is drawn around dots."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import numpy as np

from tests.analysis.oracles import unit
from tests.app.test_overview import open_study


class View:
    """The page with the linked view, ready, and the study that it shows."""

    def __init__(self, tab: Any, folders: Path) -> None:
        self.tab = tab
        tab.wait_for_selector("[data-testid=explorer][data-ready=true]", timeout=90_000)
        images = parse_qs(urlparse(tab.url).query)["images"][0].split(",")
        self.study = open_study(folders, tuple(images))
        self.features = self.study.features()
        self.count = len(self.features.pixels)

    def read(self, what: str, *arguments: Any) -> Any:
        """Something of `element.explorer`, see cirkd/web/explorer/handle.js."""
        code = "([what, args]) => { const e = document.querySelector('[data-testid=explorer]').explorer;"
        code += " return typeof e[what] === 'function' ? e[what](...args) : e[what]; }"
        return self.tab.evaluate(code, [what, list(arguments)])

    def box(self, name: str) -> tuple[float, float, float, float]:
        element = self.tab.get_by_test_id(name)
        element.scroll_into_view_if_needed()
        found = element.bounding_box()
        return found["x"], found["y"], found["width"], found["height"]

    def over(self, model: str, pixel: int) -> None:
        """Put the pointer on a pixel of that model's tile."""
        self.box(f"tile-{model}-{int(self.features.pixels.image[pixel])}")
        self.tab.mouse.move(*self.read("tilePlace", model, pixel))

    def drag(self, corners: list[tuple[float, float]]) -> None:
        self.tab.mouse.move(*corners[0])
        self.tab.mouse.down()
        for corner in corners[1:]:
            self.tab.mouse.move(*corner, steps=8)
        self.tab.mouse.up()

    def rows(self, name: str) -> np.ndarray:
        return unit(self.features.models[name].embedding)


def inside(outline: np.ndarray, x: float, y: float) -> bool:
    """Whether a point lies inside a polygon."""
    odd = False
    for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, 1, axis=0), strict=True):
        if (y0 > y) != (y1 > y) and x < (x1 - x0) * (y - y0) / (y1 - y0) + x0:
            odd = not odd
    return odd


def distance(outline: np.ndarray, point: np.ndarray) -> float:
    """From a point to the outline."""
    least = np.inf
    for a, b in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        share = np.clip((point - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
        least = min(least, float(np.hypot(*(a + share * (b - a) - point))))
    return least


def middle(view: View, image: int) -> int:
    """A pixel about the middle of an image."""
    h, w = view.features.pixels.grid[image]
    return view.features.pixels.of_image(image).start + (h // 2) * w + w // 3
