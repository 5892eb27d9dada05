"""Legends as HTML beside the charts: they wrap with the page, serve several charts at once and never lie on data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from plotly.colors import get_colorscale

from app.charts import theme

Scale = str | Sequence[Sequence[Any]]
_ROW = "display:flex;flex-wrap:wrap;align-items:center;gap:.2rem .9rem;font-size:.85rem;line-height:1.4"


def categories(items: Iterable[tuple[str, str]]) -> str:
    """A row of colour chips with names: (name, CSS colour) of each."""
    chips = "".join(
        f'<span style="white-space:nowrap"><span aria-hidden="true" style="display:inline-block;width:.7rem;'
        f"height:.7rem;border-radius:.15rem;margin-right:.35rem;background:{color};"
        f'box-shadow:0 0 0 1px rgba(128,128,128,.35)"></span>{escape(name)}</span>'
        for name, color in items
    )
    return f'<div role="list" style="{_ROW}">{chips}</div>'


def scale(colorscale: Scale, low: str, high: str, label: str, middle: str = "") -> str:
    """A colour bar with its ends (and middle) named: `colorscale` is a name or a list of (position, colour)."""
    stops = get_colorscale(colorscale) if isinstance(colorscale, str) else colorscale
    gradient = ",".join(f"{color} {100 * float(at):g}%" for at, color in stops)
    between = f'<span style="flex:1;text-align:center">{escape(middle)}</span>' if middle else ""
    return (
        f'<div style="{_ROW}"><span>{escape(label)}</span>'
        f'<span style="width:min(16rem,60vw)"><span style="display:block;height:.6rem;border-radius:.3rem;'
        f'background:linear-gradient(to right,{gradient})"></span>'
        f'<span style="display:flex;justify-content:space-between;font-size:.78rem;opacity:.8">'
        f"<span>{escape(low)}</span>{between}<span>{escape(high)}</span></span></span></div>"
    )


def model(name: str, note: str = "") -> str:
    """The heading of a model's panel: its symbol in its colour, its name, and a short note."""
    look = theme.role(name)
    more = f'<span style="opacity:.75;font-size:.85rem">{escape(note)}</span>' if note else ""
    return (
        f'<div style="display:flex;flex-wrap:wrap;align-items:baseline;gap:0 .5rem"><span aria-hidden="true" '
        f'style="color:{look.color}">{look.glyph}</span><strong>{escape(look.label)}</strong>{more}</div>'
    )


def models(names: Iterable[str]) -> str:
    """A row with the symbol and name of each model."""
    marks = "".join(
        f'<span style="white-space:nowrap"><span aria-hidden="true" style="color:{theme.role(name).color};'
        f'margin-right:.35rem">{theme.role(name).glyph}</span>{escape(theme.role(name).label)}</span>'
        for name in names
    )
    return f'<div style="{_ROW}">{marks}</div>'
