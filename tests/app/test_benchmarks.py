"""The benchmarks that drive a browser still find on the pages what they wait for."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import explorer, startup

pytestmark = [pytest.mark.browser, pytest.mark.nightly]


def test_startup_sees_the_pictures_come_and_the_charts_change(chromium: Any) -> None:
    found = startup.measure(startup.ROOT, chromium, changes=True)
    steps = ("server answers", "first pictures", "Overview complete", "change of colour", "and back", "change of pair")
    assert all(found[name] > 0 for name in steps)
    assert found["server answers"] <= found["first pictures"] <= found["Overview complete"]


def test_explorer_times_every_gesture(chromium: Any, capsys: pytest.CaptureFixture[str]) -> None:
    explorer.alone(chromium, 2, (8, 16), explorer.BARS)
    said = capsys.readouterr().out
    assert all(f"{name} " in said for name in explorer.BARS), said
