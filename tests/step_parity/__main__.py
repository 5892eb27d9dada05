"""python -m tests.step_parity FOLDER [--device cpu|cuda] [--precision ...] [--processes N]

Repeats the recorded runs in FOLDER with this project's own training step and prints the largest deviation of each kind.
Ends with 0 where all of both runs was compared and is within bounds, else with 1.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import torch

from tests.step_parity.compare import PRECISIONS, compare
from tests.step_parity.repeat import INDEXING
from tests.step_parity.trace import Trace
from tests.together import launched


def main() -> int:
    given = _arguments()
    if given.processes > 1 and "RANK" not in os.environ:
        return _together(given.processes)
    if given.device == "cuda" and not torch.cuda.is_available():
        sys.exit("no GPU here; leave --device cuda out")
    if given.device == "cpu":
        os.environ["ACCELERATE_USE_CPU"] = "true"
    # Else float32 on a GPU has products of 10 bits.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    whole = all([_repeat(given.folder, name, precision) for name in INDEXING for precision in given.precision])
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    return 0 if whole else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.step_parity", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("folder", type=Path, help="holds step_parity.json and the recorded runs")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    parser.add_argument("--processes", type=int, default=1, help="share each batch over so many processes")
    given = parser.parse_args()
    missing = [n for n in ("step_parity.json", *(f"{n}.npz" for n in INDEXING)) if not (given.folder / n).is_file()]
    if missing:
        parser.error(f"{given.folder} holds no {missing[0]}; give the folder of a recorded run")
    return given


def _repeat(folder: Path, name: str, precision: str) -> bool:
    """Compare one run; whether all is well."""
    began = time.monotonic()
    found, missing = compare(Trace(folder, name), precision)
    if os.environ.get("RANK", "0") == "0":
        print(f"{name}, {precision} ({time.monotonic() - began:.0f} s)")
        print("\n".join([*found.lines(), *(f"  {line}  FAILS" for line in missing)]), flush=True)
    return found.passed() and not missing


def _together(processes: int) -> int:
    """This command in processes that find each other as a launcher's do."""
    command = [sys.executable, "-m", "tests.step_parity", *sys.argv[1:]]
    started = [subprocess.Popen(command, env=os.environ | place) for place in launched(processes)]
    return max(abs(process.wait()) for process in started)


if __name__ == "__main__":
    sys.exit(main())
