"""The reference layouts of the published checkpoints: their weights by recipe, their input and what comes out."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

FOLDER = Path(__file__).parents[1] / "reference" / "published_checkpoints"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
LARGE = ("v1_deeplabv3_resnet101", "v2_deeplabv3_resnet101", "v1_segformer_MiT_B4")


def weights(name: str, classes: int = 19) -> dict[str, Tensor]:
    """A state dict of this layout; another class count changes the classifiers alone."""
    layout = json.loads((FOLDER / f"{name}.json").read_text())["state_dict"]
    state = {}
    for key, (shape, _) in layout.items():
        shape = [classes if side == 19 else side for side in shape]
        state[key] = torch.from_numpy(recipe_values(key, shape))
    return state


def recipe_values(key: str, shape: list[int]) -> np.ndarray:
    generator = np.random.default_rng(zlib.crc32(key.encode()))
    if key.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if key.endswith("running_var"):
        values = generator.uniform(0.5, 1.5, shape)
    elif key.endswith("running_mean"):
        values = generator.normal(size=shape) * 0.1
    elif len(shape) >= 2:
        values = generator.normal(size=shape) * np.sqrt(2 / np.prod(shape[1:]))
    elif key.endswith("weight"):
        values = generator.uniform(0.3, 0.9, shape)
    else:
        values = generator.normal(size=shape) * 0.05
    return values.astype(np.float32)


def given_input() -> Tensor:
    return torch.from_numpy(np.random.default_rng(7).normal(size=(1, 3, 96, 160)).astype(np.float32))


def outputs(name: str) -> dict[str, Tensor]:
    """`logits`, and `embedding` of every fourth channel."""
    with np.load(FOLDER / f"{name}.npz") as file:
        return {key: torch.from_numpy(file[key]) for key in file.files}


def error(found: Tensor, wanted: Tensor) -> float:
    """Largest difference, in units of the mean standard deviation over positions."""
    return float((found - wanted).abs().max() / wanted.flatten(2).std(dim=2).mean())
