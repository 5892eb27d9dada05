"""Images behind charts."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from cirkd.analysis.pictures import encoded

if TYPE_CHECKING:
    from cirkd.features import FeatureSet

WIDEST = 640


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
    return "data:image/jpeg;base64," + b64encode(encoded(image, WIDEST, "JPEG", grey=grey, quality=85)).decode()
