"""Context from the whole map by self-attention (CIRKDv2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class ContextModule(nn.Module):
    """Every position sees all others of its image before it is compared with the teacher's.

    Query, key and value by 1x1 convolutions to half the width; softmax of their scaled products over the positions;
    1x1 convolution, BN and ReLU back to the width; beside the input, 1x1 convolution, BN and ReLU.

    Args:
        width: of the embedding, at least 2.

    Source: CIRKDv2, the context module before its FitNet term.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.query = nn.Conv2d(width, half, 1, bias=False)
        self.key = nn.Conv2d(width, half, 1, bias=False)
        self.value = nn.Conv2d(width, half, 1, bias=False)
        self.widen = _conv_norm_relu(half, width)
        self.merge = _conv_norm_relu(2 * width, width)

    def forward(self, embedding: Float[Tensor, "b d h w"]) -> Float[Tensor, "b d h w"]:
        query, key, value = (head(embedding).flatten(2).transpose(1, 2) for head in (self.query, self.key, self.value))
        seen = F.scaled_dot_product_attention(query, key, value).transpose(1, 2)
        context = self.widen(seen.unflatten(2, embedding.shape[2:]))
        return self.merge(torch.cat([embedding, context], dim=1))


def _conv_norm_relu(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())
