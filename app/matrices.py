"""Heatmaps side by side under the scales that they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from app import panels
from cirkd.charts import matrix, theme

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from cirkd.analysis.compare import MatrixComparison


def draw(
    key: str, compared: MatrixComparison, rows: matrix.Side, columns: matrix.Side, what: str, mark: int | None = None
) -> None:
    """A panel per model, its difference to the reference below. what: the quantity, for the legends; mark: a row."""
    scale = matrix.cosine_scale(compared, what)
    difference = matrix.difference_scale(compared, f"difference to the {compared.reference}")
    _scales([scale, difference] if compared.differences else [scale])
    for panel, name in zip(panels.row(key, len(compared.matrices), 20), compared.matrices, strict=True):
        shown = [(name, "", compared.matrices[name], scale)]
        if name in compared.differences:
            shown.append((f"{name}-difference", f"minus {compared.reference}", compared.differences[name], difference))
        with panel:
            for place, note, z, colors in shown:
                look = theme.role(name)
                st.markdown(f"{look.heading} {theme.plain(note)}")
                figure = matrix.heatmap(z, rows, columns, colors, mark=mark)
                panels.chart(figure, f"{key}-{place}", f"heatmap, {look.label} {note}: {colors.label}")


def row(key: str, scales: Sequence[matrix.Scale], figures: Sequence[tuple[str, Figure, str]], width: float) -> None:
    """Figures next to each other, under their scales. figures: (heading, figure, what it shows) of each."""
    _scales(scales)
    for panel, (heading, figure, alt) in zip(panels.row(key, len(figures), width), figures, strict=True):
        with panel:
            st.markdown(heading)
            panels.chart(figure, f"{key}-{heading}", alt)


def _scales(scales: Sequence[matrix.Scale]) -> None:
    with st.container(horizontal=True, gap="medium"):
        for scale in scales:
            st.html(scale.bar(), width="content")
