"""The app on a free port, and the browser that looks at it: for tests, benchmarks and pictures."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
OF_THE_CHECKOUT = (sys.executable, "-m", "streamlit", "run", "app/main.py")


class Served(NamedTuple):
    """A server that answers."""

    address: str
    pid: int


@contextmanager
def serving(command: Sequence[str] = OF_THE_CHECKOUT, **settings: Any) -> Iterator[Served]:
    """A Streamlit server that a command starts, once it answers; it ends with the block, its children too.

    Args:
        command: without the port, which is a free one.
        settings: of the process, as of `subprocess.Popen`; it runs in this checkout unless they say otherwise.

    Raises:
        RuntimeError: it ended, or did not answer within a minute.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://localhost:{free.getsockname()[1]}"
    options = ["--server.headless=true", f"--server.port={address.rpartition(':')[2]}", "--server.fileWatcherType=none"]
    quiet: dict[str, Any] = {"cwd": ROOT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen([*command, *options], **quiet | settings)
    try:
        _wait(f"{address}/_stcore/health", server)
        yield Served(address, server.pid)
    finally:
        ended = psutil.Process(server.pid).children(recursive=True) if server.poll() is None else []
        for process in (*ended, server):
            process.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()


def _wait(url: str, server: subprocess.Popen[Any], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            if urllib.request.urlopen(url, timeout=1).status == 200:
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the app did not answer within {seconds:.0f} s (exit code {server.poll()})")
