"""Every page, light and dark, holds nothing that axe-core calls serious or critical by WCAG 2.1, levels A and AA."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest

from tests.app.conftest import settle
from tools.serving import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.nightly]
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
RUN = "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] })"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "app" / "views").glob("*.py")))
def test_nothing_serious_on_any_page(browser_page: Callable[..., Any], name: str, scheme: str) -> None:
    tab = browser_page("" if name == "overview" else name, scheme=scheme)
    settle(tab)
    tab.evaluate(AXE.read_text(encoding="utf-8"))
    found = tab.evaluate(RUN)
    assert found["passes"]  # it has looked at something
    serious = [item for item in found["violations"] if item["impact"] in ("serious", "critical")]
    told = [f"{item['id']}: {node['html'][:120]}" for item in serious for node in item["nodes"]]
    assert not told, "\n".join(told)


def test_names_of_pickers_hold_no_markup(browser_page: Callable[..., Any]) -> None:
    tab = browser_page("")
    names = tab.locator("[data-testid=stSidebar] [aria-label]").evaluate_all("all => all.map(e => e.ariaLabel)")
    assert any("Teacher" in name for name in names)
    assert not [name for name in names if ":violet[" in name or ":material/" in name]
