"""A whole data set through `cirkd extract` and `cirkd evaluate`: speed beside the bare forward pass, and memory.

    python -m benchmarks.extract --checkpoint checkpoints/streets-teacher.safetensors

Speed: images a second of each, in turn with as many bare forward passes of the same network on inputs that lie ready,
so that a machine that is busy with other things slows both alike; the median of the rounds counts. Memory: the peak of
a fresh process over 100 and over 1,000 images. The images are those of the bundled streets, over and over.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from cirkd.checkpoint import load_model
from cirkd.data.catalog import open_data
from cirkd.data.sample import Classes, Sample
from cirkd.features.store import extract_to
from cirkd.models.segmenter import Segmenter
from cirkd.training.evaluate import evaluate

CHECKPOINT = Path("checkpoints/streets-teacher.safetensors")


class Repeated:
    """So many images, the bundled ones over and over."""

    name, split = "streets, repeated", "val"

    def __init__(self, count: int) -> None:
        self.data = open_data("streets", "val")
        self.classes: Classes | None = self.data.classes
        self.names: Sequence[str] = [f"{i}" for i in range(count)]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        return self.data[index % len(self.data)]


def seconds_of_forward(model: Segmenter, images: int) -> float:
    """Of the network alone, one image at a time."""
    data = Repeated(images)
    inputs = [model.preprocess(data[i].image)[None] for i in range(min(images, 8))]
    started = time.perf_counter()
    with torch.inference_mode():
        for i in range(images):
            model(inputs[i % len(inputs)])
    return time.perf_counter() - started


def seconds_of_extract(model: Segmenter, images: int, workers: int) -> float:
    """Of the whole work, files included."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        extract_to(Path(folder) / "out", {"model": model}, Repeated(images), workers=workers)
        return time.perf_counter() - started


def seconds_of_evaluate(model: Segmenter, images: int, workers: int) -> float:
    started = time.perf_counter()
    evaluate(model, Repeated(images), workers=workers)
    return time.perf_counter() - started


def report_peak(command: str, model: Segmenter, images: int, workers: int) -> None:
    """Print the peak memory of this process in MB."""
    work = {"extract": seconds_of_extract, "evaluate": seconds_of_evaluate}[command]
    work(model, images, workers)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def peak(command: str, options: argparse.Namespace, images: int) -> float:
    settings = {"checkpoint": options.checkpoint, "workers": options.workers, "threads": options.threads}
    words = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    start = [sys.executable, "-m", "benchmarks.extract", "--memory", command, str(images), *words]
    return float(subprocess.run(start, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    parser.add_argument("--images", type=int, default=64, help="a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory", nargs=2, metavar=("COMMAND", "IMAGES"))
    parser.add_argument("--memory-images", type=int, nargs="*", default=[100, 1000])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = load_model(options.checkpoint, "cpu")
    if options.memory:
        report_peak(options.memory[0], model, int(options.memory[1]), options.workers)
        return
    seconds_of_forward(model, 8)
    times: dict[str, list[float]] = {"forward": [], "extract": [], "evaluate": []}
    for _ in range(options.rounds):
        times["forward"].append(seconds_of_forward(model, options.images))
        times["extract"].append(seconds_of_extract(model, options.images, options.workers))
        times["evaluate"].append(seconds_of_evaluate(model, options.images, options.workers))
    print(f"{options.checkpoint.name}, {options.threads} threads, {options.workers} workers, {options.images} images")
    bare = statistics.median(times["forward"])
    for name, values in times.items():
        median = statistics.median(values)
        print(f"  {name:10s} {options.images / median:7.2f} images/s   {bare / median:5.2f} of the bare forward pass")
    for command in ("extract", "evaluate"):
        peaks = [f"{count}: {peak(command, options, count):.0f} MB" for count in options.memory_images]
        print(f"  {command:10s} peak memory at images {', '.join(peaks)}")


if __name__ == "__main__":
    main()
