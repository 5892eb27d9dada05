"""Halves of a batch in two processes are normalised as the batch is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from timm.layers.norm_act import BatchNormAct2d
from torch import nn

from cirkd.training.batch_norm import SharedBatchNorm2d, SharedBatchNormAct2d, share_batch_norms
from tests.together import in_processes


def network() -> nn.Module:
    torch.manual_seed(0)
    made = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 5, 1), BatchNormAct2d(5))
    for parameter in made.parameters():
        nn.init.normal_(parameter)
    return made.double()


def images() -> torch.Tensor:
    return torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 3 + 1


def train(module: nn.Module, own: slice) -> dict[str, torch.Tensor]:
    """Two passes; output, gradients by images and weights, statistics, and what evaluation gives."""
    given = images()[own].requires_grad_()
    for _ in range(2):
        module.zero_grad()
        output = module(given)
        output.sin().sum().backward()
    assert given.grad is not None
    grads = {name: parameter.grad for name, parameter in module.named_parameters() if parameter.grad is not None}
    seen = module.eval()(images()[own])
    return {"output": output, "images": given.grad / 2, "evaluated": seen, **grads, **dict(module.named_buffers())}


def half(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    module = network()
    share_batch_norms(module)
    assert [type(module[1]), type(module[4])] == [SharedBatchNorm2d, SharedBatchNormAct2d]  # type: ignore[index]
    found = train(module, slice(2 * rank, 2 * rank + 2))
    torch.save({name: value.detach() for name, value in found.items()}, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_halves_are_normalised_as_the_whole(tmp_path: Path) -> None:
    in_processes(half, tmp_path)
    wanted = train(network(), slice(None))
    parts = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    for name, value in wanted.items():
        if name in ("output", "images", "evaluated"):
            found = torch.cat([part[name] for part in parts])
        elif name.endswith(("weight", "bias")):
            found = parts[0][name] + parts[1][name]
        else:
            found = parts[0][name]
            assert torch.equal(found, parts[1][name]), name
        torch.testing.assert_close(
            found, value.detach(), rtol=1e-9, atol=1e-9, msg=lambda text, name=name: f"{name}: {text}"
        )
