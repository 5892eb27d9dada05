"""Class numbers out of files that hold them in another form than one grey value a pixel."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cirkd.data.errors import DataError

_GREY = "label maps are colour images of three equal numbers a pixel, which is taken for the class number"
_CUT = "label maps of black and white in {} files, which blurs them, are cut at half: 0 and 255"

_SEE_THROUGH = (
    "label maps are transparent in places, which is left out: what counts is the number or colour that a pixel has; "
    "where transparency tells classes apart, save it as an 8-bit grey PNG"
)


@dataclass(frozen=True, eq=False)
class LabelMap:
    """What was read of a label map.

    Args:
        values: uint8 `[H, W]`.
        note: What a user should know about how it was read; "" where there is nothing.
        by_color: Whether it was read by the classes' colours, so that its values are classes already.
    """

    values: np.ndarray
    note: str = ""
    by_color: bool = False


def from_grey_colors(image: Image.Image) -> LabelMap | None:
    """The one number that red, green and blue of each pixel have; None where they differ. Alpha is left out."""
    if image.mode == "LA":
        return LabelMap(np.asarray(image.getchannel("L")))
    pixels = np.asarray(image.convert("RGB"))
    return LabelMap(pixels[..., 0], _GREY) if (pixels == pixels[..., :1]).all() else None


def lossy_form(picture: Any) -> str:
    """The form of an opened image file that changes the numbers it stores: JPEG, in a TIFF file, too, or lossy WebP.

    "" where numbers stay as they were. To be asked before the pixels are read, as Pillow then lets go of the file.
    """
    if picture.format == "JPEG" or "jpeg" in str(picture.info.get("compression")):
        return "JPEG"
    return "lossy WebP" if picture.format == "WEBP" and _first_pixels(picture.fp) == b"VP8 " else ""


def _first_pixels(file: Any) -> bytes:
    """Which kind of pixels a WebP file has first: `VP8 ` for lossy, `VP8L` for others."""
    file.seek(12)
    while len(head := file.read(8)) == 8 and not head.startswith(b"VP8 ") and not head.startswith(b"VP8L"):
        size = int.from_bytes(head[4:], "little")
        file.seek(size + size % 2, 1)
    return head[:4]


def see_through(image: Image.Image) -> str:
    """A line where some pixels of a label map are more transparent than others, which is left out; else ""."""
    if image.mode not in ("RGBA", "LA"):
        return ""
    least, most = image.getchannel("A").getextrema()
    return _SEE_THROUGH if least != most else ""


def from_black_and_white(image: Image.Image, form: str) -> LabelMap | None:
    """A mask of 0 and 255 whose edges a lossy form, such as JPEG, has blurred; None for anything else.

    Most pixels of either half are black or white as they were; a map of class numbers, which lie close together, has
    others.
    """
    spread = np.ptp(np.asarray(image.convert("RGB")), axis=2)
    values = np.asarray(image.convert("L"))
    clear, white = np.isin(values, (0, 255)), values > 127
    needed = 0.8 if white.any() and not white.all() else 1.0
    blurred = (values > 63) & (values < 192)
    if spread.max(initial=0) > 16 or blurred.mean() > 0.05:
        return None
    if any(half.any() and clear[half].mean() < needed for half in (white, ~white)):
        return None
    return LabelMap(np.where(white, 255, 0).astype(np.uint8), _CUT.format(form))


def from_array(path: Path, most: int) -> np.ndarray:
    """The whole numbers `[H, W]` that a file of NumPy holds, as int64.

    Args:
        most: How many pixels it may have.

    Raises:
        DataError: not a file of NumPy, or other numbers than one class index a pixel.
    """
    try:
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise DataError(f"{path.name}: there is no such file; check the path") from None
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path.name}: no array of NumPy that can be read ({str(error)[:60]}); save it again") from None
    shape = tuple(side for side in stored.shape if side != 1) if stored.ndim > 2 else stored.shape
    if len(shape) != 2 or stored.size > most or stored.dtype.kind not in "buif":
        raise DataError(
            f"{path.name}: an array {list(stored.shape)} of {stored.dtype}; a label map is [H, W], one class index a "
            "pixel; where it has a plane a class, save its argmax over them"
        )
    values = np.asarray(stored).reshape(shape)
    if values.dtype.kind == "f" and not np.array_equal(values, np.rint(values)):
        raise DataError(
            f"{path.name}: decimal numbers; a label map holds one class index a pixel, save it as whole numbers"
        )
    return values.astype(np.int64)


def as_bytes(values: np.ndarray, name: str) -> np.ndarray:
    """Whole numbers as uint8.

    Raises:
        DataError: some are not from 0 to 255.
    """
    if values.min(initial=0) < 0 or values.max(initial=0) > 255:
        found = ", ".join(str(value) for value in np.unique(values[(values < 0) | (values > 255)])[:3])
        raise DataError(f"{name}: label {found} found, labels go from 0 to 255; renumber the classes, void as 255")
    return values.astype(np.uint8)
