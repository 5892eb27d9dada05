"""The processes of a launcher share the work, or say that they did not find each other."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from cirkd.data.errors import TrainingError
from cirkd.training.processes import Processes, current_processes

PROJECT = Path(__file__).parents[2]

# What is imported meanwhile must not hold the group: torch's compiler does, where it comes first.
LEAVING = """
import torch
from cirkd.training.processes import joined_processes
from tests.training import threads

with joined_processes() as processes:
    import torch._dynamo
    assert processes.summed(torch.ones(3, dtype=torch.int64)).tolist() == [2, 2, 2]
    assert threads.named("pt_gloo_runloop"), "none was found in the group"
assert not threads.left("pt_gloo_runloop"), "some are left"
"""


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


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="threads are listed by Linux alone")
def test_no_thread_of_the_group_is_left() -> None:
    launch = ["torch.distributed.run", "--nproc-per-node", "2", "--rdzv-backend", "c10d", "--rdzv-endpoint"]
    command = [sys.executable, "-m", *launch, "localhost:0", "--no-python", sys.executable, "-c", LEAVING]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]
