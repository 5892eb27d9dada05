"""Where, and in which image pairs, a student's relations diverge from the teacher's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from cirkd.charts import heat, matrix, theme

if TYPE_CHECKING:
    from cirkd.analysis import Divergence
    from cirkd.features import FeatureSet


def divergence_map(
    features: FeatureSet,
    divergence: Divergence,
    name: str,
    image: int,
    *,
    opacity: float = 0.7,
    width: int = 250,
    mark: int | None = None,
    choose: bool = False,
    mode: theme.Theme | None = None,
) -> go.Figure:
    """The divergence of every pixel of one image over that image in grey, 0 to the largest of all students.

    mark, choose: a pixel to ring, and whether a click chooses one; see `heat.heat`.
    """
    scale = matrix.Scale(theme.SEQUENTIAL, 0.0, divergence.largest, "relation divergence (nats)")
    return heat.heat(
        features,
        divergence.per_pixel[name],
        image,
        scale,
        opacity=opacity,
        width=width,
        mark=mark,
        choose=choose,
        unit=" nats",
        mode=mode,
    )


def by_pair(features: FeatureSet, divergence: Divergence, name: str, mode: theme.Theme | None = None) -> go.Figure:
    """Mean divergence of every ordered image pair: rows = whose pixels, columns = related to whose pixels."""
    names = list(features.image_names)
    side = matrix.Side(names, [(i, i + 1, image, "rgba(0,0,0,0)") for i, image in enumerate(names)])
    values = len(names) <= 6
    return matrix.heatmap(divergence.by_pair[name], side, side, pair_scale(divergence), values=values, mode=mode)


def pair_scale(divergence: Divergence) -> matrix.Scale:
    """The scale of `by_pair`, for all students: 0 to the largest mean."""
    high = max(float(pairs.max()) for pairs in divergence.by_pair.values())
    return matrix.Scale(theme.SEQUENTIAL, 0.0, high, "mean relation divergence (nats)")
