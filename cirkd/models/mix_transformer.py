"""The Mix Transformer encoder of SegFormer, of any sizes.

Source: SegFormer (Xie et al., NeurIPS 2021).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from cirkd.data.errors import CheckpointError
from cirkd.models.layouts import count_blocks

SIZES = {"widths", "heads", "blocks", "reductions", "expansions"}


def sizes_of(tensors: Mapping[str, Tensor], heads: Sequence[int] = (1, 2, 5, 8)) -> dict[str, list[int]]:
    """The sizes of an encoder. All but the number of heads show in the shapes of its weights, `encoder.` and so on."""

    def sides(name: str, dimension: int) -> list[int]:
        found = [tensors.get(f"encoder.{name.format(stage)}.weight") for stage in range(1, 5)]
        return [1 if weight is None else int(weight.shape[dimension]) for weight in found]

    widths, hidden = sides("patch_embed{}.proj", 0), sides("block{}.0.mlp.fc1", 0)
    return {
        "widths": widths,
        "heads": list(heads),
        "blocks": [count_blocks(tensors, f"encoder.block{stage}.") for stage in range(1, 5)],
        "reductions": sides("block{}.0.attn.sr", -1),
        "expansions": [max(1, h // w) for h, w in zip(hidden, widths, strict=True)],
    }


def counted_from_one(name: str, patterns: Iterable[tuple[str, str]]) -> str:
    """A weight's name in another project as the encoder has it.

    Args:
        patterns: What names begin with, the first group the stage, counted from 0, and what takes its place, with the
            stage counted from 1 in braces.
    """
    for pattern, new in patterns:
        if match := re.match(pattern, name):
            return match.expand(new.format(int(match[1]) + 1)) + name[match.end() :]
    return name


def mix_transformer(options: Mapping[str, Any], epsilon: float | None = None) -> nn.Module:
    """The encoder with fresh weights; the widths of its four maps are the last of its `out_channels`.

    Args:
        options: A list of four numbers, a stage each, for each of `SIZES`.
        epsilon: Of every LayerNorm; that of the published network when None.

    Raises:
        CheckpointError: sizes are missing or out of range.
    """
    from segmentation_models_pytorch.encoders.mix_transformer import MixVisionTransformerEncoder

    sizes = {name: [int(value) for value in options[name]][:4] for name in SIZES if name in options}
    if set(sizes) != SIZES or max(sizes["blocks"]) > 100:
        raise CheckpointError("settings of a SegFormer are missing or out of range; save the model again")
    encoder = MixVisionTransformerEncoder(
        out_channels=[3, 0, *sizes["widths"]],
        embed_dims=sizes["widths"],
        num_heads=sizes["heads"],
        mlp_ratios=sizes["expansions"],
        depths=sizes["blocks"],
        sr_ratios=sizes["reductions"],
        qkv_bias=True,
    )
    for layer in encoder.modules():
        if isinstance(layer, nn.LayerNorm) and epsilon is not None:
            layer.eps = epsilon
    return encoder
