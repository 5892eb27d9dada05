from typing import Any

import pytest
import torch

from cirkd.losses import RelationMemory, memory_relation
from cirkd.losses.pixel_choice import choose_pixels
from cirkd.relations.engine import tiles
from tests import oracles


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make_memory(num_classes: int = 3, **sizes: Any) -> RelationMemory:
    defaults = {"pixel_queue_size": 10, "region_queue_size": 4, "pixels_per_class": 2}
    return RelationMemory(num_classes, 4, 5, **(defaults | sizes))


def test_value_and_gradient_are_those_of_the_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "CPU_TILE_ENTRIES", 20)
    student = torch.randn(11, 4, dtype=torch.float64, requires_grad=True)
    teacher, keys = torch.randn(11, 4, dtype=torch.float64), torch.randn(7, 4, dtype=torch.float64)
    for temperature in (0.01, 0.1, 1.0):
        found = memory_relation(student, teacher, keys, temperature)
        wanted = oracles.memory_relation(student, teacher, keys, temperature)
        torch.testing.assert_close(found, wanted, rtol=1e-8, atol=1e-10)
        slopes = [torch.autograd.grad(value, student)[0] for value in (found, wanted)]
        torch.testing.assert_close(*slopes, rtol=1e-7, atol=1e-9)
    assert torch.autograd.gradcheck(lambda s: memory_relation(s, teacher, keys), student)


def test_keys_of_length_1_need_no_normalising() -> None:
    student, teacher, keys = (torch.randn(n, 4, dtype=torch.float64) for n in (9, 9, 6))
    unit = torch.nn.functional.normalize(keys)
    wanted = memory_relation(student, teacher, keys)
    torch.testing.assert_close(memory_relation(student, teacher, unit, unit_keys=True), wanted, rtol=1e-12, atol=0)
    assert memory_relation(student, teacher, 2 * unit, unit_keys=True) != wanted, "they are taken as they come"


@pytest.mark.parametrize("rows, keys", [(0, 3), (3, 0), (0, 0)])
def test_nothing_to_compare_is_zero_with_zero_gradient(rows: int, keys: int) -> None:
    student = torch.randn(rows, 4, requires_grad=True)
    value = memory_relation(student, torch.randn(rows, 4), torch.randn(keys, 4))
    value.backward()
    assert value.item() == 0 and student.grad is not None and not student.grad.any()


@pytest.mark.usefixtures("as_shipped")
def test_an_unprojected_student_is_refused() -> None:
    with pytest.raises(ValueError, match=r"RelationMemory\.projection"):
        memory_relation(torch.zeros(3, 4), torch.zeros(3, 5), torch.zeros(2, 5))


def test_pixels_are_chosen_from_their_own_class() -> None:
    labels = torch.randint(-1, 5, (3, 9, 9), generator=seeded())
    positions, classes = choose_pixels(labels, 4, 6, seeded(1))
    for image, position, label in zip(labels.flatten(1), positions, classes, strict=True):
        own = position[label >= 0]
        assert len(set(own.tolist())) == len(own)
        assert torch.equal(image[own], label[label >= 0])
        wanted = [min(6, int((image == c).sum())) for c in range(4)]
        assert label[label >= 0].bincount(minlength=4).tolist() == wanted
    assert not torch.equal(positions, choose_pixels(labels, 4, 6, seeded(2))[0])
    assert torch.equal(positions, choose_pixels(labels, 4, 6, seeded(1))[0])


def test_every_pixel_of_a_class_can_be_chosen() -> None:
    labels = torch.tensor([[[0, 0, 1, 0], [0, 1, 0, 0]]])
    seen = {int(choose_pixels(labels, 1, 1, seeded(seed))[0]) for seed in range(150)}
    assert seen == {0, 1, 3, 4, 6, 7}


def test_update_stores_each_class_pure_and_normalised() -> None:
    # The embedding of class c points along axis c.
    labels = torch.randint(0, 4, (2, 12, 16), generator=seeded())
    labels[labels == 3] = 255
    small = labels[:, ::2, ::2]
    embedding = torch.nn.functional.one_hot(small.clamp(max=4), 5).permute(0, 3, 1, 2) * 3.0
    memory = make_memory()
    memory.update(embedding, labels, 7, seeded())
    assert memory.pixel_queue.written.tolist() == [4, 4, 4]  # two of each class and image
    assert memory.region_queue.written.tolist() == [2, 2, 2]
    for queue in (memory.pixel_queue, memory.region_queue):
        for label in range(3):
            rows = queue.keys[label, : queue.written[label]]
            torch.testing.assert_close(rows, torch.eye(5)[label].expand_as(rows))
            assert queue.step[label].unique().tolist() == [-1, 7]


def test_keys_are_drawn_per_class_from_what_is_there() -> None:
    memory = make_memory(pixel_contrast=8, region_contrast=4)
    assert len(memory.sample_pixels(seeded()).keys) == 0
    memory.pixel_queue.enqueue(torch.randn(9, 5), torch.tensor([0] * 8 + [2]), 0)
    assert memory.sample_pixels(seeded()).labels.tolist() == [0, 0, 0, 2]  # 8 // 3 + 1 = 3 at most


def test_unlabelled_images_leave_the_memory_as_it_was() -> None:
    memory = make_memory()
    memory.update(torch.randn(2, 5, 4, 4), torch.full((2, 8, 8), 255), 0, seeded())
    assert not memory.pixel_queue.written.any() and not memory.region_queue.written.any()


def test_resumed_equals_uninterrupted() -> None:
    memory, draw = make_memory(), seeded()
    batches = [(torch.randn(2, 5, 4, 4), torch.randint(0, 3, (2, 4, 4))) for _ in range(4)]
    for step in range(2):
        memory.update(*batches[step], step, draw)
    other, other_draw = RelationMemory(**memory.settings()), torch.Generator()
    other.load_state_dict(memory.state_dict())
    other_draw.set_state(draw.get_state())
    for step in range(2, 4):
        memory.update(*batches[step], step, draw)
        other.update(*batches[step], step, other_draw)
    for name, value in memory.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name
    assert torch.equal(memory.sample_pixels(draw).keys, other.sample_pixels(other_draw).keys)
