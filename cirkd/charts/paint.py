"""The colours of dots: those of classes and images as they are, the rest as it suits the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cirkd.analysis.palette import palette
from cirkd.charts import legend, theme

if TYPE_CHECKING:
    from cirkd.study import PixelColors

_STATES = {
    "right": theme.BOTH_RIGHT,
    "correct in both": theme.BOTH_RIGHT,
    "wrong": theme.BROKEN,
    "wrong in both": theme.BOTH_WRONG,
    "fixed": theme.FIXED,
    "broken": theme.BROKEN,
}
_QUIET = {"light": "#C9CED7", "dark": "#3B4657"}
"""What is right recedes; unlike the pale grey of the pictures it can be seen on the page."""


_WRONG_ON_DARK = "#A3A9B3"

_OUTLINE = {"light": "rgba(40,50,65,0.35)", "dark": "rgba(220,228,240,0.4)"}
"""Keeps dots apart from each other and from the page, whatever the class's colour."""


@dataclass(frozen=True)
class Paint:
    """How to colour dots: the dots of all models alike.

    colors: of all pixels of a feature set; high: the upper end of a scale of numbers (from 0), the same for every
    model; mode: light or dark, None = as the page.
    """

    colors: PixelColors
    high: float = 1.0
    mode: theme.Theme | None = None

    def marker(self, pixels: Any) -> dict[str, Any]:
        """Plotly's marker settings for some pixels: a number each, and the colours that the numbers stand for."""
        outline = {"line": {"width": 0.6, "color": _OUTLINE[self.mode or theme.mode()]}}
        if self.colors.values is not None:
            values = self.colors.values[pixels]
            return {"color": values, "colorscale": theme.SEQUENTIAL, "cmin": 0.0, "cmax": self.high, **outline}
        found = palette(self.colors.rgb, pixels)
        count = max(len(found.colors), 1)
        names = {color: name for name, color in self.colors.legend}
        steps = [
            (edge / count, self._shown(names.get(color, ""), color))
            for i, color in enumerate(found.colors or ("#808080",))
            for edge in (i, i + 1)
        ]
        return {"color": found.codes, "colorscale": steps, "cmin": -0.5, "cmax": count - 0.5, **outline}

    def entries(self) -> list[tuple[str, str]]:
        """(name, CSS colour) of each category."""
        return [(name, self._shown(name, color)) for name, color in self.colors.legend]

    def bar(self, label: str) -> str:
        """The scale of numbers, as HTML."""
        return legend.scale(theme.SEQUENTIAL, "0", theme.number(self.high, 2), label)

    def _shown(self, name: str, color: str) -> str:
        """The colour on screen of a category whose colour in the pictures is `color`."""
        if self.colors.by not in ("error", "change"):
            return color
        return state_color(name, self.mode or theme.mode())


def state_color(name: str, mode: theme.Theme) -> str:
    """The colour of a dot that is "right", "wrong", "fixed", "broken" or "wrong in both"."""
    shown = _STATES.get(name, theme.BOTH_WRONG)
    if shown == theme.BOTH_WRONG and mode == "dark":
        return _WRONG_ON_DARK
    return _QUIET[mode] if shown == theme.BOTH_RIGHT else shown
