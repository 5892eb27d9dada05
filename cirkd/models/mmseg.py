"""Networks as mmsegmentation 0.x and 1.x save them: DeepLabV3, V3+, PSPNet, UPerNet, FCN, OCRNet and SegFormer, on
ResNet, MobileNetV2, HRNet and Mix Transformer.

Sizes show in the weights. Strides, dilations and align_corners do not: they are read in the configuration that the
trainer saved with them, and where that is cut off they are those of the usual one.

Source: github.com/open-mmlab/mmsegmentation.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from cirkd.data.catalog import classes_by_count
from cirkd.data.errors import CheckpointError
from cirkd.models import mmseg_heads as heads
from cirkd.models.hrnet import HRNet, hrnet_options
from cirkd.models.layouts import OTHERS, Hints, Recognised, count_blocks, renamed
from cirkd.models.mix_transformer import counted_from_one, mix_transformer, sizes_of
from cirkd.models.mmseg_encoders import MobileNetV2, ResNet
from cirkd.models.mmseg_meta import Stated, activation, numbers, said, settings_of
from cirkd.models.published import RESNETS
from cirkd.models.segmenter import ModelInfo, Segmenter

_NAMES = {
    "backbone.": "encoder.",
    "decode_head.conv_seg.": "classifier.",
    "decode_head.0.": "decoder.first.",
    "decode_head.": "decoder.",
}
_ASSUMED = "its configuration is cut off: strides, dilations and align_corners are the usual"
_ACTIVATIONS = {"mit": "GELU", "mobilenetv2": "ReLU6"}
"""Of a backbone, where it is not ReLU."""
_SECOND = "decode_head.1."
"""The head of two, such as OCRNet's, whose output counts."""
_TRANSFORMER = (
    (r"backbone\.layers\.(\d)\.0\.projection\.", r"encoder.patch_embed{}.proj."),
    (r"backbone\.layers\.(\d)\.0\.norm\.", r"encoder.patch_embed{}.norm."),
    (r"backbone\.layers\.(\d)\.1\.(\d+)\.(norm\d)\.", r"encoder.block{}.\2.\3."),
    (r"backbone\.layers\.(\d)\.1\.(\d+)\.attn\.attn\.out_proj\.", r"encoder.block{}.\2.attn.proj."),
    (r"backbone\.layers\.(\d)\.1\.(\d+)\.attn\.(sr|norm)\.", r"encoder.block{}.\2.attn.\3."),
    (r"backbone\.layers\.(\d)\.1\.(\d+)\.ffn\.layers\.0\.", r"encoder.block{}.\2.mlp.fc1."),
    (r"backbone\.layers\.(\d)\.1\.(\d+)\.ffn\.layers\.1\.", r"encoder.block{}.\2.mlp.dwconv.dwconv."),
    (r"backbone\.layers\.(\d)\.1\.(\d+)\.ffn\.layers\.4\.", r"encoder.block{}.\2.mlp.fc2."),
    (r"backbone\.layers\.(\d)\.2\.", r"encoder.norm{}."),
)


def recognise(tensors: Mapping[str, Tensor], hints: Hints) -> Recognised | None:
    """The network that a state dict with these names belongs to; None for other names.

    Raises:
        CheckpointError: a backbone or head that is not read here, or not in the form that its configuration states.
    """
    tensors = renamed(tensors, {_SECOND: "decode_head."})
    known = {name.rpartition("conv_seg.weight")[0] for name in tensors if name.endswith("conv_seg.weight")}
    if not known & {"decode_head.", "decode_head.0."} or not any(name.startswith("backbone.") for name in tensors):
        return None
    head = next((name for name, (mark, _) in heads.HEADS.items() if f"decode_head.{mark}" in tensors), None)
    backbone = _backbone(tensors)
    classifier = tensors.get("decode_head.conv_seg.weight")
    if head is None or backbone is None or classifier is None:
        raise CheckpointError(
            f"a network of mmsegmentation with a {'head' if backbone else 'backbone'} that is not read here; "
            f"heads are {', '.join(heads.HEADS)}, backbones ResNet, MobileNetV2, HRNet and MiT; {OTHERS}"
        )
    classes, note = classes_by_count(classifier.shape[0])
    stated = settings_of(hints.meta, classes)
    for part, usual in ((stated.backbone, _ACTIVATIONS.get(backbone, "ReLU")), (stated.head, "ReLU")):
        if (other := activation(part)) not in ("", usual):
            raise CheckpointError(f"its activation is {other}, and it is read here with {usual} alone; {OTHERS}")
    encoder, options = _ENCODERS[backbone][0](tensors, head, stated)
    info = ModelInfo(
        architecture=head,
        encoder=encoder,
        output_stride=_stride(head, backbone, options),
        embedding_channels=classifier.shape[1],
        auxiliary=False,
        classes=stated.classes,
        preprocessing=stated.preprocessing,
        options={"backbone": backbone, "encoder": options, "head": _head_options(head, tensors, backbone, stated)},
        layout="mmseg",
        notes=(stated.note or note, *(() if stated.backbone else (_ASSUMED,)), *stated.assumed),
        align_corners=stated.align_corners,
    )
    ignored = tuple(name for name in tensors if name.startswith("auxiliary_head."))
    kept = {name: value for name, value in tensors.items() if name not in ignored}
    return Recognised(info, _transformer_names(kept) if backbone == "mit" else renamed(kept, _NAMES), ignored)


def build(info: ModelInfo) -> Segmenter:
    """The network that an info of this layout describes, with fresh weights."""
    backbone, options = str(info.options["backbone"]), dict(info.options["encoder"])
    if backbone not in _ENCODERS:
        raise CheckpointError(f"backbone {backbone!r} is none of {', '.join(_ENCODERS)}; save the model again")
    encoder = _ENCODERS[backbone][1](options)
    channels = list(encoder.out_channels)[-4:]  # pyright: ignore[reportArgumentType]
    _, head = heads.HEADS[info.architecture]
    decoder = head(channels, info.embedding_channels, info.align_corners, **info.options["head"])
    return Segmenter(encoder, decoder, info)


def _backbone(tensors: Mapping[str, Tensor]) -> str | None:
    marks = (
        ("backbone.stage4.0.branches.3.0.conv1.weight", "hrnet"),
        ("backbone.layers.0.1.0.attn.attn.in_proj_weight", "mit"),
        ("backbone.layer7.0.conv.0.conv.weight", "mobilenetv2"),
        ("backbone.layer4.0.conv1.weight", "resnet"),
    )
    found = next((name for mark, name in marks if mark in tensors), None)
    return None if found == "resnet" and not _is_plain_resnet(tensors) else found


def _is_plain_resnet(tensors: Mapping[str, Tensor]) -> bool:
    """Whether it is none of the variants of a ResNet: ResNeSt, ResNeXt or ResNetV1d."""
    second = tensors.get("backbone.layer4.0.conv2.weight")
    pooled = "backbone.layer4.0.downsample.2.weight" in tensors
    return second is not None and second.shape[0] == second.shape[1] and not pooled


def _resnet(tensors: Mapping[str, Tensor], head: str, stated: Stated) -> tuple[str, dict[str, Any]]:
    blocks = [count_blocks(tensors, f"backbone.layer{stage}.") for stage in range(1, 5)]
    bottleneck, deep = "backbone.layer1.0.conv3.weight" in tensors, "backbone.stem.0.weight" in tensors
    found = next((name for name, known in RESNETS.items() if known == (tuple(blocks), bottleneck)), f"resnet{blocks}")
    if said(stated.backbone, "style") == "caffe":
        raise CheckpointError(f"a ResNet of style 'caffe' is not read here; {OTHERS}")
    plain = head == "upernet" or stated.backbone
    strides, dilations = ((1, 2, 2, 2), (1, 1, 1, 1)) if plain else ((1, 2, 1, 1), (1, 1, 2, 4))
    options = {
        "blocks": blocks,
        "bottleneck": bottleneck,
        "deep_stem": deep,
        "strides": numbers(stated.backbone, "strides", strides),
        "dilations": numbers(stated.backbone, "dilations", dilations),
        "last_dilations": numbers(stated.backbone, "multi_grid", (0,) * blocks[3]),
        "halved": not stated.backbone or said(stated.backbone, "contract_dilation") == "True",
    }
    return f"{found}_v1c" if deep else found, options


def _mobile(tensors: Mapping[str, Tensor], head: str, stated: Stated) -> tuple[str, dict[str, Any]]:
    strides, dilations = (1, 2, 2, 1, 1, 1, 1), (1, 1, 1, 2, 2, 4, 4)
    if stated.backbone:
        strides, dilations = (1, 2, 2, 2, 1, 2, 1), (1,) * 7
    return "mobilenetv2", {
        "strides": numbers(stated.backbone, "strides", strides),
        "dilations": numbers(stated.backbone, "dilations", dilations),
    }


def _hrnet(tensors: Mapping[str, Tensor], head: str, stated: Stated) -> tuple[str, dict[str, Any]]:
    options = hrnet_options({k.removeprefix("backbone."): v for k, v in tensors.items() if k.startswith("backbone.")})
    return f"hrnet_w{options['widths'][0]}", options


def _mit(tensors: Mapping[str, Tensor], head: str, stated: Stated) -> tuple[str, dict[str, Any]]:
    if (strides := numbers(stated.backbone, "strides", (4, 2, 2, 2))) != [4, 2, 2, 2]:
        raise CheckpointError(f"a Mix Transformer with strides {strides} is not read here; {OTHERS}")
    return "mix transformer", sizes_of(_transformer_names(tensors), numbers(stated.backbone, "num_heads", (1, 2, 5, 8)))


_ENCODERS: dict[str, tuple[Callable[..., tuple[str, dict[str, Any]]], Callable[[dict[str, Any]], nn.Module]]] = {
    "resnet": (_resnet, lambda options: ResNet(**options)),
    "mobilenetv2": (_mobile, lambda options: MobileNetV2(**options)),
    # The backbone upsamples with align_corners false, whatever its head does.
    "hrnet": (_hrnet, lambda options: HRNet(**options, twice=True, align_corners=False)),
    "mit": (_mit, lambda options: mix_transformer(options, epsilon=1e-6)),
}
"""Backbone -> how its name and sizes are read from weights, and how it is built from these."""


def _head_options(head: str, tensors: Mapping[str, Tensor], backbone: str, stated: Stated) -> dict[str, Any]:
    if head == "fcn":
        return {**_fcn(tensors, "decode_head.", backbone), "dilation": numbers(stated.head, "dilation", (1,))[0]}
    if head == "ocr":
        width = int(tensors["decode_head.0.conv_seg.weight"].shape[1])
        return {
            "keys": int(tensors["decode_head.object_context_block.query_project.0.conv.weight"].shape[0]),
            "classes": int(tensors["decode_head.0.conv_seg.weight"].shape[0]),
            "first": {"width": width, **_fcn(tensors, "decode_head.0.", backbone)},
        }
    if head in ("pspnet", "upernet"):
        return {"scales": numbers(stated.head, "pool_scales", heads.SCALES)}
    if head not in ("deeplabv3", "deeplabv3plus"):
        return {}
    rates = {"rates": numbers(stated.head, "dilations", heads.RATES)}
    if head == "deeplabv3plus" and (fine := tensors.get("decode_head.c1_bottleneck.conv.weight")) is not None:
        return {**rates, "fine_inputs": int(fine.shape[1]), "fine_width": int(fine.shape[0])}
    return rates


def _fcn(tensors: Mapping[str, Tensor], prefix: str, backbone: str) -> dict[str, Any]:
    return {
        "kernel": int(tensors[f"{prefix}convs.0.conv.weight"].shape[-1]),
        "count": count_blocks(tensors, f"{prefix}convs."),
        "concatenated": f"{prefix}conv_cat.conv.weight" in tensors,
        "all_maps": backbone == "hrnet",
    }


def _stride(head: str, backbone: str, options: Mapping[str, Any]) -> int:
    if backbone in ("hrnet", "mit") or head in ("upernet", "deeplabv3plus"):
        return 4
    # A stem of stride 4, or MobileNetV2's first convolution of stride 2.
    return math.prod(options["strides"]) * (4 if backbone == "resnet" else 2)


def _transformer_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Queries, keys and values apart, 1x1 convolutions as linear layers, and the encoder's own names."""
    found: dict[str, Tensor] = {}
    for name, value in renamed(tensors, {k: v for k, v in _NAMES.items() if k != "backbone."}).items():
        if match := re.fullmatch(r"backbone\.layers\.(\d)\.1\.(\d+)\.attn\.attn\.in_proj_(weight|bias)", name):
            width = value.shape[0] // 3
            start = f"encoder.block{int(match[1]) + 1}.{match[2]}.attn."
            found[f"{start}q.{match[3]}"], found[f"{start}kv.{match[3]}"] = value[:width], value[width:]
            continue
        new_name = counted_from_one(name, _TRANSFORMER)
        linear = new_name.endswith((".fc1.weight", ".fc2.weight")) and value.ndim == 4
        found[new_name] = torch.flatten(value, 1) if linear else value
    return found
