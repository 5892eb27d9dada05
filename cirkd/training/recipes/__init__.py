"""What to train and how. A recipe is a function that returns a `Recipe`; `RECIPES` names those that come along."""

from collections.abc import Callable

from cirkd.training.recipes import bundled, find
from cirkd.training.recipes.recipe import Memory, Network, Precision, Recipe

RECIPES: dict[str, Callable[[], Recipe]] = {
    "streets-teacher": bundled.streets_teacher,
    "streets-baseline": bundled.streets_baseline,
    "streets-kd": bundled.streets_kd,
    "streets-skd": bundled.streets_skd,
    "streets-ifvd": bundled.streets_ifvd,
    "streets-cwd": bundled.streets_cwd,
    "streets-at": bundled.streets_at,
    "streets-fitnet": bundled.streets_fitnet,
    "streets-dsd": bundled.streets_dsd,
    "streets-cirkd": bundled.streets_cirkd,
    "streets-cirkdv2": bundled.streets_cirkdv2,
    "camvid-teacher": bundled.camvid_teacher,
    "camvid-baseline": bundled.camvid_baseline,
    "camvid-kd": bundled.camvid_kd,
    "camvid-cirkd": bundled.camvid_cirkd,
}


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
