"""What the charts on an `AppTest` page hold."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import numpy as np


def figures(test: Any) -> list[dict[str, Any]]:
    """The Plotly figures on the page, in order."""
    return [json.loads(chart.proto.spec) for chart in test.get("plotly_chart")]


def traces(test: Any, kind: str) -> list[dict[str, Any]]:
    """The traces of one type, in order."""
    return [trace for figure in figures(test) for trace in figure["data"] if trace["type"] == kind]


def colors_of(marker: dict[str, Any]) -> list[str]:
    """The colour of each dot of a trace whose colours are numbered."""
    codes = array(marker["color"])
    steps = [color for _, color in marker["colorscale"]][::2]
    assert (marker["cmin"], marker["cmax"]) == (-0.5, len(steps) - 0.5)
    return [steps[code] for code in codes]


def wait_for_charts(tab: Any, count: int, selector: str = ".js-plotly-plot") -> None:
    """Wait in a browser until at least `count` charts are drawn; they come after the page's script has ended."""
    tab.locator(selector).nth(count - 1).wait_for(timeout=60_000)


def array(value: Any) -> np.ndarray:
    """A trace's array, whether sent as a list or as encoded bytes."""
    if not isinstance(value, dict):
        return np.array(value)
    found = np.frombuffer(b64decode(value["bdata"]), value["dtype"])
    shape = value.get("shape")
    return found.reshape([int(n) for n in shape.split(",")]) if shape else found
