"""Relations to a memory of past teacher embeddings, and that memory."""

from __future__ import annotations

from typing import Any, Literal

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from cirkd import relations
from cirkd.losses.pixel_choice import Draws, GivenDraws, Indexing, choose_pixels, draw_for, least_drawn
from cirkd.relations import ClassKeys, ClassQueue, Precision
from cirkd.relations.class_queue import Rings, end_at_last_slot, write_rows
from cirkd.relations.engine.cuda_graphs import Recorded
from cirkd.relations.gather import gather_rows, several_processes

Enqueue = Literal["after", "before"]
Initial = Literal["none", "noise"]
Overflow = Literal["wrap", "jump"]
Slots = Literal["each", "shared"]


def memory_relation(
    student: Float[Tensor, "n d"],
    teacher: Float[Tensor, "n d"],
    keys: Float[Tensor, "k d"],
    temperature: float = 0.1,
    *,
    precision: Precision | None = None,
    unit_keys: bool = False,
) -> Float[Tensor, ""]:
    """Mean divergence of the rows' relations to the keys of a memory, in nats.

    For each row: KL(teacher || student) of the softmax, at `temperature`, of its cosines with all keys. All three
    are l2-normalised here. Only the student receives a gradient. 0, with zero gradient, without rows or keys.

    Example:
        >>> pixels, keys = torch.eye(4), torch.eye(4)
        >>> memory_relation(pixels, pixels, keys)
        tensor(0.)

    Args:
        precision: of the products of matrices, as in `minibatch_pixel_relation`.
        unit_keys: keys are of length 1 already, as those of a `RelationMemory` are, and taken as they come.

    Raises:
        ValueError: student and teacher differ in shape or the keys in width, or the temperature is not positive.

    Source: CIRKD (Yang et al., CVPR 2022), eq. 2 (pixel keys) and eq. 3 (region keys).
    """
    if student.shape != teacher.shape or keys.shape[1] != teacher.shape[1]:
        raise ValueError(
            f"student {list(student.shape)}, teacher {list(teacher.shape)}, keys {list(keys.shape)}: want the same "
            "pixels at one width; pass the student through RelationMemory.projection first"
        )
    return relations.keyed_divergence(
        student, teacher, keys, temperature, relations.product_precision(precision, student), unit_keys
    )


def projection_head(student_width: int, teacher_width: int) -> nn.Sequential:
    """From the student's width to the teacher's: 1x1 conv, BN, ReLU, 1x1 conv."""
    return nn.Sequential(
        nn.Conv2d(student_width, teacher_width, 1, bias=False),
        nn.BatchNorm2d(teacher_width),
        nn.ReLU(inplace=True),
        nn.Conv2d(teacher_width, teacher_width, 1, bias=False),
    )


class RelationMemory(nn.Module):
    """Queues of teacher pixels and regions per class, and the head that takes the student to the teacher's width.

    The parameters of `projection` (1x1 conv, BN, ReLU, 1x1 conv) are trained with the student; all else that
    evolves is in persistent buffers of `pixel_queue` and `region_queue`.

    Args:
        pixel_queue_size, region_queue_size: rows kept per class.
        pixel_contrast, region_contrast: keys drawn in all, `contrast // num_classes + 1` per class.
        pixels_per_class: pixels enqueued per class and image.
        indexing: "own" stores pixels of the class, "published" those that the published code takes for them; see
            `choose_pixels`.
        enqueue: whether `Objective.terms` stores a batch "after" it has drawn keys, or "before" as the published code
            does, whose keys then hold the batch's own pixels.
        initial: "none" gives out only rows that were written; "noise" starts from random unit vectors and gives them
            out until they are written over, as the published code does.
        overflow: of the pixel queue: "wrap" replaces the oldest rows; "jump" is the published overflow, see
            `end_at_last_slot`. The region queue wraps in the published code as well.
        slots: "each" class draws its own keys; "shared" takes one draw of slots for all, as the published code does.

    Raises:
        ValueError: more pixels of a class and image are enqueued than a queue with overflow "jump" has slots.

    Source: CIRKD (Yang et al., CVPR 2022), section 3.3. The defaults are the method without the published code's
    faults; `tests/step_parity` shows that the other choices make it the published code's, number by number.

    Example:
        >>> import torch
        >>> memory = RelationMemory(num_classes=2, student_width=4, teacher_width=8, pixel_queue_size=16)
        >>> memory.update(torch.rand(2, 8, 4, 4), torch.zeros(2, 4, 4, dtype=torch.long), 0)
        >>> memory.pixel_queue.fill()
        tensor([1., 0.])
    """

    def __init__(
        self,
        num_classes: int,
        student_width: int,
        teacher_width: int,
        *,
        pixel_queue_size: int = 20_000,
        region_queue_size: int = 2_000,
        pixel_contrast: int = 4_096,
        region_contrast: int = 1_024,
        pixels_per_class: int = 16,
        indexing: Indexing = "own",
        enqueue: Enqueue = "after",
        initial: Initial = "none",
        overflow: Overflow = "wrap",
        slots: Slots = "each",
    ) -> None:
        super().__init__()
        if overflow == "jump" and pixels_per_class > pixel_queue_size:
            raise ValueError(
                f"{pixels_per_class} pixels a class and image for a queue of {pixel_queue_size}: with overflow jump "
                f"they must fit; take at most {pixel_queue_size}, or overflow wrap"
            )
        self.num_classes = num_classes
        self.student_width = student_width
        self.teacher_width = teacher_width
        self.pixel_contrast = pixel_contrast
        self.region_contrast = region_contrast
        self.pixels_per_class = pixels_per_class
        self.indexing: Indexing = indexing
        self.enqueue: Enqueue = enqueue
        self.initial: Initial = initial
        self.overflow: Overflow = overflow
        self.slots: Slots = slots
        self.projection = projection_head(student_width, teacher_width)
        noise = initial == "noise"
        self.pixel_queue = ClassQueue(num_classes, pixel_queue_size, teacher_width, noise=noise)
        self.region_queue = ClassQueue(num_classes, region_queue_size, teacher_width, noise=noise)

    def settings(self) -> dict[str, Any]:
        """The arguments that make another of the same shape; a checkpoint keeps them beside the tensors."""
        return {
            "num_classes": self.num_classes,
            "student_width": self.student_width,
            "teacher_width": self.teacher_width,
            "pixel_queue_size": self.pixel_queue.keys.shape[1],
            "region_queue_size": self.region_queue.keys.shape[1],
            "pixel_contrast": self.pixel_contrast,
            "region_contrast": self.region_contrast,
            "pixels_per_class": self.pixels_per_class,
            "indexing": self.indexing,
            "enqueue": self.enqueue,
            "initial": self.initial,
            "overflow": self.overflow,
            "slots": self.slots,
        }

    def sample_pixels(self, generator: Draws = None) -> ClassKeys:
        """Random pixel keys, equally many of each class as far as the queue has them; or those of given slots."""
        slots = generator.pixel_slots if isinstance(generator, GivenDraws) else generator
        return self._sampled(self.pixel_queue, self.pixel_contrast, slots)

    def sample_regions(self, generator: Draws = None) -> ClassKeys:
        """Random region keys, equally many of each class as far as the queue has them; or those of given slots."""
        slots = generator.region_slots if isinstance(generator, GivenDraws) else generator
        return self._sampled(self.region_queue, self.region_contrast, slots)

    def _sampled(self, queue: ClassQueue, contrast: int, slots: Tensor | torch.Generator | None) -> ClassKeys:
        if isinstance(slots, Tensor):
            return queue.take(slots)
        return queue.sample(contrast // self.num_classes + 1, slots, shared=self.slots == "shared")

    @torch.no_grad()
    def update(
        self,
        teacher_embedding: Float[Tensor, "b dt h w"],
        labels: Integer[Tensor, "b H W"],
        step: int,
        generator: Draws = None,
    ) -> None:
        """Enqueue up to `pixels_per_class` random pixels of each class and one region per class, of each image.

        Labels are brought to the map by nearest neighbour; those outside [0, num_classes) are ignored. Where
        torch.distributed runs, every process enqueues the rows of all, so that their memories stay the same.

        Args:
            step: training step, kept with the rows as their age.
            generator: source of the choice of pixels: a generator on any device, or what is given.

        Raises:
            ValueError: given draws are not those of these labels.
        """
        small = relations.resize_labels(labels, (teacher_embedding.shape[2], teacher_embedding.shape[3]))
        at = torch.full((), step, device=small.device)
        rings = self.pixel_queue.rings, self.region_queue.rings, self.overflow
        if isinstance(generator, GivenDraws):
            chosen = choose_pixels(small, self.num_classes, self.pixels_per_class, generator, self.indexing)
            _store(teacher_embedding, small, *chosen, at, *rings)
            return
        draw = draw_for(small, generator)
        constants = self.pixels_per_class, self.indexing, *rings
        if several_processes():  # what they bring each other is not recorded
            _fill(teacher_embedding, small, draw, at, *constants)
        else:
            _FILL(teacher_embedding, small, draw, at, constants=constants)


def _fill(
    teacher_embedding: Float[Tensor, "b dt h w"],
    labels: Integer[Tensor, "b h w"],
    draw: Float[Tensor, "b h w"],
    step: Integer[Tensor, ""],
    per_class: int,
    indexing: Indexing,
    pixel_rings: Rings,
    region_rings: Rings,
    overflow: Overflow,
) -> tuple[()]:
    """Enqueue the pixels of each class that `draw` is least at, and regions."""
    chosen = least_drawn(labels, draw, len(pixel_rings.keys), per_class, indexing)
    return _store(teacher_embedding, labels, *chosen, step, pixel_rings, region_rings, overflow)


def _store(
    teacher_embedding: Float[Tensor, "b dt h w"],
    labels: Integer[Tensor, "b h w"],
    position: Integer[Tensor, "b n"],
    pixel_class: Integer[Tensor, "b n"],
    step: Integer[Tensor, ""],
    pixel_rings: Rings,
    region_rings: Rings,
    overflow: Overflow,
) -> tuple[()]:
    """Enqueue the pixels at these positions under these classes, and regions."""
    num_classes = len(pixel_rings.keys)
    embedding = relations.normalize(teacher_embedding, dim=1)
    image = torch.arange(len(labels), device=labels.device)[:, None]
    pixels = embedding.flatten(2)[image, :, position]
    # As many rows whatever the labels are, those without a class to be skipped: a GPU need not be asked how many.
    regions, count = relations.region_means(embedding, labels, num_classes=num_classes)
    classes = torch.arange(num_classes, device=labels.device)
    region_class = classes.expand(count.shape).masked_fill(count == 0, -1)
    rows, label = gather_rows(pixels.flatten(0, 1), pixel_class.flatten())
    if overflow == "jump":  # which is that of an image's rows
        for image_rows, image_label in zip(rows.split(position.shape[1]), label.split(position.shape[1]), strict=True):
            end_at_last_slot(pixel_rings, image_label)
            write_rows(pixel_rings, image_rows, image_label, step)
    else:
        write_rows(pixel_rings, rows, label, step)
    write_rows(region_rings, *gather_rows(regions.flatten(0, 1), region_class.flatten()), step)
    return ()


_FILL = Recorded(_fill)
