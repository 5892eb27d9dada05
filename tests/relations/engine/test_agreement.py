"""What is tried out before it is used: right and faster, or left aside."""

import pytest
import torch

from cirkd.relations.engine import passes as entries
from cirkd.relations.engine import select as choice
from cirkd.relations.engine.agreement import is_faster

CPU = torch.device("cpu")
RIGHT = [torch.tensor([3.0, 4.0]), torch.tensor(1.0)]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that only slow work moves."""
    clock = [0.0]
    monkeypatch.setattr("cirkd.relations.engine.agreement._now", lambda device: clock[0])
    return clock


def test_the_faster_of_two_that_agree_is_taken(clock: list[float]) -> None:
    def slow() -> list[torch.Tensor]:
        clock[0] += 1
        return RIGHT

    assert is_faster(lambda: RIGHT, slow, CPU)
    assert not is_faster(slow, lambda: RIGHT, CPU)
    assert not is_faster(lambda: RIGHT, lambda: RIGHT, CPU)


@pytest.mark.parametrize("error", [1e-4, 1e-2, float("nan")])
def test_results_may_differ_by_a_share_of_their_norm(clock: list[float], error: float) -> None:
    def slow() -> list[torch.Tensor]:
        clock[0] += 1
        return RIGHT

    near = [RIGHT[0] + torch.tensor([0.0, 5 * error]), RIGHT[1]]
    if error < 1e-3:
        assert is_faster(lambda: near, slow, CPU)
        return
    with pytest.warns(UserWarning, match="without all kernels on cpu: their results are wrong$"):
        assert not is_faster(lambda: near, slow, CPU)


def test_what_cannot_be_built_is_left_aside_with_a_warning() -> None:
    def broken() -> list[torch.Tensor]:
        raise RuntimeError("no compiler\nand a long story")

    with pytest.warns(UserWarning, match="without all kernels on cpu: no compiler$"):
        assert not is_faster(broken, lambda: RIGHT, CPU)


class Wrong(entries.Entries):
    def slope(self, p: torch.Tensor, *given: object) -> torch.Tensor:
        return p.zero_()


def test_wrong_entries_and_wrong_relations_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.warns(UserWarning, match="their results are wrong"):
        assert not entries._wins(Wrong(), entries.Entries(), CPU, side=40)
    monkeypatch.setattr(choice, "TRIAL", (2, 9, 4, 6))

    def relate(student: tuple[torch.Tensor, torch.Tensor], *given: object) -> torch.Tensor:
        return torch.ones(18, 2)

    with pytest.warns(UserWarning, match="their results are wrong"):
        assert not choice._wins(relate, CPU, "float32")
