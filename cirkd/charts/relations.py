"""Where, and in which image pairs, a student's relations diverge from the teacher's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from cirkd.charts import heat, matrix, theme

if TYPE_CHECKING:
    from cirkd.analysis.divergences import Divergence
    from cirkd.features import FeatureSet


def divergence_map(features: FeatureSet, divergence: Divergence, name: str, image: int, **more: Any) -> go.Figure:
    """The divergence of every pixel of one image over that image in grey, 0 to the largest of all students.

    more: as of `heat.heat`.
    """
    scale = matrix.Scale(theme.SEQUENTIAL, 0.0, divergence.largest, "relation divergence (nats)")
    return heat.heat(features, divergence.per_pixel[name], image, scale, unit=" nats", **more)


def by_pair(features: FeatureSet, divergence: Divergence, name: str) -> go.Figure:
    """Mean divergence of every ordered image pair: rows = whose pixels, columns = related to whose pixels."""
    side = matrix.named_side(features.image_names)
    values = len(features.image_names) <= 6
    return matrix.heatmap(divergence.by_pair[name], side, side, pair_scale(divergence), values=values)


def pair_scale(divergence: Divergence) -> matrix.Scale:
    """The scale of `by_pair`, for all students: 0 to the largest mean."""
    high = max(float(pairs.max()) for pairs in divergence.by_pair.values())
    return matrix.Scale(theme.SEQUENTIAL, 0.0, high, "mean relation divergence (nats)")
