"""Colours of pixels as a few colours and a number per pixel, which is far less to send and to draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt8


@dataclass(frozen=True, eq=False)
class Palette:
    """The distinct colours of some pixels.

    Attributes:
        colors: "#rrggbb" of each of K colours, in the order of their numbers.
        codes: uint8 [S] (uint16 beyond 256 colours), the colour of each pixel, 0..K-1.
    """

    colors: tuple[str, ...]
    codes: np.ndarray


def palette(rgb: UInt8[np.ndarray, "p 3"], pixels: Int64[np.ndarray, " s"] | Sequence[int]) -> Palette:
    """The distinct colours of the pixels with these numbers, and which pixel has which."""
    chosen = rgb[np.asarray(pixels, np.int64)].astype(np.int64)
    packed = (chosen[:, 0] << 16) | (chosen[:, 1] << 8) | chosen[:, 2]
    kinds, codes = np.unique(packed, return_inverse=True)
    small = np.uint8 if len(kinds) <= 256 else np.uint16
    return Palette(tuple(f"#{int(kind):06x}" for kind in kinds), codes.reshape(-1).astype(small))
