"""The memory bank: its queues class by class, its keys among the pixels in view, and what wrong indexing stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from cirkd.charts import backdrop, theme

if TYPE_CHECKING:
    from cirkd.data.sample import Classes
    from cirkd.features import FeatureSet
    from cirkd.results import BankMap, MemoryBank, StoredPixels

QUEUES = {"pixel": ("pixel queue", "circle"), "region": ("region queue", "diamond-open")}
NO_CLASS = "#9AA3AF"
OUTLINE = "rgba(128,136,150,0.55)"
"""Keeps white and black classes apart from the page, light or dark."""


def fill(bank: MemoryBank, mode: theme.Theme | None = None) -> go.Figure:
    """How full each class's queues are, in percent."""
    figure = go.Figure()
    for kind, state in bank.queues.items():
        held = [[int(h), int(w)] for h, w in zip(state.held, state.written, strict=True)]
        hover = f"%{{x:.0f}} % full: %{{customdata[0]:,}} of {state.size:,} rows, %{{customdata[1]:,}} written"
        _marks(figure, bank.classes, kind, [100 * v for v in state.fill], held, hover, mode)
    return _rows(figure, bank.classes, "rows held (% of the queue)", mode, range=[-4, 104])


def age(bank: MemoryBank, mode: theme.Theme | None = None) -> go.Figure:
    """How many training steps ago each class's rows were written: the median, on a line from newest to oldest."""
    figure = go.Figure()
    ticks = _ticks(bank.classes)
    for kind, state in bank.queues.items():
        x, y = [], []
        for tick, (newest, _, oldest) in zip(ticks, state.age.tolist(), strict=True):
            x += [newest, oldest, None]
            y += [tick, tick, None]
        color = _color(kind, mode)
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            line={"color": color, "width": 1.5},
            hoverinfo="skip",
            showlegend=False,
            connectgaps=False,
        )
        _marks(
            figure,
            bank.classes,
            kind,
            state.age[:, 1].tolist(),
            state.age.tolist(),
            "median age %{x:.0f} steps, newest %{customdata[0]:.0f}, oldest %{customdata[2]:.0f}",
            mode,
        )
    return _rows(figure, bank.classes, "steps since written", mode, rangemode="tozero")


def purity(bank: MemoryBank, mode: theme.Theme | None = None) -> go.Figure:
    """Share of each class's keys that look most like their own class, in percent."""
    figure = go.Figure()
    for kind, state in bank.queues.items():
        others = [_others(row, bank.classes, c) for c, row in enumerate(state.nearest.tolist())]
        _marks(
            figure,
            bank.classes,
            kind,
            (100 * state.purity).tolist(),
            others,
            "%{x:.1f} % look most like it%{customdata}",
            mode,
        )
    return _rows(figure, bank.classes, "keys most like their own class (%)", mode, range=[-4, 104])


def key_map(
    found: BankMap,
    classes: Classes,
    known: Classes,
    shown: str | None,
    *,
    height: int = 400,
    mode: theme.Theme | None = None,
) -> go.Figure:
    """The map of keys; with `shown`, that model's pixels among them and the keys in grey.

    classes: of the bank; known: of the pixels.
    """
    figure = go.Figure()
    for kind, symbol, size in (("pixel", "circle", 5), ("region", "diamond", 9)):
        chosen = found.keys.kinds == kind
        labels = found.keys.labels[chosen].tolist()
        names = [f"{classes.names[c]}, {QUEUES[kind][0]}" for c in labels]
        color = [theme.class_color(classes.colors[c]) for c in labels] if shown is None else theme.muted(mode)
        _dots(figure, found.key_points[chosen], color, names, symbol, size, 0.85 if shown is None else 0.16)
    if shown is not None:
        names = [known.names[c] if c < len(known) else "no class" for c in found.labels]
        colors = [theme.class_color(known.colors[c]) if c < len(known) else NO_CLASS for c in found.labels]
        _dots(figure, found.points[shown], colors, names, theme.role(shown).symbol, 6, 0.9)
    theme.layout(figure, height=height, legend=False, theme=mode)
    frame = {
        "showticklabels": False,
        "ticks": "",
        "zeroline": False,
        "showgrid": False,
        "showline": True,
        "mirror": True,
        "linecolor": theme.grid(mode),
    }
    across, up = found.frames[shown]
    figure.update_xaxes(**frame, range=list(across))
    figure.update_yaxes(**frame, range=list(up))
    figure.update_layout(margin={"l": 2, "r": 2, "t": 2, "b": 2})
    return figure


def stored(found: StoredPixels, kind: str, mode: theme.Theme | None = None) -> go.Figure:
    """What is stored under each class (a bar), by what it is (its colours), in percent; purity at its end."""
    figure = go.Figure()
    names = [found.classes.names[c] for c in found.present]
    ticks = [theme.class_tick(found.classes, int(c)) for c in found.present][::-1]
    holds = 100 * found.holds[kind]
    kinds = [(name, theme.class_color(found.classes.colors[c])) for name, c in zip(names, found.present, strict=True)]
    for column, (name, color) in enumerate([*kinds, ("no class", NO_CLASS)]):
        if not holds[:, column].any():
            continue
        figure.add_bar(
            x=holds[::-1, column],
            y=ticks,
            orientation="h",
            name=name,
            width=0.68,
            marker={"color": color, "line": {"width": 0.7, "color": OUTLINE}},
            hovertemplate=f"%{{x:.1f}} % of what is stored is {name}<extra></extra>",
        )
    text = [theme.percent(float(v), 0) for v in found.purity[kind][::-1]]
    figure.add_scatter(
        x=[101.5] * len(ticks),
        y=ticks,
        mode="text",
        text=text,
        textposition="middle right",
        textfont={"size": 12, "color": theme.ink(mode)},
        hoverinfo="skip",
        cliponaxis=False,
    )
    theme.layout(figure, height=theme.rows_height(len(ticks)) - 30, legend=False, theme=mode, barmode="stack")
    figure.update_xaxes(title_text="stored (%) | of it right", range=[0, 112], tickvals=[0, 25, 50, 75, 100])
    figure.update_yaxes(tickfont={**theme.class_tick_font(), "color": theme.ink(mode)}, ticklabelstandoff=6)
    return figure


def stored_places(
    features: FeatureSet,
    found: StoredPixels,
    kind: str,
    label: int,
    image: int,
    *,
    width: int = 320,
    mode: theme.Theme | None = None,
) -> go.Figure:
    """The pixels of one image that are stored under one class, on the image in grey, coloured by what they are."""
    chosen = (found.stored_as[kind] == label) & (features.pixels.image[found.pixels[kind]] == image)
    pixels, values = found.pixels[kind][chosen], features.grouping().values
    names = [_name(found.classes, int(values[p])) for p in pixels]
    colors = [_class_color(found.classes, int(values[p])) for p in pixels]
    figure = go.Figure(
        go.Scatter(
            x=features.pixels.column[pixels],
            y=features.pixels.row[pixels],
            mode="markers",
            text=names,
            marker={"color": colors, "size": 10, "line": {"width": 1.5, "color": "#FFFFFF"}},
            hovertemplate=f"%{{text}}, stored as {found.classes.names[label]}<extra></extra>",
            cliponaxis=False,
        )
    )
    theme.layout(figure, height=backdrop.height(features, image, width), legend=False, theme=mode)
    backdrop.background(figure, features, image, opacity=0.75, grey=True)
    return figure


def _marks(
    figure: go.Figure,
    classes: Classes,
    kind: str,
    values: list[float],
    custom: Any,
    hover: str,
    mode: theme.Theme | None,
) -> None:
    name, symbol = QUEUES[kind]
    figure.add_scatter(
        x=values,
        y=_ticks(classes),
        mode="markers",
        name=name,
        customdata=custom,
        hovertemplate=f"%{{y}} · {name}<br>{hover}<extra></extra>",
        marker={"color": _color(kind, mode), "symbol": symbol, "size": 9, "line": {"width": 1.6}},
    )


def _rows(figure: go.Figure, classes: Classes, title: str, mode: theme.Theme | None, **axis: Any) -> go.Figure:
    theme.layout(figure, height=theme.rows_height(len(classes)), theme=mode)
    figure.update_xaxes(title_text=title, **axis)
    figure.update_yaxes(
        tickfont={**theme.class_tick_font(), "color": theme.ink(mode)},
        ticklabelstandoff=6,
        categoryorder="array",
        categoryarray=_ticks(classes)[::-1],
    )
    return figure


def _dots(figure: go.Figure, at: Any, color: Any, names: list[str], symbol: str, size: int, opacity: float) -> None:
    figure.add_trace(
        go.Scattergl(
            x=at[:, 0],
            y=at[:, 1],
            mode="markers",
            text=names,
            hovertemplate="%{text}<extra></extra>",
            marker={
                "color": color,
                "symbol": symbol,
                "size": size,
                "opacity": opacity,
                "line": {"width": 0.6, "color": OUTLINE},
            },
        )
    )


def _others(shares: list[float], classes: Classes, own: int) -> str:
    """The two other classes that most keys look like, for hovering."""
    order = sorted((c for c in range(len(shares)) if c != own and shares[c] > 0), key=lambda c: -shares[c])[:2]
    listed = ", ".join(f"{classes.names[c]} {theme.percent(shares[c], 0)}" for c in order)
    return f"<br>others: {listed}" if listed else ""


def _ticks(classes: Classes) -> list[str]:
    return [theme.class_tick(classes, c) for c in range(len(classes))]


def _color(kind: str, mode: theme.Theme | None) -> str:
    return theme.ink(mode) if kind == "pixel" else theme.muted(mode)


def _name(classes: Classes, label: int) -> str:
    return classes.names[label] if label < len(classes) else "no class"


def _class_color(classes: Classes, label: int) -> str:
    return theme.class_color(classes.colors[label]) if label < len(classes) else NO_CLASS
