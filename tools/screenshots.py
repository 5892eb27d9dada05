"""Pictures of the running app for the documentation: `make screenshots`.

Starts the app on a free port, opens each page in a headless Chromium (`CHROMIUM` names another) and saves it under
`docs/`.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
PAGES = (
    "overview", "predictions", "explorer", "embeddings", "relations",
    "centroids", "memory", "training", "learn", "export",
)  # fmt: skip


def main() -> None:
    from playwright.sync_api import sync_playwright

    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs"
    folder.mkdir(exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--server.headless=true", f"--server.port={port}", "--server.fileWatcherType=none"]
    server = subprocess.Popen([sys.executable, "-m", "streamlit", "run", "app/main.py", *options], cwd=ROOT)
    try:
        _wait_for(f"http://localhost:{port}/_stcore/health")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            for page in PAGES:
                for scheme in ("light", "dark"):
                    for width in (1440, 800):
                        _shoot(browser, f"http://localhost:{port}", page, scheme, width, folder)
    finally:
        server.terminate()
        server.wait(timeout=10)


def _shoot(browser: Any, address: str, page: str, scheme: str, width: int, folder: Path) -> None:
    context = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=scheme)
    tab = context.new_page()
    start = time.monotonic()
    # The first page stands at the address itself.
    tab.goto(f"{address}/{'' if page == PAGES[0] else page}")
    tab.wait_for_selector("h1", timeout=90_000)
    tab.wait_for_function(
        "() => document.querySelector('.stApp')?.getAttribute('data-test-script-state') === 'notRunning'"
        " && !document.querySelector('[data-testid=stProgress]')",
        timeout=120_000,
    )
    took = time.monotonic() - start
    tab.wait_for_timeout(1_500)
    height = tab.evaluate("() => document.querySelector('[data-testid=stMain]').scrollHeight")
    tab.set_viewport_size({"width": width, "height": min(max(1000, height), 5000)})
    tab.wait_for_timeout(1_000)
    variant = "" if (scheme, width) == ("light", 1440) else f"-{scheme}-{width}"
    path = folder / f"{page}{variant}.png"
    tab.screenshot(path=path)
    print(f"{path.name}: on screen after {took:.1f} s")
    context.close()


def _wait_for(address: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(address, timeout=1)
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"the app did not answer at {address} within {seconds:.0f} s")


if __name__ == "__main__":
    main()
