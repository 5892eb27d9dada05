"""See what knowledge distillation does to a segmentation network.

Names are loaded when first used, so that `import cirkd` costs nothing.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "CheckpointError": "cirkd.data.errors",
    "CirkdError": "cirkd.data.errors",
    "DataError": "cirkd.data.errors",
    "ExportError": "cirkd.data.errors",
    "Study": "cirkd.study",
    "StudyError": "cirkd.data.errors",
    "TrainingError": "cirkd.data.errors",
    "build_segmenter": "cirkd.models.build",
    "load_model": "cirkd.checkpoint",
    "open_data": "cirkd.data.catalog",
    "save_checkpoint": "cirkd.checkpoint",
    "write_report": "cirkd.report",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in ("losses", "relations"):
        return importlib.import_module(f"cirkd.{name}")
    raise AttributeError(f"module 'cirkd' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "losses", "relations"])
