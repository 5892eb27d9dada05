"""What is measured: the work, the straightforward form of it, and its floor."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from cirkd.losses import RelationMemory, memory_relation, minibatch_pixel_relation
from cirkd.relations.precision import has_bf16

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
TEMPERATURE = 0.1
HALF = "straightforward bf16"  # as autocast has it on a GPU: products alone in bf16
# bf16 is left out where the device has no arithmetic for it: it would take hundreds of times as long.
FORMS = ("straightforward", "float32")
if has_bf16(DEVICE):
    FORMS += ("bf16",)
if DEVICE.type == "cuda":
    FORMS += (HALF,)
Work = Callable[[], None]


@dataclass(frozen=True)
class Case:
    """A piece of work: one forward and backward pass of relation losses.

    Args:
        images, height, width: of the batch of embeddings.
        student_width, teacher_width: channels.
        classes: of the memory, whose two terms are then the work; 0 for the mini-batch term.
    """

    images: int
    height: int
    width: int
    student_width: int
    teacher_width: int
    classes: int = 0

    @property
    def rows(self) -> int:
        return self.images * self.height * self.width

    @property
    def keys(self) -> int:
        return (4096 // self.classes + 1 + 1024 // self.classes + 1) * self.classes

    @property
    def entries(self) -> int:
        """Entries of one network's relation matrices."""
        return self.rows * self.keys if self.classes else self.rows**2

    @property
    def products(self) -> list[tuple[int, int]]:
        """(width, entries) of each product of matrices that can't be spared: of both networks, and for the gradient."""
        if self.classes:
            return [(self.teacher_width, self.entries)] * 3
        once = self.rows * (self.rows + 1) // 2  # the relation of a to b is that of b to a
        return [(width, once) for width in (*[self.student_width] * 3, self.teacher_width)]


def make_work(case: Case, form: str) -> Work:
    """The work on fixed random embeddings, ready to be timed again and again."""
    return _memory_work(case, form) if case.classes else _minibatch_work(case, form)


def floor_seconds(case: Case, dtype: torch.dtype) -> float:
    """How long the bare products of a case take, each at the speed of a large one measured now."""
    total = 0.0
    for width, entries in case.products:
        side = 1024 if DEVICE.type == "cpu" else 8192
        rows = torch.randn(side, width, device=DEVICE, dtype=dtype)
        out = torch.empty(side, side, device=DEVICE, dtype=dtype)
        torch.mm(rows, rows.T, out=out)
        count = 8
        start = now()
        for _ in range(count):
            torch.mm(rows, rows.T, out=out)
        total += (now() - start) / count * entries / side**2
    return total


def now() -> float:
    """Seconds on a clock, with all work of the device done."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def _minibatch_work(case: Case, form: str) -> Work:
    draw = torch.Generator().manual_seed(0)
    shape = (case.height, case.width)
    student = torch.randn(case.images, case.student_width, *shape, generator=draw).to(DEVICE).requires_grad_()
    teacher = torch.randn(case.images, case.teacher_width, *shape, generator=draw).to(DEVICE)

    def work() -> None:
        student.grad = None
        if form.startswith("straightforward"):
            with _autocast(form):
                straightforward_minibatch(student, teacher).backward()
        else:
            minibatch_pixel_relation(student, teacher, TEMPERATURE, precision=form).backward()  # pyright: ignore[reportArgumentType]

    return work


def _memory_work(case: Case, form: str) -> Work:
    """Draw keys of both kinds, relate the batch to them, and fill the queues with it."""
    draw = torch.Generator().manual_seed(0)
    memory = RelationMemory(case.classes, case.student_width, case.teacher_width)
    for queue in (memory.pixel_queue, memory.region_queue):
        queue.keys.normal_(generator=draw)
        queue.written.fill_(queue.keys.shape[1])
    memory = memory.to(DEVICE)
    size = (case.images, case.height, case.width)
    labels = torch.randint(0, case.classes, size, generator=draw).to(DEVICE)
    teacher = torch.randn(case.images, case.teacher_width, *size[1:], generator=draw).to(DEVICE)
    student = torch.randn(case.rows, case.teacher_width, generator=draw).to(DEVICE).requires_grad_()
    rows = teacher.permute(0, 2, 3, 1).flatten(0, 2)

    def work() -> None:
        student.grad = None
        if form.startswith("straightforward"):
            with _autocast(form):
                terms = [straightforward_memory(student, rows, keys) for keys in straightforward_draws(memory)]
                (terms[0] + terms[1]).backward()
            straightforward_update(memory, teacher, labels)
            return
        keys = memory.sample_pixels(draw).keys, memory.sample_regions(draw).keys
        terms = [memory_relation(student, rows, k, TEMPERATURE, precision=form) for k in keys]  # pyright: ignore[reportArgumentType]
        (terms[0] + terms[1]).backward()
        memory.update(teacher, labels, 0, draw)

    return work


def _autocast(form: str) -> torch.autocast:
    return torch.autocast(DEVICE.type, torch.bfloat16, enabled=form == HALF)


def straightforward_minibatch(student: Tensor, teacher: Tensor) -> Tensor:
    """Equation 1 as it is written: every relation matrix of both networks, kept for the backward pass."""
    rows = [F.normalize(x.flatten(2), dim=1).transpose(1, 2) for x in (student, teacher)]
    student_log, teacher_log = (F.log_softmax(torch.einsum("iad,jbd->ijab", x, x) / TEMPERATURE, dim=-1) for x in rows)
    images, positions = student.shape[0], rows[0].shape[1]
    return F.kl_div(student_log, teacher_log, reduction="sum", log_target=True) / (images**2 * positions)


def straightforward_memory(student: Tensor, teacher: Tensor, keys: Tensor) -> Tensor:
    """Equations 2 and 3 as they are written."""
    s, t, k = (F.normalize(x, dim=1) for x in (student, teacher, keys))
    student_log, teacher_log = (F.log_softmax(x @ k.T / TEMPERATURE, dim=1) for x in (s, t))
    return F.kl_div(student_log, teacher_log, reduction="batchmean", log_target=True)


def straightforward_draws(memory: RelationMemory) -> list[Tensor]:
    """Pixel and region keys, class by class."""
    found = []
    for queue, contrast in ((memory.pixel_queue, memory.pixel_contrast), (memory.region_queue, memory.region_contrast)):
        count = contrast // memory.num_classes + 1
        drawn = [keys[torch.randperm(len(keys), device=keys.device)[:count]] for keys in queue.keys]
        found.append(torch.cat(drawn))
    return found


@torch.no_grad()
def straightforward_update(memory: RelationMemory, embedding: Tensor, labels: Tensor) -> None:
    """Enqueue pixels and a region of each class of each image, one after the other."""
    embedding = F.normalize(embedding, dim=1)
    for rows, label in zip(embedding.flatten(2).transpose(1, 2), labels.flatten(1), strict=True):
        for c in label.unique().tolist():
            own = rows[label == c]
            pixels = own[torch.randperm(len(own), device=own.device)[: memory.pixels_per_class]]
            for queue, new in ((memory.pixel_queue, pixels), (memory.region_queue, F.normalize(own.mean(0)[None]))):
                slots = (queue.written[c] + torch.arange(len(new), device=own.device)) % queue.keys.shape[1]
                queue.keys[c, slots] = new
                queue.written[c] += len(new)
