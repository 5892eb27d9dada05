"""A toy study on disk: drawn street scenes in the layout of the bundled streets, and small untrained checkpoints."""

from __future__ import annotations

import json
import random
from pathlib import Path

from PIL import Image, ImageDraw

from cirkd.data.sample import Classes

CLASSES = (
    ("road", (128, 64, 128)),
    ("sidewalk", (244, 35, 232)),
    ("building", (70, 70, 70)),
    ("pole", (153, 153, 153)),
    ("vegetation", (107, 142, 35)),
    ("sky", (70, 130, 180)),
    ("person", (220, 20, 60)),
    ("car", (0, 0, 142)),
)
_LOOK = (
    (90, 90, 95),
    (150, 140, 130),
    (170, 110, 80),
    (60, 60, 60),
    (60, 110, 50),
    (160, 200, 235),
    (200, 60, 70),
    (40, 60, 150),
)


def draw_scene(seed: int, width: int, height: int, rare: bool) -> tuple[Image.Image, Image.Image]:
    """A street and its labels, drawn with the same shapes; people and poles only where `rare`."""
    dice = random.Random(seed)
    image, label = Image.new("RGB", (width, height), _LOOK[5]), Image.new("L", (width, height), 5)
    pens = ImageDraw.Draw(image), ImageDraw.Draw(label)

    def box(kind: int, x0: float, y0: float, x1: float, y1: float, ellipse: bool = False) -> None:
        corners = (x0 * width, y0 * height, x1 * width, y1 * height)
        tint = tuple(min(255, max(0, c + dice.randint(-15, 15))) for c in _LOOK[kind])
        for pen, fill in zip(pens, (tint, kind), strict=True):
            (pen.ellipse if ellipse else pen.rectangle)(corners, fill=fill)

    for _ in range(4):
        x = dice.uniform(-0.1, 0.9)
        box(2, x, dice.uniform(0.1, 0.4), x + dice.uniform(0.1, 0.3), 0.6)
    box(4, (x := dice.random()), 0.3, x + 0.15, 0.58, ellipse=True)
    box(1, 0, 0.55, 1, 0.65)
    box(0, 0, 0.62, 1, 1)
    for _ in range(2):
        x = dice.uniform(0, 0.8)
        box(7, x, 0.6, x + 0.18, 0.75)
    if rare:
        box(3, (x := dice.random()), 0.2, x + 0.02, 0.64)
        box(6, (x := dice.random()), 0.48, x + 0.05, 0.7, ellipse=True)
    return image, label


def make_streets(root: Path, *, val: int = 8, size: tuple[int, int] = (96, 64)) -> Path:
    """Write `manifest.json` and the images of a train and a val split under `root`."""
    frames = []
    for split, count in (("train", 3), ("val", val)):
        (root / split).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            name = f"{split}{number:03d}"
            image, label = draw_scene(number + 100 * (split == "val"), *size, rare=number >= count - 2)
            image.save(root / split / f"{name}.webp", quality=90)
            label.save(root / split / f"{name}_label.png")
            files = {"image": f"{split}/{name}.webp", "label": f"{split}/{name}_label.png"}
            frames.append({"id": name, "split": split, **files})
    classes = [{"name": name, "color": list(color)} for name, color in CLASSES]
    (root / "manifest.json").write_text(json.dumps({"classes": classes, "ignore_index": 255, "frames": frames}))
    return root


def make_checkpoints(folder: Path, prefix: str = "streets", classes: Classes | None = None) -> Path:
    """Write `PREFIX-{teacher,baseline,cirkd}.safetensors`: small networks with random weights and made-up scores."""
    import torch

    import cirkd
    from cirkd.losses.memory import RelationMemory

    if classes is None:
        classes = Classes(tuple(name for name, _ in CLASSES), tuple(color for _, color in CLASSES))
    for seed, (name, width) in enumerate((("teacher", 32), ("baseline", 16), ("cirkd", 16))):
        torch.manual_seed(seed)
        model = cirkd.build_segmenter("deeplabv3", "mobilenet_v2", classes, output_stride=8, embedding_channels=width)
        memory = None
        if name == "cirkd":
            memory = RelationMemory(len(classes), 16, 32, pixel_queue_size=8, region_queue_size=4)
            for step in range(4):
                memory.update(torch.rand(2, 32, 8, 12), torch.randint(0, len(classes), (2, 8, 12)), step)
        score = {"data": prefix, "images": 8, "miou": 40.0 + seed, "pixel_accuracy": 80.0, "iou": {}}
        scores = {split: score | {"split": split} for split in ("val", "test")}
        cirkd.save_checkpoint(folder / f"{prefix}-{name}.safetensors", model, memory, seed=seed, scores=scores)
    return folder
