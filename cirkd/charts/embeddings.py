"""Pixel embeddings as dots, what chosen ones are made of, and what there is to say of a pinned one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from cirkd.charts import scores, theme
from cirkd.charts.legend import Paint

if TYPE_CHECKING:
    from cirkd.analysis.explorer_selection import Composition
    from cirkd.analysis.neighbours import PixelStory
    from cirkd.analysis.projection import Projection
    from cirkd.data.sample import Classes
    from cirkd.features.feature_set import FeatureSet

DIM = 0.07
"""Opacity of the dots that are not chosen."""


def describe(features: FeatureSet, pixels: Sequence[int], model: str | None = None) -> list[str]:
    """What hovering says of each pixel: image, position, class, and what `model` predicts with which confidence."""
    where, grouping = features.pixels, features.grouping()
    made = features.models.get(model or "")
    texts = []
    for p in pixels:
        kind = theme.class_name(grouping.classes, int(grouping.values[p]))
        if features.has_labels:
            text = f"<b>{kind}</b>"
            if made is not None:
                predicted = theme.class_name(made.classes, int(made.prediction[p]))
                text += f" · predicted {predicted} ({theme.percent(float(made.confidence[p]), 0)})"
        else:
            text = f"predicted <b>{kind}</b>"
        place = f"{features.image_names[int(where.image[p])]}, row {where.row[p]}, column {where.column[p]}"
        texts.append(f"{text}<br>{place}")
    return texts


def scatter(
    projection: Projection,
    name: str,
    paint: Paint,
    texts: Sequence[str],
    lit: Collection[int] | None = None,
    *,
    height: int = 380,
) -> go.Figure:
    """The dots of one model, 2-D or 3-D, in the order of the projection's sample.

    texts: one a dot. lit: numbers of the dots (not pixels) that are
    chosen, drawn full while the others fade; None = nothing chosen.
    """
    draw = _solid if projection.dimensions == 3 else _flat
    figure = draw(projection.coordinates[name], paint.marker(projection.index), texts, lit)
    theme.layout(figure, height=height, legend=False)
    figure.update_xaxes(theme.FRAME)
    figure.update_yaxes(theme.FRAME, scaleanchor="x")
    plane = {"backgroundcolor": "rgba(0,0,0,0)", "gridcolor": theme.grid(), "showticklabels": False, "title": ""}
    figure.update_scenes(xaxis=plane, yaxis=plane, zaxis=plane, aspectmode="data")
    drag = "lasso" if projection.dimensions == 2 else "orbit"
    figure.update_layout(margin={"l": 2, "r": 2, "t": 2, "b": 2}, dragmode=drag)
    return figure


def _flat(at: Any, marker: dict[str, Any], texts: Sequence[str], lit: Collection[int] | None) -> go.Figure:
    size = 5 if len(at) > 1500 else 6
    return go.Figure(
        go.Scattergl(
            x=at[:, 0],
            y=at[:, 1],
            mode="markers",
            text=list(texts),
            hovertemplate="%{text}<extra></extra>",
            marker={**marker, "size": size, "opacity": 0.85},
            selectedpoints=None if lit is None else sorted(lit),
            selected={"marker": {"opacity": 1.0, "size": size + 2}},
            unselected={"marker": {"opacity": DIM}},
        )
    )


def _solid(at: Any, marker: dict[str, Any], texts: Sequence[str], lit: Collection[int] | None) -> go.Figure:
    """Scatter3d fades no single dot, so the chosen ones and the others are two traces."""
    chosen = set(range(len(at)) if lit is None else lit)
    figure = go.Figure()
    for opacity, part in ((0.9, sorted(chosen)), (DIM, [i for i in range(len(at)) if i not in chosen])):
        figure.add_scatter3d(
            x=at[part, 0],
            y=at[part, 1],
            z=at[part, 2],
            mode="markers",
            opacity=opacity,
            text=[texts[i] for i in part],
            hovertemplate="%{text}<extra></extra>",
            marker={**marker, "color": marker["color"][part], "size": 3, "line": {"width": 0}},
        )
    return figure


def make_up(chosen: Composition, features: FeatureSet) -> go.Figure:
    """One bar: the classes of the chosen pixels, most frequent first."""
    classes = features.grouping().classes
    figure = go.Figure()
    for kind, count in chosen.classes:
        name = theme.class_name(classes, kind)
        figure.add_bar(
            x=[count],
            y=[""],
            orientation="h",
            name=name,
            text=[name],
            textposition="inside",
            insidetextanchor="middle",
            constraintext="inside",
            textangle=0,
            hovertemplate=f"{name}: %{{x}} pixels<extra></extra>",
            marker={"color": theme.label_color(classes, kind), "line": {"width": 1, "color": theme.grid()}},
        )
    theme.layout(figure, height=46, legend=False, barmode="stack", bargap=0.1)
    figure.update_layout(margin={"l": 0, "r": 0, "t": 2, "b": 2}, uniformtext={"minsize": 10, "mode": "hide"})
    figure.update_xaxes(visible=False, range=[0, chosen.pixels], fixedrange=True)
    figure.update_yaxes(visible=False, fixedrange=True)
    return figure


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
