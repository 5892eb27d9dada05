"""A function in a user's own file of Python, called."""

import importlib.util
import sys
import traceback
from pathlib import Path
from typing import Any

from cirkd.data.errors import CirkdError


def call_function(path: Path, function: str, refusal: type[CirkdError]) -> Any:
    """What a function without arguments returns. The file is run, and may import what lies beside it.

    Raises:
        refusal: no such file or function, or one of them fails; says where in the file.
    """
    if not path.is_file():
        raise refusal(f"{path}: no such file; give the path of a Python file with a function {function}")
    name, beside = f"cirkd_own_{path.stem}", str(path.parent.resolve())
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None, "a path that ends in .py has a loader"
    # Dataclasses of the file look their own module up.
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    sys.path.insert(0, beside)
    try:
        spec.loader.exec_module(module)
        make = getattr(module, function, None)
        if callable(make):
            return make()
    except Exception as error:
        raise refusal(_failure(path, error)) from error
    finally:
        sys.path.remove(beside)
    raise refusal(f"{path}: has no function {function}; define it, without arguments")


def _failure(path: Path, error: Exception) -> str:
    """One line for what went wrong in the user's file, with the line of it that was last at work."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).resolve() == path.resolve()]
    where = f" line {lines[-1]}" if lines else f" line {error.lineno}" if isinstance(error, SyntaxError) else ""
    return f"{path}{where}: {type(error).__name__}: {' '.join(str(error).split())[:160]}; mend the file"
