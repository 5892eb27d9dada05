"""Arrays -> RGB pictures and colours, so that a page only has to place them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8

from cirkd.features.feature_set import FeatureSet

if TYPE_CHECKING:
    from cirkd.data.sample import Classes

Color = tuple[int, int, int]
UNLABELLED_COLOR: Color = (128, 128, 128)
CHANGE_COLORS: dict[int, Color] = {0: (222, 222, 222), 1: (120, 120, 120), 2: (0, 114, 178), 3: (213, 94, 0)}
"""Correct in both, wrong in both, fixed (blue), broken (vermilion): apart for every kind of colour blindness."""


@dataclass(frozen=True, eq=False)
class PixelColors:
    """What to colour the dots of a scatter by.

    Attributes:
        by: "class", "prediction", "image", "error", "confidence", "divergence" or "change".
        rgb: uint8 [P, 3].
        text: one word or number per pixel, for hovering; length P.
        legend: (name, "#rrggbb") of each category, or of low and high on a scale.
        values: float32 [P] on a scale (nan = none), None for categories.
    """

    by: str
    rgb: UInt8[np.ndarray, "p 3"]
    text: list[str]
    legend: list[tuple[str, str]]
    values: np.ndarray | None = None


def colorize(labels: UInt8[np.ndarray, "*shape"], classes: Classes) -> UInt8[np.ndarray, "*shape 3"]:
    """Labels of any shape -> their classes' colours; grey where there is no class."""
    raise NotImplementedError


def colorize_change(change: UInt8[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape 3"]:
    """A change map (see `PixelChange.maps`) -> colours; grey where unlabelled."""
    raise NotImplementedError


def heatmap(
    values: Float[np.ndarray, "*shape"], low: float = 0.0, high: float = 1.0, palette: str = "viridis"
) -> UInt8[np.ndarray, "*shape 3"]:
    """Numbers -> colours of a perceptual map: "viridis", "cividis" (one-sided) or "balance" (diverging); nan = grey."""
    raise NotImplementedError


def upsample(values: Float[np.ndarray, "h w"], size: tuple[int, int]) -> Float[np.ndarray, "height width"]:
    """A grid map -> a map of (height, width), bilinear, cell centres aligned."""
    raise NotImplementedError


def overlay(
    image: UInt8[np.ndarray, "h w 3"], colors: UInt8[np.ndarray, "h w 3"], opacity: float = 0.6
) -> UInt8[np.ndarray, "h w 3"]:
    """Lay a coloured map over an image turned grey; opacity 0 = the image, 1 = the map."""
    raise NotImplementedError


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
    raise NotImplementedError


def pixel_colors(
    features: FeatureSet, by: str, model: str | None = None, values: np.ndarray | None = None
) -> PixelColors:
    """Colours of all P pixels.

    `by`: "class", "image", "prediction", "error", "confidence" (these three of `model`), "divergence" (`values` =
    float [P]) or "change" (`values` = `PixelChange.grid`).
    """
    raise NotImplementedError
