"""What a sweep trains: every entry with every seed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from cirkd.data.errors import TrainingError
from cirkd.training.recipes import Recipe, find_recipe


@dataclass(frozen=True)
class Job:
    """One run of a sweep.

    Attributes:
        entry: as given: a recipe, and flags of its own after it.
        seed: of the run.
        word: the recipe's name, or FILE.py:FUNCTION.
        flags: for `cirkd train`, the seed among them.
        recipe: what they come to, with the run's name and folder.
    """

    entry: str
    seed: int
    word: str
    flags: tuple[str, ...]
    recipe: Recipe

    @property
    def name(self) -> str:
        return self.recipe.name

    @property
    def folder(self) -> Path:
        return self.recipe.run_folder


def plan(entries: Sequence[str], seeds: Sequence[int], flags: Sequence[str], folder: Path) -> list[Job]:
    """The runs of a sweep: all entries with the first seed, then with the next.

    Args:
        entries: recipes; one in quotes may have flags after it, as "streets-cirkd --objective.temperature 0.2".
        flags: for all runs, as on `cirkd train`'s command line.
        folder: the sweep's; runs lie in `runs/` in it.

    Raises:
        TrainingError: no entries or seeds, one given twice, or a recipe that can't be made.
    """
    if not entries or not seeds:
        raise TrainingError("a sweep needs recipes and seeds: cirkd sweep streets-baseline streets-cirkd --seeds 0 1 2")
    names = [_slug(entry) for entry in entries]
    for what, given in (("recipe", names), ("seed", list(seeds))):
        twice = [item for index, item in enumerate(given) if item in given[:index]]
        if twice:
            raise TrainingError(f"the {what} {twice[0]} is given twice; give each once")
    return [_job(entry, seed, flags, folder) for seed in seeds for entry in entries]


def _job(entry: str, seed: int, flags: Sequence[str], folder: Path) -> Job:
    word, *own = _words(entry)
    every = (*flags, *own, "--seed", str(seed))
    run = ("--name", run_name(entry, seed), "--runs", str(folder / "runs"))
    recipe = tyro.cli(Recipe, prog=f"cirkd sweep {word}", default=find_recipe(word), args=[*every, *run])
    return Job(entry, seed, word, every, recipe)


def _words(entry: str) -> list[str]:
    try:
        words = shlex.split(entry)
    except ValueError as error:
        raise TrainingError(f"{entry!r}: {error}; close the quotation") from None
    if not words:
        raise TrainingError("an empty recipe was given; name one, as streets-cirkd")
    return words


def run_name(entry: str, seed: int) -> str:
    """The name of an entry's run with a seed, and of its folder.

    Example:
        >>> run_name("streets-cirkd --objective.temperature 0.2", 3)
        'streets-cirkd-objective.temperature-0.2-seed3'
    """
    return f"{_slug(entry)}-seed{seed}"


def _slug(entry: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "-", entry).strip("-.") or "recipe"
