"""The reference vectors, and how closely a loss must meet them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from cirkd.losses import RelationMemory

FILES = ("losses_a", "losses_b")
FOLDER = Path(__file__).parents[1] / "reference"
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
torch.backends.cudnn.allow_tf32 = False  # of the convolutions before a loss: float32 is meant


class Reference:
    """One file of inputs, values and gradients."""

    def __init__(self, name: str) -> None:
        with np.load(FOLDER / f"{name}.npz") as file:
            self.arrays = {key: torch.from_numpy(file[key]).to(DEVICE) for key in file.files}

    def __getitem__(self, key: str) -> Tensor:
        return self.arrays[key].clone()

    @property
    def num_classes(self) -> int:
        return self["student_logits"].shape[1]

    def projection(self, prefix: str) -> nn.Sequential:
        """The projection head under `prefix`, in training mode."""
        weights = {key.removeprefix(prefix): self[key] for key in self.arrays if key.startswith(prefix)}
        teacher_width, student_width = weights["0.weight"].shape[:2]
        head = RelationMemory(2, student_width, teacher_width, pixel_queue_size=1, region_queue_size=1).projection
        head.load_state_dict(weights)
        return head.to(DEVICE)

    def check(self, loss: Callable[[Tensor], Tensor], student: str, value: str, gradient: str | None = None) -> None:
        """Value within 1e-5, gradient within 1e-4 of its largest entry."""
        x = self[student].requires_grad_()
        found = loss(x)
        (slope,) = torch.autograd.grad(found, x)
        wanted, wanted_slope = self[value], self[gradient or value.replace("value", "grad")]
        assert found.shape == () and found.dtype == torch.float32
        assert abs(found.item() - wanted.item()) <= 1e-5 * abs(wanted.item())
        assert (slope - wanted_slope).abs().max() <= 1e-4 * wanted_slope.abs().max()
