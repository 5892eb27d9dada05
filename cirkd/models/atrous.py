"""Dilated depthwise convolutions on the CPU: the same sums, by kernels that exist.

oneDNN has fast kernels for depthwise convolutions, but none for the gradient of a dilated one, nor for its value where
the border is wide. A convolution of dilation r reads every r-th position only: over each of the r x r grids of such
positions it is one without dilation, and those are fast.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

_WIDE_BORDER = 8
"""Padding from which on the value, too, has no fast kernel."""


class DepthwiseAtrous(nn.Conv2d):
    """A dilated depthwise convolution that keeps the size of its input; weights are those of `nn.Conv2d`."""

    def forward(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        learns = torch.is_grad_enabled() and (input.requires_grad or self.weight.requires_grad)
        if input.device.type != "cpu" or not (learns or max(_pair(self.padding)) >= _WIDE_BORDER):
            return super().forward(input)
        return depthwise_by_grids(input, self.weight, self.bias, _pair(self.dilation))


def depthwise_by_grids(
    input: Float[Tensor, "b c h w"],
    weight: Float[Tensor, "c 1 k l"],
    bias: Float[Tensor, " c"] | None,
    dilation: tuple[int, int],
) -> Float[Tensor, "b c h w"]:
    """What `conv2d` gives with one group a channel, this dilation, and zeros around that keep the size."""
    (batch, channels, height, width), (down, across) = input.shape, dilation
    rows, columns = -(-height // down), -(-width // across)
    # Zeros that fill up the last grid are those of the border.
    filled = F.pad(input, (0, columns * across - width, 0, rows * down - height)).permute(0, 2, 3, 1)
    grids = filled.reshape(batch, rows, down, columns, across, channels).permute(0, 2, 4, 1, 3, 5)
    grids = grids.reshape(batch * down * across, rows, columns, channels).permute(0, 3, 1, 2)
    border = (weight.shape[2] // 2, weight.shape[3] // 2)
    found = F.conv2d(grids, weight, bias, padding=border, groups=channels).permute(0, 2, 3, 1)
    found = found.reshape(batch, down, across, rows, columns, channels).permute(0, 3, 1, 4, 2, 5)
    found = found.reshape(batch, rows * down, columns * across, channels).permute(0, 3, 1, 2)
    return found[:, :, :height, :width]


def use_grids(module: nn.Module) -> None:
    """Have all dilated depthwise convolutions in a module computed so, where they keep the size of their input."""
    for part in module.modules():
        # Subclasses pad in ways of their own.
        if type(part) is nn.Conv2d and _fits(part):
            part.__class__ = DepthwiseAtrous


def _fits(part: nn.Conv2d) -> bool:
    sides = list(zip(part.kernel_size, part.dilation, _pair(part.padding), strict=True))
    return (
        part.groups == part.in_channels == part.out_channels
        and max(part.dilation) > 1
        and tuple(part.stride) == (1, 1)
        and part.padding_mode == "zeros"
        and all(size % 2 == 1 and padding == dilation * (size // 2) for size, dilation, padding in sides)
    )


def _pair(value: object) -> tuple[int, int]:
    """Padding as numbers; what is given in words fits nothing."""
    return (-1, -1) if isinstance(value, str) else (int(value[0]), int(value[1]))  # pyright: ignore[reportIndexIssue, reportUnknownArgumentType]
