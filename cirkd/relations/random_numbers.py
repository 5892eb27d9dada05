"""Uniform random numbers, reproducible from one generator on any device."""

from __future__ import annotations

import torch
from torch import Tensor


def uniform(*shape: int, generator: torch.Generator | None, device: torch.device) -> Tensor:
    """Float32 in [0, 1) on a device, the same for the same state of the generator.

    Args:
        generator: on any device; where it is on another, one there is seeded from it: numbers for whole queues take a
            processor longer to draw than a GPU to compute with them. None takes the device's own.
    """
    if generator is not None and generator.device != device:
        seed = torch.randint(2**62, (), generator=generator, device=generator.device)
        generator = torch.Generator(device).manual_seed(int(seed))
    return torch.rand(*shape, generator=generator, device=device)
