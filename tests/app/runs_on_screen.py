"""Runs written by hand for the Training page, and the folder in which it finds them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cirkd.data.whole_files import replacing
from cirkd.training import runs
from cirkd.training.journal import Journal

CLASSES = {"names": ["road", "sky"], "colors": [[128, 64, 128], [70, 130, 180]]}


@pytest.fixture(scope="module")
def runs_folder(study_folders: Path) -> Iterator[Path]:
    """The folder of runs that the app looks at; whatever trains there is stopped at the end."""
    folder = study_folders / "runs"
    write_run(folder / "told")
    yield folder
    for run in runs.find_runs(folder):
        runs.stop(run.folder)


def write_snapshot(folder: Path, step: int) -> None:
    """16 positions of one probe image, half of them road; random, the same for a step."""
    rng = np.random.default_rng(step)
    label = np.repeat(np.array([0, 1], np.uint8), 8).reshape(4, 4)
    path = folder / "snapshots" / f"step_{step:06d}.npz"
    with replacing(path) as temporary, temporary.open("wb") as file:  # the page may look at any moment
        np.savez_compressed(
            file,
            names=np.array(["a"]),
            label_0=label,
            embedding_0=rng.normal(size=(8, 4, 4)).astype(np.float16),
        )


def write_run(folder: Path, steps: int = 40) -> None:
    """A run half done: a journal of two terms and three snapshots."""
    journal = Journal(folder / "journal.jsonl")
    journal.write("start", 0, recipe={"steps": steps, "name": folder.name}, classes=CLASSES, resumed=False)
    for step in range(1, steps // 2 + 1):
        raw = {"task": 3.0 / step, "kd": 1.0 / step}
        journal.write(
            "train",
            step,
            raw=raw,
            weighted=raw,
            total=4.0 / step,
            learning_rate=0.05,
            seconds_per_step=0.5,
            pixel_memory_fill=step / steps,
            gpu_memory_bytes=3 * 2**30,
        )
        if step % 10 == 0:
            journal.write("evaluation", step, split="val", miou=step / 2)
    for step in (0, 10, 20):
        write_snapshot(folder, step)
