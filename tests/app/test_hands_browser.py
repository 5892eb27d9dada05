"""Quick and impatient hands: pages left at once, the back button, work that is called off."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from tests.app.conftest import assert_stands, settle
from tests.training.test_runs import wait
from tools.serving import Served

pytestmark = pytest.mark.browser
Open = Callable[..., Any]


EXPLORER = "document.querySelector('[data-testid=explorer]')?.explorer"


def arrive(tab: Any, title: str) -> None:
    """Wait until the page of that title is drawn; until its run has begun, the page before it looks settled."""
    tab.locator("h1", has_text=title).wait_for(timeout=90_000)
    settle(tab)
    assert tab.locator("h1").inner_text() == title


def workers(server: Served) -> list[psutil.Process]:
    """The processes in which the app lays maps out."""
    found = []
    for process in psutil.Process(server.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def assert_called_off(server: Served) -> None:
    """Work that is called off ends its process; had it come to its end, that would be kept for the next call."""
    wait(lambda: not workers(server), 60)


def roles(tab: Any) -> list[str]:
    return [tab.locator(f".st-key-bar_{role} input").input_value() for role in ("teacher", "before", "after")]


@pytest.mark.parametrize("wait", [0, 150])
@pytest.mark.parametrize("first", ["explorer", "training"])
def test_a_page_that_is_left_at_once_leaves_the_study(chromium: Any, app_url: str, first: str, wait: int) -> None:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    tab = context.new_page()
    tab.goto(f"{app_url}/{first}", wait_until="commit")
    link = tab.locator("[data-testid=stSidebarNav] a", has_text="Predictions")
    link.wait_for(timeout=60_000)
    tab.wait_for_timeout(wait)
    link.click()
    tab.wait_for_url("**/predictions**")
    arrive(tab, "Predictions")
    shown = roles(tab)
    print(shown, tab.url)
    assert "none" not in [value.lower() for value in shown]
    assert_stands(tab)
    context.close()


def test_a_change_of_page_is_one_step_back(browser_page: Open) -> None:
    tab = browser_page("")
    length = tab.evaluate("history.length")
    for page in ("Predictions", "Centroids"):
        tab.locator("[data-testid=stSidebarNav] a", has_text=page).click()
        tab.wait_for_url(f"**/{page.lower()}**")
        arrive(tab, page)
    assert tab.evaluate("history.length") == length + 2
    tab.go_back()
    tab.wait_for_url("**/predictions**")
    arrive(tab, "Predictions")
    tab.go_back()
    arrive(tab, "What distillation changed")


def test_cancel_of_a_map_acts_at_once_and_the_page_stands(browser_page: Open, app_server: Served) -> None:
    images = ",".join(f"val00{number}" for number in reversed(range(8)))  # whose maps no other test has kept
    tab = browser_page(f"explorer?images={images}")
    tab.wait_for_selector("[data-testid=explorer][data-ready=true]", timeout=90_000)
    cancel = tab.get_by_role("button", name="Cancel")
    cancel.wait_for(state="detached", timeout=90_000)  # that of what the page begins with
    for idle in workers(app_server):
        idle.kill()
    tab.locator("[data-testid=projection]").select_option("tsne")
    cancel.wait_for(timeout=60_000)
    box = cancel.bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= 900, "in view, wherever the page is scrolled to"
    wait(lambda: bool(workers(app_server)))  # it is in the middle of its work, which takes some seconds
    cancel.click()
    tab.get_by_text("stopped").wait_for(timeout=60_000)
    assert tab.evaluate(f"{EXPLORER}.view.shownMap") == "pca"
    assert_called_off(app_server)
    cancel.wait_for(state="detached", timeout=60_000)
    assert tab.locator("[data-testid=explorer][data-ready=true]").count() == 1
    assert tab.locator("h1").inner_text() == "Explorer"
    tab.get_by_role("button", name="Compute it").click()
    tab.wait_for_function(  # while it is computed again, not after
        "() => ((said) => said.includes('Cancel') && !said.includes('stopped'))(document.body.innerText)",
        timeout=60_000,
    )
    wait(lambda: bool(workers(app_server)))
    cancel.click()
    tab.get_by_text("stopped").wait_for(timeout=60_000)
    tab.locator("[data-testid=projection]").select_option("relation")
    tab.get_by_text("stopped").wait_for(state="detached", timeout=60_000)
    assert_called_off(app_server)  # so the click did not wait for the map either
    assert tab.evaluate(f"{EXPLORER}.view.shownMap") == "relation"
    assert_stands(tab)
