"""What to train and how. A recipe is a function that returns a `Recipe`; `RECIPES` names those that come along."""

from cirkd.training.recipes.find import RECIPES, find_recipe, listed
from cirkd.training.recipes.recipe import Memory, Network, Precision, Recipe

__all__ = ["RECIPES", "Memory", "Network", "Precision", "Recipe", "find_recipe", "listed"]
