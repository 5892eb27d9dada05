"""The memory bank: its queues class by class, its keys among the pixels in view, and what wrong indexing stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from cirkd.charts import heat, theme
from cirkd.features.feature_set import IGNORED

if TYPE_CHECKING:
    from cirkd.data.sample import Classes
    from cirkd.features.feature_set import FeatureSet
    from cirkd.results import BankMap, MemoryBank, StoredPixels

QUEUES = {"pixel": ("pixel queue", "circle"), "region": ("region queue", "diamond-open")}
OUTLINE = "rgba(128,136,150,0.55)"
"""Keeps white and black classes apart from the page, light or dark."""


def fill(bank: MemoryBank) -> go.Figure:
    """How full each class's queues are, in percent."""
    figure = go.Figure()
    for kind, state in bank.queues.items():
        held = [[int(h), int(w)] for h, w in zip(state.held, state.written, strict=True)]
        hover = f"%{{x:.0f}} % full: %{{customdata[0]:,}} of {state.size:,} rows, %{{customdata[1]:,}} written"
        _marks(figure, bank.classes, kind, 100 * state.fill, held, hover)
    return _rows(figure, bank.classes, "rows held (% of the queue)", range=[-4, 104])


def age(bank: MemoryBank) -> go.Figure:
    """How many training steps ago each class's rows were written: the median, on a line from newest to oldest."""
    figure = go.Figure()
    hover = "median age %{x:.0f} steps, newest %{customdata[0]:.0f}, oldest %{customdata[2]:.0f}"
    for kind, state in bank.queues.items():
        figure.add_scatter(
            x=[x for newest, _, oldest in state.age.tolist() for x in (newest, oldest, None)],
            y=[tick for tick in _ticks(bank.classes) for _ in range(3)],
            mode="lines",
            line={"color": _color(kind), "width": 1.5},
            hoverinfo="skip",
            showlegend=False,
        )
        _marks(figure, bank.classes, kind, state.age[:, 1], state.age.tolist(), hover)
    return _rows(figure, bank.classes, "steps since written", rangemode="tozero")


def purity(bank: MemoryBank) -> go.Figure:
    """Share of each class's keys that look most like their own class, in percent."""
    figure = go.Figure()
    for kind, state in bank.queues.items():
        others = [_others(row, bank.classes, c) for c, row in enumerate(state.nearest.tolist())]
        _marks(figure, bank.classes, kind, 100 * state.purity, others, "%{x:.1f} % look most like it%{customdata}")
    return _rows(figure, bank.classes, "keys most like their own class (%)", range=[-4, 104])


def key_map(found: BankMap, classes: Classes, known: Classes, shown: str | None) -> go.Figure:
    """The map of keys; with `shown`, that model's pixels among them and the keys in grey.

    classes: of the bank; known: of the pixels.
    """
    figure = go.Figure()
    for kind, symbol, size in (("pixel", "circle", 5), ("region", "diamond", 9)):
        chosen = found.keys.kinds == kind
        labels = found.keys.labels[chosen].tolist()
        names = [f"{classes.names[c]}, {QUEUES[kind][0]}" for c in labels]
        color = [theme.class_color(classes.colors[c]) for c in labels] if shown is None else theme.muted()
        _dots(figure, found.key_points[chosen], color, names, symbol, size, 0.85 if shown is None else 0.16)
    if shown is not None:
        names = [theme.class_name(known, c) for c in found.labels]
        colors = [theme.label_color(known, c) for c in found.labels]
        _dots(figure, found.points[shown], colors, names, theme.role(shown).symbol, 6, 0.9)
    theme.layout(figure, height=400, legend=False, margin={"l": 2, "r": 2, "t": 2, "b": 2})
    across, up = found.frames[shown]
    figure.update_xaxes(theme.FRAME, range=list(across))
    figure.update_yaxes(theme.FRAME, range=list(up))
    return figure


def stored(found: StoredPixels, kind: str) -> go.Figure:
    """What is stored under each class (a bar), by what it is (its colours), in percent; purity at its end."""
    figure = go.Figure()
    present = found.present.tolist()
    ticks = [theme.class_tick(found.classes, c) for c in present][::-1]
    holds = 100 * found.holds[kind]
    for column, label in enumerate([*present, IGNORED]):
        if not holds[:, column].any():
            continue
        name = theme.class_name(found.classes, label)
        figure.add_bar(
            x=holds[::-1, column],
            y=ticks,
            orientation="h",
            name=name,
            width=0.68,
            marker={"color": theme.label_color(found.classes, label), "line": {"width": 0.7, "color": OUTLINE}},
            hovertemplate=f"%{{x:.1f}} % of what is stored is {name}<extra></extra>",
        )
    figure.add_scatter(
        x=[101.5] * len(ticks),
        y=ticks,
        mode="text",
        text=[theme.percent(float(v), 0) for v in found.purity[kind][::-1]],
        textposition="middle right",
        textfont={"size": 12, "color": theme.ink()},
        hoverinfo="skip",
        cliponaxis=False,
    )
    theme.layout(figure, height=theme.rows_height(len(ticks)) - 30, legend=False, barmode="stack")
    figure.update_layout(margin_r=44)  # for the words at the bars' ends, as wide on a phone as elsewhere
    figure.update_xaxes(title_text="stored (%) | of it right", range=[0, 102], tickvals=[0, 25, 50, 75, 100])
    return figure.update_yaxes(theme.class_axis())


def stored_places(
    features: FeatureSet, found: StoredPixels, kind: str, label: int, image: int, *, width: int = 320
) -> go.Figure:
    """The pixels of one image that are stored under one class, on the image in grey, coloured by what they are."""
    chosen = (found.stored_as[kind] == label) & (features.pixels.image[found.pixels[kind]] == image)
    pixels = found.pixels[kind][chosen]
    values = features.grouping().values[pixels].tolist()
    colors = [theme.label_color(found.classes, c) for c in values]
    figure = go.Figure(
        go.Scatter(
            x=features.pixels.column[pixels],
            y=features.pixels.row[pixels],
            mode="markers",
            text=[theme.class_name(found.classes, c) for c in values],
            marker={"color": colors, "size": 10, "line": {"width": 1.5, "color": "#FFFFFF"}},
            hovertemplate=f"%{{text}}, stored as {found.classes.names[label]}<extra></extra>",
            cliponaxis=False,
        )
    )
    theme.layout(figure, height=heat.height(features, image, width), legend=False)
    heat.background(figure, features, image, opacity=0.75, grey=True)
    return figure


def _marks(figure: go.Figure, classes: Classes, kind: str, values: Any, custom: list[Any], hover: str) -> None:
    name, symbol = QUEUES[kind]
    figure.add_scatter(
        x=values,
        y=_ticks(classes),
        mode="markers",
        name=name,
        customdata=custom,
        hovertemplate=f"%{{y}} · {name}<br>{hover}<extra></extra>",
        marker={"color": _color(kind), "symbol": symbol, "size": 9, "line": {"width": 1.6}},
    )


def _rows(figure: go.Figure, classes: Classes, title: str, **axis: Any) -> go.Figure:
    theme.layout(figure, height=theme.rows_height(len(classes)))
    figure.update_xaxes(title_text=title, **axis)
    return figure.update_yaxes(theme.class_axis(), categoryorder="array", categoryarray=_ticks(classes)[::-1])


def _dots(figure: go.Figure, at: Any, color: Any, names: list[str], symbol: str, size: int, opacity: float) -> None:
    outline = {"width": 0.6, "color": OUTLINE}
    figure.add_scattergl(
        x=at[:, 0],
        y=at[:, 1],
        mode="markers",
        text=names,
        hovertemplate="%{text}<extra></extra>",
        marker={"color": color, "symbol": symbol, "size": size, "opacity": opacity, "line": outline},
    )


def _others(shares: list[float], classes: Classes, own: int) -> str:
    """The two other classes that most keys look like, for hovering."""
    order = sorted((c for c in range(len(shares)) if c != own and shares[c] > 0), key=lambda c: -shares[c])[:2]
    listed = ", ".join(f"{classes.names[c]} {theme.percent(shares[c], 0)}" for c in order)
    return f"<br>others: {listed}" if listed else ""


def _ticks(classes: Classes) -> list[str]:
    return [theme.class_tick(classes, c) for c in range(len(classes))]


def _color(kind: str) -> str:
    return theme.ink() if kind == "pixel" else theme.muted()
