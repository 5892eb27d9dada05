"""The reference layouts of other projects' checkpoints: their weights by recipe, their input and what comes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.models.published_vectors import recipe_values

FOLDER = Path(__file__).parents[1] / "reference" / "foreign_checkpoints"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


def facts(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{name}.json").read_text())


def weights(name: str) -> dict[str, Tensor]:
    """A state dict of this layout."""
    layout = facts(name)["state_dict"]
    return {key: torch.from_numpy(recipe_values(key, shape)) for key, (shape, _) in layout.items()}


def given_input(name: str) -> Tensor:
    stated = facts(name)["input"]
    values = np.random.default_rng(stated["seed"]).normal(size=stated["shape"]) * stated.get("scale", 1)
    return torch.from_numpy(values.astype(np.float32))


def outputs(name: str) -> dict[str, Tensor]:
    """`logits`, and `embedding` of every fourth channel."""
    with np.load(FOLDER / f"{name}.npz") as file:
        return {key: torch.from_numpy(file[key]) for key in file.files}
