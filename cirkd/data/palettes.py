"""Class names and colours of the data sets that checkpoints name, each written once."""

import colorsys

from cirkd.data.sample import Classes

CAMVID = Classes(
    names=("sky", "building", "pole", "road", "sidewalk", "tree", "sign", "fence", "car", "pedestrian", "bicyclist"),
    colors=(
        (128, 128, 128),
        (128, 0, 0),
        (192, 192, 128),
        (128, 64, 128),
        (0, 0, 192),
        (128, 128, 0),
        (192, 128, 128),
        (64, 64, 128),
        (64, 0, 128),
        (64, 64, 0),
        (0, 128, 192),
    ),
    ignore_index=11,
)
"""The 11-class form of CamVid; label 11 is unlabelled."""


def numbered_classes(count: int) -> Classes:
    """Classes without known names: `class 0` to `class {count - 1}`, hues spread by the golden ratio."""
    hues = [(index * 0.618034) % 1.0 for index in range(count)]
    rgb = [colorsys.hsv_to_rgb(hue, 0.55 + 0.3 * (index % 2), 0.85) for index, hue in enumerate(hues)]
    colors = tuple((int(r * 255), int(g * 255), int(b * 255)) for r, g, b in rgb)
    return Classes(names=tuple(f"class {index}" for index in range(count)), colors=colors)
