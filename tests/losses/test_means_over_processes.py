"""Two processes with half of a batch each: means over the whole batch, or by process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from cirkd.losses import RelationMemory
from cirkd.losses.objective import Objective, Terms
from cirkd.models.segmenter import SegmentationOutput
from tests.together import in_processes

TERMS = ("task", "memory_pixel", "memory_region")
OBJECTIVE = Objective(auxiliary=0, kd=0, minibatch_pixel=0)


def outputs(width: int) -> SegmentationOutput:
    draw = torch.Generator().manual_seed(width)
    logits, embedding = (torch.randn(2, channels, 4, 5, generator=draw).double() for channels in (3, width))
    return SegmentationOutput(logits, embedding)


def labels() -> torch.Tensor:
    """The second image has far fewer labelled pixels than the first."""
    found = torch.randint(0, 3, (2, 4, 5), generator=torch.Generator().manual_seed(0))
    found[1, 1:] = 255
    return found


def terms(objective: Objective, images: slice) -> Terms:
    torch.manual_seed(0)
    memory = RelationMemory(3, 4, 6, pixel_queue_size=9, region_queue_size=3, initial="noise").double()
    memory.projection.eval()
    student, teacher = (
        SegmentationOutput(output.logits[images], output.embedding[images]) for output in (outputs(4), outputs(6))
    )
    return objective.terms(student, teacher, labels()[images], memory, generator=torch.Generator().manual_seed(1))


def half(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    found = [
        {name: value.detach() for name, value in terms(objective, slice(rank, rank + 1)).items()}
        for objective in (OBJECTIVE, replace(OBJECTIVE, means_by_process=True))
    ]
    torch.save(found, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_means_are_of_the_batch_or_of_each_process(tmp_path: Path) -> None:
    in_processes(half, tmp_path)
    whole, alone = terms(OBJECTIVE, slice(None)), [terms(OBJECTIVE, slice(rank, rank + 1)) for rank in range(2)]
    (over, by), (over_second, by_second) = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    for name in TERMS:
        assert float(over[name] + over_second[name]) / 2 == pytest.approx(float(whole[name].detach()), rel=1e-12)
        for found, wanted in zip((by, by_second), alone, strict=True):
            assert float(found[name]) == pytest.approx(float(wanted[name].detach()), rel=1e-12)
        assert float(by[name] + by_second[name]) / 2 != pytest.approx(float(whole[name].detach()), rel=1e-3)
