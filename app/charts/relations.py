"""Where, and in which classes and image pairs, a student's relations diverge from the teacher's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from app.charts import matrix, picture, theme

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
    height: int = 200,
    mode: theme.Theme | None = None,
) -> go.Figure:
    """The divergence of every pixel of one image over that image in grey, 0 to the largest of all students."""
    known = features.grouping()
    kinds = [
        [known.classes.names[c] if c < len(known.classes) else "no class" for c in row]
        for row in features.pixels.grid_map(known.values, image).tolist()
    ]
    figure = go.Figure(
        go.Heatmap(
            z=features.pixels.grid_map(divergence.per_pixel[name], image), text=kinds, opacity=opacity,
            zmin=0, zmax=divergence.largest, colorscale=theme.SEQUENTIAL, showscale=False,
            hovertemplate="%{text}: %{z:.3f} nats<br>row %{y}, column %{x}<extra></extra>",
        )
    )  # fmt: skip
    theme.layout(figure, height=height, legend=False, theme=mode)
    picture.background(figure, features, image, grey=True)
    return figure


def by_class(features: FeatureSet, divergence: Divergence, mode: theme.Theme | None = None) -> go.Figure:
    """Mean divergence of each class, a mark per student, the class that diverges most on top."""
    classes = features.grouping().classes
    names = list(divergence.by_class)
    first = divergence.by_class[names[0]]
    present = [c for c in range(len(classes)) if first[c] == first[c]]
    order = sorted(present, key=lambda c: float(first[c]))
    labels = [classes.names[c] for c in order]
    figure = go.Figure()
    if len(names) > 1:
        for c, label in zip(order, labels, strict=True):
            ends = [float(divergence.by_class[name][c]) for name in names]
            figure.add_trace(
                go.Scatter(x=ends, y=[label] * len(ends), mode="lines", hoverinfo="skip", showlegend=False,
                           line={"color": theme.class_color(classes.colors[c]), "width": 3})
            )  # fmt: skip
    for name in names:
        figure.add_trace(_marks([float(divergence.by_class[name][c]) for c in order], labels, name))
    theme.layout(figure, height=70 + 26 * len(order), theme=mode)
    figure.update_xaxes(title="mean divergence in nats", rangemode="tozero")
    figure.update_yaxes(tickfont={"color": theme.ink(mode)})
    return figure


def by_pair(
    features: FeatureSet, divergence: Divergence, name: str, high: float, mode: theme.Theme | None = None
) -> go.Figure:
    """Mean divergence of every ordered image pair: rows = whose pixels, columns = related to whose pixels."""
    names = list(features.image_names)
    side = matrix.Side(names, [(i, i + 1, image, "rgba(0,0,0,0)") for i, image in enumerate(names)])
    scale = pair_scale(high)
    return matrix.heatmap(divergence.by_pair[name], side, side, scale, values=len(names) <= 6, mode=mode)


def pair_scale(high: float) -> matrix.Scale:
    """The scale of `by_pair`: 0 to the largest mean of all students."""
    return matrix.Scale(theme.SEQUENTIAL, 0.0, high, "divergence in nats")


def _marks(x: Sequence[float], y: Sequence[str], name: str) -> go.Scatter:
    look = theme.role(name)
    return go.Scatter(
        x=list(x), y=list(y), mode="markers", name=look.label,
        marker={"color": look.color, "symbol": look.symbol, "size": 11},
        hovertemplate=f"{look.label}, %{{y}}: %{{x:.3f}} nats<extra></extra>",
    )  # fmt: skip
