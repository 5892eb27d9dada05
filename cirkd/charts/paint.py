"""The colours of dots as Plotly's marker settings and as a legend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cirkd.analysis.colorings import NO_CATEGORY, Scale
from cirkd.charts import legend, theme

if TYPE_CHECKING:
    from cirkd.analysis.colorings import PixelColors

_OUTLINE = {"light": "rgba(40,50,65,0.35)", "dark": "rgba(220,228,240,0.4)"}
"""Keeps dots apart from each other and from the page, whatever the class's colour."""


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
        return legend.scale(theme.SEQUENTIAL, *found.ends, found.words) if isinstance(found, Scale) else ""
