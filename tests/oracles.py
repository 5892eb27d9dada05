"""Slow, obvious implementations that the fast ones are held to."""

from __future__ import annotations

import math
from itertools import product

import torch
from torch import Tensor


def unit(row: Tensor) -> Tensor:
    """A vector of length 1, or zero if it was zero."""
    length = row.square().sum().sqrt()
    return row / length if length > 0 else row * 0


def row_divergence(
    student: Tensor, student_keys: Tensor, teacher: Tensor, teacher_keys: Tensor, temperature: float
) -> Tensor:
    """KL(teacher || student) of one row's relation distribution, from the definition."""
    p = torch.stack([unit(student) @ unit(key) for key in student_keys]).div(temperature).softmax(0)
    q = torch.stack([unit(teacher) @ unit(key) for key in teacher_keys]).div(temperature).softmax(0)
    return (q * (q.log() - p.log())).sum()


def relation_divergence(
    student: Tensor, student_keys: Tensor, teacher: Tensor, teacher_keys: Tensor, temperature: float
) -> Tensor:
    """The divergence of every row."""
    rows = [
        row_divergence(s, student_keys, t, teacher_keys, temperature) for s, t in zip(student, teacher, strict=True)
    ]
    return torch.stack(rows)


def minibatch_pixel_relation(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Equation 1, all matrices at once."""
    s = torch.nn.functional.normalize(student.flatten(2), dim=1)
    t = torch.nn.functional.normalize(teacher.flatten(2), dim=1)
    log_p = (torch.einsum("idn,jdm->ijnm", s, s) / temperature).log_softmax(3)
    log_q = (torch.einsum("idn,jdm->ijnm", t, t) / temperature).log_softmax(3)
    return (log_q.exp() * (log_q - log_p)).sum(3).mean()


def memory_relation(student: Tensor, teacher: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """Equations 2 and 3, all matrices at once."""
    s, t, v = (torch.nn.functional.normalize(x, dim=1) for x in (student, teacher, keys))
    log_p, log_q = (s @ v.T / temperature).log_softmax(1), (t @ v.T / temperature).log_softmax(1)
    return (log_q.exp() * (log_q - log_p)).sum(1).mean()


class ClassRings:
    """A ring per class out of Python lists: slots hold (row, step) or None."""

    def __init__(self, num_classes: int, size: int) -> None:
        self.slots: list[list[tuple[list[float], int] | None]] = [[None] * size for _ in range(num_classes)]
        self.written = [0] * num_classes

    def enqueue(self, embeddings: Tensor, labels: Tensor, step: int) -> None:
        for row, label in zip(embeddings.tolist(), labels.tolist(), strict=True):
            if 0 <= label < len(self.slots):
                ring = self.slots[label]
                ring[self.written[label] % len(ring)] = (row, step)
                self.written[label] += 1


def region_embeddings(embedding: Tensor, labels: Tensor, num_classes: int) -> list[tuple[Tensor, int, int]]:
    """(embedding, image, label) of every region, pixel by pixel."""
    regions = []
    for image in range(len(labels)):
        for label in range(num_classes):
            pixels = [
                embedding[image, :, row, column]
                for row in range(labels.shape[1])
                for column in range(labels.shape[2])
                if labels[image, row, column] == label
            ]
            if pixels:
                regions.append((unit(torch.stack(pixels).mean(0)), image, label))
    return regions


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson's, of two rows."""
    a, b = a - a.mean(), b - b.mean()
    return (a * b).sum() / (a.square().sum() * b.square().sum()).sqrt()


def inter_class_correlation(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """DIST over the classes of each pixel."""
    p, q = (student / temperature).softmax(1), (teacher / temperature).softmax(1)
    found = [
        1 - _correlation(p[image, :, row, column], q[image, :, row, column])
        for image, row, column in product(*(range(student.shape[axis]) for axis in (0, 2, 3)))
    ]
    return torch.stack(found).mean() * temperature**2


def intra_class_correlation(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """DIST over the pixels of each class."""
    p, q = (student / temperature).softmax(1), (teacher / temperature).softmax(1)
    found = [1 - _correlation(p[:, label].flatten(), q[:, label].flatten()) for label in range(student.shape[1])]
    return torch.stack(found).mean() * temperature**2


def boundary_mask(labels: Tensor, num_classes: int) -> Tensor:
    """Whether any of the eight neighbours is of another class, pixel by pixel."""
    found = torch.zeros(labels.shape, dtype=torch.bool)
    for image, row, column in product(*map(range, labels.shape)):
        label = labels[image, row, column]
        around = labels[image, max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2].flatten()
        others = [one for one in around if 0 <= one < num_classes and one != label]
        found[image, row, column] = 0 <= label < num_classes and len(others) > 0
    return found


def boundary_distillation(student: Tensor, teacher: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """BPKD at boundaries, pixel by pixel."""
    found = [
        _divergence(student[image, :, row, column] / temperature, teacher[image, :, row, column] / temperature)
        for image, row, column in boundary_mask(labels, student.shape[1]).nonzero().tolist()
    ]
    return torch.stack(found).mean() * temperature**2 if found else student.sum() * 0


def body_distillation(student: Tensor, teacher: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """BPKD inside regions, class by class."""
    classes = student.shape[1]
    inside = (labels >= 0) & (labels < classes) & ~boundary_mask(labels, classes)
    found = [
        _divergence(
            student[image, label][inside[image]] / temperature, teacher[image, label][inside[image]] / temperature
        )
        for image, label in product(range(len(student)), range(classes))
    ]
    return torch.stack(found).mean() * temperature**2


def _divergence(student: Tensor, teacher: Tensor) -> Tensor:
    """KL(teacher || student) of two softmaxes; 0 of nothing."""
    log_p, log_q = student.log_softmax(0), teacher.log_softmax(0)
    return (log_q.exp() * (log_q - log_p)).sum()


def dense_contrast(generated: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Af-DCD, a group of channels at a position at a time."""
    if min(generated.shape[2:]) >= 16:
        generated, teacher = (torch.nn.functional.max_pool2d(x, 4) for x in (generated, teacher))
    images, width, h, w = generated.shape
    groups = math.gcd(16, width)
    high, wide = min(4, h), min(4, w)
    found = []
    for image, top, left in product(range(images), range(0, h - high + 1, high), range(0, w - wide + 1, wide)):
        ours, theirs = (x[image, :, top : top + high, left : left + wide] for x in (generated, teacher))
        places = list(product(range(high), range(wide)))
        for (row, column), group in product(places, range(groups)):
            channels = [slice(g * width // groups, (g + 1) * width // groups) for g in range(groups)]
            own = ours[channels[group], row, column]
            positive = -(own - theirs[channels[group], row, column]).abs().sum()
            negatives = [
                -(own - theirs[channels[other], r, c]).abs().sum()
                for (r, c), other in product(places, range(groups))
                if other != group
            ]
            logits = torch.stack([positive, *negatives]) / temperature
            found.append(-logits.log_softmax(0)[0])
    return torch.stack(found).mean() * groups
