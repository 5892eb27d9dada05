"""What Python says of a pinned pixel, as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from cirkd.charts import scores, theme

if TYPE_CHECKING:
    from cirkd.analysis.neighbours import PixelStory
    from cirkd.data.sample import Classes


def relation_row(story: PixelStory, classes: Classes, of: str) -> go.Figure:
    """The pixel's relations by class, a mark per model. of: "cosine" (mean) or "share" (of the distribution)."""
    if of == "cosine":
        return _by_class(story, story.cosine, classes, "mean cosine", "")
    shares = {name: 100 * values for name, values in story.share.items()}
    return _by_class(story, shares, classes, "share (%)", " %")


def divergence_by_class(story: PixelStory, classes: Classes) -> go.Figure:
    """What the pixels of each class add to the pixel's divergence, a mark per student."""
    figure = _by_class(story, story.by_class, classes, "part of the divergence (nats)", " nats")
    return figure.update_xaxes(zeroline=True)


def divergence_by_image(story: PixelStory, names: Sequence[str]) -> go.Figure:
    """The pixel's divergence over each image's positions, a mark per student."""
    values = {name: row[::-1] for name, row in story.by_image.items()}
    return _rows(values, names[::-1], "divergence (nats)", " nats").update_xaxes(rangemode="tozero")


def _by_class(story: PixelStory, values: Mapping[str, Any], classes: Classes, title: str, unit: str) -> go.Figure:
    """A row for each class that has pixels, by the first model's value."""
    known, first = next(iter(story.cosine.values())), next(iter(values.values()))
    order = [c for c in scores.ascending(first) if known[c] == known[c]]
    ticks = [theme.class_tick(classes, c) for c in order]
    return _rows({name: row[order] for name, row in values.items()}, ticks, title, unit)


def _rows(values: Mapping[str, Any], ticks: Sequence[str], title: str, unit: str) -> go.Figure:
    figure = go.Figure()
    for name, row in values.items():
        scores.dots(figure, name, row, ticks, f"%{{y}}: %{{x:.3g}}{unit}")
    theme.layout(figure, height=86 + 23 * max(len(ticks), 2))
    figure.update_yaxes(theme.class_axis())
    return figure.update_xaxes(title=title)
