"""What each layer of the relation engine gains where it is used: the same work with it and without it, in turn.

    python -m benchmarks.layers          writes benchmarks/results/layers.md

Layers of a processor are measured here. Those of a GPU stand with what was recorded when they were measured on one.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import torch

import cirkd.relations.engine as engine
from benchmarks.forms import Case, Work, make_work
from benchmarks.measure import machine
from cirkd.relations.engine import tiled, tiles
from cirkd.relations.engine.workers import Workers

RESULT = Path(__file__).parent / "results" / "layers.md"
CASES = {
    "mini-batch, streets: 8 images, 16x16 cells, widths 64/128": Case(8, 16, 16, 64, 128),
    "mini-batch, CamVid crop: 2 images, 45x45, widths 128/256": Case(2, 45, 45, 128, 256),
    "memory, CamVid crop: 2 images, 45x45, 11 classes": Case(2, 45, 45, 128, 256, 11),
}
SECONDS = 2  # of each comparison, at most some


@contextlib.contextmanager
def no_workers(device: torch.device) -> Iterator[Workers]:
    yield Workers(1, None)


WITHOUT: dict[str, tuple[tuple[str, ...], Callable[[], contextlib.AbstractContextManager]]] = {
    "tiles side by side": (("workers.py",), lambda: patch.object(tiled, "workers_for", no_workers)),
    "tiles kept between the passes": (
        (),
        lambda: patch.multiple(tiled, KEPT_OF_BLOCK=0, tiles=_Without(tiles, KEPT_ENTRIES=0)),
    ),
}
ON_GPU = (
    (
        "streamed kernels",
        ("triton_streamed.py", "triton_kernels.py"),
        "2.0x beside tiles in kernels (mini-batch, Cityscapes crop), NVIDIA H100",
    ),
    (
        "recorded launches",
        ("cuda_graphs.py",),
        "3.4x (mini-batch, streets crop), 1.8x (memory, Cityscapes crop), NVIDIA H100",
    ),
)


class _Without:
    """A module with other constants."""

    def __init__(self, module: object, **constants: int) -> None:
        self.__dict__.update(vars(module), **constants)


def lines(files: tuple[str, ...]) -> int:
    return sum(len((Path(engine.__path__[0]) / file).read_text().splitlines()) for file in files)


def gain(case: Case, without: Callable[[], contextlib.AbstractContextManager]) -> float:
    """Median time without over median time with, taken in turn."""
    work = make_work(case, "float32")
    work()
    times: dict[bool, list[float]] = {True: [], False: []}
    while sum(map(sum, times.values())) < SECONDS or len(times[True]) < 5:
        times[True].append(_processor_seconds(work))
        with without():
            times[False].append(_processor_seconds(work))
    return statistics.median(times[False]) / statistics.median(times[True])


def _processor_seconds(work: Work) -> float:
    """Of all threads: what other programs do on the machine meanwhile does not count."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    torch.set_num_threads(os.cpu_count() or 1)
    rows = [f"| layer | lines | {' | '.join(CASES)} |", f"|---|---:|{'---:|' * len(CASES)}"]
    for name, (files, without) in WITHOUT.items():
        gains = " | ".join(f"{gain(case, without):.1f}x" for case in CASES.values())
        rows.append(f"| {name} | {lines(files) or 'of tiles.py'} | {gains} |")
        print(rows[-1], flush=True)
    gpu = ["| layer of a GPU | lines | gain |", "|---|---:|---|"]
    gpu += [f"| {name} | {lines(files)} | {told} |" for name, files, told in ON_GPU]
    told = [
        "# What each layer of the relation engine gains",
        f"{machine()}. One forward and backward pass without the layer over one with it, in processor time of all "
        "threads, medians of passes in turn.",
        "\n".join(rows),
        "Layers of a GPU, as measured once, on an NVIDIA H100:",
        "\n".join(gpu),
        "Left out, as they gained under 1.3x: loops compiled by numba (1.1x), memory in huge pages (0.4x to 1.0x on "
        "this processor).",
    ]
    RESULT.write_text("\n\n".join(told) + "\n")


if __name__ == "__main__":
    main()
