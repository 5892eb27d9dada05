from __future__ import annotations

from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from cirkd.relations.gather import gather_rows

COUNTS = (3, 0)


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


def test_every_process_gets_the_rows_of_all(tmp_path: Path) -> None:
    mp.start_processes(run, args=(str(tmp_path),), nprocs=len(COUNTS), start_method="fork")
    wanted = [torch.cat(parts) for parts in zip(*map(rows_of, range(len(COUNTS))), strict=True)]
    for rank in range(len(COUNTS)):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))
