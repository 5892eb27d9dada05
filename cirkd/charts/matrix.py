"""Matrices of cosines as heatmaps: models on one scale, class colours along the sides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from cirkd.charts import legend, theme

if TYPE_CHECKING:
    from cirkd.analysis import RegionRelations, RelationPair
    from cirkd.analysis.compare import MatrixComparison
    from cirkd.data.sample import Classes
    from cirkd.features import FeatureSet

_LINE = "rgba(128,128,128,0.55)"
_FEWEST = 0.05  # share of a side that a run must cover to be named


@dataclass(frozen=True)
class Scale:
    """The colours of a matrix: `colors` from `low` to `high`; `label` says of what."""

    colors: Any
    low: float
    high: float
    label: str

    def bar(self) -> str:
        """The scale as HTML."""
        middle = "0" if self.low < 0 < self.high else ""
        return legend.scale(self.colors, _plain(self.low), _plain(self.high), self.label, middle)


@dataclass(frozen=True)
class Side:
    """One side of a matrix: a unique name for hovering per position, and its runs (start, stop, name, CSS colour)."""

    names: list[str]
    runs: list[tuple[int, int, str, str]]


def cosine_scale(compared: MatrixComparison, label: str, mode: theme.Theme | None = None) -> Scale:
    """One scale for every model's matrix; where cosines fall below 0, a diverging one centred on 0."""
    if compared.low >= 0:
        return Scale(theme.SEQUENTIAL, compared.low, compared.high, label)
    end = max(-compared.low, compared.high)
    return Scale(theme.diverging(mode), -end, end, label)


def difference_scale(compared: MatrixComparison, label: str, mode: theme.Theme | None = None) -> Scale:
    """One scale for every difference, centred on 0."""
    return Scale(theme.diverging(mode), -compared.limit, compared.limit, label)


def class_side(classes: Iterable[int], known: Classes, counts: Iterable[int] | None = None) -> Side:
    """A side that has one position per class."""
    shown = list(classes)
    names = [known.names[c] for c in shown]
    colors = [theme.class_color(known.colors[c]) for c in shown]
    runs = [(i, i + 1, name, color) for i, (name, color) in enumerate(zip(names, colors, strict=True))]
    more = [f" ({n:,} pixels)" for n in counts] if counts is not None else [""] * len(names)
    return Side([f"{name}{text}" for name, text in zip(names, more, strict=True)], runs)


def pixel_sides(pair: RelationPair, features: FeatureSet) -> tuple[Side, Side]:
    """The sides of a pixel-by-pixel matrix: runs of one class, or of one image where the order is by position."""
    known = features.grouping().classes

    def side(pixels: Any, labels: Any, runs: Any) -> Side:
        where = features.pixels
        names = [
            f"{_class(known, int(label))}, row {where.row[p]}, column {where.column[p]}"
            f" of {features.image_names[int(where.image[p])]}"
            for p, label in zip(pixels, labels, strict=True)
        ]
        if pair.order == "class":
            found = [(r.start, r.stop, _class(known, r.label), _color(known, r.label)) for r in runs]
        else:
            found = [(r.start, r.stop, features.image_names[r.label], _LINE) for r in runs]
        return Side(names, found)

    return (
        side(pair.rows, pair.row_labels, pair.row_runs),
        side(pair.columns, pair.column_labels, pair.column_runs),
    )


def region_sides(found: RegionRelations, features: FeatureSet, bank: Classes | None = None) -> tuple[Side, Side]:
    """The sides of a pixel-by-region matrix: pixels by class; regions by image, or by class where `bank` has them."""
    known, where = features.grouping().classes, features.pixels
    rows = [
        f"{_class(known, int(c))}, row {where.row[p]}, column {where.column[p]}"
        f" of {features.image_names[int(where.image[p])]}"
        for p, c in zip(found.rows, found.row_labels, strict=True)
    ]
    runs = [(run.start, run.stop, _class(known, run.label), _color(known, run.label)) for run in found.row_runs]
    classes, names = bank or known, []
    for number, (image, label) in enumerate(zip(found.region_image, found.region_label, strict=True)):
        place = f"bank, region {number + 1}" if bank else features.image_names[int(image)]
        names.append(f"{_class(classes, int(label))} of {place}")
    if bank:
        kinds = [(_class(bank, int(c)), _color(bank, int(c))) for c in found.region_label]
    else:
        kinds = [(features.image_names[int(i)], _LINE) for i in found.region_image]
    return Side(rows, runs), Side(names, _grouped(kinds))


def _grouped(kinds: list[tuple[str, str]]) -> list[tuple[int, int, str, str]]:
    """The runs of equal (name, colour)."""
    cuts = [0, *(i for i in range(1, len(kinds)) if kinds[i] != kinds[i - 1]), len(kinds)]
    return [(a, b, *kinds[a]) for a, b in pairwise(cuts) if b > a]


def heatmap(
    z: Any,
    rows: Side,
    columns: Side,
    scale: Scale,
    *,
    height: int = 330,
    values: bool = False,
    mark: int | None = None,
    mode: theme.Theme | None = None,
) -> go.Figure:
    """A matrix [n, m] whose first row is on top. values: write every number into its cell; mark: point at this row."""
    n, m = len(rows.names), len(columns.names)
    # Margins of our own: Plotly draws a figure twice to find them.
    common = {
        "type": "category",
        "showgrid": False,
        "zeroline": False,
        "ticks": "",
        "constrain": "domain",
        "automargin": False,
        "tickmode": "array",
        "tickfont": {"size": 11, "color": theme.ink(mode)},
    }
    across, upright = _ticks(columns, m), _ticks(rows, n)
    layout = {
        "xaxis": common | across | {"range": [-0.5 - 0.05 * m, m - 0.5], "tickangle": -90, "constraintoward": "left"},
        "yaxis": common
        | upright
        | {"range": [n - 0.5, -0.5 - 0.05 * n], "scaleanchor": "x", "scaleratio": m / n, "constraintoward": "top"},
        "shapes": _bars(rows, n, m, "y") + _bars(columns, m, n, "x") + _pointer(mark, n, m, mode),
    }
    figure = go.Figure(
        go.Heatmap(
            z=z,
            x=columns.names,
            y=rows.names,
            zmin=scale.low,
            zmax=scale.high,
            colorscale=scale.colors,
            showscale=False,
            hoverongaps=False,
            texttemplate="%{z:.2f}" if values else None,
            hovertemplate=f"{scale.label} %{{z:.3f}}<br>row: %{{y}}<br>column: %{{x}}<extra></extra>",
        ),
        layout,
    )
    margin = {"l": _room(upright), "r": 4, "t": 4, "b": _room(across)}
    return theme.layout(figure, height=height, legend=False, theme=mode, margin=margin)


def _pointer(row: int | None, n: int, m: int, mode: theme.Theme | None) -> list[dict[str, Any]]:
    """A triangle beside a row."""
    if row is None:
        return []
    tail, tip, half = -0.5 - 0.05 * m, -0.5 + 0.01 * m, 0.022 * n
    path = f"M {tail} {row - half} L {tip} {row} L {tail} {row + half} Z"
    return [
        {"type": "path", "path": path, "fillcolor": theme.ink(mode), "line": {"width": 1.5, "color": theme.paper(mode)}}
    ]


def _room(ticks: dict[str, Any]) -> float:
    """Pixels that the longest tick label takes, at most a third of a usual panel."""
    return min(10 + 6.2 * max(map(len, ticks["ticktext"]), default=0), 130)


def _ticks(side: Side, length: int) -> dict[str, Any]:
    named = [run for run in side.runs if run[1] - run[0] >= _FEWEST * length or len(side.runs) == length]
    return {"tickvals": [(start + stop - 1) / 2 for start, stop, _, _ in named], "ticktext": [run[2] for run in named]}


def _bars(side: Side, length: int, other: int, axis: str) -> list[dict[str, Any]]:
    """A strip of class colours beside the matrix, and thin lines between the runs."""
    along, across = (axis, "x" if axis == "y" else "y")
    shapes = []
    for start, stop, _, color in side.runs:
        strip = {
            f"{along}0": start - 0.5,
            f"{along}1": stop - 0.5,
            f"{across}0": -0.5 - 0.045 * other,
            f"{across}1": -0.5 - 0.012 * other,
        }
        shapes.append({"type": "rect", "fillcolor": color, "line": {"width": 0}, **strip})
        if stop < length and len(side.runs) < length:
            cut = {f"{along}0": stop - 0.5, f"{along}1": stop - 0.5, f"{across}0": -0.5, f"{across}1": other - 0.5}
            shapes.append({"type": "line", "line": {"width": 0.6, "color": _LINE}, **cut})
    return shapes


def _plain(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".").replace("-", "−") or "0"


def _class(known: Classes, label: int) -> str:
    return known.names[label] if label < len(known) else "no class"


def _color(known: Classes, label: int) -> str:
    return theme.class_color(known.colors[label]) if label < len(known) else "rgb(128,128,128)"
