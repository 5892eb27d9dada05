"""SegFormer as NVlabs saves it: the published encoder under `backbone.`, and a head without activations in its levels.

Source: github.com/NVlabs/SegFormer.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from cirkd.data.catalog import classes_by_count
from cirkd.models.layouts import Hints, Recognised, renamed
from cirkd.models.mix_transformer import mix_transformer, sizes_of
from cirkd.models.mmseg_meta import settings_of
from cirkd.models.published_networks import SegFormerHead
from cirkd.models.segmenter import ModelInfo, Segmenter

_NAMES = {
    "backbone.": "encoder.",
    "decode_head.linear_fuse.conv.": "decoder.linear_fuse.0.",
    "decode_head.linear_fuse.bn.": "decoder.linear_fuse.1.",
    "decode_head.linear_pred.": "classifier.",
    "decode_head.": "decoder.",
}


def recognise(tensors: Mapping[str, Tensor], hints: Hints) -> Recognised | None:
    """The network that a state dict with these names belongs to; None for other names."""
    if "decode_head.linear_pred.weight" not in tensors or "backbone.patch_embed1.proj.weight" not in tensors:
        return None
    classifier = tensors["decode_head.linear_pred.weight"]
    classes, note = classes_by_count(classifier.shape[0])
    stated = settings_of(hints.meta, classes)
    # A classifier that the head inherits and never uses.
    ignored = tuple(name for name in tensors if name.startswith("decode_head.conv_seg."))
    kept = renamed({name: value for name, value in tensors.items() if name not in ignored}, _NAMES)
    info = ModelInfo(
        architecture="segformer",
        encoder="mix transformer",
        output_stride=4,
        embedding_channels=classifier.shape[1],
        auxiliary=False,
        classes=stated.classes,
        preprocessing=stated.preprocessing,
        options=sizes_of(kept),
        layout="nvlabs",
        notes=(stated.note or note, *stated.assumed),
        align_corners=stated.align_corners,
    )
    return Recognised(info, {**kept, "decoder.linear_fuse.0.bias": torch.zeros(classifier.shape[1])}, ignored)


def build(info: ModelInfo) -> Segmenter:
    """The network that an info of this layout describes, with fresh weights."""
    head = SegFormerHead(info.options["widths"], info.embedding_channels)
    return Segmenter(mix_transformer(info.options), head, info)
