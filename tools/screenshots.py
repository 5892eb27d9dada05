"""Pictures of the running app for the documentation: `make screenshots`.

Starts the app on a free port and opens pages in a headless Chromium (`CHROMIUM` names another). Without an argument it
saves the README's pictures under `docs/`; with a folder, every page wide and narrow, light and dark, to look at there;
with `--table` it prints the README's table of pages instead.
"""

import sys
import time
from pathlib import Path
from typing import Any

from app import page_list
from tools.serving import CHROMIUM, ROOT, serving

PAGES = tuple(entry.name for entry in page_list.PAGES)
README = ("overview", "explorer")
VARIANTS = tuple((scheme, width) for scheme in ("light", "dark") for width in (1440, 800))


def main() -> None:
    if "--table" in sys.argv:
        print(page_list.table())
        return
    from playwright.sync_api import sync_playwright

    whole = len(sys.argv) > 1
    folder = Path(sys.argv[1]) if whole else ROOT / "docs"
    folder.mkdir(exist_ok=True)
    with serving() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for page in PAGES if whole else README:
            for scheme, width in VARIANTS if whole else VARIANTS[:1]:
                _shoot(browser, server.address, page, scheme, width, folder)


def _shoot(browser: Any, address: str, page: str, scheme: str, width: int, folder: Path) -> None:
    context = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=scheme)
    tab = context.new_page()
    start = time.monotonic()
    # The first page stands at the address itself.
    tab.goto(f"{address}/{'' if page == PAGES[0] else page}")
    tab.wait_for_selector("h1", timeout=90_000)
    tab.wait_for_function(
        "() => document.querySelector('.stApp')?.getAttribute('data-test-script-state') === 'notRunning'"
        " && !document.querySelector('[data-testid=stProgress]:not(.st-key-training_progress *)')",
        timeout=120_000,
    )
    took = time.monotonic() - start
    if page == "explorer":
        _pin(tab)
    tab.wait_for_timeout(1_500)
    height = tab.evaluate("() => document.querySelector('[data-testid=stMain]').scrollHeight")
    tab.set_viewport_size({"width": width, "height": min(max(1000, height), 5000)})
    tab.wait_for_function(
        "() => [...document.querySelectorAll('[data-testid=stPlotlyChart]')].every(e => e.querySelector('.main-svg'))",
        timeout=120_000,
    )
    tab.wait_for_timeout(1_000)
    variant = "" if (scheme, width) == ("light", 1440) else f"-{scheme}-{width}"
    path = folder / f"{page}{variant}.png"
    tab.screenshot(path=path, timeout=120_000)
    print(f"{path.name}: on screen after {took:.1f} s")
    context.close()


def _pin(tab: Any) -> None:
    """Pin a pixel on the road, so that the linked view shows what it is for."""
    tile = tab.get_by_test_id("tile-teacher-0")
    box = tile.bounding_box(timeout=30_000)
    tile.click(position={"x": 0.5 * box["width"], "y": 0.85 * box["height"]})
    tab.wait_for_timeout(3_000)


if __name__ == "__main__":
    main()
