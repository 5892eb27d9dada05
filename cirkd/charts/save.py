"""Figures as files, HTML that needs no network, PNG and SVG; and in a page that may be light or dark."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cirkd.charts import theme
from cirkd.data.errors import ExportError, line_of
from cirkd.export.files import whole

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from cirkd.charts.gallery import Picture

FORMATS = ("html", "png", "svg")
NO_IMAGES = (
    "PNG and SVG are drawn by kaleido and a Chrome or Chromium on this machine: pip install 'cirkd[images]', and set "
    "BROWSER_PATH if the browser is not found; or take HTML, whose camera button saves a PNG"
)
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


def write_figure(figure: Figure, path: Path | str, *, title: str = "", width: int = 800, scale: float = 2) -> Path:
    """Write one figure as its file's name says: .html (opens without a network), .png or .svg.

    Args:
        width: in pixels; the height is the figure's own.
        scale: of a PNG: pixels of the file for each pixel.

    Raises:
        ExportError: another ending, what draws PNG and SVG is missing, or a place that cannot be written to.
    """
    path = Path(path)
    kind = path.suffix.lower().lstrip(".")
    if kind not in FORMATS:
        raise ExportError(f"{path}: figures are written as {', '.join(FORMATS)}; end the name with one of them")
    with whole(path) as temporary:
        temporary.write_bytes(figure_bytes(figure, kind, title=title, width=width, scale=scale))
    return path


def figure_bytes(figure: Figure, kind: str, *, title: str = "", width: int = 800, scale: float = 2) -> bytes:
    """What `write_figure` writes.

    Raises:
        ExportError: what draws PNG and SVG is missing.
    """
    figure = type(figure)(figure)
    if title:
        top = (figure.layout.margin.t or 12) + 34
        figure.update_layout(
            title={"text": title, "x": 0.01, "y": 0.985, "yanchor": "top", "font": {"size": 16}},
            margin_t=top,
            height=(figure.layout.height or 450) + 34,
        )
    if kind == "html":
        return figure.to_html(include_plotlyjs=True, config=theme.CONFIG).encode()
    try:
        import kaleido  # noqa: F401
    except ImportError:
        raise ExportError(NO_IMAGES) from None
    try:
        return figure.to_image(kind, width=width, scale=scale if kind == "png" else 1)
    except Exception as error:  # the browser's failures come as many unrelated types
        reason = line_of(error)
        raise ExportError(f"{NO_IMAGES} ({reason})") from None


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
