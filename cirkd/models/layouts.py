"""Networks of other projects, recognised by the names and shapes of their weights."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from cirkd.data.errors import CheckpointError
from cirkd.models.segmenter import ModelInfo, Segmenter
from cirkd.models.unwrap import Part


@dataclass(frozen=True)
class Layout:
    """One project's way to name weights: an entry of `LAYOUTS`.

    Args:
        origin: Whose networks these are, as it completes "deeplabv3 on resnet18, ...".
        module: Where two functions are, loaded when first asked: `recognise(tensors, hints) -> Recognised | None` gives
            the network that tensors belong to, `build(info) -> Segmenter` one with fresh weights.
    """

    origin: str
    module: str

    def code(self) -> Any:
        """The module itself."""
        return importlib.import_module(self.module)


LAYOUTS: dict[str, Layout] = {
    "published": Layout("published by the authors of CIRKD", "cirkd.models.published"),
    "torchvision": Layout("of torchvision", "cirkd.models.torchvision_layout"),
    "transformers": Layout("of the library transformers", "cirkd.models.transformers_layout"),
    "nvlabs": Layout("of NVlabs' SegFormer", "cirkd.models.nvlabs"),
    "mmseg": Layout("of mmsegmentation", "cirkd.models.mmseg"),
    "hrnet": Layout("of HRNet-Semantic-Segmentation", "cirkd.models.hrnet"),
    "smp": Layout("of segmentation-models-pytorch", "cirkd.models.smp"),
}
"""Layout -> its entry. Add one here, with a module, and command line, doctor and app know it."""

OTHERS = "any other opens as FILE.py:make,WEIGHTS"
"""What to do with a network whose project is read here and whose form is not."""

ASSUMED = "input: mean and std of the encoder's ImageNet weights are assumed"
"""The note of a network whose file does not tell; it goes where another file does, or the user."""
ASSUMED_INPUT = f"{ASSUMED}; --mean, --std and --range say otherwise"


BY_DEFAULT = (
    "what weights don't tell, such as dilations, is taken to be as {} has it by default; where it was made otherwise, "
    "open it as FILE.py:make,WEIGHTS"
)
"""The note of a network of a library that builds it in forms with the same weights."""


@dataclass(frozen=True, eq=False)
class Recognised:
    """What a file of weights turned out to be, before a network is made of it.

    Args:
        info: The network that the weights belong to.
        tensors: The weights by their names in that network's `Segmenter`.
        ignored: Names in the file that the network does without, such as a classification head.
        path: The file; None while only its content is looked at.
        memory: Settings of the relation memory, where the file holds one.
        memory_tensors: The memory's tensors.
        other: The averages of these weights, or the weights that these are averages of, where the file holds both.
    """

    info: ModelInfo
    tensors: dict[str, Tensor]
    ignored: tuple[str, ...] = ()
    path: Path | None = None
    memory: dict[str, Any] | None = None
    memory_tensors: dict[str, Tensor] = field(default_factory=dict)
    other: Part | None = None


@dataclass(frozen=True)
class Hints:
    """What the user says about a file whose content does not tell.

    Args:
        architecture: Such as `unet`.
        encoder: Such as `resnet34`.
        config: What a `config.json` beside the weights says.
        meta: What a trainer saved as `meta` beside the weights in the file.
    """

    architecture: str | None = None
    encoder: str | None = None
    config: Mapping[str, Any] | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


def recognise(tensors: Mapping[str, Tensor], hints: Hints) -> Recognised | None:
    """Which layout a state dict has; None when it is none that is known."""
    found = (layout.code().recognise(tensors, hints) for layout in LAYOUTS.values())
    return next((network for network in found if network is not None), None)


def build_layout(info: ModelInfo) -> Segmenter:
    """The network of another project that an info describes, with fresh weights.

    Raises:
        CheckpointError: an unknown layout.
    """
    if info.layout not in LAYOUTS:
        raise CheckpointError(f"there is no layout {info.layout!r}; choose one of: cirkd, {', '.join(LAYOUTS)}")
    return LAYOUTS[info.layout].code().build(info)


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
