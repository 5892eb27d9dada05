"""Reading image and label files of every common kind, with plain errors for the rest."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from cirkd.data.errors import DataError

MAX_PIXELS = 64_000_000
"""Largest image accepted, in pixels: a bound on memory (192 MB as RGB), far above any camera frame."""

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "PPM")
"""Formats that are read. Others are not even tried: some start programs of their own."""

_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, TypeError, OverflowError, struct.error,
           MemoryError, RuntimeError, ZeroDivisionError)  # fmt: skip
"""What Pillow raises for damaged files."""

_SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N", "I")


def read_image(source: Path | str | BinaryIO) -> np.ndarray:
    """Read an image file as 8-bit RGB, upright.

    Grey, palette, alpha (laid on white), CMYK and 16-bit images are converted; EXIF rotation is applied.

    Returns:
        uint8 `[H, W, 3]`.

    Raises:
        DataError: not a readable image, or more than `MAX_PIXELS` pixels.
    """
    picture = _open(source)
    try:
        return _as_rgb(_upright(picture))
    except _DAMAGE as error:
        raise DataError(f"{_name(source)}: the image is damaged ({error}); copy or export it again") from None


def _upright(picture: Image.Image) -> Image.Image:
    """Turned as its EXIF says; a damaged EXIF says nothing."""
    try:
        return ImageOps.exif_transpose(picture)
    except _DAMAGE:
        return picture


def _as_rgb(picture: Image.Image) -> np.ndarray:
    if picture.mode in _SIXTEEN_BIT:
        values = np.asarray(picture, dtype=np.int64)
        eight_bit = values // 257 if values.max(initial=0) > 255 else values
        return np.repeat(np.clip(eight_bit, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    if "A" in picture.getbands() or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        picture = Image.alpha_composite(white, rgba)
    return np.array(picture.convert("RGB"))


def read_label(source: Path | str | BinaryIO) -> np.ndarray:
    """Read a label map: a palette or grey image whose values are class indices.

    Returns:
        uint8 `[H, W]`.

    Raises:
        DataError: not a readable image, too large, or not one 8-bit index a pixel.
    """
    picture = _open(source)
    if picture.mode not in ("P", "L", "1", *_SIXTEEN_BIT):
        raise DataError(
            f"{_name(source)}: a label map holds one class index a pixel, this image is {picture.mode}; "
            "save it as an 8-bit grey or palette PNG"
        )
    try:
        values = np.asarray(picture)
    except _DAMAGE as error:
        raise DataError(f"{_name(source)}: the label map is damaged ({error}); copy it again") from None
    if values.max(initial=0) > 255 or values.min(initial=0) < 0:
        raise DataError(f"{_name(source)}: label {values.max()} found, labels go from 0 to 255; renumber the classes")
    return np.array(values, dtype=np.uint8)


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


def _open(source: Path | str | BinaryIO) -> Image.Image:
    try:
        picture = Image.open(source, formats=FORMATS)
        if picture.width * picture.height > MAX_PIXELS:
            raise DataError(
                f"{_name(source)}: {picture.width}x{picture.height} is over {MAX_PIXELS // 10**6} megapixels; "
                "scale the image down first"
            )
        picture.load()
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
        raise DataError(f"{_name(source)}: this is not an image; PNG, JPEG, WebP, TIFF and BMP are read") from None
    except _DAMAGE as error:
        raise DataError(f"{_name(source)}: the image is damaged ({error}); copy or export it again") from None
    return picture


def _name(source: object) -> str:
    return str(getattr(source, "name", source))
