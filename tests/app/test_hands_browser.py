"""Quick and impatient hands: pages left at once, the back button, work that is called off."""

from __future__ import annotations

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
