"""Reading image and label files: one reader for both, with plain errors for what it can't read.

An image and its label map are turned alike by EXIF orientation, have their alpha channel left out, and mean by a number
what the file says, whatever its bit depth. What can't be decided (a range of numbers that the file does not state) is
refused.
"""

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from cirkd.data.errors import DataError
from cirkd.data.label_colors import are_greys, blank_of, by_color, of_one_color, palette_table
from cirkd.data.label_values import (
    LabelMap,
    as_bytes,
    from_array,
    from_black_and_white,
    from_grey_colors,
    lossy_form,
    see_through,
)
from cirkd.data.sample import Classes, Color

MAX_PIXELS = 64_000_000
"""Largest image accepted, in pixels: a bound on memory (192 MB as RGB), far above any camera frame."""

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "PPM")
"""Formats that are read. Others are not even tried: some start programs of their own."""

_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    struct.error,
    MemoryError,
    RuntimeError,
)
"""What Pillow raises for damaged files."""

_SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N", "I")
_ORIENTATION = 0x0112
_BANDS = 277  # of TIFF: how many numbers a pixel has
_FIRST_BANDS = "of images of four or more bands the first three are taken for red, green and blue"
_TURNED = "images with an EXIF orientation are turned upright, and label maps without one of their own along with them"
_BY_COLOR = "label maps are read by their colours, which are those of the classes"
_BY_PALETTE = (
    "label maps are read by the colours of their palette: those of the classes, in another order; "
    'without "color" in classes.json they are read by number'
)


@dataclass(frozen=True, eq=False)
class _Picture:
    """An opened file: Pillow's image, decoded; its EXIF orientation; how its bits were packed; its pages.

    `lossy` is the form that has changed its numbers, such as JPEG; "" where none has.
    """

    image: Image.Image
    orientation: int
    packing: str
    maximum: int
    pages: int
    lossy: str


def read_image(source: Path | str | BinaryIO) -> np.ndarray:
    """Read an image file as 8-bit RGB, upright.

    Grey, palette, CMYK and 16-bit images are converted, an alpha channel is left out, EXIF orientation is applied.

    Returns:
        uint8 `[H, W, 3]`.

    Raises:
        DataError: not a readable image, more than `MAX_PIXELS` pixels, or of numbers whose range the file does not say.
    """
    return _read_image(source)[0]


def read_label(source: Path | str | BinaryIO) -> np.ndarray:
    """Read a label map: a palette or grey image, or an array in a .npy file, whose values are class indices.

    Returns:
        uint8 `[H, W]`, upright as its own EXIF orientation says.

    Raises:
        DataError: not a readable image, too large, or not one 8-bit index a pixel.
    """
    return read_label_noted(source)[0]


def read_pair(image: Path, label: Path | None, read: Any) -> tuple[np.ndarray, np.ndarray | None, str]:
    """An image and its label map, turned alike, and what a user should know about how they were read.

    A label map without an orientation of its own is turned with its image: annotation tools and training code that
    pass EXIF over have drawn and used it on the pixels as they are stored. Where its size says that it is upright
    already, it stays.

    Args:
        read: Turns the label map's file into uint8 `[H, W]` and a note.

    Raises:
        DataError: one can't be read, or they differ in size.
    """
    pixels, orientation, said = _read_image(image)
    if label is None:
        return pixels, None, said
    values, note = read(label)
    note = "; ".join(filter(None, (said, note)))
    if orientation > 1 and label.suffix != ".mat" and (label.suffix.lower() == ".npy" or _open(label).orientation == 1):
        turned = np.ascontiguousarray(_turned(values, orientation))
        if turned.shape == pixels.shape[:2]:
            values, note = turned, "; ".join(filter(None, (note, _TURNED)))
    if values.shape != pixels.shape[:2]:
        raise DataError(f"{label}: label is {values.shape}, its image {pixels.shape[:2]}; they must be alike")
    return pixels, values, note


def read_label_noted(source: Path | str | BinaryIO, classes: Classes | None = None) -> tuple[np.ndarray, str]:
    """As `read_label`, with what is to be said of how it was read; see `read_label_map`."""
    found = read_label_map(source, classes)
    return found.values, found.note


def read_label_map(
    source: Path | str | BinaryIO, classes: Classes | None = None, void: Sequence[Color] = ()
) -> LabelMap:
    """A label map in any form: grey, palette or colour image, a mask of black and white in JPEG, or an array (.npy).

    Args:
        classes: Where a map is of their colours, it is read by them: a colour image, or one whose palette has them in
            another order.
        void: Further colours, which stand for no class.

    Raises:
        DataError: as of `read_label`.
    """
    name = _name(source)
    if isinstance(source, str | Path) and Path(source).suffix.lower() == ".npy":
        return LabelMap(as_bytes(from_array(Path(source), MAX_PIXELS), name))
    picture = _open(source)
    if picture.pages > 1:
        raise DataError(
            f"{name}: {picture.pages} pages; a label map has one page with one class index a pixel; where each page is "
            "a class, save the number of the page that holds a pixel, from 0 on, as an 8-bit grey PNG"
        )
    try:
        found = _label_map(picture, classes, void, name)
    except _DAMAGE as error:
        raise DataError(f"{name}: the label map is damaged ({error}); copy it again") from None
    values = np.ascontiguousarray(_turned(found.values, picture.orientation))
    return replace(found, values=values, note="; ".join(filter(None, (found.note, see_through(picture.image)))))


def _label_map(picture: _Picture, classes: Classes | None, void: Sequence[Color], name: str) -> LabelMap:
    """What an image holds, as stored."""
    image, mode = picture.image, picture.image.mode
    if picture.lossy:
        if (mask := from_black_and_white(image, picture.lossy)) is None:
            raise DataError(
                f"{name}: {picture.lossy} changes the values that a label map holds; save it as PNG from its source"
            )
        return mask
    if mode in ("P", "L", "1", *_SIXTEEN_BIT):
        return _by_index(picture, classes, name, void)
    grey = from_grey_colors(image) if mode in ("RGB", "RGBA", "LA") else None
    if mode in ("RGB", "RGBA") and classes is not None and (grey is None or are_greys(grey.values, classes, void)):
        pixels = np.asarray(image.convert("RGB"))
        notes = (_BY_COLOR, of_one_color(classes), blank_of(pixels, classes, void))
        return LabelMap(by_color(pixels, classes, name, void), "; ".join(filter(None, notes)), by_color=True)
    if grey is None:
        colors = ", or, in a folder of your own, name its colours in classes.json" if mode in ("RGB", "RGBA") else ""
        raise DataError(
            f"{name}: a label map holds one class index a pixel, this image is {mode}; "
            f"save it as an 8-bit grey or palette PNG{colors}"
        )
    return grey


def scaled_size(shape: Sequence[int], factor: float) -> tuple[int, int]:
    """Height and width of something of this shape `[H, W, ...]` when scaled by `factor`; at least 1 each."""
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize an image to (height, width) with an antialiased bilinear filter.

    Args:
        image: uint8 `[H, W, 3]`.
        size: Height and width in pixels.
    """
    return np.array(Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BILINEAR))


def resize_label(label: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a label map `[H, W]` to (height, width): each pixel takes its nearest neighbour's class."""
    return np.array(Image.fromarray(label).resize((size[1], size[0]), Image.Resampling.NEAREST))


def _read_image(source: Path | str | BinaryIO) -> tuple[np.ndarray, int, str]:
    """uint8 `[H, W, 3]`, upright; the EXIF orientation that was undone; and what is to be said of it."""
    picture = _open(source)
    try:
        pixels = _as_rgb(picture, _name(source))
    except _DAMAGE as error:
        raise DataError(f"{_name(source)}: the image is damaged ({error}); copy or export it again") from None
    note = (
        _FIRST_BANDS if getattr(picture.image, "tag_v2", {}).get(_BANDS, 0) > 3 and picture.image.mode == "RGB" else ""
    )
    return np.ascontiguousarray(_turned(pixels, picture.orientation)), picture.orientation, note


def _as_rgb(picture: _Picture, name: str) -> np.ndarray:
    image = picture.image
    if image.mode == "F" or (image.mode == "I" and image.format != "PPM"):
        raise DataError(
            f"{name}: {'decimal' if image.mode == 'F' else '32-bit'} numbers, and nothing says what is white; "
            "scale them to 0..255 and save as 8 bits"
        )
    if image.mode in _SIXTEEN_BIT:
        grey = (np.asarray(image, dtype=np.int64) // 257).clip(0, 255).astype(np.uint8)
        pixels = np.repeat(grey[..., None], 3, axis=2)
    else:
        pixels = np.array((image.convert("RGBA") if image.mode in ("LA", "PA", "La") else image).convert("RGB"))
    dark = (image.mode in _SIXTEEN_BIT or ";16" in picture.packing) and pixels.max(initial=0) < 64
    if dark and np.atleast_2d(np.array(image.getextrema()))[:, 1].any():
        raise DataError(
            f"{name}: 16-bit numbers of which none reaches a quarter of the range, so perhaps 12 bits in 16; "
            "scale them to the full range, or save as 8 bits"
        )
    return pixels


def _by_index(picture: _Picture, classes: Classes | None, name: str, void: Sequence[Color]) -> LabelMap:
    values = as_bytes(np.asarray(picture.image), name)
    if picture.maximum:
        # Grey of few bits is stretched to 0..255 when it is decoded; an index is the number that was stored.
        values = np.rint(values * (picture.maximum / 255)).astype(np.uint8)
    table = palette_table(picture.image, values, classes, void) if picture.image.mode == "P" and classes else None
    return LabelMap(values) if table is None else LabelMap(table[values], _BY_PALETTE, by_color=True)


def _turned(values: np.ndarray, orientation: int) -> np.ndarray:
    """An array `[H, W, ...]` as stored -> upright, for an EXIF orientation."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    vertical, horizontal = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)
    return values[:: -1 if vertical else 1, :: -1 if horizontal else 1]


def _open(source: Path | str | BinaryIO) -> _Picture:
    try:
        picture = Image.open(source, formats=FORMATS)
        if picture.width * picture.height > MAX_PIXELS:
            raise DataError(
                f"{_name(source)}: {picture.width}x{picture.height} is over {MAX_PIXELS // 10**6} megapixels; "
                "scale the image down first"
            )
        (packing, maximum), lossy = _packing(picture), lossy_form(picture)
        picture.load()
        return _Picture(picture, _orientation(picture), packing, maximum, getattr(picture, "n_frames", 1), lossy)
    except FileNotFoundError:
        raise DataError(f"{_name(source)}: there is no such file; check the path") from None
    except IsADirectoryError:
        raise DataError(f"{_name(source)}: this is a folder, an image file was wanted") from None
    except PermissionError:
        raise DataError(f"{_name(source)}: no permission to read this file; change its access rights") from None
    except Image.DecompressionBombError:
        raise DataError(
            f"{_name(source)}: the image is far over {MAX_PIXELS // 10**6} megapixels; scale the image down first"
        ) from None
    except UnidentifiedImageError:
        bands = " of up to 6 bands (save red, green and blue alone)" if ".tif" in _name(source).lower() else ""
        known = f"this is not an image that can be read; PNG, JPEG, WebP, BMP and TIFF{bands} are read"
        raise DataError(f"{_name(source)}: {known}") from None
    except _DAMAGE as error:
        raise DataError(f"{_name(source)}: the image is damaged ({error}); copy or export it again") from None


def _packing(picture: Any) -> tuple[str, int]:
    """How the pixels are packed, as Pillow calls it, and the largest grey value where that is below 255; else 0."""
    if not picture.tile:
        return "", 0
    arguments = picture.tile[0][3]
    packing = arguments if isinstance(arguments, str) else next((a for a in arguments or () if isinstance(a, str)), "")
    if picture.mode == "L" and (depth := re.fullmatch(r"L;([24]).*", packing)):
        return packing, 2 ** int(depth[1]) - 1
    numbers = [a for a in arguments if isinstance(a, int)] if isinstance(arguments, tuple) else []
    stretched = picture.format == "PPM" and picture.mode == "L" and numbers and 0 < numbers[-1] < 255
    return packing, numbers[-1] if stretched else 0


def _orientation(picture: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; a damaged EXIF says nothing."""
    try:
        found = picture.getexif().get(_ORIENTATION, 1)
    except _DAMAGE:
        return 1
    return found if found in range(1, 9) else 1


def _name(source: object) -> str:
    return str(getattr(source, "name", source))
