"""Pixels that a memory takes in: of the class or as published, drawn or given, against a choice one by one."""

import pytest
import torch

from cirkd.losses import RelationMemory
from cirkd.losses.pixel_choice import GivenDraws, Indexing, choose_pixels
from tests.losses.test_memory import make_memory, seeded


def ranks_for(labels: torch.Tensor, classes: int, per_class: int) -> torch.Tensor:
    ranks = torch.full((len(labels), classes, per_class), -1)
    for image, label in enumerate(labels):
        for c in range(classes):
            drawn = torch.randperm(int((label == c).sum()), generator=seeded(10 * image + c))[:per_class]
            ranks[image, c, : len(drawn)] = drawn
    return ranks


def given(ranks: torch.Tensor) -> GivenDraws:
    return GivenDraws(torch.tensor([1, 0]), torch.tensor([2]), ranks)


def one_by_one(labels: torch.Tensor, ranks: torch.Tensor, indexing: Indexing) -> list[tuple[int, int, int]]:
    """Image, class and position of each row."""
    found = []
    for image, label in enumerate(labels.flatten(1).tolist()):
        for c in range(ranks.shape[1]):
            members = [place for place, value in enumerate(label) if value == c]
            for rank in ranks[image, c].tolist():
                if rank >= 0:
                    found.append((image, c, members[rank] if indexing == "own" else rank))
    return found


@pytest.mark.parametrize("indexing", ["own", "published"])
def test_given_ranks_name_the_pixels_that_one_by_one_names(indexing: Indexing) -> None:
    labels = torch.randint(-1, 4, (3, 6, 7), generator=seeded())
    labels[labels == 2] = 1  # a class that no image has
    ranks = ranks_for(labels, 4, 5)
    position, classes = choose_pixels(labels, 4, 5, given(ranks), indexing)
    rows = [(i, int(c), int(p)) for i in range(3) for p, c in zip(position[i], classes[i], strict=True) if c >= 0]
    assert rows == one_by_one(labels, ranks, indexing)


def test_a_published_draw_is_among_as_many_positions_as_the_class_has() -> None:
    labels = torch.tensor([[[1, 1, 1, 0, 0, 1, -1, 1]]])
    seen = set()
    for seed in range(60):
        (position,), (classes,) = choose_pixels(labels, 2, 2, seeded(seed), "published")
        assert classes.tolist() == [0, 0, 1, 1]
        assert sorted(position[:2].tolist()) == [0, 1]
        seen |= set(position[2:].tolist())
    assert seen == {0, 1, 2, 3, 4}


def test_draws_of_other_labels_are_refused() -> None:
    labels = torch.tensor([[[0, 0, 1]]])
    for ranks in (torch.tensor([[[2], [0]]]), torch.zeros(1, 3, 1, dtype=torch.int64)):
        with pytest.raises(ValueError, match="give those that were drawn for these labels"):
            choose_pixels(labels, 2, 1, given(ranks))


@pytest.mark.parametrize("indexing", ["own", "published"])
def test_update_stores_what_was_given_in_its_order(indexing: Indexing) -> None:
    labels = torch.randint(-1, 3, (2, 4, 5), generator=seeded(3))
    ranks, embedding = ranks_for(labels, 3, 2), torch.randn(2, 5, 4, 5, generator=seeded(4))
    memory = make_memory(indexing=indexing)
    memory.update(embedding, labels, 3, given(ranks))
    unit = torch.nn.functional.normalize(embedding, dim=1).flatten(2)
    rows: dict[int, list[torch.Tensor]] = {0: [], 1: [], 2: []}
    for image, c, place in one_by_one(labels, ranks, indexing):
        rows[c].append(unit[image, :, place])
    for c, wanted in rows.items():
        assert memory.pixel_queue.written[c] == len(wanted)
        torch.testing.assert_close(memory.pixel_queue.keys[c, : len(wanted)], torch.stack(wanted))
    keys, classes = memory.sample_pixels(given(ranks))
    assert classes.tolist() == [0, 0, 1, 1, 2, 2]
    assert torch.equal(keys, memory.pixel_queue.keys[:, [1, 0]].flatten(0, 1))
    assert torch.equal(memory.sample_regions(given(ranks)).keys, memory.region_queue.keys[:, 2])


def test_an_overflow_that_jumps_is_that_of_each_image() -> None:
    memory, wraps = make_memory(2, pixel_queue_size=3, overflow="jump"), make_memory(2, pixel_queue_size=3)
    labels = torch.tensor([[[0, 0, 1]], [[0, 0, 1]], [[0, 1, 1]]])
    for one in (memory, wraps):
        one.update(torch.randn(3, 5, 1, 3, generator=seeded()), labels, 0, given(ranks_for(labels, 2, 2)))
    # Class 0: rows in 0 and 1, two in the last two slots, one in 0. Class 1: in 0, in 1, two in the last two.
    assert (memory.pixel_queue.written % 3).tolist() == [1, 0]
    assert wraps.pixel_queue.written.tolist() == [5, 4]
    assert not torch.equal(memory.pixel_queue.keys, wraps.pixel_queue.keys)
    assert torch.equal(memory.region_queue.keys, wraps.region_queue.keys), "regions wrap in either"
    with pytest.raises(ValueError, match="take at most 1, or overflow wrap"):
        make_memory(2, pixel_queue_size=1, overflow="jump")
    assert make_memory(2, pixel_queue_size=1, overflow="jump", pixels_per_class=1).pixel_queue.keys.shape[1] == 1
    assert make_memory(2, pixel_queue_size=1, overflow="wrap").pixel_queue.keys.shape[1] == 1


def test_choices_come_back_with_the_memory() -> None:
    choices = {"indexing": "published", "enqueue": "before", "initial": "noise", "overflow": "jump", "slots": "shared"}
    memory = make_memory(**choices)
    again = RelationMemory(**memory.settings())
    assert again.settings() == memory.settings()
    assert {name: getattr(again, name) for name in choices} == choices
    defaults = make_memory().settings()
    assert [defaults[name] for name in choices] == ["own", "after", "none", "wrap", "each"]
