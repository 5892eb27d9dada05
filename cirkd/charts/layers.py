"""CKA of the layers of a student with those of the teacher, as heatmaps, and its change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from cirkd.charts import matrix, theme

if TYPE_CHECKING:
    from cirkd.analysis.layer_similarity import LayerSimilarity


def similarity_scale() -> matrix.Scale:
    """0 to 1: unrelated to the same geometry."""
    return matrix.Scale(theme.SEQUENTIAL, 0.0, 1.0, "CKA")


def change_scale(found: LayerSimilarity, before: str, after: str) -> matrix.Scale:
    """Centred on 0, to the largest change."""
    return matrix.signed_scale(found.change(before, after)[1], "change of CKA")


def similarity(found: LayerSimilarity, student: str) -> go.Figure:
    """A student's layers (rows) with the reference's (columns), image first."""
    return _heatmap(found.cka[student], found.layers[student], found, similarity_scale())


def change(found: LayerSimilarity, before: str, after: str) -> go.Figure:
    """How much the CKA rose from one student to the other, in the layers that both have."""
    layers, z = found.change(before, after)
    return _heatmap(z, layers, found, change_scale(found, before, after))


def _heatmap(z: np.ndarray, rows: tuple[str, ...], found: LayerSimilarity, scale: matrix.Scale) -> go.Figure:
    columns = matrix.named_side(found.layers[found.reference])
    return matrix.heatmap(z, matrix.named_side(rows), columns, scale, height=360, values=True)
