"""SegFormer as the library transformers saves it: the published network under other names.

Read without that library. Keys and values, which it keeps apart, are one layer here; its fusing layer has no bias.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from cirkd.data.catalog import classes_by_count
from cirkd.data.errors import CheckpointError
from cirkd.models.layouts import ASSUMED_INPUT, OTHERS, Hints, Recognised, renamed
from cirkd.models.mix_transformer import counted_from_one, mix_transformer, sizes_of
from cirkd.models.published_networks import SegFormerHead
from cirkd.models.segmenter import ModelInfo, Segmenter

_NAMES = (
    (r"segformer\.encoder\.patch_embeddings\.(\d)\.proj", r"encoder.patch_embed{}.proj"),
    (r"segformer\.encoder\.patch_embeddings\.(\d)\.layer_norm", r"encoder.patch_embed{}.norm"),
    (r"segformer\.encoder\.layer_norm\.(\d)", r"encoder.norm{}"),
    (r"decode_head\.linear_c\.(\d)\.proj", r"decoder.linear_c{}.proj"),
    (r"segformer\.encoder\.block\.(\d)\.(\d+)\.layer_norm_(\d)", r"encoder.block{}.\2.norm\3"),
    (r"segformer\.encoder\.block\.(\d)\.(\d+)\.attention\.self\.query", r"encoder.block{}.\2.attn.q"),
    (r"segformer\.encoder\.block\.(\d)\.(\d+)\.attention\.self\.key", r"encoder.block{}.\2.attn.kv"),
    (r"segformer\.encoder\.block\.(\d)\.(\d+)\.attention\.self\.sr", r"encoder.block{}.\2.attn.sr"),
    (r"segformer\.encoder\.block\.(\d)\.(\d+)\.attention\.self\.layer_norm", r"encoder.block{}.\2.attn.norm"),
    (r"segformer\.encoder\.block\.(\d)\.(\d+)\.attention\.output\.dense", r"encoder.block{}.\2.attn.proj"),
    (r"segformer\.encoder\.block\.(\d)\.(\d+)\.mlp\.dense(\d)", r"encoder.block{}.\2.mlp.fc\3"),
    (r"segformer\.encoder\.block\.(\d)\.(\d+)\.mlp\.dwconv", r"encoder.block{}.\2.mlp.dwconv"),
)
_PLAIN = {
    "decode_head.linear_fuse.": "decoder.linear_fuse.0.",
    "decode_head.batch_norm.": "decoder.linear_fuse.1.",
    "decode_head.classifier.": "classifier.",
}

_HEADS = "its attention is taken to have 1, 2, 5 and 8 heads, as usual; config.json beside the weights says otherwise"
_USUAL = {"strides": [4, 2, 2, 2], "hidden_act": "gelu"}
"""What does not show in the weights and is built here in this form alone."""


def recognise(tensors: Mapping[str, Tensor], hints: Hints) -> Recognised | None:
    """The SegFormer that a state dict of transformers belongs to; None for other names.

    Raises:
        CheckpointError: `config.json` says that it is one of another form.
    """
    classifier, first = "decode_head.classifier.weight", "segformer.encoder.patch_embeddings.0.proj.weight"
    if classifier not in tensors or first not in tensors or "decode_head.linear_fuse.weight" not in tensors:
        return None
    width = tensors["decode_head.linear_fuse.weight"].shape[0]
    config = hints.config or {}
    if other := next((name for name, value in _USUAL.items() if config.get(name) not in (None, value)), None):
        said = f"config.json says {other} {str(config[other])[:40]!r}"
        raise CheckpointError(f"{said}, and a SegFormer with {_USUAL[other]!r} was wanted; {OTHERS}")
    classes, note = classes_by_count(tensors[classifier].shape[0])
    # All sizes but the number of heads show in the weights' shapes.
    heads = config.get("num_attention_heads") or ()
    told = isinstance(heads, Sequence) and len(heads) == 4
    kept = _renamed(tensors)
    info = ModelInfo(
        architecture="segformer",
        encoder="mix transformer",
        output_stride=4,
        embedding_channels=width,
        auxiliary=False,
        classes=classes,
        options=sizes_of(kept, heads if told else (1, 2, 5, 8)),
        layout="transformers",
        notes=(note, ASSUMED_INPUT, *(() if told else (_HEADS,))),
        align_corners=False,
    )
    return Recognised(info, {**kept, "decoder.linear_fuse.0.bias": torch.zeros(width)})


def build(info: ModelInfo) -> Segmenter:
    """The SegFormer that an info of this layout describes, with fresh weights."""
    head = SegFormerHead(info.options["widths"], info.embedding_channels)
    return Segmenter(mix_transformer(info.options, epsilon=1e-5), head, info)


def _renamed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    found = {}
    for name, value in renamed(tensors, _PLAIN).items():
        if ".self.value." in name:
            continue
        if ".self.key." in name:
            values = tensors.get(name.replace(".self.key.", ".self.value."))
            if values is None or values.shape[1:] != value.shape[1:]:
                continue  # the comparison with the network says what is missing
            value = torch.cat([value, values])
        found[counted_from_one(name, _NAMES)] = value
    return found
