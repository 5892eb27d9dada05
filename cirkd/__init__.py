"""See what knowledge distillation does to a segmentation network.

Names are loaded when first used, so that `import cirkd` costs nothing.
"""

import importlib
import os
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for editors and type checkers: the names of `_HOME`
    from cirkd import losses as losses
    from cirkd import relations as relations
    from cirkd.checkpoint import load_model, save_checkpoint
    from cirkd.data.catalog import open_data
    from cirkd.data.errors import CheckpointError, CirkdError, DataError, ExportError, StudyError, TrainingError
    from cirkd.doctor import Verdict, examine
    from cirkd.models.build import build_segmenter
    from cirkd.report import write_report
    from cirkd.study import Study

__version__ = "0.1.0"

_ERRORS = ("CheckpointError", "CirkdError", "DataError", "ExportError", "StudyError", "TrainingError")
_HOME = dict.fromkeys(_ERRORS, "cirkd.data.errors") | {
    "Study": "cirkd.study",
    "Verdict": "cirkd.doctor",
    "build_segmenter": "cirkd.models.build",
    "examine": "cirkd.doctor",
    "load_model": "cirkd.checkpoint",
    "open_data": "cirkd.data.catalog",
    "save_checkpoint": "cirkd.checkpoint",
    "write_report": "cirkd.report",
}

# Written out for type checkers; a test holds it to `_HOME`.
__all__ = [
    "CheckpointError",
    "CirkdError",
    "DataError",
    "ExportError",
    "Study",
    "StudyError",
    "TrainingError",
    "Verdict",
    "__version__",
    "build_segmenter",
    "examine",
    "load_model",
    "open_data",
    "save_checkpoint",
    "write_report",
]


_preparing = threading.Lock()


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in ("losses", "relations"):
        return importlib.import_module(f"cirkd.{name}")
    raise AttributeError(f"module 'cirkd' has no attribute {name!r}")


def share_cores() -> None:
    """Let PyTorch's threads sleep while they wait, instead of spinning; a program calls it before it imports torch.

    A thread that spins for one that another program keeps from running burns whole time slices: on two cores beside
    one busy process the bundled study took five times as long. Alone on a machine, sleeping costs a few percent.
    `OMP_WAIT_POLICY` in the environment, if set, stays as it is.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def prepare() -> None:
    """Import what opening and running models needs: seconds that a program can spend before a study is asked for.

    One thread at a time: Python takes a package out of `sys.modules` for a moment at the end of its import, and another
    thread that imports a part of it just then fails with a `KeyError`.
    """
    with _preparing:
        for name in ("cirkd.checkpoint", "segmentation_models_pytorch", "cirkd.features.extract"):
            importlib.import_module(name)


def __dir__() -> list[str]:
    return sorted([*__all__, "losses", "relations"])
