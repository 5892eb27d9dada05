import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cirkd.relations import ClassQueue
from cirkd.relations.class_queue import end_at_last_slot
from tests.oracles import ClassRings


def filled_queue(counts: list[int], size: int = 5) -> ClassQueue:
    """A queue whose rows are (class, order of writing)."""
    queue = ClassQueue(len(counts), size, 2)
    for label, count in enumerate(counts):
        rows = torch.tensor([[label, order] for order in range(count)], dtype=torch.float32).reshape(count, 2)
        queue.enqueue(rows, torch.full((count,), label), step=label)
    return queue


@settings(max_examples=50)
@given(
    num_classes=st.integers(1, 3),
    size=st.integers(1, 4),
    calls=st.lists(st.lists(st.integers(-1, 4), max_size=12), max_size=6),
)
def test_a_queue_is_a_ring_per_class(num_classes: int, size: int, calls: list[list[int]]) -> None:
    queue, rings = ClassQueue(num_classes, size, 2), ClassRings(num_classes, size)
    for step, labels in enumerate(calls):
        rows, label = torch.randn(len(labels), 2), torch.tensor(labels, dtype=torch.int64)
        queue.enqueue(rows, label, step)
        rings.enqueue(rows, label, step)
    assert queue.written.tolist() == rings.written
    for c, ring in enumerate(rings.slots):
        assert queue.step[c].tolist() == [-1 if slot is None else slot[1] for slot in ring]
        assert queue.keys[c].tolist() == [[0.0, 0.0] if slot is None else slot[0] for slot in ring]
    assert queue.fill().tolist() == pytest.approx([min(count, size) / size for count in rings.written])


@settings(max_examples=30)
@given(counts=st.lists(st.integers(0, 9), min_size=1, max_size=4), per_class=st.integers(0, 7), seed=st.integers(0, 9))
def test_samples_are_different_written_rows_of_their_class(counts: list[int], per_class: int, seed: int) -> None:
    keys, labels = filled_queue(counts).sample(per_class, torch.Generator().manual_seed(seed))
    assert labels.bincount(minlength=len(counts)).tolist() == [min(count, 5, per_class) for count in counts]
    assert labels.tolist() == sorted(labels.tolist())
    assert len({tuple(key) for key in keys.tolist()}) == len(keys)
    for (label_of_key, order), label in zip(keys.tolist(), labels.tolist(), strict=True):
        assert label_of_key == label and counts[label] - 5 <= order < counts[label]


def test_the_draw_is_the_generators() -> None:
    queue = filled_queue([5, 5])
    first, second = (queue.sample(3, torch.Generator().manual_seed(7)).keys for _ in range(2))
    assert torch.equal(first, second)
    draws = {tuple(queue.sample(1, torch.Generator().manual_seed(s)).keys[0].tolist()) for s in range(60)}
    assert len(draws) == 5


def test_all_state_is_in_the_state_dict() -> None:
    queue = filled_queue([3, 7])
    other = ClassQueue(2, 5, 2)
    other.load_state_dict(queue.state_dict())
    for one in (queue, other):
        one.enqueue(torch.ones(4, 2), torch.tensor([0, 1, 1, 0]), step=9)
    assert all(torch.equal(a, b) for a, b in zip(queue.buffers(), other.buffers(), strict=True))
    assert set(queue.state_dict()) == {"keys", "written", "step"}


@pytest.mark.usefixtures("as_shipped")
def test_rows_that_do_not_fit_are_refused() -> None:
    queue = ClassQueue(2, 3, 4)
    with pytest.raises(ValueError, match="one label per row of width 4"):
        queue.enqueue(torch.zeros(2, 5), torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ValueError, match="one label per row of width 4"):
        queue.enqueue(torch.zeros(2, 4), torch.zeros(3, dtype=torch.int64))
    with pytest.raises(ValueError, match="each must be at least 1"):
        ClassQueue(2, 0, 4)


@settings(max_examples=50)
@given(size=st.integers(3, 7), chunks=st.lists(st.lists(st.integers(-1, 1), max_size=3), max_size=8))
def test_rows_that_would_reach_the_last_slot_end_in_it(size: int, chunks: list[list[int]]) -> None:
    """The published overflow, slot by slot."""
    queue = ClassQueue(2, size, 1)
    slots, pointer = [[0.0] * size for _ in range(2)], [0, 0]
    for number, chunk in enumerate(chunks, start=1):
        labels = torch.tensor(chunk, dtype=torch.int64)
        end_at_last_slot(queue.rings, labels)
        queue.enqueue(torch.full((len(chunk), 1), float(number)), labels, number)
        for c in range(2):
            count = chunk.count(c)
            overflows = count > 0 and pointer[c] + count >= size
            start = size - count if overflows else pointer[c]
            slots[c][start : start + count] = [float(number)] * count
            pointer[c] = 0 if overflows else pointer[c] + count
    assert queue.keys[..., 0].tolist() == slots
    assert (queue.written % size).tolist() == pointer


def test_noise_is_given_out_until_it_is_written_over() -> None:
    queue = ClassQueue(2, 4, 3, noise=True)
    begun = queue.keys.clone()
    torch.testing.assert_close(begun.norm(dim=2), torch.ones(2, 4))
    keys, labels = queue.sample(4, torch.Generator().manual_seed(0))
    assert labels.tolist() == [0] * 4 + [1] * 4
    assert sorted(map(tuple, keys[:4].tolist())) == sorted(map(tuple, begun[0].tolist()))
    queue.enqueue(torch.ones(1, 3), torch.tensor([1]))
    assert queue.keys[1, 0].tolist() == [1, 1, 1] and torch.equal(queue.keys[1, 1:], begun[1, 1:])
    assert queue.fill().tolist() == [0, 0.25]
    assert not ClassQueue(2, 4, 3).sample(4).labels.numel()


def test_one_draw_of_slots_serves_all_classes() -> None:
    queue = filled_queue([5, 5, 5])
    for seed in range(5):
        keys, _ = queue.sample(3, torch.Generator().manual_seed(seed), shared=True)
        orders = keys[:, 1].reshape(3, 3)
        assert torch.equal(orders[0], orders[1]) and torch.equal(orders[0], orders[2])
    apart = queue.sample(3, torch.Generator().manual_seed(0)).keys[:, 1].reshape(3, 3)
    assert not (torch.equal(apart[0], apart[1]) and torch.equal(apart[0], apart[2]))
    assert torch.equal(queue.take(torch.tensor([4, 1])).keys[:, 1], torch.tensor([4.0, 1.0] * 3))
