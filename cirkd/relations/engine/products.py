"""Products of embeddings, a tile of the relation matrix at a time, in one of three arithmetics.

    logits = make_logits(rows [n,d], keys [k,d], temperature, precision)
    logits.write(out [r,c], rows, keys)              log2(e) / temperature * cosine of these rows and keys
    slope = logits.factor(slope [r,c])                             in the type that the products below take
    logits.add_row_gradient(target [r,d], slope [r,c], keys)       target += slope @ keys
    logits.add_key_gradient(target [c,d], slope [r,c], rows)       target += slope.T @ rows, where rows are keys

Logits are for base 2: PyTorch's exp2 takes less than half the time of its exp.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from cirkd.relations.precision import Precision

# exp(60) and exp(-60), and sums of 10^9 of them, are far from float32's limits; exp(600) from float64's.
SAFE_EXPONENT = 60.0
LARGEST_EXPONENT = 600.0


def check_temperature(temperature: float) -> None:
    """Raise ValueError unless `temperature` is positive."""
    if not temperature > 0:
        raise ValueError(f"temperature {temperature}: must be positive; the method uses 0.1")


class Logits:
    """One network's logits, by products in the type of the embeddings.

    Args:
        rows, keys: l2-normalised embeddings; the same tensor where pixels are related with each other.
        temperature: of the relation distributions.

    Attributes:
        dtype: of the tiles to write into: what exponentials and sums are safe in.
        tile_scale: how many times the usual entries a tile should have on a CPU.
    """

    tile_scale = 1

    def __init__(self, rows: Tensor, keys: Tensor, temperature: float) -> None:
        self.rows, self.keys = rows, keys
        self.scale = math.log2(math.e) / temperature
        self.dtype = rows.dtype

    def write(self, out: Float[Tensor, "r c"], rows: slice, keys: slice) -> None:
        out.addmm_(self.rows[rows], self.keys[keys].T, beta=0, alpha=self.scale)

    def factor(self, slope: Float[Tensor, "r c"]) -> Float[Tensor, "r c"]:
        return slope

    def add_row_gradient(self, target: Float[Tensor, "r d"], slope: Float[Tensor, "r c"], keys: slice) -> None:
        target.addmm_(slope, self.keys[keys])

    def add_key_gradient(self, target: Float[Tensor, "c d"], slope: Float[Tensor, "r c"], rows: slice) -> None:
        target.addmm_(slope.T, self.keys[rows])


class SharpLogits(Logits):
    """Logits of low temperatures: products in float32, exponentials in float64, where nothing vanishes or overflows."""

    def __init__(self, rows: Tensor, keys: Tensor, temperature: float) -> None:
        super().__init__(rows, keys, temperature)
        self.dtype = torch.float64

    def write(self, out: Float[Tensor, "r c"], rows: slice, keys: slice) -> None:
        out.copy_(self.rows[rows] @ self.keys[keys].T).mul_(self.scale)

    def factor(self, slope: Float[Tensor, "r c"]) -> Float[Tensor, "r c"]:
        return slope.to(self.rows.dtype)


class HalfLogits(Logits):
    """Logits by bf16 products, accumulated in float32.

    What leaves a bf16 product is rounded to bf16. A column more on either side subtracts 1 from every cosine, before
    that: then the entries that weigh most in a softmax, those of cosines near 1, are near 0 and keep their digits.
    A shift of a whole row does not change its softmax.
    """

    tile_scale = 2

    def __init__(self, rows: Tensor, keys: Tensor, temperature: float) -> None:
        super().__init__(rows, keys, temperature)
        self.dtype = torch.float32
        self.width = keys.shape[1]
        self.keys = _widened(keys, 1.0, 1.0)
        self.rows = _widened(rows, self.scale, -self.scale)

    def write(self, out: Float[Tensor, "r c"], rows: slice, keys: slice) -> None:
        if out.stride(0) == 1:  # an upright tile
            out.mT.copy_(self.keys[keys] @ self.rows[rows].T)
        else:
            out.copy_(self.rows[rows] @ self.keys[keys].T)

    def factor(self, slope: Float[Tensor, "r c"]) -> Float[Tensor, "r c"]:
        return slope.bfloat16()

    def add_row_gradient(self, target: Float[Tensor, "r d"], slope: Float[Tensor, "r c"], keys: slice) -> None:
        target.add_(slope @ self.keys[keys, : self.width])

    def add_key_gradient(self, target: Float[Tensor, "c d"], slope: Float[Tensor, "r c"], rows: slice) -> None:
        target.add_(slope.T @ self.keys[rows, : self.width])


def make_logits(rows: Tensor, keys: Tensor, temperature: float, precision: Precision) -> Logits:
    """Logits in the arithmetic that precision, temperature and type of the embeddings ask for.

    float64 stays float64, and low temperatures are always computed by exact products.

    Raises:
        ValueError: the temperature is not positive, or so low that float64 overflows.
    """
    check_temperature(temperature)
    if 1 / temperature > LARGEST_EXPONENT:
        raise ValueError(f"temperature {temperature}: too low to compute with; choose 0.002 or more")
    if 1 / temperature > SAFE_EXPONENT:
        return SharpLogits(rows, keys, temperature)
    if precision == "bf16" and rows.dtype == torch.float32:
        return HalfLogits(rows, keys, temperature)
    return Logits(rows, keys, temperature)


def _widened(x: Tensor, scale: float, last: float) -> Tensor:
    """x * scale in bf16 with `last` as one more column, and one of zeros: bf16 products go by pairs."""
    wide = x.new_zeros(len(x), x.shape[1] + 2, dtype=torch.bfloat16)
    torch.mul(x, scale, out=wide[:, :-2])
    wide[:, -2] = last
    return wide
