"""Relations to a memory of past teacher embeddings, and that memory.

memory_relation(student [n,d], teacher [n,d], keys [k,d], temperature=0.1, *, precision=None) -> scalar
RelationMemory(num_classes, student_width, teacher_width, pixel_queue_size=20000, region_queue_size=2000,
               pixel_contrast=4096, region_contrast=1024, pixels_per_class=16)
    .projection(student_embedding [b,ds,h,w]) -> [b,dt,h,w]
    .sample_pixels(generator) .sample_regions(generator) -> ClassKeys(keys [k,dt], labels [k])
    .update(teacher_embedding [b,dt,h,w], labels [b,H,W], step, generator)
    .settings() -> the arguments that make another of the same shape
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from cirkd.relations import (
    ClassKeys,
    ClassQueue,
    Precision,
    keyed_divergence,
    normalize,
    product_precision,
    region_means,
    resize_labels,
)
from cirkd.relations.class_queue import Rings, write_rows
from cirkd.relations.engine.cuda_graphs import Recorded
from cirkd.relations.gather import gather_rows, own_share, several_processes
from cirkd.relations.random_numbers import uniform
from cirkd.relations.regions import class_members


def memory_relation(
    student: Float[Tensor, "n d"],
    teacher: Float[Tensor, "n d"],
    keys: Float[Tensor, "k d"],
    temperature: float = 0.1,
    *,
    precision: Precision | None = None,
) -> Float[Tensor, ""]:
    """Mean divergence of the rows' relations to the keys of a memory, in nats.

    For each row: KL(teacher || student) of the softmax, at `temperature`, of its cosines with all keys. All three
    are l2-normalised here. Only the student receives a gradient. 0, with zero gradient, without rows or keys.

    Args:
        precision: of the products of matrices, as in `minibatch_pixel_relation`.

    Raises:
        ValueError: student and teacher differ in shape or the keys in width, or the temperature is not positive.

    Source: CIRKD (Yang et al., CVPR 2022), eq. 2 (pixel keys) and eq. 3 (region keys).
    """
    if student.shape != teacher.shape or keys.shape[1] != teacher.shape[1]:
        raise ValueError(
            f"student {list(student.shape)}, teacher {list(teacher.shape)}, keys {list(keys.shape)}: want the same "
            "pixels at one width; pass the student through RelationMemory.projection first"
        )
    return keyed_divergence(
        student,
        teacher.detach(),
        keys.detach(),
        temperature,
        product_precision(precision, student),
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

    Source: CIRKD (Yang et al., CVPR 2022), section 3.3. Unlike the published code, a queue holds the class's own
    pixels, wraps around, and gives out only rows that were written.
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
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.student_width = student_width
        self.teacher_width = teacher_width
        self.pixel_contrast = pixel_contrast
        self.region_contrast = region_contrast
        self.pixels_per_class = pixels_per_class
        self.projection = projection_head(student_width, teacher_width)
        self.pixel_queue = ClassQueue(num_classes, pixel_queue_size, teacher_width)
        self.region_queue = ClassQueue(num_classes, region_queue_size, teacher_width)

    def settings(self) -> dict[str, int]:
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
        }

    def sample_pixels(self, generator: torch.Generator | None = None) -> ClassKeys:
        """Random pixel keys, equally many of each class as far as the queue has them."""
        return self.pixel_queue.sample(self.pixel_contrast // self.num_classes + 1, generator)

    def sample_regions(self, generator: torch.Generator | None = None) -> ClassKeys:
        """Random region keys, equally many of each class as far as the queue has them."""
        return self.region_queue.sample(self.region_contrast // self.num_classes + 1, generator)

    @torch.no_grad()
    def update(
        self,
        teacher_embedding: Float[Tensor, "b dt h w"],
        labels: Integer[Tensor, "b H W"],
        step: int,
        generator: torch.Generator | None = None,
    ) -> None:
        """Enqueue up to `pixels_per_class` random pixels of each class and one region per class, of each image.

        Labels are brought to the map by nearest neighbour; those outside [0, num_classes) are ignored. Where
        torch.distributed runs, every process enqueues the rows of all, so that their memories stay the same.

        Args:
            step: training step, kept with the rows as their age.
            generator: source of the draw, on any device.
        """
        small = resize_labels(labels, (teacher_embedding.shape[2], teacher_embedding.shape[3]))
        draw = _draw_for(small, generator)
        at = torch.full((), step, device=small.device)
        constants = self.pixels_per_class, self.pixel_queue.rings, self.region_queue.rings
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
    pixel_rings: Rings,
    region_rings: Rings,
) -> tuple[()]:
    """Enqueue the pixels of each class that `draw` is least at, and regions."""
    num_classes = len(pixel_rings.keys)
    embedding = normalize(teacher_embedding, dim=1)
    position, pixel_class = _choose(labels, draw, num_classes, per_class)
    image = torch.arange(len(labels), device=labels.device)[:, None]
    pixels = embedding.flatten(2)[image, :, position]
    # As many rows whatever the labels are, those without a class to be skipped: a GPU need not be asked how many.
    regions, count = region_means(embedding, labels, num_classes=num_classes)
    classes = torch.arange(num_classes, device=labels.device)
    region_class = classes.expand(count.shape).masked_fill(count == 0, -1)
    write_rows(pixel_rings, *gather_rows(pixels.flatten(0, 1), pixel_class.flatten()), step)
    write_rows(region_rings, *gather_rows(regions.flatten(0, 1), region_class.flatten()), step)
    return ()


_FILL = Recorded(_fill)


def choose_pixels(
    labels: Integer[Tensor, "b h w"], num_classes: int, per_class: int, generator: torch.Generator | None = None
) -> tuple[Integer[Tensor, "b n"], Integer[Tensor, "b n"]]:
    """A random choice of up to `per_class` pixels of each class in each image.

    Returns:
        Positions in the flattened image, class by class, n = num_classes * per_class (fewer of images with fewer
        pixels than that), and the class of each; -1 where a class has no more of them.
    """
    return _choose(labels, _draw_for(labels, generator), num_classes, per_class)


def _draw_for(labels: Tensor, generator: torch.Generator | None) -> Tensor:
    """A random number for each pixel."""
    # Where several processes train, each draws for the images of all: together they choose as one would.
    images, here = own_share(tuple(labels.shape))
    return uniform(images, *labels.shape[1:], generator=generator, device=labels.device)[here]


def _choose(labels: Tensor, draw: Tensor, num_classes: int, per_class: int) -> tuple[Tensor, Tensor]:
    member = class_members(labels, num_classes).flatten(2)
    order = draw.flatten(1)[:, None].expand(member.shape).masked_fill(~member, 2.0)
    drawn, position = order.topk(min(per_class, order.shape[2]), dim=2, largest=False)
    classes = torch.arange(num_classes, device=labels.device)[:, None]
    return position.flatten(1), classes.expand(position.shape).masked_fill(drawn >= 2.0, -1).flatten(1)


def choose_pixels_as_published(
    labels: Integer[Tensor, "b h w"], num_classes: int, per_class: int, generator: torch.Generator | None = None
) -> tuple[Integer[Tensor, " n"], Integer[Tensor, " n"]]:
    """The choice of the authors' published code, kept to be compared with; training here never makes it.

    It draws among the numbers 0..m-1 for a class of m pixels in an image, and takes them as positions of the whole
    image: what is stored under a class is whatever lies first in raster order.

    Returns:
        Positions in the flattened labels [b * h * w], and the class that each is stored under; a position may come
        under several classes.
    """
    positions, classes = [], []
    area = labels[0].numel() if len(labels) else 0
    for image, one in enumerate(labels):
        counts = torch.bincount(one[(one >= 0) & (one < num_classes)].long(), minlength=num_classes).tolist()
        for label, count in enumerate(counts):
            device = generator.device if generator is not None else labels.device
            drawn = torch.randperm(count, generator=generator, device=device)[:per_class]
            positions.append(drawn.to(labels.device) + image * area)
            classes.append(torch.full_like(positions[-1], label))
    empty = torch.zeros(0, dtype=torch.int64, device=labels.device)
    return torch.cat([empty, *positions]), torch.cat([empty, *classes])
