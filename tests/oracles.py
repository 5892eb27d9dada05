"""Slow, obvious implementations that the fast ones are held to."""

from __future__ import annotations

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
