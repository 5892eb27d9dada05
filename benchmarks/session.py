"""What a long session costs the server in memory: `python -m benchmarks.session`.

One window of a headless Chromium goes from study to study, each of other images, and clicks through some pages of
each. After every study stand the server's resident memory and how much of it came after the first: the first has the
libraries and the models, and what comes on top is to stay below the cache's budget.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from pathlib import Path
from typing import Any

import psutil

from app.page_list import PAGES
from benchmarks.startup import IDLE
from cirkd.cache import BUDGET
from cirkd.data.catalog import open_data
from tools.serving import CHROMIUM, serving


def visit(tab: Any, address: str, images: list[str], titles: list[str], patience: float) -> None:
    """Open a study and click through pages of it."""
    tab.goto(f"{address}/?images={','.join(images)}", timeout=1000 * patience)
    for title in [None, *titles]:
        if title is not None:
            tab.locator("[data-testid=stSidebarNav] a", has_text=title).click(timeout=1000 * patience)
        tab.wait_for_selector("h1", timeout=1000 * patience)
        tab.wait_for_function(IDLE, timeout=1000 * patience)


def kept(tab: Any) -> str:
    """What the settings in the sidebar say of the results that are kept."""
    tab.locator(".st-key-bar_settings").get_by_text("Settings", exact=True).click()
    said = tab.get_by_text("Results kept in memory").inner_text()
    return said.split(" beside")[0]


def resident(server: int) -> int:
    """Bytes of the server and its workers."""
    process = psutil.Process(server)
    return sum(part.memory_info().rss for part in (process, *process.children(recursive=True)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--studies", type=int, default=30)
    parser.add_argument("--pages", type=int, default=3, help="of each study, beside the Overview")
    parser.add_argument("--patience", type=float, default=120, help="seconds that a page may take")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    dice, names = random.Random(0), list(open_data("streets", "val", Path("data/streets")).names)
    first = grown = 0
    with sync_playwright() as playwright, serving() as (address, server):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1440, "height": 900})
        for number in range(options.studies):
            titles = [entry.title for entry in dice.sample(PAGES[1:], options.pages)]
            visit(tab, address, dice.sample(names, 6), titles, options.patience)
            now = resident(server)
            first = first or now
            grown = max(grown, now - first)
            told = f"study {number + 1}, Overview, {', '.join(titles)}: {now / 1e9:.2f} GB, {(now - first) / 1e9:+.2f}"
            print(f"{told}, load {os.getloadavg()[0]:.1f}; {kept(tab)}", flush=True)
        browser.close()
    print(f"grew by {grown / 1e9:.2f} GB after the first study; bar {BUDGET / 1e9:.1f} GB")
    return int(grown > BUDGET)


if __name__ == "__main__":
    sys.exit(main())
