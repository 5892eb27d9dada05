"""Colours for classes that stay apart for viewers who see red, green or blue differently."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from cirkd.data.errors import StudyError
from cirkd.data.sample import Classes, Color

OWN, SAFE = "own", "safe"
COLORS_OF_CLASSES = (OWN, SAFE)
"""What classes are drawn in: the colours of their data set, or those of `safe_colors`."""

VISIONS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
"""What a kind of colour vision makes of linear RGB (Machado, Oliveira and Fernandes 2009, at full severity)."""

_STEPS = 12  # values of a channel among the candidates
_TAKEN = ((128, 128, 128), (0, 0, 0), (255, 255, 255), (123, 97, 255), (181, 137, 26), (0, 158, 142))
"""No class, both papers, and teacher, before and after: nothing may look like them."""
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def known(palette: str) -> str:
    """The name of a palette as it is.

    Raises:
        StudyError: there is none of that name.
    """
    if palette not in COLORS_OF_CLASSES:
        raise StudyError(f"palette {palette!r}: one of {', '.join(COLORS_OF_CLASSES)} is wanted")
    return palette


def in_palette(classes: Classes, palette: str) -> Classes:
    """The same classes in the colours of a palette, see `COLORS_OF_CLASSES`.

    Example:
        >>> road = Classes(("road", "car"), ((128, 64, 128), (0, 0, 142)))
        >>> in_palette(road, "own") is road, in_palette(road, "safe").names
        (True, ('road', 'car'))
    """
    return replace(classes, colors=safe_colors(len(classes))) if palette == SAFE else classes


@functools.cache
def safe_colors(count: int) -> tuple[Color, ...]:
    """So many colours: each is the farthest from all before it, in the vision in which it is the nearest to them.

    The first are the farthest apart; of 19, no two are alike for any of `VISIONS`. From about 30 on colours are hard
    to tell apart for everybody.

    Example:
        >>> len(set(safe_colors(19)))
        19
    """
    channel = np.rint(np.linspace(0, 255, _STEPS))
    candidates = np.stack(np.meshgrid(channel, channel, channel, indexing="ij"), -1).reshape(-1, 3)
    seen = seen_as(candidates)
    nearest = np.full(len(candidates), np.inf)
    for color in seen_as(np.array(_TAKEN, float)).transpose(1, 0, 2):
        nearest = np.minimum(nearest, _distance(seen, color))
    found = []
    for _ in range(count):
        best = int(np.argmax(nearest))
        found.append((int(candidates[best, 0]), int(candidates[best, 1]), int(candidates[best, 2])))
        nearest = np.minimum(nearest, _distance(seen, seen[:, best]))
    return tuple(found)


def seen_as(colors: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "v n 3"]:
    """8-bit sRGB colours in CIELAB (D65), as each of `VISIONS` sees them."""
    share = colors / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    changed = np.clip(np.einsum("vij,nj->vni", np.array(list(VISIONS.values())), linear), 0, 1)
    x, y, z = np.moveaxis(changed @ _TO_XYZ.T / _TO_XYZ.sum(1), -1, 0)
    fx, fy, fz = (np.where(v > 0.008856, np.cbrt(v), 7.787 * v + 16 / 116) for v in (x, y, z))
    return np.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], -1)


def _distance(seen: Float[np.ndarray, "v n 3"], color: Float[np.ndarray, "v 3"]) -> Float[np.ndarray, " n"]:
    """From each colour to one, in the vision in which they are the most alike."""
    return np.linalg.norm(seen - color[:, None], axis=-1).min(0)
