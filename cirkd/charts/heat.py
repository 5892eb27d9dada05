"""Numbers of an image's pixels as a heatmap over that image, on which a pixel can be chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from cirkd.charts import backdrop, theme
from cirkd.charts.matrix import Scale

if TYPE_CHECKING:
    from cirkd.features import FeatureSet


def heat(
    features: FeatureSet,
    values: Any,
    image: int,
    scale: Scale,
    *,
    opacity: float = 0.75,
    width: int = 250,
    mark: int | None = None,
    choose: bool = False,
    unit: str = "",
    mode: theme.Theme | None = None,
) -> go.Figure:
    """The values of one image's pixels over that image in grey.

    values: of all pixels of the feature set, or of this image's; mark: a pixel to ring, if it lies in this image;
    choose: lay a point on every pixel, so that a click chooses it (see `chosen_pixel`); width: of the figure on screen
    at least, its height follows.
    """
    place = features.pixels.of_image(image)
    own = values[place] if len(values) == len(features.pixels) else values
    grid = features.pixels.grid[image]
    figure = go.Figure(
        go.Heatmap(
            z=own.reshape(grid),
            text=kinds(features, image),
            opacity=opacity,
            zmin=scale.low,
            zmax=scale.high,
            colorscale=scale.colors,
            showscale=False,
            hovertemplate=f"%{{text}}: %{{z:.3g}}{unit}<br>row %{{y}}, column %{{x}}<extra></extra>",
        )
    )
    _finish(figure, features, image, width, mark, choose, mode, own, unit)
    backdrop.background(figure, features, image, grey=True)
    return figure


def photo(
    features: FeatureSet,
    image: int,
    *,
    width: int = 250,
    mark: int | None = None,
    choose: bool = False,
    mode: theme.Theme | None = None,
) -> go.Figure:
    """An image on which a pixel can be ringed and chosen; arguments as of `heat`."""
    figure = go.Figure()
    _finish(figure, features, image, width, mark, choose, mode, None, "")
    backdrop.background(figure, features, image)
    return figure


def chosen_pixel(features: FeatureSet, image: int, points: list[dict[str, Any]]) -> int | None:
    """The pixel that a click on a figure of `image` chose, from Streamlit's selection; None = none."""
    # Only the layer of points answers to clicks.
    return features.pixels.of_image(image).start + int(points[0]["point_index"]) if points else None


def kinds(features: FeatureSet, image: int) -> list[list[str]]:
    """The class that each pixel of an image counts as, by name, row by row."""
    known = features.grouping()
    names = known.classes.names
    return [
        [names[c] if c < len(names) else "no class" for c in row]
        for row in features.pixels.grid_map(known.values, image).tolist()
    ]


def _finish(
    figure: go.Figure,
    features: FeatureSet,
    image: int,
    width: int,
    mark: int | None,
    choose: bool,
    mode: theme.Theme | None,
    values: Any,
    unit: str,
) -> None:
    place, where = features.pixels.of_image(image), features.pixels
    if mark is not None and place.start <= mark < place.stop:
        at = {"x": [where.column[mark]], "y": [where.row[mark]], "mode": "markers", "hoverinfo": "skip"}
        figure.add_trace(
            go.Scatter(**at, marker={"symbol": "circle-open", "size": 15, "color": "#000000", "line": {"width": 5}})
        )
        figure.add_trace(
            go.Scatter(**at, marker={"symbol": "circle-open", "size": 15, "color": "#FFFFFF", "line": {"width": 2.5}})
        )
    if choose:
        names = [name for row in kinds(features, image) for name in row]
        numbers = [""] * len(names) if values is None else [f": {theme.number(float(v))}{unit}" for v in values]
        invisible = {"marker": {"opacity": 0}}
        figure.add_trace(
            go.Scattergl(
                x=where.column[place],
                y=where.row[place],
                mode="markers",
                marker={"opacity": 0, "size": 9},
                selected=invisible,
                unselected=invisible,
                customdata=[f"{n}{v}" for n, v in zip(names, numbers, strict=True)],
                hovertemplate="%{customdata}<br>row %{y}, column %{x}; click to choose<extra></extra>",
            )
        )
    theme.layout(figure, height=backdrop.height(features, image, width), legend=False, theme=mode)
    figure.update_layout(dragmode="zoom", clickmode="event+select")
