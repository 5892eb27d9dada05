"""Matrices of cosines as heatmaps: models on one scale, class colours along the sides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int64

from cirkd.analysis.relations import Run, runs
from cirkd.charts import legend, theme

if TYPE_CHECKING:
    from cirkd.analysis.compare import MatrixComparison
    from cirkd.analysis.relations import RegionRelations, RelationPair
    from cirkd.data.sample import Classes
    from cirkd.features.feature_set import FeatureSet

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


def cosine_scale(compared: MatrixComparison, label: str) -> Scale:
    """One scale for every model's matrix; where cosines fall below 0, a diverging one centred on 0."""
    if compared.low >= 0:
        return Scale(theme.SEQUENTIAL, compared.low, compared.high, label)
    end = max(-compared.low, compared.high)
    return Scale(theme.diverging(), -end, end, label)


def difference_scale(compared: MatrixComparison, label: str) -> Scale:
    """One scale for every difference, centred on 0."""
    return Scale(theme.diverging(), -compared.limit, compared.limit, label)


def signed_scale(values: Float[np.ndarray, "n m"], label: str) -> Scale:
    """Centred on 0, to the largest of some values, nan left out."""
    end = max(float(np.nanmax(np.abs(values), initial=0.0)), 0.01)
    return Scale(theme.diverging(), -end, end, label)


def named_side(names: Iterable[str]) -> Side:
    """A side that has one position per name, and no colours."""
    return Side(list(names), [(i, i + 1, name, "rgba(0,0,0,0)") for i, name in enumerate(names)])


def class_side(classes: Iterable[int], known: Classes, counts: Iterable[int] | None = None) -> Side:
    """A side that has one position per class."""
    shown = list(classes)
    runs = [(i, i + 1, known.names[c], theme.class_color(known.colors[c])) for i, c in enumerate(shown)]
    more = [f" ({n:,} pixels)" for n in counts] if counts is not None else [""] * len(shown)
    return Side([f"{known.names[c]}{text}" for c, text in zip(shown, more, strict=True)], runs)


def pixel_sides(pair: RelationPair, features: FeatureSet) -> tuple[Side, Side]:
    """The sides of a pixel-by-pixel matrix: runs of one class, or of one image where the order is by position."""
    by_class = pair.order == "class"
    return (
        _pixel_side(pair.rows, pair.row_runs, features, by_class),
        _pixel_side(pair.columns, pair.column_runs, features, by_class),
    )


def region_sides(found: RegionRelations, features: FeatureSet, bank: Classes | None = None) -> tuple[Side, Side]:
    """The sides of a pixel-by-region matrix: pixels by class; regions by image, or by class where `bank` has them."""
    classes, names = bank or features.grouping().classes, features.image_names
    regions = [
        f"{theme.class_name(classes, int(label))} of {f'bank, region {number + 1}' if bank else names[int(image)]}"
        for number, (image, label) in enumerate(zip(found.region_image, found.region_label, strict=True))
    ]
    parts = _class_runs(runs(found.region_label), bank) if bank else _image_runs(runs(found.region_image), features)
    return _pixel_side(found.rows, found.row_runs, features, True), Side(regions, parts)


def _pixel_side(pixels: Int64[np.ndarray, " n"], found: tuple[Run, ...], features: FeatureSet, by_class: bool) -> Side:
    known, where = features.grouping(), features.pixels
    names = [
        f"{theme.class_name(known.classes, int(known.values[p]))}, row {where.row[p]}, column {where.column[p]}"
        f" of {features.image_names[int(where.image[p])]}"
        for p in pixels
    ]
    return Side(names, _class_runs(found, known.classes) if by_class else _image_runs(found, features))


def _class_runs(found: tuple[Run, ...], classes: Classes) -> list[tuple[int, int, str, str]]:
    return [(r.start, r.stop, theme.class_name(classes, r.label), theme.label_color(classes, r.label)) for r in found]


def _image_runs(found: tuple[Run, ...], features: FeatureSet) -> list[tuple[int, int, str, str]]:
    return [(r.start, r.stop, features.image_names[r.label], _LINE) for r in found]


def heatmap(
    z: Any,
    rows: Side,
    columns: Side,
    scale: Scale,
    *,
    height: int = 330,
    values: bool = False,
    mark: int | None = None,
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
        "tickfont": {"size": 11, "color": theme.ink()},
    }
    across, upright = _ticks(columns, m), _ticks(rows, n)
    layout = {
        "xaxis": common | across | {"range": [-0.5 - 0.05 * m, m - 0.5], "tickangle": -90, "constraintoward": "left"},
        "yaxis": common
        | upright
        | {"range": [n - 0.5, -0.5 - 0.05 * n], "scaleanchor": "x", "scaleratio": m / n, "constraintoward": "top"},
        "shapes": _bars(rows, n, m, "y") + _bars(columns, m, n, "x") + _pointer(mark, n, m),
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
    return theme.layout(figure, height=height, legend=False, margin=margin)


def _pointer(row: int | None, n: int, m: int) -> list[dict[str, Any]]:
    """A triangle beside a row."""
    if row is None:
        return []
    tail, tip, half = -0.5 - 0.05 * m, -0.5 + 0.01 * m, 0.022 * n
    path = f"M {tail} {row - half} L {tip} {row} L {tail} {row + half} Z"
    return [{"type": "path", "path": path, "fillcolor": theme.ink(), "line": {"width": 1.5, "color": theme.paper()}}]


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
