"""A tiny CamVid tree on which a small student trains in seconds, and a memory of its size."""

from pathlib import Path

import numpy as np
from PIL import Image

from cirkd.training.recipes import Memory

MEMORY = Memory(pixel_queue_size=20, region_queue_size=4, pixel_contrast=44, region_contrast=22)
PAINT = np.full((12, 3), 9, np.uint8)
PAINT[[0, 3, 8]] = [[200, 220, 255], [70, 70, 70], [250, 60, 30]]


def write_camvid(root: Path) -> Path:
    """6 train and 2 val frames: red squares (car) on a dark road under a bright sky, two rows unlabelled."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 2)):
        lines = []
        for index in range(count):
            label = np.full((64, 80), 3, np.uint8)
            label[:24] = 0
            top, left = rng.integers(26, 40), rng.integers(0, 55)
            label[top : top + 20, left : left + 20] = 8
            label[-2:] = 11
            image = np.clip(PAINT[label] + rng.normal(0, 8, (64, 80, 3)), 0, 255).astype(np.uint8)
            for folder, array in ((split, image), (f"{split}annot", label)):
                (root / folder).mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(root / folder / f"{index}.png")
            lines.append(f"{split}/{index}.png {split}annot/{index}.png")
        (root / f"camvid_{split}_list.txt").write_text("\n".join(lines))
    return root
