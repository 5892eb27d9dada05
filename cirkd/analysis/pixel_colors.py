"""What to colour the dots of a scatter by, ready to draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, UInt8

from cirkd.analysis.pictures import (
    CHANGE_COLORS,
    NO_CHANGE_COLOR,
    PALETTES,
    UNLABELLED_COLOR,
    Color,
    colorize,
    colorize_change,
    heatmap,
)
from cirkd.analysis.scores import CHANGES
from cirkd.data.errors import StudyError
from cirkd.features.feature_set import FeatureSet, ModelFeatures

if TYPE_CHECKING:
    from cirkd.data.sample import Classes

COLORINGS = ("class", "prediction", "image", "error", "confidence", "divergence", "change")
RIGHT_COLOR, WRONG_COLOR = CHANGE_COLORS[0], CHANGE_COLORS[3]
# Okabe and Ito's colours, black replaced: eight images can be told apart by any reader, then they come again.
IMAGE_COLORS: tuple[Color, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (204, 121, 167),
    (0, 114, 178),
    (213, 94, 0),
    (240, 228, 66),
    (90, 90, 90),
)


@dataclass(frozen=True, eq=False)
class PixelColors:
    """What to colour the dots of a scatter by.

    Attributes:
        by: one of `COLORINGS`.
        rgb: uint8 [P, 3].
        text: one word or number per pixel, for hovering; length P.
        legend: (name, "#rrggbb") of each category that occurs, or of low and high on a scale.
        values: float32 [P] on a scale (nan = none), None for categories.
    """

    by: str
    rgb: UInt8[np.ndarray, "p 3"]
    text: list[str]
    legend: list[tuple[str, str]]
    values: Float32[np.ndarray, " p"] | None = None


def pixel_colors(
    features: FeatureSet, by: str, model: str | None = None, values: np.ndarray | None = None
) -> PixelColors:
    """Colours of all P pixels.

    Args:
        by: "class" (labels, or the reference's predictions where nothing is labelled) or "image"; of one model:
            "prediction", "error" or "confidence"; "divergence" or "change".
        model: None = the reference.
        values: for "divergence" float [P], for "change" `PixelChange.grid`.

    Raises:
        StudyError: an unknown colouring or model, or values missing.
    """
    if by not in COLORINGS:
        raise StudyError(f"colouring {by!r} is unknown; choose one of: {', '.join(COLORINGS)}")
    name = model if model is not None else features.reference
    if name not in features.models:
        raise StudyError(f"there is no model {name!r}; this study has: {', '.join(features.models)}")
    if by in ("divergence", "change") and values is None:
        raise StudyError(f"colouring by {by} needs its values")
    found = features.models[name]
    if by == "class":
        grouping = features.grouping()
        return _by_class(by, grouping.values, grouping.classes)
    if by == "prediction":
        return _by_class(by, found.prediction, found.classes)
    if by == "image":
        return _by_image(features)
    if by == "error":
        return _by_error(features, found)
    if by == "change":
        return _by_change(np.asarray(values, np.uint8))
    if by == "confidence":
        return _by_scale(by, found.confidence, 0.0, 1.0)
    divergence = np.asarray(values, np.float32)
    return _by_scale(by, divergence, 0.0, float(np.nanquantile(divergence, 0.995)))


def _by_class(by: str, values: np.ndarray, classes: Classes) -> PixelColors:
    return _categories(by, values, dict(enumerate(classes.names)) | {255: "unlabelled"}, colorize(values, classes))


def _by_image(features: FeatureSet) -> PixelColors:
    image = features.pixels.image
    colors = np.array(IMAGE_COLORS, np.uint8)[image % len(IMAGE_COLORS)]
    return _categories("image", image, dict(enumerate(features.image_names)), colors)


def _by_error(features: FeatureSet, model: ModelFeatures) -> PixelColors:
    label = features.pixels.label
    state = np.where(model.prediction == label, 0, 1).astype(np.uint8)
    state[(label == 255) | (not model.comparable)] = 255
    table = np.full((256, 3), UNLABELLED_COLOR, np.uint8)
    table[0], table[1] = RIGHT_COLOR, WRONG_COLOR
    return _categories("error", state, {0: "right", 1: "wrong", 255: "unlabelled"}, table[state])


def _by_change(change: np.ndarray) -> PixelColors:
    colors = colorize_change(change)
    colors[change == 255] = NO_CHANGE_COLOR
    return _categories("change", change, dict(enumerate(CHANGES)) | {255: "unlabelled"}, colors)


def _by_scale(by: str, values: np.ndarray, low: float, high: float) -> PixelColors:
    palette = PALETTES["cividis"]
    return PixelColors(
        by=by,
        rgb=heatmap(values, low, high, "cividis"),
        text=[f"{value:.3g}" for value in values.tolist()],
        legend=[(f"{low:.3g}", palette[0]), (f"{high:.3g}", palette[-1])],
        values=values.astype(np.float32),
    )


def _categories(by: str, values: np.ndarray, names: dict[int, str], rgb: np.ndarray) -> PixelColors:
    kinds, first = np.unique(values, return_index=True)
    legend = [(names.get(int(kind), "other"), _hex(rgb[at])) for kind, at in zip(kinds, first, strict=True)]
    return PixelColors(by, rgb, [names.get(value, "other") for value in values.tolist()], legend)


def _hex(color: np.ndarray) -> str:
    return "#" + "".join(f"{int(part):02x}" for part in color)
