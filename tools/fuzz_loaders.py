"""Thousands of mutated files through every loader: none may crash, hang, unpickle or be wrongly taken.

    python -m tools.fuzz_loaders --files 2000 --seed 0

Each loader runs in a process of its own that an audit hook watches; a process that dies or stalls is a failure of the
file it was at. Prints one line a loader, and exits with 1 where anything failed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.fuzz_seeds import STORED_CUT, checkpoint_seeds, image_seeds, matlab_seeds, stored_seeds

HANG = 60.0
"""Seconds after which a file counts as one that hangs; a loaded machine is slow, and no loader takes a tenth of it."""
GROWTH = 1_000_000
"""kB by which the peak memory of a loader's process may grow."""
EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
FORBIDDEN = ("pickle.find_class", "os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "socket.connect")


@dataclass
class Result:
    """What became of the files of one loader.

    Args:
        files: How many were tried.
        outcomes: `refused` with the project's own error, or `taken` and found in order.
        failures: What must not happen, with the number of the file.
        slowest: Seconds that the slowest file took.
        growth: kB by which peak memory grew.
    """

    files: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0
    growth: int = 0


def mutated(seeds: list[bytes], rng: random.Random) -> bytes:
    """One of the seeds with one to eight changes; half of all changes fall into its first or last kilobyte."""
    content = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        if not content:
            break
        at = _place(len(content), rng)
        kind = rng.randrange(9)
        if kind == 0:
            content[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            content[at : at + rng.randint(1, 16)] = rng.randbytes(rng.randint(1, 16))
        elif kind == 2:
            del content[at:]
        elif kind == 3:
            del content[at : at + rng.randint(1, 64)]
        elif kind == 4:
            content[at:at] = rng.randbytes(rng.randint(1, 64))
        elif kind == 5:
            width = rng.choice((1, 2, 4, 8))
            number = rng.choice(EXTREMES) & (2 ** (8 * width) - 1)
            content[at : at + width] = number.to_bytes(width, rng.choice(("little", "big")))
        elif kind == 6:
            start = _place(len(content), rng)
            content[at:at] = content[start : start + rng.randint(1, 200)]
        elif kind == 7:
            other = rng.choice(seeds)
            content[at:] = other[_place(len(other), rng) :]
        else:
            digits = [i for i in range(at, min(at + 400, len(content))) if chr(content[i]).isdigit()]
            if digits:
                content[rng.choice(digits)] = ord(rng.choice("0123456789-.e"))
    return bytes(content)


def _place(length: int, rng: random.Random) -> int:
    if rng.random() < 0.5:
        return rng.randrange(length)
    near = rng.randrange(min(1024, length))
    return near if rng.random() < 0.6 else length - 1 - near


def try_checkpoint(path: Path) -> str:
    """`refused`, or `taken` with finite weights of the seeds' network; anything else raises."""
    import torch

    from cirkd.checkpoint import load_model
    from cirkd.data.errors import CheckpointError

    try:
        model = load_model(path, "cpu")
    except CheckpointError as error:
        assert "\n" not in str(error) and len(str(error)) < 1500, f"the error is no line: {error!r}"
        return "refused"
    for name, value in model.state_dict().items():
        assert torch.isfinite(value.float()).all(), f"{name} is not finite"
    assert model.info.embedding_channels == 4 and len(model.info.classes) == 3, "another network"
    return "taken"


def try_image(path: Path) -> str:
    """`refused`, or `taken` as what the functions promise."""
    from cirkd.data.errors import DataError
    from cirkd.data.images import MAX_PIXELS, read_image, read_label

    outcome = "refused"
    for read, dimensions in ((read_image, 3), (read_label, 2)):
        try:
            values = read(path)
        except DataError as error:
            assert "\n" not in str(error), f"the error is no line: {error!r}"
            continue
        assert values.dtype.name == "uint8" and values.ndim == dimensions and values.size, "no image"
        assert values.shape[0] * values.shape[1] <= MAX_PIXELS, "too large"
        outcome = "taken"
    return outcome


def try_matlab(path: Path) -> str:
    """`refused`, or `taken` as a label map of SBD."""
    from cirkd.data.errors import DataError
    from cirkd.data.sbd import read_sbd

    try:
        values = read_sbd(path)
    except DataError as error:
        assert "\n" not in str(error), f"the error is no line: {error!r}"
        return "refused"
    assert values.dtype.name == "uint8" and values.ndim == 2 and values.size, "no label map"
    return "taken"


def try_stored(path: Path) -> str:
    """The file as one of the two of a folder of embeddings; `refused`, or `taken` as a sample of pixels."""
    import numpy as np

    from cirkd.data.errors import StudyError
    from cirkd.features.folder_settings import RESULT, SETTINGS
    from cirkd.features.stored import open_stored, read_stored

    content = path.read_bytes()
    settings, pixels = content.split(STORED_CUT, 1) if STORED_CUT in content else (b"", content)
    folder = path.with_suffix(".folder")
    folder.mkdir(exist_ok=True)
    (folder / SETTINGS).write_bytes(settings)
    (folder / RESULT).write_bytes(pixels)
    try:
        features = read_stored(open_stored(folder), 30)
    except StudyError as error:
        assert "\n" not in str(error) and len(str(error)) < 1500, f"the error is no line: {error!r}"
        return "refused"
    assert 0 < len(features.pixels) <= 30, "another number of pixels"
    for model in features.models.values():
        assert model.embedding.shape[0] == len(features.pixels) and np.isfinite(model.embedding).all(), "no embedding"
    return "taken"


LOADERS: dict[str, Callable[[Path], str]] = {
    "safetensors": try_checkpoint,
    "torch": try_checkpoint,
    "old torch": try_checkpoint,
    "image": try_image,
    "matlab": try_matlab,
    "stored": try_stored,
}


def seeds_of(loaders: list[str]) -> dict[str, list[bytes]]:
    """The valid files that each loader's mutated ones come from."""
    others = {"image": image_seeds, "matlab": matlab_seeds, "stored": stored_seeds}
    checkpoints = checkpoint_seeds() if set(loaders) - set(others) else {}
    return {**checkpoints, **{name: make() for name, make in others.items() if name in loaders}}


def _work(loader: str, seeds: list[bytes], seed: int, numbers: range, pipe: Any) -> None:
    """In a process of its own: try the files and tell the parent before and after each."""
    watched: list[str] = []
    try_one = LOADERS[loader]
    with tempfile.TemporaryDirectory() as folder:
        # The valid files first, so that imports are done and count neither as time nor as memory.
        for i, content in enumerate(seeds):
            _put(Path(folder) / f"seed{i}.bin", content, try_one)
        sys.addaudithook(lambda event, _: watched.append(event) if event in FORBIDDEN else None)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for number in numbers:
            pipe.send(("at", number, 0.0, 0))
            started, found = time.monotonic(), ""
            content = mutated(seeds, random.Random(f"{seed} {loader} {number}"))
            try:
                found = _put(Path(folder) / "file.bin", content, try_one)
            except BaseException as error:  # whatever comes out is a finding
                found = f"{type(error).__name__}: {str(error)[:200]}"
            if watched:
                found = f"did {watched.pop()}"
                watched.clear()
            growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            pipe.send((found, number, time.monotonic() - started, growth))
    pipe.send(("end", 0, 0.0, 0))


def _put(path: Path, content: bytes, try_one: Callable[[Path], str]) -> str:
    path.write_bytes(content)
    return try_one(path)


def fuzz(loader: str, seeds: list[bytes], files: int, seed: int) -> Result:
    """Try so many mutated files in a loader; restarts its process after one that kills it."""
    context = multiprocessing.get_context("spawn")
    result, next_number = Result(), 0
    while next_number < files:
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(loader, seeds, seed, range(next_number, files), theirs))
        process.start()
        theirs.close()
        at, ended = next_number, False
        while True:
            try:
                if not ours.poll(HANG * 4 if at == next_number else HANG):
                    result.failures.append(f"file {at}: hangs")
                    break
                found, number, seconds, growth = ours.recv()
            except EOFError:
                result.failures.append(f"file {at}: the process died")
                break
            if found == "end":
                ended = True
                break
            at = number
            if found != "at":
                _count(result, found, number, seconds, growth)
        if not ended:
            process.kill()
        process.join()
        next_number = files if ended else at + 1
    return result


def _count(result: Result, found: str, number: int, seconds: float, growth: int) -> None:
    result.files += 1
    result.slowest = max(result.slowest, seconds)
    if growth > GROWTH and result.growth <= GROWTH:
        result.failures.append(f"file {number}: memory grew by {growth} kB")
    result.growth = max(result.growth, growth)
    if found in ("refused", "taken"):
        result.outcomes[found] += 1
    else:
        result.failures.append(f"file {number}: {found}")


def report(results: Mapping[str, Result]) -> str:
    """One line a loader, and one a failure."""
    lines = []
    for loader, result in results.items():
        lines.append(
            f"{loader:12s} {result.files} files: {result.outcomes['refused']} refused, {result.outcomes['taken']} "
            f"taken and in order, {len(result.failures)} failures; slowest {result.slowest:.2f} s, "
            f"peak memory +{result.growth / 1024:.0f} MB"
        )
        lines += [f"  {failure}" for failure in result.failures[:20]]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2000, help="how many a loader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--loaders", nargs="*", default=list(LOADERS), choices=list(LOADERS))
    options = parser.parse_args()
    seeds = seeds_of(options.loaders)
    results = {}
    for loader in options.loaders:
        results[loader] = fuzz(loader, seeds[loader], options.files, options.seed)
        print(report({loader: results[loader]}), flush=True)
    return int(any(result.failures for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
