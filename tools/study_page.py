"""The study: what it trains, and its tables and plots in `docs/results.md`; the table of methods in `docs/training.md`.

`python -m tools.study_page` writes, between the marks of each part, the command that makes its runs, what they came to
and a plot, from the sweeps' `results.parquet`; a part whose sweep has no rows yet shows its command alone. The text
around the marks is written by hand, the numbers never.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from math import isnan, nan
from pathlib import Path
from statistics import mean

from cirkd.charts import sweep as charts
from cirkd.charts.save import write_figure
from cirkd.export.table import Table
from cirkd.sweep.report import MEASURES, by_class, comparison, courses, digits, during, markdown, scatter
from cirkd.sweep.results import FILE, SweepResults, read_results
from cirkd.training.recipes.methods import METHODS
from tools.checkpoint_scores import write_between

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE, TRAINING = DOCS / "results.md", DOCS / "training.md"
METHOD_MARKS = ("<!-- methods: begin -->", "<!-- methods: end -->")
LABELS = {
    "baseline": "baseline",
    "kd": "KD",
    "cirkd": "CIRKD",
    "cirkd --objective.kd 0": "CIRKD without KD",
    "cwd": "CWD",
    "cwd --objective.kd 0": "CWD without KD",
    "cirkd-plus": "CIRKD plus (ours)",
    "dist": "DIST",
    "skd": "SKD",
    "ifvd": "IFVD",
    "at": "AT",
    "fitnet": "FitNet",
    "dsd": "DSD",
    "mgd": "MGD",
    "bpkd": "BPKD",
    "cirkdv2": "CIRKDv2",
    "kd --objective.kd-temperature 2": "KD, temperature 2",
    "kd --objective.kd-temperature 4": "KD, temperature 4",
    "cirkd --memory.indexing published": "CIRKD, published indexing",
    "baseline --learning-rate 0.003": "baseline, learning rate 0.003",
    "baseline --learning-rate 0.03": "baseline, learning rate 0.03",
    "kd --learning-rate 0.03": "KD, learning rate 0.03",
}
"""By a recipe without the name of its kind of students."""


@dataclass(frozen=True)
class Part:
    """Some recipes of one sweep.

    Attributes:
        name: of the marks and the plot.
        students: what the names of its recipes begin with.
        entries: as `cirkd sweep` takes them, without that beginning; what they are compared with comes first.
        seeds: each is trained with.
        measures: columns of the results that are tabled.
        classes: whether classes are tabled as well.
        words: for every run, as of `cirkd train`.
        sweep: its folder in `docs/study`; that of the students when not given.
        beside: how many of the first entries are there for comparison alone; the part shows nothing before another ran.
    """

    name: str
    students: str
    entries: tuple[str, ...]
    seeds: tuple[int, ...]
    measures: tuple[str, ...] = ("miou_val", "miou_test", "relation_divergence")
    classes: bool = False
    words: tuple[str, ...] = ()
    sweep: str = ""
    beside: int = 1

    @property
    def recipes(self) -> dict[str, str]:
        """Each recipe, as `cirkd sweep` takes it, and its label."""
        return {f"{self.students}-{entry}": LABELS[entry] for entry in self.entries}

    @property
    def folder(self) -> Path:
        return DOCS / "study" / (self.sweep or self.students)

    @property
    def command(self) -> str:
        """What trains and measures it, from the project's root."""
        words = ["cirkd", "sweep", *map(shlex.quote, self.recipes), "--seeds", *map(str, self.seeds)]
        words += ["--folder", f"docs/study/{self.folder.name}"]
        return " ".join([*words, "--", *self.words] if self.words else words)


FIVE, THREE, TWO = (0, 1, 2, 3, 4), (0, 1, 2), (0, 1)
MAIN = ("baseline", "kd", "cirkd", "cirkd --objective.kd 0", "cwd", "cwd --objective.kd 0", "cirkd-plus", "dist")
PARTS = (
    Part("methods", "streets", MAIN, FIVE, tuple(MEASURES), classes=True),
    Part("camvid", "camvid", MAIN[:3], THREE, tuple(MEASURES), classes=True, words=("--root", "FOLDER")),
    Part("pretrained", "streets-s2", MAIN[:3], THREE, tuple(MEASURES), classes=True),
    Part("few", "streets-few", MAIN[:3], THREE, tuple(MEASURES), classes=True),
    Part(
        "few-rates",
        "streets-few",
        (*MAIN[:2], *(f"{entry} --learning-rate 0.03" for entry in MAIN[:2]), "baseline --learning-rate 0.003"),
        THREE,
        ("miou_val", "miou_test"),
        beside=2,
    ),
    Part("camvid-few", "camvid-few", MAIN[:3], THREE, tuple(MEASURES), classes=True, words=("--root", "FOLDER")),
    Part("longer", "streets", MAIN[:3], THREE, words=("--steps", "6000"), sweep="longer"),
    Part(
        "temperature", "streets", (*MAIN[:2], *(f"kd --objective.kd-temperature {t}" for t in (2, 4))), (0,), beside=2
    ),
    Part(
        "rivals", "streets", (*MAIN[:2], "skd", "ifvd", "at", "fitnet", "dsd", "mgd", "bpkd", "cirkdv2"), TWO, beside=2
    ),
    Part(
        "indexing",
        "streets-deeplabv3",
        ("cirkd", "cirkd --memory.indexing published"),
        THREE,
        words=("--teacher", "runs/streets-deeplabv3-teacher/streets-deeplabv3-teacher.safetensors"),
    ),
)

GLANCE = {
    "few": "streets, labels of an eighth of the frames",
    "methods": "streets, all labels",
    "pretrained": "streets, all labels, student with ImageNet weights",
    "camvid-few": "CamVid, labels of an eighth of the frames",
    "camvid": "CamVid, all labels",
}
"""What stands in the table that the page begins with: part -> its regime in words."""
GLANCE_MARKS = ("<!-- glance: begin -->", "<!-- glance: end -->")


def glance() -> str:
    """Mean mIoU of the student alone, with KD and with CIRKD in every regime, over the seeds that all three have."""
    lines = []
    for name, regime in GLANCE.items():
        (part,) = (part for part in PARTS if part.name == name)
        results, entries = rows_of(part), list(part.recipes)[:3]
        runs = (
            {entry: {r["seed"]: r for r in results.rows if r["recipe"] == entry} for entry in entries}
            if results
            else {}
        )
        shared = sorted(set.intersection(*map(set, runs.values()))) if runs else []
        for split in ("val", "test"):
            known = [[float(of[seed].get(f"miou_{split}", nan)) for seed in shared] for of in runs.values()]
            measured = [values for values in known if values and not any(map(isnan, values))]
            if len(measured) == len(entries):
                lines.append([f"{regime}, {split}", str(len(shared)), *(f"{mean(values):.2f}" for values in measured)])
    heads = ["mIoU, %", "seeds", *(LABELS[entry] for entry in MAIN[:3])]
    return markdown(Table("glance", "", {head: [line[i] for line in lines] for i, head in enumerate(heads)}))


def text(part: Part) -> str:
    """A part of the page, as Markdown; its plot lies beside the sweep."""
    found = [f"```\n{part.command}\n```"]
    results = rows_of(part)
    if results is None:
        return "\n\n".join([*found, "Not run yet."])
    if missing := [label for recipe, label in part.recipes.items() if recipe not in results.recipes]:
        found.append(f"Not run yet: {'; '.join(missing)}.")
    for split in ("val", "test"):
        if differences := scatter(results, part.folder, split):
            found.append(_titled(differences.title, differences, part))
    for name in part.measures:
        if name in results.columns:
            found.append(_titled(MEASURES[name], comparison(results.compare(name), name, digits(name)), part))
    picture = f"study/{part.folder.name}/{part.name}"
    found.append(f"![Difference to the first in mIoU on val, by seed]({picture}.png)")
    if courses(results):
        found.append(_titled((table := during(results)).title, table, part))
        found.append(f"![mIoU on val in the course of training, mean and every seed]({picture}-during.png)")
    if part.classes:
        split = "test" if "miou_test" in results.columns else "val"
        found.append(_titled(f"IoU by class on {split}, %, mean over seeds", by_class(results, split), part))
    return "\n\n".join(found)


def _titled(title: str, table: Table, part: Part) -> str:
    """A table under its title, recipes by their labels."""
    labels = part.recipes
    columns = {
        labels.get(head, head): [labels.get(cell, cell) if isinstance(cell, str) else cell for cell in column]
        for head, column in table.columns.items()
    }
    return f"**{title}**\n\n" + markdown(replace(table, columns=columns))


def rows_of(part: Part) -> SweepResults | None:
    """The part's runs among those of its sweep, in the part's order; None before the first to be compared."""
    if not (part.folder / FILE).is_file():
        return None
    every = read_results(part.folder).rows
    first, *others = part.recipes
    chosen = [row for recipe in part.recipes for row in every if row["recipe"] == recipe and row["seed"] in part.seeds]
    begun = {row["recipe"] for row in chosen}.intersection(others[part.beside - 1 :])
    return SweepResults(chosen, first) if begun else None


def plot(part: Part, results: SweepResults) -> None:
    """Every recipe's difference to the first on val, seed by seed; and val in the course of training."""
    found = [replace(item, name=part.recipes[item.name]) for item in results.compare("miou_val")]
    if any(item.differences for item in found):
        figure = charts.differences(found, "difference in mIoU on val, points")
        write_figure(figure, part.folder / f"{part.name}.png", width=760)
    if known := courses(results):
        figure = charts.courses({part.recipes[name]: runs for name, runs in known.items()})
        write_figure(figure, part.folder / f"{part.name}-during.png", width=760)


def marks(part: Part) -> tuple[str, str]:
    return f"<!-- {part.name}: begin -->", f"<!-- {part.name}: end -->"


def methods() -> str:
    """Every method, what it adds, and how it differs from the published script, for `docs/training.md`."""
    shown = METHODS.values()
    columns = {
        "recipe": [f"`streets-{name}`" for name in METHODS],
        "method": [method.title for method in shown],
        "adds": [method.adds for method in shown],
        "differs_from_the_published_script": [method.differs for method in shown],
    }
    return markdown(Table("methods", "", columns))


def main() -> None:
    write_between(TRAINING, *METHOD_MARKS, methods())
    write_between(PAGE, *GLANCE_MARKS, glance())
    for part in PARTS:
        write_between(PAGE, *marks(part), text(part))
        if results := rows_of(part):
            plot(part, results)


if __name__ == "__main__":
    main()
