"""SegFormer as the library transformers saves it: the published network under other names.

Read without that library. Keys and values, which it keeps apart, are one layer here; its fusing layer has no bias.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cirkd.data.palettes import classes_by_count, numbered_classes
from cirkd.data.sample import Classes
from cirkd.models.layouts import Hints, Recognised, count_blocks
from cirkd.models.mix_transformer import mix_transformer
from cirkd.models.published_networks import SegFormerHead
from cirkd.models.segmenter import ModelInfo, Segmenter

_NAMES = (
    (r"segformer\.encoder\.patch_embeddings\.(\d)\.proj", r"encoder.patch_embed{}.proj"),
    (r"segformer\.encoder\.patch_embeddings\.(\d)\.layer_norm", r"encoder.patch_embed{}.norm"),
    (r"segformer\.encoder\.layer_norm\.(\d)", r"encoder.norm{}"),
    (r"decode_head\.linear_c\.(\d)\.proj", r"decoder.linear_c{}.proj"),
    (r"segformer\.encoder\.block\.(\d)\.(\d+)\.layer_norm_(\d)", r"encoder.block{}.\2.norm\3"),
    (r"segformer\.encoder\.block\.(\d)\.(\d+)\.attention\.self\.query", r"encoder.block{}.\2.attn.q"),
    (r"segformer\.encoder\.block\.(\d)\.(\d+)\.attention\.self\.sr", r"encoder.block{}.\2.attn.sr"),
    (r"segformer\.encoder\.block\.(\d)\.(\d+)\.attention\.self\.layer_norm", r"encoder.block{}.\2.attn.norm"),
    (r"segformer\.encoder\.block\.(\d)\.(\d+)\.attention\.output\.dense", r"encoder.block{}.\2.attn.proj"),
    (r"segformer\.encoder\.block\.(\d)\.(\d+)\.mlp\.dense(\d)", r"encoder.block{}.\2.mlp.fc\3"),
    (r"segformer\.encoder\.block\.(\d)\.(\d+)\.mlp\.dwconv", r"encoder.block{}.\2.mlp.dwconv"),
)
_KEY = re.compile(r"segformer\.encoder\.block\.(\d)\.(\d+)\.attention\.self\.key\.(weight|bias)")
_PLAIN = {
    "decode_head.linear_fuse.": "decoder.linear_fuse.0.",
    "decode_head.batch_norm.": "decoder.linear_fuse.1.",
    "decode_head.classifier.": "classifier.",
}


def recognise(tensors: Mapping[str, Tensor], hints: Hints) -> Recognised | None:
    """The SegFormer that a state dict of transformers belongs to; None for other names."""
    classifier, first = "decode_head.classifier.weight", "segformer.encoder.patch_embeddings.0.proj.weight"
    if classifier not in tensors or first not in tensors or "decode_head.linear_fuse.weight" not in tensors:
        return None
    width = tensors["decode_head.linear_fuse.weight"].shape[0]
    classes, note = _classes(tensors[classifier].shape[0], hints.config or {})
    info = ModelInfo(
        architecture="segformer",
        encoder="mix transformer",
        output_stride=4,
        embedding_channels=width,
        auxiliary=False,
        classes=classes,
        options=_options(tensors, hints.config or {}),
        layout="transformers",
        notes=(note,),
        align_corners=False,
    )
    return Recognised(info, {**_renamed(tensors), "decoder.linear_fuse.0.bias": torch.zeros(width)})


def build(info: ModelInfo) -> Segmenter:
    """The SegFormer that an info of this layout describes, with fresh weights."""
    encoder, widths = mix_transformer(info.options, epsilon=1e-5)
    return Segmenter(encoder, SegFormerHead(widths, info.embedding_channels), info)


def _options(tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> dict[str, list[int]]:
    """The encoder's sizes. All but the number of heads show in the weights' shapes."""
    stage = "segformer.encoder.block.{}."
    widths = [_side(tensors, f"segformer.encoder.patch_embeddings.{i}.proj.weight", 0) for i in range(4)]
    hidden = [_side(tensors, f"segformer.encoder.block.{i}.0.mlp.dense1.weight", 0) for i in range(4)]
    heads = config.get("num_attention_heads", (1, 2, 5, 8))
    return {
        "widths": widths,
        "heads": list(heads) if isinstance(heads, Sequence) and len(heads) == 4 else [1, 2, 5, 8],
        "blocks": [count_blocks(tensors, stage.format(i)) for i in range(4)],
        "reductions": [_side(tensors, stage.format(i) + "0.attention.self.sr.weight", -1) for i in range(4)],
        "expansions": [max(1, h // w) for h, w in zip(hidden, widths, strict=True)],
    }


def _side(tensors: Mapping[str, Tensor], name: str, dimension: int) -> int:
    """One side of a tensor; 1 where there is no such tensor."""
    shape = tensors[name].shape if name in tensors else ()
    return int(shape[dimension]) if shape else 1


def _classes(count: int, config: Mapping[str, Any]) -> tuple[Classes, str]:
    """Classes as `config.json` names them, else by their count."""
    known, note = classes_by_count(count)
    named = config.get("id2label")
    if not isinstance(named, Mapping) or len(named) != count:
        return known, note
    names = tuple(str(named.get(str(i), f"class {i}")) for i in range(count))
    if all(name == f"LABEL_{i}" for i, name in enumerate(names)):
        return known, note
    same = [name.lower() for name in names] == [name.lower() for name in known.names]
    return Classes(names, known.colors if same else numbered_classes(count).colors), f"{count} classes, as config.json"


def _renamed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    found = {}
    for name, value in tensors.items():
        if ".self.value." in name:
            continue
        if match := _KEY.fullmatch(name):
            stage, block, kind = match.groups()
            values = tensors.get(name.replace(".self.key.", ".self.value."))
            if values is not None and values.shape[1:] == value.shape[1:]:
                found[f"encoder.block{int(stage) + 1}.{block}.attn.kv.{kind}"] = torch.cat([value, values])
        else:
            found[_new_name(name)] = value
    return found


def _new_name(name: str) -> str:
    for old, new in _PLAIN.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    for pattern, new in _NAMES:
        if match := re.match(pattern + r"\.", name):
            start = re.sub(pattern, new.format(int(match[1]) + 1), name[: match.end() - 1])
            return start + name[match.end() - 1 :]
    return name
