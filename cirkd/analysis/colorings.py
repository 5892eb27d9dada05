"""What dots can be coloured by: an entry of `COLORINGS` each, which Explorer, Embeddings, links and reports read.

An entry's function says for every pixel which category it is of, or its number on a scale, and in which colours that is
shown. Nothing else knows a colouring by its name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, UInt8

from cirkd.analysis.pictures import CHANGE_COLORS, UNLABELLED_COLOR
from cirkd.analysis.scores import CHANGES, grid_change
from cirkd.data.errors import StudyError
from cirkd.features.feature_set import AFTER, BEFORE, IGNORED, FeatureSet

if TYPE_CHECKING:
    from cirkd.analysis.divergences import Divergence
    from cirkd.data.sample import Classes

IMAGE_COLORS = ("#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#0072b2", "#d55e00", "#f0e442", "#5a5a5a")
"""Okabe and Ito's, black replaced: eight images can be told apart by any reader, then they come again."""
MOST_IMAGES = 24
"""Images that a legend names; of more, dots are not coloured by image."""


@dataclass(frozen=True)
class Category:
    """A kind of pixel: its name and its "#rrggbb" on a light and on a dark page ("" = the same)."""

    name: str
    light: str
    dark: str = ""

    def color(self, mode: str) -> str:
        """Its colour on a "light" or "dark" page."""
        return self.dark or self.light if mode == "dark" else self.light


def _hex(color: tuple[int, ...]) -> str:
    return "#" + "".join(f"{int(part):02x}" for part in color)


NO_CATEGORY = Category("unlabelled", _hex(UNLABELLED_COLOR))
RIGHT = Category("right", "#c9ced7", "#3b4657")
"""What is right recedes; unlike the pale grey of the pictures it can be seen on the page."""
WRONG = Category("wrong", _hex(CHANGE_COLORS[3]))
CHANGED = (
    Category(CHANGES[0], RIGHT.light, RIGHT.dark),
    Category(CHANGES[1], _hex(CHANGE_COLORS[1]), "#a3a9b3"),
    Category(CHANGES[2], _hex(CHANGE_COLORS[2])),
    Category(CHANGES[3], WRONG.light),
)


@dataclass(frozen=True, eq=False)
class Kinds:
    """A category for every pixel.

    Attributes:
        codes: uint8 [P], the number of each pixel's category; 255 = none.
        categories: number -> category, of those that occur, ascending.
        note: what the categories come from, where it is not as the entry's label says.
    """

    codes: UInt8[np.ndarray, " p"]
    categories: dict[int, Category]
    note: str = ""


@dataclass(frozen=True, eq=False)
class Scale:
    """A number for every pixel, on a scale from 0.

    Attributes:
        values: float32 [P].
        high: the number at the upper end, the same for every model.
        ends: both ends in words.
        words: what the numbers are, and in which unit.
    """

    values: Float32[np.ndarray, " p"]
    high: float
    ends: tuple[str, str]
    words: str
    note: str = ""

    @property
    def codes(self) -> UInt8[np.ndarray, " p"]:
        """uint8 [P]: the place of each pixel on the scale, 0..255."""
        share = np.clip(self.values.astype(np.float64) / max(self.high, 1e-12), 0, 1)
        return (np.nan_to_num(share) * 255).astype(np.uint8)


PixelColors = Kinds | Scale


@dataclass(frozen=True)
class Coloring:
    """Something that dots can be coloured by.

    Attributes:
        label: on screen.
        paint: (features, model's name, divergence or None where it is not worked out yet) -> the colours of all pixels.
        possible: whether a feature set tells it.
        diverges: whether it is drawn from the relation divergence.
    """

    label: str
    paint: Callable[[FeatureSet, str, Divergence | None], PixelColors]
    possible: Callable[[FeatureSet], bool] = lambda features: True
    diverges: bool = False


def pixel_colors(
    features: FeatureSet, by: str, model: str | None = None, divergence: Divergence | None = None
) -> PixelColors:
    """Colours of all P pixels.

    Args:
        by: a key of `COLORINGS`.
        model: None = the reference.
        divergence: of these features, where the colouring is drawn from it.

    Raises:
        StudyError: an unknown colouring or model, one that these features don't tell, or no divergence.
    """
    if by not in COLORINGS:
        raise StudyError(f"colouring {by!r} is unknown; choose one of: {', '.join(COLORINGS)}")
    name = model if model is not None else features.reference
    if name not in features.models:
        raise StudyError(f"there is no model {name!r}; this study has: {', '.join(features.models)}")
    if not COLORINGS[by].possible(features):
        told = ", ".join(of for of, item in COLORINGS.items() if item.possible(features))
        raise StudyError(f"colouring {by!r} can't be told of this study; choose one of: {told}")
    if COLORINGS[by].diverges and divergence is None:
        raise StudyError(f"colouring by {by} needs the relation divergence")
    return COLORINGS[by].paint(features, name, divergence)


def all_colors(
    features: FeatureSet, divergence: Divergence | None = None, *, wait: bool = True
) -> dict[str, dict[str, PixelColors]]:
    """colouring -> model -> colours of all pixels, for every colouring that these features tell.

    wait: whether those of a divergence that isn't there are drawn as if all were 0, until it comes; else left out.
    """
    return {
        by: {name: item.paint(features, name, divergence) for name in features.models}
        for by, item in COLORINGS.items()
        if item.possible(features) and (wait or divergence is not None or not item.diverges)
    }


def _of_classes(codes: np.ndarray, classes: Classes, note: str = "") -> Kinds:
    colors = [Category(name, _hex(color)) for name, color in zip(classes.names, classes.colors, strict=True)]
    return _kinds(codes, dict(enumerate(colors)), note)


def _kinds(codes: np.ndarray, known: dict[int, Category], note: str = "") -> Kinds:
    named = {int(code): known.get(int(code), NO_CATEGORY) for code in np.unique(codes)}
    return Kinds(codes.astype(np.uint8), named, note)


def _class(features: FeatureSet, model: str, divergence: Divergence | None) -> Kinds:
    grouping = features.grouping()
    return _of_classes(grouping.values, grouping.classes, "" if grouping.source == "label" else grouping.source)


def _prediction(features: FeatureSet, model: str, divergence: Divergence | None) -> Kinds:
    return _of_classes(features.models[model].prediction, features.models[model].classes)


def _image(features: FeatureSet, model: str, divergence: Divergence | None) -> Kinds:
    colors = [Category(name, IMAGE_COLORS[i % len(IMAGE_COLORS)]) for i, name in enumerate(features.image_names)]
    return _kinds(features.pixels.image, dict(enumerate(colors)))


def _error(features: FeatureSet, model: str, divergence: Divergence | None) -> Kinds:
    label, own = features.pixels.label, features.models[model]
    known = (label != IGNORED) & own.comparable
    return _kinds(np.where(known, own.prediction != label, IGNORED), {0: RIGHT, 1: WRONG})


def _confidence(features: FeatureSet, model: str, divergence: Divergence | None) -> Scale:
    values = features.models[model].confidence.astype(np.float32)
    return Scale(values, 1.0, ("0 %", "100 %"), "confidence: probability of the predicted class")


def _divergence(features: FeatureSet, model: str, divergence: Divergence | None) -> Scale:
    high, known = (1.0, {}) if divergence is None else (divergence.largest, divergence.per_pixel)
    # The reference diverges nowhere from itself.
    values = known[model] if model in known else np.zeros(len(features.pixels), np.float32)
    return Scale(values.astype(np.float32), high, ("0", f"{high:.2f}"), "relation divergence, in nats")


def _change(features: FeatureSet, model: str, divergence: Divergence | None) -> Kinds:
    return _kinds(grid_change(features), dict(enumerate(CHANGED)))


COLORINGS: dict[str, Coloring] = {
    "class": Coloring("Class", _class),
    "prediction": Coloring("Prediction", _prediction),
    "image": Coloring("Image", _image, lambda features: len(features.image_names) <= MOST_IMAGES),
    "error": Coloring("Right or wrong", _error, lambda features: features.has_labels),
    "confidence": Coloring("Confidence", _confidence),
    "divergence": Coloring(
        "Relation divergence",
        _divergence,
        lambda features: len(features.models) > 1 and not features.sampled,
        diverges=True,
    ),
    "change": Coloring(
        "Fixed or broken", _change, lambda features: features.has_labels and {BEFORE, AFTER} <= set(features.models)
    ),
}
