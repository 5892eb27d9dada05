import math

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.profiler import ProfilerActivity, profile

from cirkd import losses
from cirkd.relations.engine import tiles
from tests import oracles


def test_value_and_gradient_are_those_of_the_formula() -> None:
    student = torch.randn(3, 4, 3, 5, dtype=torch.float64, requires_grad=True)
    teacher = torch.randn(3, 7, 3, 5, dtype=torch.float64)
    for temperature in (0.01, 0.1, 1.0):
        found = losses.minibatch_pixel_relation(student, teacher, temperature)
        wanted = oracles.minibatch_pixel_relation(student, teacher, temperature)
        torch.testing.assert_close(found, wanted, rtol=1e-8, atol=1e-10)
        slopes = [torch.autograd.grad(value, student)[0] for value in (found, wanted)]
        torch.testing.assert_close(*slopes, rtol=1e-7, atol=1e-9)


def test_gradcheck() -> None:
    student = torch.randn(2, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    teacher = torch.randn(2, 4, 2, 2, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda s: losses.minibatch_pixel_relation(s, teacher), student)


def peak_bytes(images: int, side: int) -> int:
    """Most bytes that were held at once in the forward and the backward pass, inputs apart."""
    student, teacher = torch.randn(images, 8, side, side, requires_grad=True), torch.randn(images, 8, side, side)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        losses.minibatch_pixel_relation(student, teacher).backward()
    assert record.profiler is not None and record.profiler.kineto_results is not None
    held = peak = 0
    events = [event for event in record.profiler.kineto_results.events() if event.name() == "[memory]"]
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


@pytest.mark.slow
def test_memory_grows_with_the_embeddings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "CPU_TILE_ENTRIES", 1000)
    monkeypatch.setattr(tiles, "KEPT_ENTRIES", 10_000)
    images = {count: peak_bytes(count, 16) for count in (2, 8)}
    sides = {side: peak_bytes(2, side) for side in (8, 16, 32)}
    matrix = 4 * 32**4  # of one pair of images of 32x32 positions, for one network
    assert sides[32] < matrix / 4
    for small, large in ((images[2], images[8]), (sides[8], sides[16]), (sides[16], sides[32])):
        assert math.log(large / small, 4) < 1.1


def test_what_is_kept_for_the_backward_pass_grows_with_the_embedding() -> None:
    kept: list[int] = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor.numel())
        return tensor

    student = torch.randn(4, 5, 8, 8, requires_grad=True)
    with saved_tensors_hooks(pack, lambda tensor: tensor):
        losses.minibatch_pixel_relation(student, torch.randn(4, 5, 8, 8))
    assert max(kept) <= student.numel()


@pytest.mark.usefixtures("as_shipped")
def test_maps_of_different_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="must be the same; resize one to the other"):
        losses.minibatch_pixel_relation(torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 8, 8))
