"""What to train and how. A recipe is a function that returns a `Recipe`; `RECIPES` names those that come along."""

from collections.abc import Callable
from pathlib import Path

from cirkd.data.errors import TrainingError
from cirkd.data.own_code import call_function
from cirkd.training.recipes import bundled, paper
from cirkd.training.recipes.recipe import Memory, Network, Precision, Recipe

__all__ = ["RECIPES", "Memory", "Network", "Precision", "Recipe", "find_recipe", "listed"]

RECIPES: dict[str, Callable[[], Recipe]] = {**bundled.RECIPES, **paper.RECIPES}
"""Those that come along, by name."""


def find_recipe(word: str) -> Recipe:
    """The recipe that a word of the command line means.

    Args:
        word: A key of `RECIPES`, or FILE.py:FUNCTION: a file of the user's own, which is run, and the function in it
            that returns a `Recipe`.

    Raises:
        TrainingError: no such recipe, file or function, or the function fails or returns something else.
    """
    if word in RECIPES:
        return RECIPES[word]()
    path, _, function = word.rpartition(":") if not word.endswith(".py") else (word, "", "")
    if not path.endswith(".py"):
        raise TrainingError(
            f"there is no recipe {word!r}; choose one of: {', '.join(RECIPES)}; or give your own as FILE.py:FUNCTION"
        )
    if not function:
        raise TrainingError(f"{word}: name the function that returns the recipe, as in {word.rstrip(':')}:make")
    recipe = call_function(Path(path), function, TrainingError)
    if not isinstance(recipe, Recipe):
        raise TrainingError(
            f"{path}: {function}() returned {type(recipe).__name__}, a Recipe of cirkd.training.recipes was wanted"
        )
    return recipe


def listed() -> str:
    """A line for every recipe, and one for a user's own."""
    lines = {name: (make.__doc__ or "").strip().splitlines()[0] for name, make in RECIPES.items()}
    lines["FILE.py:FUNCTION"] = "Your own: a Python file, and the function in it that returns a Recipe."
    width = max(map(len, lines))
    return "\n".join(f"  {name:{width}}  {line}" for name, line in lines.items())
