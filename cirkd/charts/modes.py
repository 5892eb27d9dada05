"""A figure for a page that may be light or dark: its JSON once, and what is different in the dark."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

from cirkd.charts import theme

if TYPE_CHECKING:
    from cirkd.charts.gallery import Picture

SCRIPT = """
const night = matchMedia("screen and (prefers-color-scheme: dark)");
function paint(id, figure, dark, config) {
  const changed = structuredClone(figure);
  for (const [path, value] of dark) {
    const inner = path.slice(0, -1).reduce((part, key) => part[key], changed);
    inner[path.at(-1)] = value;
  }
  const draw = () => {
    const { data, layout } = structuredClone(night.matches ? changed : figure);
    Plotly.react(document.getElementById(id), data, { ...layout, autosize: true }, config);
  };
  night.addEventListener("change", draw);
  draw();
}
"""
"""For the page's head, after Plotly: `paint` draws a figure as the reader's screen is, and again when that changes."""


def painted(picture: Picture) -> str:
    """A figure as HTML that follows the reader's screen, in a page with Plotly and `SCRIPT`."""
    light, dark = (json.loads(picture.drawn(mode).to_json() or "{}") for mode in ("light", "dark"))
    changes = [[list(path), value] for path, value in differences(light, dark)]
    words = ",".join(_script(part) for part in (f"plot-{picture.name}", light, changes, theme.CONFIG))
    name, height = escape(picture.name), light["layout"]["height"]
    return f'<div id="plot-{name}" style="height:{height}px"></div><script>paint({words})</script>'


def differences(light: Any, dark: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """(path, value) of what must be set in `light` so that it is `dark`; lists of different lengths as a whole."""
    if light == dark:
        return
    if isinstance(light, dict) and isinstance(dark, dict) and light.keys() == dark.keys():
        for key, value in light.items():
            yield from differences(value, dark[key], (*path, key))
    elif isinstance(light, list) and isinstance(dark, list) and len(light) == len(dark):
        for number, value in enumerate(light):
            yield from differences(value, dark[number], (*path, number))
    else:
        yield path, dark


def _script(value: Any) -> str:
    """JSON that no text in it can end a script with."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
