"""The linked view's speed in Chromium: `python -m benchmarks.explorer`.

The component runs by itself, on a page without Streamlit, with as many positions as are asked for; the numbers are
its own `performance.measure` entries. `--app` drives the app instead, with eight of the bundled images. Times depend
on what else the machine does: its load is printed with them.
"""

from __future__ import annotations

import argparse
import base64
import os
import platform
import statistics
import time
from typing import Any

import numpy as np

from cirkd.analysis.colorings import all_colors
from cirkd.analysis.explorer_block import explorer_block
from cirkd.analysis.explorer_encode import encode
from cirkd.analysis.projection import AT_ONCE, explorer_map
from cirkd.charts.looks import look
from cirkd.data.sample import Classes
from cirkd.features.extract import make_pixels
from cirkd.features.feature_set import FeatureSet, ModelFeatures
from cirkd.web import script, style
from tools.serving import CHROMIUM, serving

WIDTHS = {"teacher": 128, "before": 64, "after": 64, "kd": 64}
COUNT = 8
READY = "[data-testid=explorer][data-ready=true]"
BARS = {"explorer:hover": 16, "explorer:select": 100, "explorer:ready": 3000, "explorer:zoom": 16}
MANY = {**BARS, "explorer:hover": 33}
LARGEST = 16  # MB of a block


def features(images: int, grid: tuple[int, int]) -> FeatureSet:
    """A made-up study: classes as clusters, images of noise."""
    dice = np.random.default_rng(0)
    size = (grid[0] * 8, grid[1] * 8)
    labels = [np.repeat(np.repeat(dice.integers(0, COUNT, grid), 8, 0), 8, 1).astype(np.uint8) for _ in range(images)]
    pixels = make_pixels([grid] * images, labels)
    classes = Classes(
        tuple(f"class {c}" for c in range(COUNT)), tuple(tuple(dice.integers(0, 256, 3).tolist()) for _ in range(COUNT))
    )
    return FeatureSet(
        classes=classes,
        image_names=tuple(f"image {i}" for i in range(images)),
        images=tuple(dice.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(images)),
        labels=tuple(labels),
        pixels=pixels,
        models={name: _model(name, width, pixels.label, labels, classes, dice) for name, width in WIDTHS.items()},
        provenance={"layer": "decoder"},
    )


def _model(
    name: str, width: int, label: np.ndarray, labels: list[np.ndarray], classes: Classes, dice: np.random.Generator
) -> ModelFeatures:
    centres = dice.normal(size=(COUNT, width))
    return ModelFeatures(
        name=name,
        layer="decoder",
        embedding=(centres[label] + dice.normal(size=(len(label), width))).astype(np.float32),
        prediction=label,
        confidence=dice.random(len(label), dtype=np.float32),
        prediction_maps=tuple(labels),
        confidence_maps=tuple(np.ones(item.shape, np.float16) for item in labels),
        classes=classes,
    )


def page(data: bytes) -> str:
    """A page that holds the component and gives it its data when `start()` is called."""
    joined = base64.b64encode(script("explorer").encode()).decode()
    return f"""<!doctype html><style>{style("explorer")}</style><div id="place"></div><script>
      const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      const url = URL.createObjectURL(new Blob([bytes("{joined}")], {{ type: "text/javascript" }}));
      const data = bytes("{base64.b64encode(data).decode()}");
      window.start = async (place = "place") => (await import(url)).default({{
        data, parentElement: document.getElementById(place), setStateValue: (name, state) => (window.told = state),
      }});
    </script>"""


def drive(tab: Any) -> None:
    """Point at 200 pixels and dots, draw lassos around many dots, zoom."""
    tab.wait_for_selector(READY, timeout=120_000)
    for name in ("tile-before-0", "scatter-after"):
        element = tab.get_by_test_id(name)
        element.scroll_into_view_if_needed()
        box = element.bounding_box()
        for n in range(100):
            x, y = (n * 0.618) % 0.9 + 0.05, (n * 0.414) % 0.9 + 0.05
            tab.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    box = tab.get_by_test_id("scatter-after").bounding_box()
    for reach in (0.48, 0.4, 0.35, 0.3, 0.48):
        tab.mouse.move(box["x"] + box["width"] * (0.5 + reach), box["y"] + box["height"] * 0.5)
        tab.mouse.down()
        for n in range(1, 40):
            angle = 2 * np.pi * n / 40
            x, y = 0.5 + reach * np.cos(angle), 0.5 + reach * np.sin(angle)
            tab.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y)
        tab.mouse.up()
        count = tab.evaluate("document.querySelector('[data-testid=explorer]').explorer.selection.length")
        print(f"  lasso of {count:,} positions")
    tab.keyboard.down("Control")
    for n in range(40):
        tab.mouse.wheel(0, -60 if n < 20 else 60)
    tab.keyboard.up("Control")


def report(tab: Any, bars: dict[str, int]) -> None:
    found = tab.evaluate(
        "performance.getEntriesByType('measure').filter(e => e.name.startsWith('explorer:'))"
        ".map(e => [e.name, e.duration])"
    )
    for name, bar in bars.items():
        times = sorted(duration for key, duration in found if key == name)
        if times:
            median, tail = statistics.median(times), times[min(int(len(times) * 0.95), len(times) - 1)]
            print(f"  {name:16s} {len(times):4d} times  median {median:7.1f} ms  95 % {tail:7.1f} ms  bar {bar} ms")


def alone(browser: Any, images: int, grid: tuple[int, int], bars: dict[str, int]) -> None:
    """The component without Streamlit."""
    study = features(images, grid)
    start = time.perf_counter()
    block = explorer_block(study)
    maps = {name: explorer_map(study, block, name) for name in AT_ONCE}
    header = {"look": look(WIDTHS), "arrows": {"from": "before", "to": "after"}}
    data = encode(block, maps, None, header, colors=all_colors(study))
    seconds = time.perf_counter() - start
    print(f"{images} images x {len(WIDTHS)} models x {grid[0]}x{grid[1]}: {len(block.index):,} positions", end=", ")
    numbers = block.models[0].embedding.shape[1]
    print(f"{len(data) / 1e6:.1f} MB (bar {LARGEST}), made in {seconds:.1f} s, {numbers} numbers each")
    tab = browser.new_page(viewport={"width": 1440, "height": 1000})
    tab.set_content(page(data))
    tab.evaluate("start()")
    drive(tab)
    report(tab, bars)
    tab.close()


def in_app(browser: Any) -> None:
    """The app on eight of the bundled images."""
    with serving() as server:
        images = ",".join(f"{scene}_0" for scene in ("0004", "0010", "0016", "0022", "0028", "0034", "0040", "0046"))
        print("app, 8 bundled images x 3 models")
        tab = browser.new_page(viewport={"width": 1440, "height": 1000})
        tab.goto(f"{server.address}/explorer?images={images}")
        drive(tab)
        report(tab, BARS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--app", action="store_true", help="drive the app instead of the component by itself")
    parser.add_argument("--browser", default=CHROMIUM)
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.browser, args=["--no-sandbox", "--headless"])
        if options.app:
            in_app(browser)
        else:
            alone(browser, 6, (32, 64), BARS)
            alone(browser, 6, (64, 128), BARS)
            alone(browser, 24, (64, 128), MANY)
        browser.close()


if __name__ == "__main__":
    main()
