"""Arrays -> RGB pictures, so that a page only has to place them."""

from __future__ import annotations

import functools
from base64 import b64encode
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Bool, Float, UInt8

if TYPE_CHECKING:
    from cirkd.data.sample import Classes

Color = tuple[int, int, int]
UNLABELLED_COLOR: Color = (128, 128, 128)
CHANGE_COLORS: dict[int, Color] = {0: (222, 222, 222), 1: (74, 74, 74), 2: (0, 114, 178), 3: (213, 94, 0)}
"""Correct in both, wrong in both, fixed (blue), broken (vermilion): apart for every kind of colour blindness."""
LIT_COLOR: Color = (255, 214, 10)
NO_CHANGE_COLOR: Color = (245, 245, 245)
"""Unlabelled pixels of a change map, whose "wrong in both" is grey already."""


def colorize(labels: UInt8[np.ndarray, "*shape"], classes: Classes) -> UInt8[np.ndarray, "*shape 3"]:
    """Labels of any shape -> their classes' colours; grey where there is no class."""
    table = np.full((256, 3), UNLABELLED_COLOR, np.uint8)
    table[: len(classes)] = np.array(classes.colors, np.uint8).reshape(-1, 3)
    return table[labels]


def colorize_change(change: UInt8[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape 3"]:
    """A change map (see `PixelChange.maps`) -> `CHANGE_COLORS`; `NO_CHANGE_COLOR` where unlabelled."""
    table = np.full((256, 3), NO_CHANGE_COLOR, np.uint8)
    for value, color in CHANGE_COLORS.items():
        table[value] = color
    return table[change]


def heatmap(shares: Float[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape 3"]:
    """Numbers from 0 to 1 -> the colours of Cividis; what lies beyond takes the colour of that end, nan is grey."""
    known = np.isfinite(shares)
    place = np.clip(np.where(known, shares, 0).astype(np.float64), 0, 1)
    colors = _table()[np.rint(place * 255).astype(np.int64)]
    colors[~known] = UNLABELLED_COLOR
    return colors


def overlay(
    image: UInt8[np.ndarray, "h w 3"], colors: UInt8[np.ndarray, "h w 3"], opacity: float = 0.6
) -> UInt8[np.ndarray, "h w 3"]:
    """Lay a coloured map over an image turned grey; opacity 0 = the grey image, 1 = the map.

    Raises:
        ValueError: image and map differ in size.
    """
    if image.shape != colors.shape:
        raise ValueError(f"image {image.shape} and map {colors.shape}: must be of one size")
    grey = (image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    return np.rint(grey * (1 - opacity) + colors * np.float32(opacity)).astype(np.uint8)


def encoded(
    image: UInt8[np.ndarray, "h w 3"],
    widest: int,
    kind: str,
    *,
    grey: bool = False,
    mixing: bool = True,
    **options: Any,
) -> bytes:
    """A picture as a file's bytes, at most `widest` on each side.

    Args:
        kind, options: as of Pillow's `save`.
        mixing: whether pixels are averaged where it is made smaller; the colours of a map stay themselves without.
    """
    from PIL import Image

    picture = Image.fromarray(image).convert("L" if grey else "RGB")
    picture.thumbnail((widest, widest), Image.Resampling.BICUBIC if mixing else Image.Resampling.NEAREST)
    buffer = BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def data_uri(picture: bytes, kind: Literal["jpeg", "webp"]) -> str:
    """The bytes of a picture as a `data:` address, for a page to show."""
    return f"data:image/{kind};base64,{b64encode(picture).decode()}"


def lit(image: UInt8[np.ndarray, "h w 3"], mask: Bool[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """An image turned grey and dark, on which the pixels of a mask are bright in a colour of their own."""
    dark = overlay(image, np.zeros_like(image), 0.4)
    shine = np.float32(0.3) * image + np.float32(0.7) * np.array(LIT_COLOR, np.float32)
    return np.where(mask[..., None], np.rint(shine).astype(np.uint8), dark)


@functools.cache
def _table() -> UInt8[np.ndarray, "256 3"]:
    from plotly.colors import sequential

    stops = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in sequential.Cividis], float)
    place = np.linspace(0, len(stops) - 1, 256)
    table = np.stack([np.interp(place, np.arange(len(stops)), stops[:, c]) for c in range(3)], axis=1)
    return np.rint(table).astype(np.uint8)
