"""Procedural images of the ground and of roofs, as arrays of sRGB values 0..1."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw


def noise(rng: np.random.RandomState, height: int, width: int, first: int = 2, octaves: int = 6) -> np.ndarray:
    """Return smooth fractal noise 0..1; `first` is the log2 of the coarsest number of cells a side."""
    total = np.zeros((height, width), np.float32)
    for i in range(octaves):
        cells = 2 ** (i + first)
        grid = (rng.rand(min(cells, height), min(cells, width)) * 255).astype(np.uint8)
        total += np.asarray(Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)) / 255 / 1.6**i
    total -= total.min()
    return total / max(float(total.max()), 1e-6)


def asphalt(rng: np.random.RandomState) -> np.ndarray:
    """Return a road surface with worn tracks, repair patches and cracks (a tile of 12 m a side)."""
    size = 768
    base = rng.uniform(0.27, 0.42)
    grey = base + 0.10 * (noise(rng, size, size) - 0.5) + 0.035 * rng.randn(size, size)
    canvas = Image.new("L", (size, size), 128)
    draw = ImageDraw.Draw(canvas)
    for _ in range(rng.randint(0, 4)):
        x, y = rng.randint(0, size, 2)
        w, h = rng.randint(40, 220, 2)
        draw.rectangle((x, y, x + w, y + h), fill=int(rng.choice([112, 118, 138])))
    for _ in range(rng.randint(2, 7)):
        walk = np.cumsum(rng.randn(24, 2) * 14 + rng.randn(2) * 8, axis=0) + rng.randint(0, size, 2)
        draw.line([tuple(p) for p in walk], fill=84, width=int(rng.randint(1, 3)))
    grey = grey + (np.asarray(canvas, np.float32) - 128) / 255
    warm = rng.uniform(-0.012, 0.012)
    return np.clip(grey[..., None] + np.array([warm, 0, -warm]), 0, 1)


def paving(rng: np.random.RandomState) -> np.ndarray:
    """Return slabs of a random size and colour (a tile of 4 m a side)."""
    size, cells = 512, int(rng.choice([5, 8, 10, 16]))
    step = size / cells
    tone = rng.uniform(0.45, 0.66)
    tint = np.array([1.0, 0.97, 0.92]) if rng.rand() < 0.7 else np.array([1.0, 0.86, 0.78])
    slabs = 1 + 0.09 * rng.randn(cells, cells)
    grid = np.kron(slabs, np.ones((int(np.ceil(step)),) * 2))[:size, :size]
    grey = tone * grid + 0.09 * (noise(rng, size, size) - 0.5) + 0.02 * rng.randn(size, size)
    rows, columns = np.mgrid[:size, :size]
    offset = (np.floor(rows / step) % 2) * step / 2 if rng.rand() < 0.5 else 0
    joint = (rows % step < 2.2) | ((columns + offset) % step < 2.2)
    grey[joint] *= 0.68
    return np.clip(grey[..., None] * tint, 0, 1)


def grass(rng: np.random.RandomState) -> np.ndarray:
    """Return a lawn, greener or drier (a tile of 6 m a side)."""
    size = 512
    dry = rng.uniform(0, 0.7)
    green = np.array([0.22, 0.34, 0.10]) * (1 - dry) + np.array([0.42, 0.40, 0.20]) * dry
    shade = 0.55 + 0.7 * noise(rng, size, size, 2, 7)[..., None] + 0.18 * rng.randn(size, size, 1)
    return np.clip(green * shade, 0, 1)


def tiles(rng: np.random.RandomState) -> np.ndarray:
    """Return roof tiles (a tile of 4 m a side)."""
    size = 256
    base = np.array([(0.55, 0.27, 0.18), (0.36, 0.20, 0.17), (0.29, 0.30, 0.33), (0.45, 0.36, 0.28)][rng.randint(4)])
    rows, columns = np.mgrid[:size, :size]
    courses = 0.75 + 0.35 * ((rows % 20) / 20)
    ribs = 0.92 + 0.1 * np.cos(columns * 2 * np.pi / 16)
    mottle = 0.8 + 0.4 * noise(rng, size, size, 3, 5)
    return np.clip(base * (courses * ribs * mottle)[..., None], 0, 1)


def stripes(rng: np.random.RandomState) -> np.ndarray:
    """Return awning cloth: plain, or striped with white."""
    colour = np.array([(0.55, 0.1, 0.1), (0.1, 0.3, 0.2), (0.12, 0.2, 0.45), (0.7, 0.5, 0.15)][rng.randint(4)])
    cloth = np.broadcast_to(colour, (32, 256, 3)).copy()
    if rng.rand() < 0.6:
        cloth[:, (np.arange(256) // 16) % 2 == 0] = (0.88, 0.87, 0.83)
    return cloth
