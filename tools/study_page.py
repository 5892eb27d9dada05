"""The study: what it trains, and its tables and plots in `docs/results.md`.

`python -m tools.study_page` writes, between the marks of each part, the command that makes its runs, what they came to
and a plot, from the sweeps' `results.parquet`; a part whose sweep has no rows yet shows its command alone. The text
around the marks is written by hand, the numbers never.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from cirkd.charts import sweep as charts
from cirkd.charts.save import write_figure
from cirkd.sweep.report import MEASURES, by_class, comparison, markdown
from cirkd.sweep.results import FILE, Results, read_results
from tools.checkpoint_scores import write_between

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "results.md"
KD = "streets-kd"
TERMS = {
    "minibatch": "--objective.minibatch-pixel 0.1",
    "pixel": "--objective.memory-pixel 0.1",
    "region": "--objective.memory-region 0.1",
}
TRIED = {
    "memory": "--objective.memory-pixel 1 --objective.memory-region 1",
    "projected": "--objective.minibatch-pixel 1 --objective.minibatch-projected",
    "fading": "--objective.minibatch-pixel 1 --objective.relations-fade",
}
LABELS = {
    "baseline": "baseline",
    "kd": "KD",
    "cirkd": "CIRKD",
    "skd": "SKD",
    "ifvd": "IFVD",
    "cwd": "CWD",
    "at": "AT",
    "fitnet": "FitNet",
    "dsd": "DSD",
    "cirkdv2": "CIRKDv2",
    "cirkd-plus": "CIRKD plus (ours)",
    f"kd {TERMS['minibatch']}": "KD + mini-batch",
    f"kd {TERMS['pixel']}": "KD + memory pixel",
    f"kd {TERMS['region']}": "KD + memory region",
    "cirkd --objective.temperature 0.05": "CIRKD, temperature 0.05",
    "cirkd --objective.temperature 0.2": "CIRKD, temperature 0.2",
    "cirkd --objective.temperature 0.5": "CIRKD, temperature 0.5",
    f"cirkd {TRIED['memory']}": "CIRKD, memory terms at 1",
    f"cirkd {TRIED['projected']}": "CIRKD, all behind the head",
    f"cirkd {TRIED['fading']}": "CIRKD, relations fading",
}
"""By a recipe without its data set's name."""


@dataclass(frozen=True)
class Part:
    """Some recipes of one sweep.

    Attributes:
        name: of the marks and the plot.
        data: the data set.
        entries: as `cirkd sweep` takes them, without the data set's name; the baseline is added.
        seeds: each is trained with.
        measures: columns of the results that are tabled.
        classes: whether classes are tabled as well.
        words: for every run, as of `cirkd train`.
        sweep: its folder in `docs/study`; that of the data set when not given.
    """

    name: str
    data: str
    entries: tuple[str, ...]
    seeds: tuple[int, ...]
    measures: tuple[str, ...] = ("miou_val", "miou_test", "relation_divergence")
    classes: bool = False
    words: tuple[str, ...] = ()
    sweep: str = ""

    @property
    def recipes(self) -> list[str]:
        return [f"{self.data}-{entry}" for entry in ("baseline", *self.entries)]

    @property
    def folder(self) -> Path:
        return DOCS / "study" / (self.sweep or self.data)

    @property
    def command(self) -> str:
        """What trains and measures it, from the project's root."""
        words = ["cirkd", "sweep", *map(shlex.quote, self.recipes), "--seeds", *map(str, self.seeds)]
        words += ["--folder", f"docs/study/{self.folder.name}"]
        return " ".join([*words, "--", *self.words] if self.words else words)


FIVE, THREE, TWO = (0, 1, 2, 3, 4), (0, 1, 2), (0, 1)
PARTS = (
    Part("methods", "streets", ("kd", "cirkd"), FIVE, tuple(MEASURES), classes=True),
    Part("ablation", "streets", ("kd", *(f"kd {flag}" for flag in TERMS.values()), "cirkd"), THREE),
    Part("rivals", "streets", ("kd", "skd", "ifvd", "cwd", "at", "fitnet", "dsd", "cirkdv2", "cirkd"), TWO),
    Part(
        "camvid",
        "camvid",
        ("kd", "cirkd"),
        THREE,
        ("miou_val", "relation_divergence", "neighbour_overlap"),
        classes=True,
        words=("--root", "FOLDER"),
    ),
    Part(
        "longer",
        "streets",
        ("kd", "cirkd", "cwd", "cirkd-plus", f"cirkd {TRIED['memory']}"),
        THREE,
        words=("--steps", "1500"),
        sweep="longer",
    ),
    Part("temperature", "streets", (*(f"cirkd --objective.temperature {t}" for t in (0.05, 0.2, 0.5)), "cirkd"), (0,)),
    Part(
        "tried", "streets", ("kd", "cwd", "cirkd", "cirkd-plus", *(f"cirkd {flags}" for flags in TRIED.values())), THREE
    ),
)


def text(part: Part, results: Results | None) -> str:
    """A part of the page, as Markdown; its plot lies beside the sweep."""
    found = [f"```\n{part.command}\n```"]
    if results is None or len(results.recipes) < 2:
        return "\n\n".join([*found, "Not run yet."])
    for name in part.measures:
        if name in results.columns:
            digits = 2 if name.startswith("miou") else 4
            found.append(f"**{MEASURES[name]}**\n\n" + markdown(comparison(results.compare(name), name, digits)))
    wanted = [LABELS[entry] for entry in ("baseline", *part.entries)]
    if missing := [label for label in wanted if label not in results.recipes]:
        found.insert(1, f"Not run yet: {'; '.join(missing)}.")
    picture = f"study/{part.folder.name}/{part.name}.png"
    found.append(f"![Difference to the baseline in mIoU on val, by seed]({picture})")
    if part.classes:
        split = "test" if "miou_test" in results.columns else "val"
        found.append(f"**IoU by class on {split}, %, mean over seeds**\n\n" + markdown(by_class(results, split)))
    return "\n\n".join(found)


def rows_of(part: Part) -> Results | None:
    """The part's runs among those of its sweep, under their labels, in the part's order; None before there are any."""
    if not (part.folder / FILE).is_file():
        return None
    every = read_results(part.folder).rows
    chosen = [
        {**row, "recipe": LABELS.get(entry, entry)}
        for recipe, entry in zip(part.recipes, ("baseline", *part.entries), strict=True)
        for row in every
        if row["recipe"] == recipe and row["seed"] in part.seeds
    ]
    return Results(chosen, LABELS["baseline"]) if chosen else None


def plot(part: Part, results: Results) -> None:
    """Every recipe's difference to the baseline on val, seed by seed."""
    found = results.compare("miou_val")
    if any(item.differences for item in found):
        figure = charts.differences(found, "difference in mIoU on val, points")
        write_figure(figure, part.folder / f"{part.name}.png", width=760)


def marks(part: Part) -> tuple[str, str]:
    return f"<!-- {part.name}: begin -->", f"<!-- {part.name}: end -->"


def main() -> None:
    for part in PARTS:
        results = rows_of(part)
        write_between(PAGE, *marks(part), text(part, results))
        if results is not None:
            plot(part, results)


if __name__ == "__main__":
    main()
