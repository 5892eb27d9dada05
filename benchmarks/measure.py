"""Time and memory of a piece of work, in this process and in fresh ones."""

import dataclasses
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
from pathlib import Path

import torch

from benchmarks.forms import DEVICE, FORMS, Case, Work, floor_seconds, make_work, now
from cirkd.relations.engine.cuda_graphs import forget_recordings

FLOORS = {"float32": torch.float32, "bf16": torch.bfloat16}
STATUS, CLEAR_PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")
FIRST_ON_GPU = 5  # passes after which nothing is set up any more, recordings included
MATRICES = 5.5  # of the size of all relations of a network that the straightforward form holds at its peak


def machine() -> str:
    """What the figures were measured on: processor and cores, or GPU; never a host's name."""
    if DEVICE.type == "cuda":
        name = torch.cuda.get_device_name()
    else:
        info = Path("/proc/cpuinfo")
        found = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else None
        name = f"{found[1].strip() if found else platform.processor() or platform.machine()}, {os.cpu_count()} cores"
    return f"{name}, {kind()}, {torch.get_num_threads()} threads, PyTorch {torch.__version__.split('+')[0]}"


def kind() -> str:
    """The kind of machine in a word that suits a file's name: avx512, avx2, or cuda and its compute capability."""
    if DEVICE.type == "cuda":
        return "cuda{}{}".format(*torch.cuda.get_device_capability())
    return torch.backends.cpu.get_cpu_capability().lower().replace(" ", "-")


def times_in_turn(case: Case, repeats: int) -> dict[str, list[float]]:
    """Seconds of every form and of both floors, each as often, one after the other in every round."""
    forget_recordings()
    works = {form: make_work(case, form) for form in FORMS if not form.startswith("straightforward") or fits(case)}
    floors = {f"floor {name}": dtype for name, dtype in FLOORS.items() if name in FORMS}
    times: dict[str, list[float]] = {form: [] for form in (*works, *floors)}
    for form, work in works.items():
        set_up(case, form)
        for _ in range(FIRST_ON_GPU if DEVICE.type == "cuda" else 0):
            work()
    for _ in range(repeats):
        for form, work in works.items():
            times[form].append(seconds(work))
        for name, dtype in floors.items():
            times[name].append(floor_seconds(case, dtype))
    return times


def set_up(case: Case, form: str) -> None:
    """Do the same work on a few positions."""
    make_work(dataclasses.replace(case, images=2, height=8, width=8), form)()


def medians(times: dict[str, list[float]]) -> dict[str, float]:
    return {form: statistics.median(values) for form, values in times.items()}


def seconds(work: Work) -> float:
    start = now()
    work()
    return now() - start


def fits(case: Case) -> bool:
    """Whether the straightforward form of a case fits the memory that is free."""
    return MATRICES * 4 * case.entries < 0.8 * free_bytes()


def free_bytes() -> float:
    if DEVICE.type == "cuda":
        return torch.cuda.mem_get_info()[0]
    info = Path("/proc/meminfo")
    found = re.search(r"MemAvailable:\s*(\d+)", info.read_text()) if info.exists() else None
    return int(found[1]) * 1024 if found else 4e9


def measure_alone(case: Case, form: str) -> dict[str, float]:
    """Seconds of one pass and growth of peak memory over it in MB, in a process of its own; a GPU's is counted here."""
    if DEVICE.type == "cuda":
        forget_recordings()
        torch.cuda.empty_cache()
        return _measure_here(case, form)
    command = [sys.executable, "-m", "benchmarks.measure", form, json.dumps(dataclasses.astuple(case))]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def _measure_here(case: Case, form: str) -> dict[str, float]:
    # What libraries set up at first use is no memory of the work.
    set_up(case, form)
    work = make_work(case, form)
    if DEVICE.type == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        for _ in range(FIRST_ON_GPU):
            work()
        took = seconds(work)
        return {"seconds": took, "megabytes": (torch.cuda.max_memory_allocated() - before) / 1e6}
    before = _resident("VmRSS")
    if CLEAR_PEAK.exists():
        CLEAR_PEAK.write_text("5")
    took = seconds(work)
    return {"seconds": took, "megabytes": (_resident("VmHWM") - before) / 1e6}


def _resident(what: str) -> float:
    """Bytes of memory that this process holds (VmRSS) or has held at most (VmHWM)."""
    if STATUS.exists():
        found = re.search(rf"{what}:\s*(\d+)", STATUS.read_text())
        if found:
            return int(found[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    print(json.dumps(_measure_here(Case(*json.loads(sys.argv[2])), sys.argv[1])))
