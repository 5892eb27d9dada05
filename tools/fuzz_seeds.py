"""Small valid files of every kind that is read, for the fuzzer to change."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any


def checkpoint_seeds() -> dict[str, list[bytes]]:
    """Small valid checkpoints in every form that is read."""
    import io

    import torch
    from safetensors.torch import load_file, save_file

    from cirkd.checkpoint import read_header, save_checkpoint
    from cirkd.data.palettes import numbered_classes
    from cirkd.losses.memory import RelationMemory
    from cirkd.models.build import build_segmenter

    torch.manual_seed(0)
    model = build_segmenter("pspnet", "tu-test_efficientnet", numbered_classes(3), embedding_channels=4)
    memory = RelationMemory(3, 4, 4, pixel_queue_size=4, region_queue_size=2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own.safetensors"
        save_checkpoint(path, model, memory)
        own, header, tensors = path.read_bytes(), read_header(path), load_file(path)
        bare = {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
        save_file(bare, path)
        foreign = path.read_bytes()
    state: dict[str, Any] = {**tensors, "cirkd": json.dumps(header)}
    forms = []
    for content in (state, {"state_dict": state}, {"model": bare}):
        for zipped in (True, False):
            buffer = io.BytesIO()
            torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
            forms.append((zipped, buffer.getvalue()))
    return {
        "safetensors": [own, own, foreign],
        "torch": [content for zipped, content in forms if zipped],
        "old torch": [content for zipped, content in forms if not zipped],
    }


def image_seeds() -> list[bytes]:
    """A small image in every format and mode that is read."""
    import io

    import numpy as np
    from PIL import Image

    rgb = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 31, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    seeds = []
    for kind, picture, options in (
        ("PNG", rgb, {}), ("PNG", rgb.convert("RGBA"), {}), ("PNG", rgb.convert("P"), {}),
        ("PNG", rgb.convert("L"), {}),
        ("PNG", Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30)), {}), ("JPEG", rgb, {"exif": exif}),
        ("JPEG", rgb.convert("CMYK"), {}), ("JPEG", rgb, {"progressive": True}), ("WEBP", rgb, {}),
        ("WEBP", rgb, {"lossless": True}), ("TIFF", rgb, {}), ("TIFF", rgb, {"compression": "tiff_lzw"}),
        ("TIFF", rgb.convert("CMYK"), {}), ("BMP", rgb, {}), ("PPM", rgb, {}), ("PNG", rgb.convert("1"), {}),
    ):  # fmt: skip
        buffer = io.BytesIO()
        picture.save(buffer, kind, **options)
        seeds.append(buffer.getvalue())
    return seeds
