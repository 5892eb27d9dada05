"""The matrices of several models in a row, on one scale, and their differences to the reference in another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app import panels
from app.charts import matrix, theme
from cirkd.analysis.compare import MatrixComparison


def draw(key: str, compared: MatrixComparison, rows: matrix.Side, columns: matrix.Side, what: str) -> None:
    """Draw every model's matrix, then every difference. key: unique on the page; what: the quantity, for legends."""
    _row(f"{key}-matrix", compared.matrices, rows, columns, matrix.cosine_scale(compared, what), "")
    if compared.differences:
        reference = theme.role(compared.reference).label.lower()
        scale = matrix.difference_scale(compared, f"difference to the {reference}")
        _row(
            f"{key}-difference",
            compared.differences,
            rows,
            columns,
            scale,
            f"minus {reference}",
            len(compared.matrices),
        )


def _row(
    key: str,
    matrices: Mapping[str, Any],
    rows: matrix.Side,
    columns: matrix.Side,
    scale: matrix.Scale,
    note: str,
    places: int = 0,
) -> None:
    st.html(scale.bar())
    for panel, (name, z) in zip(panels.row(key, max(places, len(matrices)), 16), matrices.items(), strict=False):
        look = theme.role(name)
        with panel:
            st.markdown(f"{look.markdown} **{look.label}** {note}")
            st.plotly_chart(
                matrix.heatmap(z, rows, columns, scale), theme=None, config=theme.CONFIG, key=f"{key}-{name}",
                alt=f"heatmap, {look.label} {note}: {scale.label}",
            )  # fmt: skip
