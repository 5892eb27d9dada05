"""Label maps that show classes by colour: by the colours of their pixels, or of their palette."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from cirkd.data.errors import DataError
from cirkd.data.sample import Classes, Color

VOID = ((0, 0, 0), (255, 255, 255))
"""Colours that tools give pixels of no class."""


def class_of_color(pixels: np.ndarray, classes: Classes) -> tuple[np.ndarray, np.ndarray]:
    """The class uint8 `[H, W]` whose colour each pixel of an RGB image has, else the ignored label; and where."""
    weights = np.array([65536, 256, 1])
    codes = pixels.astype(np.int64) @ weights
    label = np.full(codes.shape, classes.ignore_index, np.uint8)
    known = np.zeros(codes.shape, bool)
    for place, color in reversed(list(enumerate(classes.colors))):
        here = codes == np.array(color) @ weights
        label[here], known = place, known | here
    return label, known


def by_color(pixels: np.ndarray, classes: Classes, name: str, void: Sequence[Color] = ()) -> np.ndarray:
    """The class of each pixel of a label map in the classes' colours; black, white and void of no class are ignored.

    Raises:
        DataError: another colour of no class.
    """
    label, known = class_of_color(pixels, classes)
    for color in (*VOID, *void):
        known |= (pixels == color).all(axis=2)
    strange = pixels[~known]
    if len(strange):
        raise DataError(
            f"{name}: a label map holds one class index a pixel, this image is RGB and its colour "
            f"{tuple(strange[0].tolist())} is that of no class; save it as an 8-bit grey or palette PNG"
        )
    return label


def blank_of(pixels: np.ndarray, classes: Classes, void: Sequence[Color] = ()) -> str:
    """A line where black or white of an RGB label map is ignored, as no class or entry of the class list has it."""
    missing = [color for color in VOID if color not in (*classes.colors, *void)]
    found = ["white" if any(color) else "black" for color in missing if (pixels == color).all(axis=2).any()]
    if not found:
        return ""
    return (
        f"{' and '.join(found)} in label maps is of no class and counts as 255; if it is of one, give that its colour"
    )


def are_greys(values: np.ndarray, classes: Classes, void: Sequence[Color] = ()) -> bool:
    """Whether the greys of these values are colours of classes or of none, rather than class numbers."""
    return {(value,) * 3 for value in np.unique(values).tolist()} <= {*classes.colors, *VOID, *void}


def palette_table(
    image: Image.Image, values: np.ndarray, classes: Classes, void: Sequence[Color] = ()
) -> np.ndarray | None:
    """From index to class by the palette's colours, where these are the classes' in another order; None elsewhere.

    They are where the palette holds all of them, or those of what occurs; what low numbers occur beside must be black
    or white of no class, unless the palette begins with all classes and at most one more, which stands for none.
    What is of a void colour is ignored.
    """
    palette = [tuple(color) for color in np.array(image.getpalette("RGB") or (), np.uint8).reshape(-1, 3).tolist()]
    colors = {color: place for place, color in enumerate(classes.colors)}
    if len(colors) < len(classes):
        return None
    compact = set(colors) <= set(palette[: len(classes) + 1])
    table = np.arange(256, dtype=np.uint8)
    shown = np.unique(values).tolist()
    for index in shown:
        color = palette[index] if index < len(palette) else None
        if color in colors:
            table[index] = colors[color]
        elif color in void or (index <= len(classes) and (compact or color in VOID)):
            table[index] = classes.ignore_index
        elif index < len(classes):
            return None
    told = set(colors) <= set(palette) or any(i < len(palette) and palette[i] in colors for i in shown)
    return table if told and not np.array_equal(table[values], values) else None


def of_one_color(classes: Classes) -> str:
    """Which classes cannot be told apart by colour, in a line; "" where all can."""
    first = {color: name for name, color in reversed(list(zip(classes.names, classes.colors, strict=True)))}
    pairs = [(first[c], n) for n, c in zip(classes.names, classes.colors, strict=True) if first[c] != n]
    return "; ".join(f"{kept} and {name} have one colour, and its pixels count as {kept}" for kept, name in pairs[:3])
