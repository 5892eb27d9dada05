"""CKA of the layers of a student with those of the teacher, as heatmaps, and its change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from cirkd.charts import matrix, theme

if TYPE_CHECKING:
    from cirkd.analysis.layer_similarity import LayerSimilarity

_LINE = "rgba(128,128,128,0)"


def similarity_scale() -> matrix.Scale:
    """0 to 1: unrelated to the same geometry."""
    return matrix.Scale(theme.SEQUENTIAL, 0.0, 1.0, "CKA")


def change_scale(found: LayerSimilarity, before: str, after: str, mode: theme.Theme | None = None) -> matrix.Scale:
    """Centred on 0, to the largest change."""
    _, change = found.change(before, after)
    end = max(float(np.nanmax(np.abs(change), initial=0.0)), 0.01)
    return matrix.Scale(theme.diverging(mode), -end, end, "change of CKA")


def similarity(found: LayerSimilarity, student: str, mode: theme.Theme | None = None) -> go.Figure:
    """A student's layers (rows) with the reference's (columns), image first."""
    return _heatmap(found.cka[student], found.layers[student], found, similarity_scale(), mode)


def change(found: LayerSimilarity, before: str, after: str, mode: theme.Theme | None = None) -> go.Figure:
    """How much the CKA rose from one student to the other, in the layers that both have."""
    layers, z = found.change(before, after)
    return _heatmap(z, layers, found, change_scale(found, before, after, mode), mode)


def _heatmap(
    z: np.ndarray, rows: tuple[str, ...], found: LayerSimilarity, scale: matrix.Scale, mode: theme.Theme | None
) -> go.Figure:
    columns = found.layers[found.reference]
    return matrix.heatmap(z, _side(rows), _side(columns), scale, height=360, values=True, mode=mode)


def _side(names: tuple[str, ...]) -> matrix.Side:
    return matrix.Side(list(names), [(i, i + 1, name, _LINE) for i, name in enumerate(names)])
