"""Batch statistics over the images of several processes without GPUs, where PyTorch's own has none."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn
from torch.autograd import Function


class SharedBatchNorm2d(nn.BatchNorm2d):
    """`nn.BatchNorm2d` whose statistics in training are those of all processes' batches, which are equally large."""

    def forward(self, input: Tensor) -> Tensor:
        return _normalise(self, input) if self.training else super().forward(input)


class SharedBatchNormAct2d(BatchNormAct2d):
    """The same of timm's normalisation, which an activation follows."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        scaled = _normalise(self, x)  # pyright: ignore[reportArgumentType]
        return self.act(self.drop(scaled))  # pyright: ignore[reportCallIssue]


_SHARED: dict[type[nn.Module], type[nn.Module]] = {
    nn.BatchNorm2d: SharedBatchNorm2d,
    BatchNormAct2d: SharedBatchNormAct2d,
}


def share_batch_norms(module: nn.Module) -> None:
    """Have every batch normalisation in a module take its statistics over all processes."""
    for part in module.modules():
        part.__class__ = _SHARED.get(type(part), type(part))


def _normalise(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    count = wide.numel() // wide.shape[1] * dist.get_world_size()
    mean = _sum_over_processes(wide.sum(dim=(0, 2, 3))) / count
    centred = wide - mean[:, None, None]
    variance = _sum_over_processes(centred.square().sum(dim=(0, 2, 3))) / count
    if norm.running_mean is not None and norm.running_var is not None and norm.num_batches_tracked is not None:
        with torch.no_grad():
            norm.num_batches_tracked.add_(1)
            share = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
            norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), share)
            norm.running_var.lerp_((variance * (count / max(count - 1, 1))).to(norm.running_var.dtype), share)
    scaled = centred * (variance + norm.eps).rsqrt()[:, None, None]
    if norm.affine:
        scaled = scaled * norm.weight[:, None, None] + norm.bias[:, None, None]
    return scaled.to(x.dtype)


class _Sum(Function):
    """A sum over processes; what each makes of it is part of every process's gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.contiguous().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> Tensor:
        total = gradient[0].contiguous().clone()
        dist.all_reduce(total)
        return total


def _sum_over_processes(x: Tensor) -> Tensor:
    return _Sum.apply(x)  # type: ignore[return-value]
