"""Quick and impatient hands: pages left at once, the back button, work that is called off."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.app.conftest import assert_stands, settle

pytestmark = pytest.mark.browser
Open = Callable[..., Any]


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
    settle(tab)
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
        settle(tab)
    assert tab.evaluate("history.length") == length + 2
    tab.go_back()
    tab.wait_for_url("**/predictions**")
    settle(tab)
    assert tab.locator("h1").inner_text() == "Predictions"
    tab.go_back()
    settle(tab)
    assert tab.locator("h1").inner_text() == "What distillation changed"


def test_cancel_of_a_map_acts_at_once_and_the_page_stands(browser_page: Open) -> None:
    images = ",".join(f"val00{number}" for number in reversed(range(8)))  # whose maps no other test has kept
    tab = browser_page(f"explorer?images={images}")
    tab.wait_for_selector("[data-testid=explorer][data-ready=true]", timeout=90_000)
    cancel = tab.get_by_role("button", name="Cancel")
    cancel.wait_for(state="detached", timeout=90_000)  # that of what the page begins with
    tab.locator("[data-testid=projection]").select_option("tsne")
    cancel.wait_for(timeout=30_000)
    box = cancel.bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= 900, "in view, wherever the page is scrolled to"
    tab.wait_for_timeout(200)  # it is in the middle of its work, which takes some seconds
    began = time.monotonic()
    cancel.click()
    cancel.wait_for(state="detached", timeout=30_000)
    tab.get_by_text("stopped").wait_for(timeout=30_000)
    took = time.monotonic() - began
    assert took < 4, f"{took:.1f} s until the work was gone"
    assert tab.locator("[data-testid=explorer][data-ready=true]").count() == 1
    assert tab.locator("h1").inner_text() == "Explorer"
    tab.get_by_role("button", name="Compute it").click()
    cancel.wait_for(timeout=30_000)
    tab.get_by_text("stopped").wait_for(state="detached", timeout=3_000)  # while it is computed again, not after
    assert cancel.count() == 1
    cancel.click()
    tab.get_by_text("stopped").wait_for(timeout=30_000)
    began = time.monotonic()
    tab.locator("[data-testid=projection]").select_option("relation")
    tab.get_by_text("stopped").wait_for(state="detached", timeout=30_000)
    assert time.monotonic() - began < 4, "the next click waits for nothing"
    assert_stands(tab)
