"""The relation losses beside the straightforward form, in one run: `make bench`.

The straightforward form builds every A x A similarity matrix of teacher and student and keeps all of them for the
backward pass. Times are the median of several forward and backward passes, taken in turn; memory is the growth of the
process's peak in a fresh process per form.
"""

import argparse
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from cirkd import losses

SHAPES = {"streets crop": (8, 16, 32, 64, 128), "CamVid crop": (4, 45, 45, 128, 256)}
FORMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {}


def straightforward(student: Tensor, teacher: Tensor, temperature: float = 0.1) -> Tensor:
    """Equation 1 as it is written, over all pairs at once."""
    rows = [F.normalize(x.flatten(2), dim=1).transpose(1, 2) for x in (student, teacher)]
    student_log, teacher_log = (F.log_softmax(torch.einsum("iad,jbd->ijab", x, x) / temperature, dim=-1) for x in rows)
    images, positions = student.shape[0], rows[0].shape[1]
    return F.kl_div(student_log, teacher_log, reduction="sum", log_target=True) / (images**2 * positions)


FORMS["straightforward"] = straightforward
FORMS["cirkd"] = losses.minibatch_pixel_relation


def inputs(shape: tuple[int, int, int, int, int]) -> tuple[Tensor, Tensor]:
    """Student embedding with gradient and teacher embedding, `[B, d, h, w]`, from a fixed seed."""
    images, height, width, student_width, teacher_width = shape
    generator = torch.Generator().manual_seed(0)
    student = torch.randn(images, student_width, height, width, generator=generator).requires_grad_()
    return student, torch.randn(images, teacher_width, height, width, generator=generator)


def seconds(form: Callable[[Tensor, Tensor], Tensor], student: Tensor, teacher: Tensor) -> float:
    """Wall time of one forward and backward pass."""
    student.grad = None
    start = time.perf_counter()
    form(student, teacher).backward()
    return time.perf_counter() - start


def peak_growth(form: str, shape: str) -> float:
    """Growth of peak memory in MB, measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.relations", "--memory", form, shape]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def report_memory(form: str, shape: str) -> None:
    """Print the growth of this process's peak memory over one pass."""
    student, teacher = inputs(SHAPES[shape])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds(FORMS[form], student, teacher)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memory", nargs=2, metavar=("FORM", "SHAPE"))
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    if options.memory:
        report_memory(*options.memory)
        return
    print(f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for name, shape in SHAPES.items():
        student, teacher = inputs(shape)
        times: dict[str, list[float]] = {form: [] for form in FORMS}
        for _ in range(options.repeats + 1):
            for form, function in FORMS.items():
                times[form].append(seconds(function, student, teacher))
        median = {form: statistics.median(values[1:]) for form, values in times.items()}
        memory = {form: peak_growth(form, name) for form in FORMS}
        for form in FORMS:
            print(f"{name:14s} {form:16s} {median[form]:7.3f} s {memory[form]:8.0f} MB")
        print(f"{name:14s} {'ratio':16s} {median['straightforward'] / median['cirkd']:7.2f} x faster")


if __name__ == "__main__":
    main()
