"""A toy study on disk, pages as `AppTest`, and a running app with a real browser."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.toy import make_checkpoints, make_streets
from tools.serving import ROOT, Served, serving

WIDTHS = (1440, 800)


@pytest.fixture(scope="session")
def study_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with `checkpoints/` and `data/streets/`; the app's environment variables name them."""
    root = tmp_path_factory.mktemp("study")
    make_checkpoints(root / "checkpoints")
    make_streets(root / "data" / "streets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CIRKD_CHECKPOINTS", str(root / "checkpoints"))
        patch.setenv("CIRKD_DATA", str(root / "data"))
        patch.setenv("CIRKD_RUNS", str(root / "runs"))
        patch.setenv("CIRKD_CACHE", str(root / "cache"))
        yield root


@pytest.fixture(scope="session")
def unlabelled(study_folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the images of that study alone."""
    folder = tmp_path_factory.mktemp("unlabelled")
    for file in (study_folders / "data" / "streets" / "val").glob("*.webp"):
        shutil.copy(file, folder)
    return folder


@pytest.fixture
def page(study_folders: Path) -> Callable[..., Any]:
    """`page("overview", after="none")`: the app on that page with those query parameters, run once."""
    from streamlit.testing.v1 import AppTest

    def open_page(name: str = "overview", **query: str) -> Any:
        test = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=120)
        for key, value in query.items():
            test.query_params[key] = value
        if name != "overview":
            test.switch_page(f"views/{name}.py")
        return test.run()

    return open_page


@pytest.fixture(scope="session")
def app_server(study_folders: Path) -> Iterator[Served]:
    """The app, running on a free port."""
    with serving() as server:
        yield server


@pytest.fixture(scope="session")
def app_url(app_server: Served) -> str:
    """Its address."""
    return app_server.address


@pytest.fixture
def browser_page(chromium: Any, app_url: str) -> Iterator[Callable[..., Any]]:
    """`browser_page("predictions", width=800)`: that page in the browser, once everything on it is drawn."""
    opened = []

    def open_page(name: str = "", width: int = 1440, scheme: str = "light") -> Any:
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        tab = context.new_page()
        opened.append(context)
        tab.goto(f"{app_url}/{name}")
        settle(tab)
        return tab

    yield open_page
    for context in opened:
        context.close()


@pytest.fixture
def view(browser_page: Callable[..., Any], study_folders: Path) -> Callable[..., Any]:
    """`view(width=800)`: the page with the linked view in the browser, as a `View`."""
    from tests.app.explorer_view import View

    return lambda **options: View(browser_page("explorer", **options), study_folders)


def settle(tab: Any, timeout: float = 90_000) -> None:
    """Wait until the page's script has run to its end, all is drawn, and no progress is on screen but of training."""
    tab.wait_for_selector("h1", timeout=timeout)
    tab.wait_for_function(
        "() => document.querySelector('.stApp')?.getAttribute('data-test-script-state') === 'notRunning'"
        " && !document.querySelector('[data-testid=stSkeleton]')"
        " && [...document.querySelectorAll('[data-testid=stProgress]')]"
        ".every(bar => bar.closest('.st-key-training_progress'))",
        timeout=timeout,
    )
    tab.wait_for_timeout(500)


def choose(tab: Any, key: str, option: str, seconds: float = 90) -> None:
    """Pick an option of a select box, by its label or what stands before a dot in it.

    Typed again where a run of the script closed the list meanwhile.
    """
    from playwright.sync_api import TimeoutError as Late

    box = tab.locator(f".st-key-{key} input")
    wanted = tab.get_by_role("option", name=re.compile(rf"^{re.escape(option)}( ·|$)"))
    end = time.monotonic() + seconds
    while True:
        settle(tab)
        box.click(timeout=1000 * seconds)
        box.fill(option)
        try:
            return wanted.click(timeout=8_000)
        except Late:
            if time.monotonic() > end:
                raise


def assert_stands(tab: Any) -> None:
    """No exception, no error line, and nothing wider than the window."""
    for kind in ("stException", "stAlertContentError"):
        found = tab.locator(f"[data-testid={kind}]")
        assert found.count() == 0, found.first.inner_text()
    overflow = tab.evaluate(
        "() => [document.scrollingElement, document.querySelector('[data-testid=stMain]')]"
        ".map(e => e.scrollWidth - e.clientWidth)"
    )
    assert max(overflow) <= 1, f"wider than the window by {overflow} pixels"
