"""Recipes by name, and a user's own from a file."""

import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cirkd.data.errors import TrainingError
from cirkd.training.recipes.recipe import Recipe


def find_recipe(word: str, known: dict[str, Callable[[], Recipe]]) -> Recipe:
    """The recipe that a word of the command line means.

    Args:
        word: A key of `known`, or FILE.py:FUNCTION: a file of the user's own, which is run, and the function in it
            that returns a `Recipe`.
        known: Recipes by name.

    Raises:
        TrainingError: no such recipe, file or function, or the function fails or returns something else.
    """
    if word in known:
        return known[word]()
    path, _, function = word.rpartition(":") if not word.endswith(".py") else (word, "", "")
    if not path.endswith(".py"):
        raise TrainingError(
            f"there is no recipe {word!r}; choose one of: {', '.join(known)}; or give your own as FILE.py:FUNCTION"
        )
    if not function:
        raise TrainingError(f"{word}: name the function that returns the recipe, as in {word.rstrip(':')}:make")
    return _made(Path(path), function)


def _made(path: Path, function: str) -> Recipe:
    if not path.is_file():
        raise TrainingError(f"{path}: no such file; give the path of a Python file with a function {function}")
    make = getattr(_run(path), function, None)
    if not callable(make):
        raise TrainingError(f"{path}: has no function {function}; define it, and let it return a cirkd Recipe")
    try:
        recipe = make()
    except Exception as error:
        raise _failed(path, error) from error
    if not isinstance(recipe, Recipe):
        raise TrainingError(
            f"{path}: {function}() returned {type(recipe).__name__}, a Recipe of cirkd.training.recipes was wanted"
        )
    return recipe


def _run(path: Path) -> Any:
    name = f"cirkd_recipe_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None, "a path that ends in .py has a loader"
    module = importlib.util.module_from_spec(spec)
    # Dataclasses of the file look their own module up.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise _failed(path, error) from error
    return module


def _failed(path: Path, error: Exception) -> TrainingError:
    """One line for what went wrong in the user's file, with the line of it that was last at work."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).resolve() == path.resolve()]
    where = f" line {lines[-1]}" if lines else f" line {error.lineno}" if isinstance(error, SyntaxError) else ""
    text = " ".join(str(error).split())[:160]
    return TrainingError(f"{path}{where}: {type(error).__name__}: {text}; mend the file")
