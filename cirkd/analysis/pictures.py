"""Arrays -> RGB pictures, so that a page only has to place them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, UInt8

from cirkd.features.feature_set import FeatureSet

if TYPE_CHECKING:
    from cirkd.data.sample import Classes

Color = tuple[int, int, int]
UNLABELLED_COLOR: Color = (128, 128, 128)
CHANGE_COLORS: dict[int, Color] = {0: (222, 222, 222), 1: (74, 74, 74), 2: (0, 114, 178), 3: (213, 94, 0)}
"""Correct in both, wrong in both, fixed (blue), broken (vermilion): apart for every kind of colour blindness."""
LIT_COLOR: Color = (255, 214, 10)
NO_CHANGE_COLOR: Color = (245, 245, 245)
"""Unlabelled pixels of a change map, whose "wrong in both" is grey already."""

PALETTES: dict[str, tuple[str, ...]] = {
    "viridis": (
        "#440154",
        "#482878",
        "#3e4989",
        "#31688e",
        "#26828e",
        "#1f9e89",
        "#35b779",
        "#6ece58",
        "#b5de2b",
        "#fde725",
    ),
    "cividis": (
        "#00224e",
        "#123570",
        "#3b496c",
        "#575d6d",
        "#707173",
        "#8a8678",
        "#a59c74",
        "#c3b369",
        "#e1cc55",
        "#fee838",
    ),
    "diverging": ("#8c3b0b", "#e08a4b", "#f3f1ec", "#5a9bc9", "#123f73"),
}
"""Colours at even steps from low to high. viridis and cividis: matplotlib's (CC0), safe for colour-blind readers."""


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


def heatmap(
    values: Float[np.ndarray, "*shape"], low: float = 0.0, high: float = 1.0, palette: str = "viridis"
) -> UInt8[np.ndarray, "*shape 3"]:
    """Numbers -> colours; what lies beyond low or high takes their colour, nan is grey.

    Args:
        palette: a key of `PALETTES`: "viridis" or "cividis" for one-sided quantities, "diverging" (orange, white,
            blue) for signed ones, with low = -high.

    Raises:
        ValueError: an unknown palette.
    """
    if palette not in PALETTES:
        raise ValueError(f"palette {palette!r} is unknown; choose one of: {', '.join(PALETTES)}")
    known = np.isfinite(values)
    scale = high - low if high > low else 1.0
    place = np.clip((np.where(known, values, low).astype(np.float64) - low) / scale, 0, 1)
    colors = _table(palette)[np.rint(place * 255).astype(np.int64)]
    colors[~known] = UNLABELLED_COLOR
    return colors


def upsample(values: Float[np.ndarray, "h w"], size: tuple[int, int]) -> Float[np.ndarray, "height width"]:
    """A grid map -> a map of (height, width), bilinear, cell centres aligned (align_corners=False)."""
    for axis in (0, 1):
        count = values.shape[axis]
        place = np.clip((np.arange(size[axis]) + 0.5) * count / size[axis] - 0.5, 0, count - 1)
        below = np.floor(place).astype(np.int64)
        above = np.minimum(below + 1, count - 1)
        share = (place - below).reshape((-1, 1) if axis == 0 else (1, -1)).astype(np.float32)
        values = values.take(below, axis) * (1 - share) + values.take(above, axis) * share
    return values


def overlay(
    image: UInt8[np.ndarray, "h w 3"], colors: UInt8[np.ndarray, "h w 3"], opacity: float = 0.6
) -> UInt8[np.ndarray, "h w 3"]:
    """Lay a coloured map over an image turned grey; opacity 0 = the grey image, 1 = the map.

    Raises:
        ValueError: image and map differ in size.
    """
    if image.shape != colors.shape:
        raise ValueError(f"image {image.shape} and map {colors.shape}: must be of one size; upsample the map first")
    grey = (image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    return np.rint(grey * (1 - opacity) + colors * np.float32(opacity)).astype(np.uint8)


def lit(image: UInt8[np.ndarray, "h w 3"], mask: Bool[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """An image turned grey and dark, on which the pixels of a mask are bright in a colour of their own."""
    dark = overlay(image, np.zeros_like(image), 0.4)
    shine = np.float32(0.3) * image + np.float32(0.7) * np.array(LIT_COLOR, np.float32)
    return np.where(mask[..., None], np.rint(shine).astype(np.uint8), dark)


def pixel_map_overlay(
    features: FeatureSet,
    values: Float[np.ndarray, " p"],
    image: int,
    low: float,
    high: float,
    palette: str = "viridis",
    opacity: float = 0.6,
) -> UInt8[np.ndarray, "h w 3"]:
    """One image with the values of its pixels (e.g. `Divergence.per_pixel[name]`) over it, at the image's size."""
    picture = features.images[image]
    grid = upsample(features.pixels.grid_map(values, image), (picture.shape[0], picture.shape[1]))
    return overlay(picture, heatmap(grid, low, high, palette), opacity)


@functools.cache
def _table(palette: str) -> UInt8[np.ndarray, "256 3"]:
    stops = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in PALETTES[palette]], float)
    place = np.linspace(0, len(stops) - 1, 256)
    table = np.stack([np.interp(place, np.arange(len(stops)), stops[:, c]) for c in range(3)], axis=1)
    return np.rint(table).astype(np.uint8)
