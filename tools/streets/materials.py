"""Turns MTL materials and procedural images into Mitsuba surface descriptions."""

from __future__ import annotations

import colorsys
from functools import lru_cache
from typing import Any

import mitsuba as mi
import numpy as np
from PIL import Image

from .mesh import Material

MAX_TEXTURE = 1024  # pixels a side; larger ones cost memory and show nothing more at this frame size
_GLASS_BELOW = 0.9  # an MTL opacity under this is a pane of glass


def linear(colour: Any) -> list[float]:
    """Return sRGB values 0..1 as linear reflectance."""
    c = np.clip(np.asarray(colour, float), 0, 1)
    return [float(x) for x in np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)]


def flat(colour: Any) -> dict[str, Any]:
    """Return a matt two-sided surface of one sRGB colour."""
    return {
        "type": "twosided",
        "b": {"type": "diffuse", "reflectance": {"type": "rgb", "value": linear(colour)}},
    }


def bitmap(pixels: np.ndarray, raw: bool = False, uv: Any = None) -> dict[str, Any]:
    """Return a repeating texture of an image with values 0..1 (sRGB unless raw)."""
    data = np.ascontiguousarray((np.clip(pixels, 0, 1) * 255).astype(np.uint8))
    texture: dict[str, Any] = {"type": "bitmap", "bitmap": mi.Bitmap(data), "raw": raw, "wrap_mode": "repeat"}
    if uv is not None:
        texture["to_uv"] = uv
    return texture


def matt(texture: dict[str, Any]) -> dict[str, Any]:
    """Return a matt two-sided surface with a texture."""
    return {"type": "twosided", "b": {"type": "diffuse", "reflectance": texture}}


def varnished(texture: dict[str, Any]) -> dict[str, Any]:
    """Return a two-sided varnished surface with a texture."""
    return {"type": "twosided", "b": {"type": "plastic", "diffuse_reflectance": texture}}


def glossy(colour: Any) -> dict[str, Any]:
    """Return a two-sided varnished surface of one sRGB colour."""
    return varnished({"type": "rgb", "value": linear(colour)})


def glass(opacity: float = 0.6) -> dict[str, Any]:
    """Return a dark reflecting pane that lets part of the light straight through.

    A true dielectric would block the direct light behind it, and so cost many more samples.
    """
    return {"type": "mask", "opacity": opacity, "b": glossy((0.1, 0.12, 0.13))}


@lru_cache(maxsize=256)
def _texture_pixels(path: str) -> np.ndarray:
    """Return an image file as RGBA values 0..1, reduced to `MAX_TEXTURE`."""
    with Image.open(path) as image:
        image = image.convert("RGBA")
        image.thumbnail((MAX_TEXTURE, MAX_TEXTURE))
        return np.asarray(image, np.float32) / 255


def repaint(rgb: np.ndarray, tint: tuple[float, float, float]) -> np.ndarray:
    """Give the saturated pixels the hue and strength of a tint, keeping their brightness pattern."""
    high, low = rgb.max(-1, keepdims=True), rgb.min(-1, keepdims=True)
    saturated = np.clip(((high - low) / np.maximum(high, 1e-3) - 0.25) * 6, 0, 1) * (high > 0.3)
    return rgb * (1 - saturated) + saturated * high * np.asarray(tint, np.float32)


def tint_of(hue: float, saturation: float, value: float) -> tuple[float, float, float]:
    """Return an sRGB tint of hue, saturation and value, each 0..1."""
    return colorsys.hsv_to_rgb(hue, saturation, value)


def surface(material: Material, has_uvs: bool, tint: tuple[float, float, float] | None) -> tuple[dict, bool]:
    """Return the surface of an MTL material, and whether a cut-out alpha shapes it (leaves, say)."""
    if material.opacity < _GLASS_BELOW:
        return glass(), False
    if not (material.texture and has_uvs):
        colour = np.asarray(material.colour, np.float32)
        if tint is not None:
            colour = repaint(colour[None], tint)[0]
        return (glossy if material.gloss > 0.3 else flat)(colour * 0.92 + 0.01), False
    pixels = _texture_pixels(material.texture)
    rgb = pixels[..., :3] if tint is None else repaint(pixels[..., :3], tint)
    opaque = pixels[..., 3].min() > 0.9
    made = (varnished if opaque and material.gloss > 0.3 else matt)(bitmap(rgb))
    if opaque:
        return made, False
    return {"type": "mask", "b": made, "opacity": bitmap(pixels[..., 3:4], raw=True)}, True


CAR_PAINTS = [
    tint_of(*hsv)
    for hsv in (
        (0.0, 0.85, 0.7),
        (0.6, 0.8, 0.55),
        (0.58, 0.1, 0.75),
        (0.1, 0.05, 0.9),
        (0.33, 0.5, 0.35),
        (0.0, 0.0, 0.12),
        (0.09, 0.75, 0.8),
        (0.55, 0.35, 0.5),
    )
]
