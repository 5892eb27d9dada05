"""Networks of torchvision: DeepLabV3, FCN and LR-ASPP, as `torchvision.models.segmentation` makes them.

The weights' names tell which network they belong to. LR-ASPP adds two 1x1 classifiers of two maps; here they are one,
of both maps side by side, which gives the same scores.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cirkd.data.catalog import classes_by_count
from cirkd.data.errors import CheckpointError
from cirkd.models.layouts import ASSUMED_INPUT, BY_DEFAULT, Hints, Recognised, count_blocks, renamed
from cirkd.models.segmenter import ModelInfo, Segmenter

NETWORKS = (
    "deeplabv3_resnet50",
    "deeplabv3_resnet101",
    "deeplabv3_mobilenet_v3_large",
    "fcn_resnet50",
    "fcn_resnet101",
    "lraspp_mobilenet_v3_large",
)
_NAMES = {
    "backbone.": "encoder.layers.",
    "classifier.4.": "classifier.",
    "classifier.": "decoder.layers.",
    "aux_classifier.": "auxiliary.",
}
_MARKS = {"0.convs.0.0": "deeplabv3", "low_classifier": "lraspp", "4": "fcn"}
"""Layers of a classifier that each network has, and those before it in the list have not."""
_WIDTHS = {"deeplabv3": 256, "fcn": 512, "lraspp": 168}


def recognise(tensors: Mapping[str, Tensor], hints: Hints) -> Recognised | None:
    """The network that a state dict of torchvision belongs to; None for other names."""
    name = _name(tensors)
    if name is None:
        return None
    head, _, encoder = name.partition("_")
    kept = _one_classifier(tensors) if head == "lraspp" else renamed(tensors, _NAMES)
    if "classifier.weight" not in kept:
        return None
    classes, note = classes_by_count(kept["classifier.weight"].shape[0])
    info = ModelInfo(
        architecture=head,
        encoder=encoder,
        output_stride=16 if "mobilenet" in encoder and head != "lraspp" else 8,
        embedding_channels=_WIDTHS[head],
        auxiliary=any(key.startswith("auxiliary.") for key in kept),
        classes=classes,
        layout="torchvision",
        notes=(note, ASSUMED_INPUT, BY_DEFAULT.format("torchvision")),
        align_corners=False,
    )
    return Recognised(info, kept)


def build(info: ModelInfo) -> Segmenter:
    """The network of torchvision that an info describes, with fresh weights.

    Raises:
        CheckpointError: torchvision has no such network.
    """
    name = f"{info.architecture}_{info.encoder}"
    if name not in NETWORKS:
        raise CheckpointError(f"torchvision has no {name!r}; choose one of: {', '.join(NETWORKS)}")
    from torchvision.models import segmentation

    options: dict[str, Any] = {} if info.architecture == "lraspp" else {"aux_loss": info.auxiliary}
    model = getattr(segmentation, name)(weights=None, weights_backbone=None, num_classes=len(info.classes), **options)
    if info.architecture == "lraspp":
        return Segmenter(Backbone(model.backbone), PairedDecoder(model.classifier), info)
    *layers, classifier = model.classifier
    decoder = LastMap(nn.Sequential(*layers))
    return Segmenter(Backbone(model.backbone), decoder, info, model.aux_classifier, classifier)


class Backbone(nn.Module):
    """A backbone that returns its maps as a list, finest first."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: Tensor) -> list[Tensor]:
        return list(self.layers(x).values())


class LastMap(nn.Module):
    """Layers on the last map alone."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        return self.layers(features[-1])


class PairedDecoder(nn.Module):
    """LR-ASPP up to its classifiers: the high map, scaled and upsampled, beside the low one."""

    def __init__(self, head: Any) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({"cbr": head.cbr, "scale": head.scale})

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        low, high = features
        x = self.layers["cbr"](high) * self.layers["scale"](high)
        return torch.cat([F.interpolate(x, size=low.shape[-2:], mode="bilinear", align_corners=False), low], dim=1)


def _name(tensors: Mapping[str, Tensor]) -> str | None:
    head = next((head for mark, head in _MARKS.items() if f"classifier.{mark}.weight" in tensors), None)
    if "backbone.layer3.0.conv1.weight" in tensors:
        blocks = count_blocks(tensors, "backbone.layer3.")
        encoder = {6: "resnet50", 23: "resnet101"}.get(blocks)
    else:
        encoder = "mobilenet_v3_large" if "backbone.0.0.weight" in tensors else None
    name = f"{head}_{encoder}"
    return name if name in NETWORKS else None


def _one_classifier(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The two classifiers of LR-ASPP as one: weights side by side, biases added."""
    pair = [f"classifier.{level}_classifier" for level in ("high", "low")]
    kept = renamed({k: v for k, v in tensors.items() if not k.startswith(tuple(pair))}, _NAMES)
    weights = [tensors.get(f"{name}.weight") for name in pair]
    biases = [tensors.get(f"{name}.bias") for name in pair]
    for name, parts, dim in (("weight", weights, 1), ("bias", biases, 0)):
        found = [part for part in parts if part is not None and part.ndim > dim]
        # Where a part is missing or misshapen, so is the whole, and the comparison with the network says so.
        if len(found) == 2 and found[0].shape[0] == found[1].shape[0]:
            kept[f"classifier.{name}"] = torch.cat(found, dim=1) if name == "weight" else found[0] + found[1]
    return kept
