"""Processes that meet: commands, or a function of a test's module, in several of them at once.

They are started anew: a fork of a process whose threads have computed never ends.
`torch.distributed.nn.functional` is imported before they meet: its functions' defaults hold the group that is
there when it is imported (DistributedDataParallel does so), and threads of a group that never ends now and then
abort the process at its end.
"""

import os
import socket
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
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    run_together(*(([sys.executable, "-c", code, str(rank), str(folder)], path) for rank in range(count)))


def run_together(*processes: tuple[list[str], dict[str, str]]) -> list[str]:
    """Run commands at once, each with its further environment variables; what each printed, once all ended well."""
    started = [
        subprocess.Popen(command, env=os.environ | more, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for command, more in processes
    ]
    try:
        said = [process.communicate(timeout=300)[0] for process in started]
    finally:  # where one does not end, none is left behind to wait for the others
        for process in started:
            process.kill()
    assert all(process.returncode == 0 for process in started), "\n".join(said)
    return said


def launched(count: int) -> list[dict[str, str]]:
    """The environment variables by which so many processes find each other, as a launcher sets them for each."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return [shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(count)]
