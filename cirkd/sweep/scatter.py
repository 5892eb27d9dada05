"""Differences in mIoU between a sweep's recipes, with intervals over seeds and images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cirkd.analysis.bootstrap import Interval, difference_interval
from cirkd.export.table import Table
from cirkd.sweep.image_measures import read_confusions
from cirkd.sweep.measures import confusions_of
from cirkd.sweep.results import Results


def pairs(results: Results) -> list[tuple[str, str]]:
    """What is compared with what: every recipe with the baseline, and every other with KD, where there is one."""
    others = [name for name in results.recipes if name != results.baseline]
    kd = next((name for name in others if name.endswith("-kd")), None)
    further = [(name, kd) for name in others if kd is not None and name != kd]
    return [(name, results.baseline) for name in others] + further


def scatter(results: Results, folder: Path, split: str) -> Table | None:
    """A row for each pair that has seeds in common; None where no confusion matrices are kept."""
    kept = {name: _by_seed(results, folder, name, split) for name in results.recipes}
    rows = {
        pair: difference_interval(kept[pair[0]], kept[pair[1]])
        for pair in pairs(results)
        if kept[pair[0]].keys() & kept[pair[1]].keys()
    }
    if not rows:
        return None
    return Table(
        f"scatter-{split}",
        f"Difference in mIoU on {split}, with its 95 % interval over seeds and images",
        {
            "recipe": [one for one, _ in rows],
            "minus": [other for _, other in rows],
            "difference": [f"{found.difference:+.2f}" for found in rows.values()],
            "95%_interval": [f"{found.low:+.2f} to {found.high:+.2f}" for found in rows.values()],
            "says": [_said(found) for found in rows.values()],
            "seeds": [found.seeds for found in rows.values()],
            "images": [found.images for found in rows.values()],
        },
    )


def _said(found: Interval) -> str:
    """In words, so that nobody reads a rank where intervals overlap, or into one seed."""
    if found.seeds < 2:
        return "one seed tells nothing of others"
    return ("ahead" if found.difference > 0 else "behind") if found.excludes_zero else "cannot be told apart"


def _by_seed(results: Results, folder: Path, recipe: str, split: str) -> dict[int, np.ndarray]:
    """seed -> confusion matrices [n, C, C] of a recipe's runs, as far as they are kept."""
    found = {}
    for row in results.rows:
        path = confusions_of(folder, recipe, row["seed"])
        if row["recipe"] == recipe and path.is_file():
            kept = read_confusions(path)
            if split in kept:
                found[row["seed"]] = kept[split]
    return found
