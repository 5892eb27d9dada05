"""Figures as files: HTML that needs no network, PNG and SVG."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cirkd.charts import theme
from cirkd.data.errors import ExportError, line_of
from cirkd.export.files import whole

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FORMATS = ("html", "png", "svg")
NO_IMAGES = (
    "PNG and SVG are drawn by kaleido and a Chrome or Chromium on this machine: pip install 'cirkd[images]', and set "
    "BROWSER_PATH if the browser is not found; or take HTML, whose camera button saves a PNG"
)


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
