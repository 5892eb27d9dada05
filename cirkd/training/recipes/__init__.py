"""What to train and how. A recipe is a function that returns a `Recipe`; `RECIPES` names those that come along."""

from collections.abc import Callable

from cirkd.training.recipes import bundled, find, paper
from cirkd.training.recipes.recipe import Memory, Network, Precision, Recipe

RECIPES: dict[str, Callable[[], Recipe]] = {**bundled.RECIPES, **paper.RECIPES}


def find_recipe(word: str) -> Recipe:
    """The recipe of a name in `RECIPES`, or of a user's own FILE.py:FUNCTION.

    Raises:
        TrainingError: there is none, or the file can't be used.
    """
    return find.find_recipe(word, RECIPES)


def listed() -> str:
    """A line for every recipe, and one for a user's own."""
    lines = {name: (make.__doc__ or "").strip().splitlines()[0] for name, make in RECIPES.items()}
    lines["FILE.py:FUNCTION"] = "Your own: a Python file, and the function in it that returns a Recipe."
    width = max(map(len, lines))
    return "\n".join(f"  {name:{width}}  {line}" for name, line in lines.items())


__all__ = ["RECIPES", "Memory", "Network", "Precision", "Recipe", "find_recipe", "listed"]
