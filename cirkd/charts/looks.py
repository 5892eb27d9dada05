"""How models, states and scales look in the linked view: the same as on the other pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cirkd.analysis.pictures import PALETTES
from cirkd.analysis.pixel_colors import IMAGE_COLORS
from cirkd.charts import theme
from cirkd.charts.paint import state_color


def look(names: Iterable[str]) -> dict[str, Any]:
    """What the view's header says about colours; names: of the models."""
    models = {name: theme.role(name) for name in names}
    return {
        "models": {n: {"label": r.label, "color": r.color, "glyph": r.glyph} for n, r in models.items()},
        "light": _states("light"),
        "dark": _states("dark"),
        "sequential": list(PALETTES["cividis"]),
        "images": ["#{:02x}{:02x}{:02x}".format(*color) for color in IMAGE_COLORS],
    }


def _states(mode: theme.Theme) -> dict[str, str]:
    names = {"right": "right", "wrong": "wrong in both", "fixed": "fixed", "broken": "broken"}
    return {key: state_color(name, mode) for key, name in names.items()} | {"none": theme.UNLABELLED}
