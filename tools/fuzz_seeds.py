"""Small valid files of every kind that is read, for the fuzzer to change."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

STORED_CUT = b"\n--- pixels.parquet ---\n"
"""Between the two files of a folder of embeddings, which the fuzzer changes as one."""


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
        ("PNG", rgb, {}),
        ("PNG", rgb.convert("RGBA"), {}),
        ("PNG", rgb.convert("P"), {}),
        ("PNG", rgb.convert("L"), {}),
        ("PNG", Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30)), {}),
        ("JPEG", rgb, {"exif": exif}),
        ("JPEG", rgb.convert("CMYK"), {}),
        ("JPEG", rgb, {"progressive": True}),
        ("WEBP", rgb, {}),
        ("WEBP", rgb, {"lossless": True}),
        ("TIFF", rgb, {}),
        ("TIFF", rgb, {"compression": "tiff_lzw"}),
        ("TIFF", rgb.convert("CMYK"), {}),
        ("BMP", rgb, {}),
        ("PPM", rgb, {}),
        ("PNG", rgb.convert("1"), {}),
    ):
        buffer = io.BytesIO()
        picture.save(buffer, kind, **options)
        seeds.append(buffer.getvalue())
    return seeds


def matlab_seeds() -> list[bytes]:
    """Small label maps as SBD's release has them, compressed and not."""
    import io

    import numpy as np
    from scipy.io import savemat

    seeds = []
    values = np.random.default_rng(0).integers(0, 21, (12, 17), dtype=np.uint8)
    for compressed in (True, False):
        buffer = io.BytesIO()
        content = {"GTcls": {"Segmentation": values, "CategoriesPresent": [1, 2]}}
        savemat(buffer, content, do_compression=compressed)
        seeds.append(buffer.getvalue())
    return seeds


def stored_seeds() -> list[bytes]:
    """A small folder of embeddings, in one and in several row groups, as one content: settings, cut, pixels."""
    import io

    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from cirkd.features.folder_settings import ExtractionSettings

    rows, generator = 60, np.random.default_rng(0)
    names, colors = ["a", "b", "c"], ["#010203", "#040506", "#070809"]
    about = {
        "architecture": "pspnet",
        "encoder": "none",
        "digest": "0",
        "layer": "decoder",
        "classes": names,
        "colors": colors,
    }
    settings = ExtractionSettings(
        "streets", "val", ("x", "y"), {"mine": about}, tuple(names), tuple(colors), True, 20, "decoder", "float32", 0
    )
    numbers = np.arange(rows, dtype=np.int32)
    flat = pa.array(generator.random(rows * 4, np.float32))
    table = pa.table(
        {
            "image": numbers // 30,
            "row": numbers,
            "column": numbers,
            "group": (numbers % 3).astype(np.uint8),
            "label": (numbers % 3).astype(np.uint8),
            "key": generator.random(rows),
            "mine.embedding": pa.FixedSizeListArray.from_arrays(flat, 4),
            "mine.prediction": (numbers % 3).astype(np.uint8),
            "mine.confidence": generator.random(rows, np.float32),
        }
    )
    seeds = []
    for group in (20, 4096):
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd", row_group_size=group)
        seeds.append(settings.text().encode() + STORED_CUT + buffer.getvalue())
    return seeds
