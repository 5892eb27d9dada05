"""The matrices of several models side by side on one scale, and below each its difference to the reference."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import panels
from cirkd.analysis.compare import MatrixComparison
from cirkd.charts import matrix, theme


def draw(
    key: str, compared: MatrixComparison, rows: matrix.Side, columns: matrix.Side, what: str, mark: int | None = None
) -> None:
    """A panel per model. key: unique on the page; what: the quantity, for the legends; mark: a row to point at."""
    reference = theme.role(compared.reference).label.lower()
    scale = matrix.cosine_scale(compared, what)
    difference = matrix.difference_scale(compared, f"difference to the {reference}")
    with st.container(horizontal=True, gap="large"):
        st.html(scale.bar(), width="content")
        if compared.differences:
            st.html(difference.bar(), width="content")
    for panel, name in zip(panels.row(key, len(compared.matrices), 20), compared.matrices, strict=True):
        with panel:
            _heatmap(f"{key}-{name}", name, "", compared.matrices[name], rows, columns, scale, mark)
            if name in compared.differences:
                z = compared.differences[name]
                _heatmap(f"{key}-{name}-difference", name, f"minus {reference}", z, rows, columns, difference, mark)


def _heatmap(
    key: str,
    name: str,
    note: str,
    z: Any,
    rows: matrix.Side,
    columns: matrix.Side,
    scale: matrix.Scale,
    mark: int | None,
) -> None:
    look = theme.role(name)
    st.markdown(f"{look.markdown} **{look.label}** {note}")
    st.plotly_chart(
        matrix.heatmap(z, rows, columns, scale, mark=mark),
        theme=None,
        config=theme.CONFIG,
        key=key,
        alt=f"heatmap, {look.label} {note}: {scale.label}",
    )
