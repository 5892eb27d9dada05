"""A sweep's results for people: `report.html` with tables and plots, and the tables as `report.md`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from cirkd.analysis.paired import LEAST_SEEDS, Interval, Paired, difference_interval
from cirkd.charts import sweep as charts
from cirkd.charts.gallery import Picture
from cirkd.export.files import whole
from cirkd.export.table import Table
from cirkd.report import END, begin, figure_html, table_html
from cirkd.sweep.measures import DURING, confusions_of, read_confusions
from cirkd.sweep.results import SweepResults

MEASURES = {
    "miou_val": "mIoU on val, %",
    "miou_test": "mIoU on test, %",
    "boundary_iou_val": "Boundary IoU on val, %",
    "calibration_error_val": "Expected calibration error on val, %",
    "linear_probe": "Linear probe of the embedding, mean accuracy over classes, %",
    "cka_to_teacher": "Linear CKA with the teacher",
    "neighbour_overlap": "Nearest neighbours shared with the teacher",
    "relation_divergence": "Relation divergence to the teacher, nats",
    "relation_divergence_jointly": "Relation divergence over all images at once, nats",
    "row_distance": "Distance of centroid relations to the teacher's",
    "fisher_ratio": "Fisher ratio",
    "silhouette": "Silhouette",
    "nearest_centroid_accuracy": "Nearest-centroid accuracy",
    "compactness": "Compactness of classes",
    "separation": "Separation of classes",
}
"""In the order of the report: measures that no loss minimises come before the divergence."""
PLOTTED = ("miou_val", "miou_test", "relation_divergence")
COSTS = ("parameters", "steps", "wall_seconds", "peak_memory_bytes")


def write_reports(results: SweepResults, folder: Path) -> list[Path]:
    """Write `report.html` and `report.md` beside the results."""
    html, markdown = folder / "report.html", folder / "report.md"
    with whole(html) as temporary, temporary.open("w", encoding="utf-8") as file:
        for part in _html(results, folder):
            file.write(part)
    with whole(markdown) as temporary:
        temporary.write_text(_markdown(results, folder), encoding="utf-8")
    return [html, markdown]


def digits(measure: str) -> int:
    """Decimals that a measure is written with: fewer where it is in percent."""
    return 2 if MEASURES[measure].endswith("%") else 4


def comparison(found: Sequence[Paired], title: str, digits: int) -> Table:
    """One measure of all recipes: seeds, mean, deviation, and the paired difference to the baseline.

    Args:
        digits: decimals of the numbers.
    """
    return Table(
        title,
        title,
        {
            "recipe": [item.name for item in found],
            "seeds": [len(item.values) for item in found],
            "mean": [_text(item.mean, digits) for item in found],
            "deviation": [_text(item.deviation, digits) for item in found],
            "over_baseline": [_signed(item.gain, digits) for item in found],
            "95%_interval": [_interval(item, digits) for item in found],
            "each_seed": [", ".join(_signed(value, digits) for value in item.differences.values()) for item in found],
        },
    )


def markdown(table: Table) -> str:
    """A table as Markdown, without its title."""
    heads = [name.replace("_", " ") for name in table.columns]
    rows = zip(*table.columns.values(), strict=True)
    lines = [heads, ["---"] * len(heads), *[[_cell(value) for value in row] for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def by_class(results: SweepResults, split: str) -> Table:
    """Mean IoU of every class, a column a recipe."""
    title = f"IoU by class on {split}, %, mean over seeds"
    return _means(results, f"iou_{split}/", Table(f"iou-{split}", title, {"class": []}), 1)


def during(results: SweepResults) -> Table:
    """Mean mIoU on val at every evaluation, a column a recipe: who still learns, and who has stopped."""
    title = "mIoU on val in the course of training, %, mean over seeds"
    return _means(results, DURING, Table("during", title, {"step": []}), 2)


def _means(results: SweepResults, marker: str, empty: Table, digits: int) -> Table:
    """Means over seeds of the columns that begin with a marker; the rest of their names is the table's first column.

    Recipes may have been trained with other seeds than each other: the first line says with how many.
    """
    names = [name for name in results.columns if name.startswith(marker)]
    (first,) = empty.columns
    means = {name: {item.name: item.mean for item in results.compare(name)} for name in names}
    seeds = {
        recipe: len({row["seed"] for row in results.rows if row["recipe"] == recipe}) for recipe in results.recipes
    }
    columns: dict[str, Any] = {first: ["seeds", *(name.removeprefix(marker) for name in names)]}
    columns |= {r: [str(n), *(_text(means[name][r], digits) for name in names)] for r, n in seeds.items()}
    return replace(empty, columns=columns)


def courses(results: SweepResults) -> dict[str, dict[int, dict[int, float]]]:
    """recipe -> seed -> step -> mIoU on val, as far as rows tell it."""
    found: dict[str, dict[int, dict[int, float]]] = {recipe: {} for recipe in results.recipes}
    for row in results.rows:
        known = {int(name.removeprefix(DURING)): value for name, value in row.items() if name.startswith(DURING)}
        found[row["recipe"]][row["seed"]] = {step: value for step, value in sorted(known.items()) if value is not None}
    return {recipe: seeds for recipe, seeds in found.items() if any(len(course) > 1 for course in seeds.values())}


def costs(results: SweepResults) -> Table:
    """What a run of each recipe costs, on average."""
    means = {name: {item.name: item.mean for item in results.compare(name)} for name in COSTS}
    recipes = results.recipes
    return Table(
        "costs",
        "Cost of a run, mean over seeds",
        {
            "recipe": recipes,
            "parameters": [means["parameters"][recipe] for recipe in recipes],
            "steps": [means["steps"][recipe] for recipe in recipes],
            "minutes": [_text(means["wall_seconds"][recipe] / 60, 1) for recipe in recipes],
            "peak_memory_GiB": [_text(means["peak_memory_bytes"][recipe] / 2**30, 2) for recipe in recipes],
        },
    )


def _tables(results: SweepResults, folder: Path) -> Iterator[Table]:
    known = set(results.columns)
    for split in ("val", "test"):
        found = scatter(results, folder, split)
        if found is not None:
            yield found
    for name, title in MEASURES.items():
        if name in known:
            yield comparison(results.compare(name), title, digits(name))
    for split in ("val", "test"):
        if f"miou_{split}" in known:
            yield by_class(results, split)
    if courses(results):
        yield during(results)
    yield costs(results)


def _lead(results: SweepResults) -> str:
    seeds = ", ".join(map(str, results.seeds))
    return (
        f"{len(results.rows)} runs: {len(results.recipes)} recipes with the seeds {seeds}. Differences are to "
        f"{results.baseline} with the same seed, their interval is of 95 % by Student's t. Relation measures are taken "
        "on a few telling images of val."
    )


def _html(results: SweepResults, folder: Path) -> Iterator[str]:
    yield begin("Recipes over seeds")
    yield f"<p class=lead>{escape(_lead(results))}</p><div class=figures>"
    for picture in _pictures(results):
        yield figure_html(picture)
    yield "</div>"
    for table in _tables(results, folder):
        yield table_html(table)
    yield table_html(results.table())
    yield END


def _pictures(results: SweepResults) -> Iterator[Picture]:
    if found := courses(results):
        about = "A thick line is the mean of a recipe over its seeds, a thin one a seed."
        yield Picture("during", "", during(results).title, about, 800, partial(charts.courses, found))
    for name in PLOTTED:
        found = results.compare(name)
        if not any(item.values for item in found):
            continue
        draw = partial(charts.by_seed, found, MEASURES[name])
        yield Picture(name, "", MEASURES[name], "A dot is a run; the bar is the mean of a recipe.", 800, draw)
        if any(item.differences for item in found):
            title = f"{MEASURES[name]}: difference to {results.baseline}"
            about = "A dot is the difference of a seed; the diamond is their mean, with its 95 % interval."
            draw = partial(charts.differences, found, "difference")
            yield Picture(f"{name}-difference", "", title, about, 800, draw)


def _markdown(results: SweepResults, folder: Path) -> str:
    parts = [f"{_lead(results)}\n"]
    parts += [f"## {table.title}\n\n{markdown(table)}\n" for table in _tables(results, folder)]
    return "\n".join(parts)


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:g}" if value < 1e6 else f"{value:,.0f}"


def _text(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _signed(value: float, digits: int) -> str:
    return "" if math.isnan(value) else f"{value:+.{digits}f}".replace("-", "−")


def _interval(item: Paired | Interval, digits: int) -> str:
    return "" if math.isnan(item.low) else f"{_signed(item.low, digits)} to {_signed(item.high, digits)}"


def pairs(results: SweepResults) -> list[tuple[str, str]]:
    """What is compared with what: every recipe with the baseline, and every other with KD, where there is one."""
    others = [name for name in results.recipes if name != results.baseline]
    kd = next((name for name in others if name.endswith("-kd")), None)
    return [
        (one, other) for other in (results.baseline, kd) if other in results.recipes for one in others if one != other
    ]


def scatter(results: SweepResults, folder: Path, split: str) -> Table | None:
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
            "difference": [_signed(found.difference, 2) for found in rows.values()],
            "95%_interval": [_interval(found, 2) for found in rows.values()],
            "says": [_said(found) for found in rows.values()],
            "seeds": [found.seeds for found in rows.values()],
            "images": [found.images for found in rows.values()],
        },
    )


def _said(found: Interval) -> str:
    """In words, so that nobody reads a rank where intervals overlap, or into one or two seeds."""
    if found.seeds < LEAST_SEEDS:
        return "too few seeds to tell"
    return ("ahead" if found.difference > 0 else "behind") if found.excludes_zero else "cannot be told apart"


def _by_seed(results: SweepResults, folder: Path, recipe: str, split: str) -> dict[int, np.ndarray]:
    """seed -> confusion matrices [n, C, C] of a recipe's runs, as far as they are kept."""
    found = {}
    for row in results.rows:
        path = confusions_of(folder, recipe, row["seed"])
        if row["recipe"] == recipe and path.is_file():
            kept = read_confusions(path)
            if split in kept:
                found[row["seed"]] = kept[split]
    return found
