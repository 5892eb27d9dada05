"""How models and scales look in the linked view: the same as on the other pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from plotly.colors import sequential

from cirkd.analysis.colorings import IMAGE_COLORS
from cirkd.charts import theme
from cirkd.features.feature_set import compared


def look(names: Iterable[str]) -> dict[str, Any]:
    """What the view's header says about colours; names: of the study's models, in order."""
    models = theme.roles(names)
    return {
        "models": {n: {"label": r.label, "color": r.color, "glyph": r.glyph} for n, r in models.items()},
        "sequential": list(sequential.Cividis),
        "diverging": {mode: [color for _, color in theme.diverging(mode)] for mode in ("light", "dark")},
        "images": list(IMAGE_COLORS),
    }


def arrows(names: tuple[str, ...]) -> dict[str, str] | None:
    """From which student to which the arrows of relation space lead."""
    pair = compared(names)
    return {"from": pair[0], "to": pair[1]} if pair else None


def color_variables() -> str:
    """The app's colours as the variables that its pages set, for a light and a dark screen."""

    def root(mode: theme.Theme, soft: str, accent: str) -> str:
        paper, ink, muted, line = (color(mode) for color in (theme.paper, theme.ink, theme.muted, theme.grid))
        return (
            f":root{{--st-background-color:{paper};--st-text-color:{ink};--st-border-color:{line};"
            f"--st-secondary-background-color:{soft};--st-primary-color:{accent};--st-base-radius:.5rem;--muted:{muted}}}"
        )

    dark = root("dark", "#1B2230", "#9C8BFF")
    return f"{root('light', '#F4F5F8', '#5B45D6')}@media screen and (prefers-color-scheme:dark){{{dark}}}"
