"""Triton's kernels compiled for GPUs where there is none: in a process without the interpreter."""

import os
import subprocess
import sys
from pathlib import Path


def sizes_of_built(script: str, cache: Path) -> list[int]:
    """What a script that compiles prints last on each of its lines: the bytes of a kernel."""
    environment = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(cache)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [int(line.split()[-1]) for line in done.stdout.splitlines()]
