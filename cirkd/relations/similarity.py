"""Pixel embeddings and their cosine similarities, the relations of the method."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from cirkd.relations.precision import full_precision


@full_precision
def normalize(x: Float[Tensor, " ..."], dim: int = -1) -> Float[Tensor, " ..."]:
    """l2-normalise `x` along `dim`, in float32 or float64.

    A zero vector stays zero and receives no gradient (dividing by a small epsilon would send it a huge one).
    """
    norm = torch.linalg.vector_norm(x, dim=dim, keepdim=True)
    return x / norm.masked_fill(norm < 1e-12, torch.inf)


@full_precision
def cosine_similarity(a: Float[Tensor, "n d"], b: Float[Tensor, "k d"]) -> Float[Tensor, "n k"]:
    """The relation matrix: cosine of every row of `a` with every row of `b`, in [-1, 1]; 0 for a zero row."""
    return normalize(a) @ normalize(b).T


def flatten_positions(embedding: Float[Tensor, "b d h w"]) -> Float[Tensor, "b n d"]:
    """One row per position, in row-major order: n = h * w. A view."""
    return embedding.flatten(2).transpose(1, 2)
