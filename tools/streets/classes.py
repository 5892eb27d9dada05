"""The label set: names and colours, as Cityscapes has them wherever a class matches."""

from __future__ import annotations

CLASSES: tuple[tuple[str, tuple[int, int, int]], ...] = (
    ("road", (128, 64, 128)),
    ("sidewalk", (244, 35, 232)),
    ("building", (70, 70, 70)),
    ("fence", (190, 153, 153)),
    ("pole", (153, 153, 153)),
    ("traffic sign", (220, 220, 0)),
    ("vegetation", (107, 142, 35)),
    ("terrain", (152, 251, 152)),
    ("sky", (70, 130, 180)),
    ("person", (220, 20, 60)),
    ("car", (0, 0, 142)),
    ("bus or truck", (0, 0, 70)),
    ("two-wheeler", (119, 11, 32)),
    ("street furniture", (250, 170, 30)),
    ("lane marking", (255, 255, 255)),
)
NAMES: tuple[str, ...] = tuple(name for name, _ in CLASSES)
INDEX: dict[str, int] = {name: i for i, name in enumerate(NAMES)}
IGNORE_INDEX = 255


def palette() -> list[int]:
    """Return the 768 palette bytes of a label image; indices without a class are black."""
    flat = [value for _, colour in CLASSES for value in colour]
    return flat + [0] * (768 - len(flat))
