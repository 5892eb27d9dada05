"""Networks of other projects, recognised by the names and shapes of their weights."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from cirkd.data.errors import CheckpointError
from cirkd.models.segmenter import ModelInfo, Segmenter

LAYOUTS: dict[str, str] = {
    "published": "cirkd.models.published",
    "torchvision": "cirkd.models.torchvision_layout",
    "transformers": "cirkd.models.transformers_layout",
    "smp": "cirkd.models.smp",
}
"""Layout -> the module that knows it, loaded when first asked. Each has

`recognise(tensors, hints) -> Recognised | None` and `build(info) -> Segmenter`.
"""


@dataclass(frozen=True, eq=False)
class Recognised:
    """What a file of weights turned out to be.

    Args:
        info: The network that they belong to.
        tensors: The weights by their names in that network's `Segmenter`.
        ignored: Names in the file that the network does without, such as a classification head.
    """

    info: ModelInfo
    tensors: dict[str, Tensor]
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hints:
    """What the user says about a file whose content does not tell.

    Args:
        architecture: Such as `unet`.
        encoder: Such as `resnet34`.
        config: What a `config.json` beside the weights says.
    """

    architecture: str | None = None
    encoder: str | None = None
    config: Mapping[str, Any] | None = None


def recognise(tensors: Mapping[str, Tensor], hints: Hints) -> Recognised | None:
    """Which layout a state dict has; None when it is none that is known."""
    for module in LAYOUTS.values():
        found = importlib.import_module(module).recognise(tensors, hints)
        if found is not None:
            return found
    return None


def build_layout(info: ModelInfo) -> Segmenter:
    """The network of another project that an info describes, with fresh weights.

    Raises:
        CheckpointError: an unknown layout.
    """
    if info.layout not in LAYOUTS:
        raise CheckpointError(f"there is no layout {info.layout!r}; choose one of: cirkd, {', '.join(LAYOUTS)}")
    return importlib.import_module(LAYOUTS[info.layout]).build(info)


def count_blocks(tensors: Mapping[str, Tensor], prefix: str) -> int:
    """How many numbered modules stand under a prefix: `layer1.` with `layer1.0.x` and `layer1.1.x` has 2."""
    numbers = {key.removeprefix(prefix).split(".")[0] for key in tensors if key.startswith(prefix)}
    return len([number for number in numbers if number.isdecimal()])


def renamed(tensors: Mapping[str, Tensor], prefixes: Mapping[str, str]) -> dict[str, Tensor]:
    """The tensors with the first prefix that fits replaced; those that none fits keep their names."""
    found = {}
    for key, value in tensors.items():
        old = next((prefix for prefix in prefixes if key.startswith(prefix)), "")
        found[prefixes.get(old, "") + key.removeprefix(old)] = value
    return found
