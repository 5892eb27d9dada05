"""Which backend computes relations: chosen by device, type and size, the same in every process and on every run.

| device | work | backend |
|---|---|---|
| GPU | float32 rows of at most 256 channels, a temperature that float32 can bear | `triton_streamed`, no tiles |
| CPU | float32, and enough entries to make up for loading numba | tiles, passes by `numba_passes` |
| any | all else | tiles, passes by `torch_passes` |

A backend that can't be built here, or does not agree with PyTorch's operations, is left aside with a warning.
`python -m benchmarks.layers` measures what each gains.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from cirkd.relations.engine.agreement import is_right
from cirkd.relations.engine.torch_passes import TorchPasses
from cirkd.relations.precision import Precision

Relate = Callable[..., Tensor]
# Entries of an operation from which a CPU takes compiled loops for them. To load these takes a second, once a process:
# soon made up for where an operation trains, and so is done again and again, hardly ever where it is done once.
WORTH_COMPILING, WORTH_COMPILING_ONCE = 2**22, 2**30
# Entries up to which launching kernels takes a GPU's processor longer than they take: two images of 64x128 positions
# are a few milliseconds of an H100's.
WORTH_RECORDING = 2**28
# Images, positions, and widths of student and teacher that streamed relations are tried on.
TRIAL = (2, 512, 64, 128)


def passes_for(device: torch.device, dtype: torch.dtype, count: int, trains: bool) -> TorchPasses:
    """The passes over the entries of tiles.

    Args:
        count: entries of each network in the whole operation.
        trains: it has a gradient.
    """
    least = WORTH_COMPILING if trains else WORTH_COMPILING_ONCE
    if device.type == "cpu" and dtype == torch.float32 and count >= least:
        return _compiled_passes()
    return TorchPasses()


def streamed_for(student: Tensor, teacher: Tensor, temperature: float, precision: Precision) -> Relate | None:
    """`triton_streamed.relate`, where these rows are related by it."""
    if student.device.type != "cuda":
        return None
    relate = _streamed(student.device, precision)
    if relate is None:
        return None
    from cirkd.relations.engine import triton_streamed

    return relate if triton_streamed.supported(student, teacher, temperature) else None


def worth_recording(student: Tensor, teacher: Tensor, entries: int, temperature: float, precision: Precision) -> bool:
    """Whether these relations are streamed, and so few that launching kernels takes longer than they do."""
    return 0 < entries <= WORTH_RECORDING and streamed_for(student, teacher, temperature, precision) is not None


@functools.cache
def _compiled_passes() -> TorchPasses:
    """Compiled here and now, before any threads work with it."""

    def compiled() -> TorchPasses:
        from cirkd.relations.engine.numba_passes import NumbaPasses

        return NumbaPasses()

    right = is_right(lambda: _tried(compiled()), lambda: _tried(TorchPasses()), torch.device("cpu"), tolerance=1e-5)
    return compiled() if right else TorchPasses()


def _tried(passes: TorchPasses, side: int = 80) -> Sequence[Tensor]:
    """Sums and slope of a tile of random logits that lies row by row, and of one that lies upright."""
    draw = torch.Generator().manual_seed(0)
    logits = torch.rand(2, side, side, generator=draw) * 20 - 10
    by_row, by_key = torch.rand(2, 2, side, 1, generator=draw)
    found = []
    for p, q in (logits.clone(), logits.mT.contiguous().mT):
        row_sums, key_sums = passes.sums(p, q, q, torch.empty_like(p), 1, True)
        assert key_sums is not None
        found += [row_sums, key_sums, passes.slope(p, q, torch.empty_like(p), by_row, by_key)]
    return found


@functools.cache
def _streamed(device: torch.device, precision: Precision) -> Relate | None:
    try:
        from cirkd.relations.engine.triton_streamed import relate
    except ImportError:  # PyTorch without Triton, as on Windows
        return None
    return relate if _relates_rightly(relate, device, precision) else None


def _relates_rightly(relate: Relate, device: torch.device, precision: Precision) -> bool:
    """Whether `relate` has the divergences and the gradient of a batch of random embeddings."""
    images, positions, *widths = TRIAL
    draw = torch.Generator().manual_seed(0)
    both = [torch.randn(images, positions, width, generator=draw).to(device) for width in widths]
    student, teacher = (x / x.norm(dim=2, keepdim=True) for x in both)
    temperature = 0.1

    def ours() -> Sequence[Tensor]:
        gradient = torch.zeros_like(student)
        pairs = (student, student), (teacher, teacher)
        return relate(*pairs, images, temperature, precision, gradient.flatten(0, 1)), gradient

    def plain() -> Sequence[Tensor]:
        with torch.inference_mode(False), torch.enable_grad():
            x = student.clone().requires_grad_()
            log_p, log_q = (_log_relations(one, temperature) for one in (x, teacher.clone()))
            nats = (log_q.exp() * (log_q - log_p)).sum(dim=2)
            return nats.detach(), torch.autograd.grad(nats.sum() * temperature, x)[0]

    return is_right(ours, plain, device, tolerance=0.05 if precision == "bf16" else 1e-3)


def _log_relations(rows: Tensor, temperature: float) -> Tensor:
    """Log of each row's relation distribution over each image: [rows, images, positions]."""
    flat = rows.flatten(0, 1)
    return (flat @ flat.T / temperature).unflatten(1, rows.shape[:2]).log_softmax(dim=2)
