"""Processes that meet: a function of a test's module in several of them at once.

They are started anew: a fork of a process whose threads have computed never ends.
`torch.distributed.nn.functional` is imported before they meet: its functions' defaults hold the group that is
there when it is imported (DistributedDataParallel does so), and threads of a group that never ends now and then
abort the process at its end.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

_CHILD = """
import sys
import torch.distributed.nn.functional
from {module} import {name}
{name}(int(sys.argv[1]), sys.argv[2])
"""


def in_processes(function: Callable[[int, str], None], folder: Path, count: int = 2) -> None:
    """Call `function(rank, folder)` in each; what they printed is shown where one fails."""
    code = _CHILD.format(module=function.__module__, name=function.__name__)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(rank), str(folder)],
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for rank in range(count)
    ]
    said = [process.communicate(timeout=300)[0] for process in started]
    assert all(process.returncode == 0 for process in started), "\n".join(said)
