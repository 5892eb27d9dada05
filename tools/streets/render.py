"""Renders one view: path tracing, denoising, haze, tone curve, and the two files of a frame."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mitsuba as mi
import numpy as np
import pyoidn
from PIL import Image

from .camera import View
from .classes import INDEX, NAMES, palette
from .labels import trace_labels
from .scene import BuiltScene
from .sky import horizon_colour

SIZE = (512, 256)  # pixels: width, height
MAX_DEPTH = 5  # bounces of light


def tone(image: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return linear radiance as sRGB bytes, exposed for everything but the sky."""
    luminance = image @ np.array([0.2126, 0.7152, 0.0722])
    land = classes != INDEX["sky"]
    mean = float(np.exp(np.log(np.maximum(luminance[land], 1e-3)).mean())) if land.any() else 0.3
    x = image * (0.2 / np.clip(mean, 0.02, 2.0))
    x = x * (1 + x / 7) / (1 + x * 0.6)  # a shoulder that keeps the sky's clouds
    srgb = np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.maximum(x, 1e-8) ** (1 / 2.4) - 0.055)
    srgb = srgb.clip(0, 1)
    srgb = srgb + 0.35 * (srgb * srgb * (3 - 2 * srgb) - srgb)  # some contrast
    grey = srgb.mean(-1, keepdims=True)
    return ((grey + 1.18 * (srgb - grey)).clip(0, 1) * 255 + 0.5).astype(np.uint8)


def render_frame(built: BuiltScene, view: View, samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the image (height, width, 3) and the class indices (height, width) of a view."""
    classes, distances = trace_labels(built.scene, view.sensor(*SIZE), built.labels, *SIZE)
    integrator: Any = mi.load_dict({"type": "path", "max_depth": MAX_DEPTH, "rr_depth": 3})
    raw = mi.render(built.scene, sensor=view.sensor(*SIZE, samples), integrator=integrator, spp=samples, seed=seed)
    image = pyoidn.denoise(np.array(raw).astype(np.float32), hdr=True)
    image = np.nan_to_num(np.asarray(image, np.float32)).clip(0, 50)
    sight = np.where(np.isfinite(distances), np.exp(-distances / built.weather.haze), 1.0)[..., None]
    image = image * sight + horizon_colour(built.weather) * 0.9 * (1 - sight)
    return tone(image, classes), classes


def _replace(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file under a temporary name, then move it into place, so no half file remains."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    write(temporary)
    os.replace(temporary, path)


def save_frame(image: np.ndarray, classes: np.ndarray, image_path: Path, label_path: Path, quality: int) -> None:
    """Write the WebP image and the palette PNG; the label comes last, as the mark of a finished frame."""
    _replace(image_path, lambda p: Image.fromarray(image).save(p, "WEBP", quality=quality, method=6))
    label = Image.fromarray(classes, "P")
    label.putpalette(palette())
    _replace(label_path, lambda p: label.save(p, "PNG", optimize=True))


def count_classes(label_path: Path) -> list[int]:
    """Return the pixels of each class in a label file."""
    with Image.open(label_path) as label:
        return np.bincount(np.asarray(label).ravel(), minlength=len(NAMES))[: len(NAMES)].tolist()
