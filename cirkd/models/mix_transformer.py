"""The Mix Transformer encoder of SegFormer, of any sizes.

Source: SegFormer (Xie et al., NeurIPS 2021).
"""

from collections.abc import Mapping
from typing import Any

from torch import nn

from cirkd.data.errors import CheckpointError

SIZES = {"widths", "heads", "blocks", "reductions", "expansions"}


def mix_transformer(options: Mapping[str, Any], epsilon: float | None = None) -> tuple[nn.Module, list[int]]:
    """The encoder with fresh weights, and the widths of its four maps.

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
    return encoder, sizes["widths"]
