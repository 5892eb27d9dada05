"""Rows and relations over processes that meet."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from cirkd.losses import minibatch_pixel_relation
from cirkd.relations.engine import tiles
from cirkd.relations.gather import gather_rows, other_images
from tests.together import in_processes

COUNTS = (3, 0)
IMAGES = 4  # two for each process
SMALL_TILES = 200  # entries, so that even these maps are cut


def rows_of(rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    count = COUNTS[rank]
    return torch.arange(count * 2.0).reshape(count, 2) + 10 * rank, torch.full((count,), rank)


def run(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=len(COUNTS))
    torch.save(gather_rows(*rows_of(rank)), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_one_process_keeps_its_rows() -> None:
    embeddings, labels = rows_of(0)
    assert gather_rows(embeddings, labels) == (embeddings, labels)


@pytest.mark.slow
def test_every_process_gets_the_rows_of_all(tmp_path: Path) -> None:
    in_processes(run, tmp_path, len(COUNTS))
    wanted = [torch.cat(parts) for parts in zip(*map(rows_of, range(len(COUNTS))), strict=True)]
    for rank in range(len(COUNTS)):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


def batch() -> tuple[torch.Tensor, torch.Tensor, torch.nn.Module]:
    """Input of a student, embedding of a teacher, and a student."""
    draw = torch.Generator().manual_seed(0)
    image, teacher = (torch.randn(IMAGES, width, 5, 6, generator=draw, dtype=torch.float64) for width in (3, 7))
    student = torch.nn.Conv2d(3, 4, 1).double()
    torch.nn.init.normal_(student.weight, generator=draw)
    torch.nn.init.zeros_(student.bias)
    return image, teacher, student


def relate(rank: int, folder: str) -> None:
    tiles.CPU_TILE_ENTRIES = SMALL_TILES
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    image, teacher, student = batch()
    wrapped = torch.nn.parallel.DistributedDataParallel(student)
    share = slice(rank * IMAGES // 2, (rank + 1) * IMAGES // 2)
    embedding = wrapped(image[share])
    embedding.retain_grad()
    value = minibatch_pixel_relation(embedding, teacher[share], across_processes=True)
    alone = minibatch_pixel_relation(embedding.detach(), teacher[share])
    value.backward()
    gradients = [parameter.grad for parameter in student.parameters()]
    torch.save((value.detach(), alone, embedding.grad, gradients), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_equal_one_with_all_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "CPU_TILE_ENTRIES", SMALL_TILES)
    in_processes(relate, tmp_path)
    values, alone, slopes, gradients = zip(
        *(torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)), strict=True
    )
    image, teacher, student = batch()
    embedding = student(image)
    embedding.retain_grad()
    wanted = minibatch_pixel_relation(embedding, teacher)
    wanted.backward()
    torch.testing.assert_close(torch.stack(values).mean(), wanted.detach(), rtol=1e-12, atol=0)
    assert abs(torch.stack(alone).mean() - wanted) > 1e-3 * wanted
    # Each process's gradient is of the sum over processes; DistributedDataParallel takes their mean.
    assert embedding.grad is not None
    torch.testing.assert_close(torch.cat(slopes) / 2, embedding.grad, rtol=1e-9, atol=1e-15)
    for own in gradients:
        torch.testing.assert_close(own, [parameter.grad for parameter in student.parameters()], rtol=1e-9, atol=1e-12)


def bring_other_shapes(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    rows = torch.zeros(1 + rank, 2, 3)
    with pytest.raises(ValueError, match=r"\[1, 2\], \[2, 2\]: relations across processes need the same everywhere"):
        other_images(rows, rows)
    dist.destroy_process_group()


@pytest.mark.slow
def test_processes_with_unequal_batches_are_refused_together(tmp_path: Path) -> None:
    in_processes(bring_other_shapes, tmp_path)


def test_one_process_has_no_others() -> None:
    image, teacher, student = batch()
    value = minibatch_pixel_relation(student(image), teacher)
    assert minibatch_pixel_relation(student(image), teacher, across_processes=True) == value
