"""The processes of a launcher share the work, or say that they did not find each other."""

from types import SimpleNamespace

import pytest
import torch

from cirkd.data.errors import TrainingError
from cirkd.training.processes import Processes, current_processes


def test_shares_are_everything_once() -> None:
    shares = [Processes(index, 3).share(range(10)) for index in range(3)]
    assert sorted(item for share in shares for item in share) == list(range(10))
    assert [Processes(index, 3).is_main for index in range(3)] == [True, False, False]


def test_alone_nothing_is_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert current_processes() == Processes(0, 1)
    assert Processes().summed(torch.tensor([3])).tolist() == [3]


def test_processes_that_did_not_find_each_other_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import accelerate

    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(accelerate, "PartialState", lambda **_: SimpleNamespace(num_processes=1, process_index=0))
    with pytest.raises(TrainingError, match="2 processes were started and 1 found"):
        current_processes()
