from collections.abc import Iterator

import pytest
import torch

from cirkd.relations import keyed_divergence, normalize, pairwise_divergence
from cirkd.relations.engine.workers import MOST_WORKERS, workers_for

CPU = torch.device("cpu")


@pytest.fixture
def three_cores() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_cores")
def test_each_worker_runs_once_and_cores_are_given_back() -> None:
    seen: list[int] = []
    with workers_for(CPU) as workers:
        assert workers.count == min(3, MOST_WORKERS) and torch.get_num_threads() == 1
        workers.run(seen.append)
        # Whoever comes meanwhile works alone.
        with workers_for(CPU) as others:
            assert others.count == 1
    assert sorted(seen) == [0, 1, 2] and torch.get_num_threads() == 3


@pytest.mark.usefixtures("three_cores")
def test_errors_come_through_and_cores_are_given_back() -> None:
    def job(worker: int) -> None:
        if worker == 1:
            raise InterruptedError

    for _ in range(2):
        with pytest.raises(InterruptedError), workers_for(CPU) as workers:
            workers.run(job)
        assert torch.get_num_threads() == 3


def test_a_gpu_and_one_core_need_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    for device in (CPU, torch.device("cuda")):
        with workers_for(device) as workers:
            assert workers.count == 1


@pytest.mark.usefixtures("three_cores")
def test_the_same_again_to_the_bit() -> None:
    draw = torch.Generator().manual_seed(0)
    rows = normalize(torch.randn(3, 300, 8, generator=draw)).requires_grad_()
    teacher, keys = (normalize(torch.randn(*shape, 8, generator=draw)) for shape in ((3, 300), (5000,)))

    def results() -> list[torch.Tensor]:
        values = [pairwise_divergence(rows, teacher, 0.1), keyed_divergence(rows[0], teacher[0], keys, 0.1)]
        return [*values, *torch.autograd.grad(sum(values), rows)]

    first = results()
    for _ in range(3):
        assert all(torch.equal(a, b) for a, b in zip(first, results(), strict=True))


@pytest.mark.usefixtures("three_cores")
def test_inference_mode_goes_along() -> None:
    with torch.inference_mode():
        rows = normalize(torch.randn(2, 40, 5))
        assert pairwise_divergence(rows, rows, 0.1).abs() < 1e-5
