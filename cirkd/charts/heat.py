"""Numbers of an image's pixels as a heatmap over it, on which a pixel can be chosen; and relation divergence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from cirkd.analysis.pictures import data_uri, encoded
from cirkd.charts import matrix, theme

if TYPE_CHECKING:
    from cirkd.analysis.divergences import Divergence
    from cirkd.features.feature_set import FeatureSet

WIDEST = 640


def heat(
    features: FeatureSet,
    values: Any,
    image: int,
    scale: matrix.Scale,
    *,
    opacity: float = 0.75,
    width: int = 250,
    mark: int | None = None,
    choose: bool = False,
    unit: str = "",
) -> go.Figure:
    """The values of one image's pixels over that image in grey.

    values: of all pixels of the feature set; mark: a pixel to ring, if it lies in this image; choose: lay a point on
    every pixel, so that a click chooses it (see `chosen_pixel`); width: of the figure on screen at least, its height
    follows.
    """
    place = features.pixels.of_image(image)
    kinds = _kinds(features, image)
    figure = go.Figure(
        go.Heatmap(
            z=features.pixels.grid_map(values, image),
            text=kinds,
            opacity=opacity,
            zmin=scale.low,
            zmax=scale.high,
            colorscale=scale.colors,
            showscale=False,
            hovertemplate=f"%{{text}}: %{{z:.3g}}{unit}<br>row %{{y}}, column %{{x}}<extra></extra>",
        )
    )
    if mark is not None and place.start <= mark < place.stop:
        _ring(figure, features, mark)
    if choose:
        names = [name for row in kinds for name in row]
        texts = [f"{n}: {theme.number(float(v))}{unit}" for n, v in zip(names, values[place], strict=True)]
        _points(figure, features, place, texts)
    theme.layout(figure, height=height(features, image, width), legend=False)
    figure.update_layout(dragmode="zoom", clickmode="event+select")
    background(figure, features, image, grey=True)
    return figure


def chosen_pixel(features: FeatureSet, image: int, points: list[dict[str, Any]]) -> int | None:
    """The pixel that a click on a figure of `image` chose, from Streamlit's selection; None = none."""
    # Only the layer of points answers to clicks.
    return features.pixels.of_image(image).start + int(points[0]["point_index"]) if points else None


def _kinds(features: FeatureSet, image: int) -> list[list[str]]:
    """The class that each pixel of an image counts as, by name, row by row."""
    known = features.grouping()
    return [
        [theme.class_name(known.classes, c) for c in row]
        for row in features.pixels.grid_map(known.values, image).tolist()
    ]


def _ring(figure: go.Figure, features: FeatureSet, pixel: int) -> None:
    """A white ring with a black edge around a pixel."""
    x, y = [features.pixels.column[pixel]], [features.pixels.row[pixel]]
    for color, width in (("#000000", 5.0), ("#FFFFFF", 2.5)):
        look = {"symbol": "circle-open", "size": 15, "color": color, "line": {"width": width}}
        figure.add_scatter(x=x, y=y, mode="markers", hoverinfo="skip", marker=look)


def _points(figure: go.Figure, features: FeatureSet, place: slice, texts: list[str]) -> None:
    """An invisible point on every pixel of an image, which a click chooses."""
    invisible = {"marker": {"opacity": 0}}
    figure.add_scattergl(
        x=features.pixels.column[place],
        y=features.pixels.row[place],
        mode="markers",
        marker={"opacity": 0, "size": 9},
        selected=invisible,
        unselected=invisible,
        customdata=texts,
        hovertemplate="%{customdata}<br>row %{y}, column %{x}; click to choose<extra></extra>",
    )


def height(features: FeatureSet, image: int, width: int) -> int:
    """How high an image is at this width; in pixels of the screen, not above twice the width."""
    tall, wide = features.images[image].shape[:2]
    return min(round(width * tall / wide), 2 * width)


def background(
    figure: go.Figure, features: FeatureSet, image: int, *, opacity: float = 1.0, grey: bool = False
) -> None:
    """Lay an image behind a figure whose axes count grid columns and rows."""
    h, w = features.pixels.grid[image]
    hidden = {"visible": False, "constrain": "domain", "fixedrange": False}
    figure.update_xaxes(**hidden, range=[-0.5, w - 0.5])
    tall, wide = features.images[image].shape[:2]
    ratio = (tall / wide) / (h / w)  # grid cells need not be square
    figure.update_yaxes(**hidden, range=[h - 0.5, -0.5], scaleanchor="x", scaleratio=ratio)
    figure.add_layout_image(
        source=data_url(features.images[image], grey=grey),
        xref="x",
        yref="y",
        x=-0.5,
        y=-0.5,
        sizex=w,
        sizey=h,
        sizing="stretch",
        layer="below",
        opacity=opacity,
    )
    figure.update_layout(margin={"l": 0, "r": 0, "t": 0, "b": 0})


def data_url(image: Any, *, grey: bool = False) -> str:
    """A picture uint8 [H, W, 3] as a JPEG in a `data:` address, at most 640 wide."""
    return data_uri(encoded(image, WIDEST, "JPEG", grey=grey, quality=85), "jpeg")


def divergence_map(features: FeatureSet, divergence: Divergence, name: str, image: int, **more: Any) -> go.Figure:
    """The divergence of every pixel of one image over that image in grey, 0 to the largest of all students.

    more: as of `heat`.
    """
    scale = matrix.Scale(theme.SEQUENTIAL, 0.0, divergence.largest, "relation divergence (nats)")
    return heat(features, divergence.per_pixel[name], image, scale, unit=" nats", **more)


def by_pair(features: FeatureSet, divergence: Divergence, name: str) -> go.Figure:
    """Mean divergence of every ordered image pair: rows = whose pixels, columns = related to whose pixels."""
    side = matrix.named_side(features.image_names)
    values = len(features.image_names) <= 6
    return matrix.heatmap(divergence.by_pair[name], side, side, pair_scale(divergence), values=values)


def pair_scale(divergence: Divergence) -> matrix.Scale:
    """The scale of `by_pair`, for all students: 0 to the largest mean."""
    high = max(float(pairs.max()) for pairs in divergence.by_pair.values())
    return matrix.Scale(theme.SEQUENTIAL, 0.0, high, "mean relation divergence (nats)")
