"""Work of GPUs that is recorded; without a GPU nothing is."""

import warnings

import pytest
import torch
from torch import Tensor

from cirkd.losses import RelationMemory, memory_relation, minibatch_pixel_relation
from cirkd.relations.engine import cuda_graphs as recorded
from cirkd.relations.engine.cuda_graphs import FIRST, KEPT, Recorded

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def scaled(x: Tensor, total: Tensor, factor: float) -> tuple[Tensor, Tensor]:
    """Something that changes a constant in place."""
    total += x.sum()
    return x * factor, x + 1


def test_a_processor_works_as_it_is() -> None:
    work, total = Recorded(scaled), torch.zeros(())
    for step in range(FIRST + 2):
        product, more = work(torch.full((2,), float(step)), constants=(total, 3.0))
        assert product.tolist() == [3.0 * step] * 2 and more.tolist() == [step + 1.0] * 2
    assert total.item() == 2 * sum(range(FIRST + 2)) and not work._recordings


@pytest.mark.gpu
@needs_gpu
def test_a_recording_does_what_the_function_does() -> None:
    work, total = Recorded(scaled), torch.zeros((), device="cuda")
    kept = []
    for step in range(FIRST + 4):
        kept.append((step, work(torch.full((2,), float(step), device="cuda"), constants=(total, 3.0))))
    for step, (product, more) in kept:
        assert product.tolist() == [3.0 * step] * 2 and more.tolist() == [step + 1.0] * 2
    assert total.item() == 2 * sum(range(FIRST + 4)) and len(work._recordings) == 1


@pytest.mark.gpu
@needs_gpu
def test_only_the_latest_recordings_are_kept() -> None:
    work, total = Recorded(scaled), torch.zeros((), device="cuda")
    for size in range(1, KEPT + 3):
        for _ in range(8 * FIRST):
            assert work(torch.ones(size, device="cuda"), constants=(total, 2.0))[0].tolist() == [2.0] * size
    assert len(work._recordings) == KEPT
    recorded.forget_recordings()
    assert not work._recordings and work(torch.ones(1, device="cuda"), constants=(total, 2.0))[0].item() == 2.0


def test_shapes_that_change_are_recorded_ever_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    class Seen:
        def __init__(self, function: object, tensors: list[Tensor], constants: tuple[int, ...]) -> None:
            made.append(constants[0])

    made: list[int] = []
    monkeypatch.setattr(recorded, "_Recording", Seen)
    work = Recorded(scaled)
    for size in range(40):
        for _ in range(FIRST + 1):
            work._find(("of", size), [], (size,))
    assert made == list(range(KEPT)) and len(work._recordings) == KEPT
    for _ in range(2 * FIRST + 1):
        work._find(("last",), [], (99,))
    assert made[-1] == 99 and len(work._recordings) == KEPT


@pytest.mark.gpu
@needs_gpu
def test_what_cannot_be_recorded_works_with_one_warning() -> None:
    work = Recorded(lambda x: (x * x.sum().item(),))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = [work(torch.full((2,), 2.0, device="cuda"))[0].tolist() for _ in range(FIRST + 3)]
    assert found == [[8.0, 8.0]] * (FIRST + 3)
    assert [str(warning.message)[:47] for warning in caught] == ["relations are launched one operation at a time:"]


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_memory_and_its_losses_are_what_they_were(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Step by step the same with and without recordings, through changing labels and embeddings."""
    found = []
    for first in (10**6, FIRST):
        monkeypatch.setattr(recorded, "FIRST", first)
        draw = torch.Generator().manual_seed(0)
        memory = RelationMemory(5, 16, 64, pixel_queue_size=300, region_queue_size=20).cuda()
        values, slopes = [], []
        for step in range(FIRST + 5):
            student, teacher = (torch.randn(2, 64, 32, 48, generator=draw).cuda() for _ in range(2))
            labels = torch.randint(-1, 6, (2, 32, 48), generator=draw).cuda()
            memory.update(teacher, labels, step, draw)
            student.requires_grad_()
            rows = student.permute(0, 2, 3, 1).flatten(0, 2), teacher.permute(0, 2, 3, 1).flatten(0, 2)
            keys = memory.sample_pixels(draw).keys
            value = minibatch_pixel_relation(student, teacher, precision=precision)
            value = value + memory_relation(*rows, keys, precision=precision)
            value.backward()
            values.append(value.detach())
            slopes.append(student.grad)
        found.append((torch.stack(values), torch.stack(slopes), *memory.pixel_queue.buffers()))
        found[-1] += tuple(memory.region_queue.buffers())
    for plain, ours in zip(*found, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-6, atol=1e-7)
    assert found[0][-1].max() == FIRST + 4
