"""What Python says of a pinned pixel, as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from cirkd.charts import theme

if TYPE_CHECKING:
    from cirkd.analysis.explorer_pin import PixelStory
    from cirkd.data.sample import Classes

_SIZE = 10


def relation_row(story: PixelStory, classes: Classes, of: str) -> go.Figure:
    """The pixel's relations by class, a mark per model. of: "cosine" (mean) or "share" (of the distribution)."""
    values = story.cosine if of == "cosine" else story.share
    first = next(iter(values.values()))
    known = story.cosine[next(iter(story.cosine))]
    order = sorted((c for c in range(len(classes)) if known[c] == known[c]), key=lambda c: first[c])
    factor, unit = (1.0, "") if of == "cosine" else (100.0, " %")
    ticks = [theme.class_tick(classes, c) for c in order]
    figure = _dots(values, ticks, order, factor, f"%{{y}}: %{{x:.3g}}{unit}")
    title = "mean cosine" if of == "cosine" else "share (%)"
    return _rows(figure, len(order), title)


def divergence_by_class(story: PixelStory, classes: Classes) -> go.Figure:
    """What the pixels of each class add to the pixel's divergence, a mark per student."""
    known = story.cosine[next(iter(story.cosine))]
    first = next(iter(story.by_class.values()))
    order = sorted((c for c in range(len(classes)) if known[c] == known[c]), key=lambda c: first[c])
    ticks = [theme.class_tick(classes, c) for c in order]
    figure = _dots(story.by_class, ticks, order, 1.0, "%{y}: %{x:.3g} nats")
    figure.update_xaxes(zeroline=True)
    return _rows(figure, len(order), "part of the divergence (nats)")


def divergence_by_image(story: PixelStory, names: Sequence[str]) -> go.Figure:
    """The pixel's divergence over each image's positions, a mark per student."""
    order = list(range(len(names)))[::-1]
    figure = _dots(story.by_image, [names[i] for i in order], order, 1.0, "%{y}: %{x:.3g} nats")
    figure.update_xaxes(rangemode="tozero")
    return _rows(figure, len(order), "divergence (nats)")


def _dots(values: Mapping[str, Any], ticks: list[str], order: list[int], factor: float, hover: str) -> go.Figure:
    figure = go.Figure()
    for name, row in values.items():
        look = theme.role(name)
        figure.add_trace(
            go.Scatter(
                x=[factor * float(row[c]) for c in order],
                y=ticks,
                name=look.label,
                mode="markers",
                marker={"color": look.color, "symbol": look.symbol, "size": _SIZE},
                hovertemplate=f"{hover}<extra>{look.label}</extra>",
            )
        )
    return figure


def _rows(figure: go.Figure, count: int, title: str) -> go.Figure:
    theme.layout(figure, height=86 + 23 * max(count, 2))
    figure.update_yaxes(tickfont=theme.class_tick_font(), ticksuffix=" ")
    figure.update_xaxes(title={"text": title, "font": {"size": 12}})
    return figure
