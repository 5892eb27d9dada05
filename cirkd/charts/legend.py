"""Legends beside the charts: they wrap with the page, serve several charts at once and never lie on data."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from typing import Any

from plotly.colors import get_colorscale


def swatch(color: str) -> str:
    """A small square of a CSS colour, as a `data:` address of an SVG."""
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="12" height="12"><rect x=".5" y=".5" width="11" height="11" '
        f'rx="2" fill="{color}" stroke="#808080" stroke-opacity=".5"/></svg>'
    )
    return "data:image/svg+xml;base64," + b64encode(svg.encode()).decode()


def scale(colorscale: str | Sequence[Sequence[Any]], low: str, high: str, label: str, middle: str = "") -> str:
    """A colour bar with its ends (and middle) named, as HTML; `colorscale`: a name, or (position, colour) pairs."""
    stops = get_colorscale(colorscale) if isinstance(colorscale, str) else colorscale
    gradient = ",".join(f"{color} {100 * float(at):g}%" for at, color in stops)
    between = f"<span>{escape(middle)}</span>" if middle else ""
    return (
        '<div style="display:flex;flex-wrap:wrap;align-items:center;gap:.2rem .9rem;font-size:.85rem;line-height:1.4">'
        f'<span>{escape(label)}</span><span style="width:min(16rem,60vw)">'
        f'<span style="display:block;height:.6rem;border-radius:.3rem;background:linear-gradient(to right,{gradient})">'
        '</span><span style="display:flex;justify-content:space-between;font-size:.78rem;opacity:.85">'
        f"<span>{escape(low)}</span>{between}<span>{escape(high)}</span></span></span></div>"
    )
