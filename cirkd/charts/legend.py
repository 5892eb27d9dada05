"""The colours of dots, and legends beside the charts: they wrap with the page and never lie on data."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from plotly.colors import get_colorscale

from cirkd.analysis.colorings import NO_CATEGORY, Scale
from cirkd.charts import theme

if TYPE_CHECKING:
    from cirkd.analysis.colorings import PixelColors

_OUTLINE = {"light": "rgba(40,50,65,0.35)", "dark": "rgba(220,228,240,0.4)"}
"""Keeps dots apart from each other and from the page, whatever the class's colour."""


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


@dataclass(frozen=True)
class Paint:
    """How to colour dots; colors: of all pixels of a feature set."""

    colors: PixelColors

    def marker(self, pixels: Any) -> dict[str, Any]:
        """Plotly's marker settings for some pixels: a number each, and the colours that the numbers stand for."""
        outline = {"line": {"width": 0.6, "color": _OUTLINE[theme.mode()]}}
        if isinstance(self.colors, Scale):
            values = self.colors.values[pixels]
            return {"color": values, "colorscale": theme.SEQUENTIAL, "cmin": 0.0, "cmax": self.colors.high, **outline}
        kinds, codes = np.unique(self.colors.codes[pixels], return_inverse=True)
        shown = [self.colors.categories.get(int(kind), NO_CATEGORY) for kind in kinds] or [NO_CATEGORY]
        steps = [
            (edge / len(shown), category.color(theme.mode())) for i, category in enumerate(shown) for edge in (i, i + 1)
        ]
        codes = codes.astype(np.uint8)
        return {"color": codes, "colorscale": steps, "cmin": -0.5, "cmax": len(shown) - 0.5, **outline}

    def entries(self) -> list[tuple[str, str]]:
        """(name, CSS colour) of each category; none on a scale."""
        known = () if isinstance(self.colors, Scale) else self.colors.categories.values()
        return [(category.name, category.color(theme.mode())) for category in known]

    def bar(self) -> str:
        """The scale of numbers, as HTML; "" for categories."""
        found = self.colors
        return scale(theme.SEQUENTIAL, *found.ends, found.words) if isinstance(found, Scale) else ""
