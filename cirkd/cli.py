"""The command line: `cirkd app | train | evaluate | report`. Exit code 0, or 1 with one clear line on stderr."""

import dataclasses
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import tyro

from cirkd.data.errors import CirkdError


@dataclasses.dataclass(frozen=True)
class EvaluateOptions:
    """Scores of a checkpoint on one split of a data set.

    Args:
        checkpoint: The file to evaluate.
        data: streets, camvid or folder.
        split: train, val or test.
        root: Where the data set lies; the bundled streets need none.
        device: auto, cpu or cuda.
        precision: float32, bf16 or fp16.
    """

    checkpoint: tyro.conf.Positional[Path]
    data: str = "streets"
    split: str = "val"
    root: Path | None = None
    device: str = "auto"
    precision: str = "float32"


@dataclasses.dataclass(frozen=True)
class ReportOptions:
    """A study as one HTML file that opens without a network, and, where asked for, its parts as files.

    Without a checkpoint named, the bundled ones are taken.

    Args:
        output: The HTML file.
        teacher, before, after: Checkpoints; any may be left out.
        images: streets, streets/test, a folder of images, or another data set's name.
        root: Where the data set lies; the bundled streets need none.
        count: How many images, chosen so that they show most of the classes.
        layer: decoder or projected.
        device: auto, cpu or cuda.
        precision: auto, float32, bf16 or fp16.
        tables: A folder for all tables; table_format: csv or parquet.
        figures: A folder for all figures; figure_format: html, png or svg.
        embeddings: A Parquet file for the embeddings of all pixels.
        projector: A folder or .zip file for the TensorBoard projector.
    """

    output: tyro.conf.Positional[Path] = Path("report.html")
    teacher: Path | None = None
    before: Path | None = None
    after: Path | None = None
    images: str = "streets/val"
    root: Path | None = None
    count: int = 6
    layer: str = "decoder"
    device: str = "auto"
    precision: str = "auto"
    tables: Path | None = None
    table_format: Literal["csv", "parquet"] = "csv"
    figures: Path | None = None
    figure_format: Literal["html", "png", "svg"] = "html"
    embeddings: Path | None = None
    projector: Path | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        print(_help())
        return 0 if words else 2
    if words[0] not in COMMANDS:
        print(f"cirkd: there is no command {words[0]!r}; choose one of: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    try:
        return COMMANDS[words[0]](words[1:])
    except CirkdError as error:
        print(f"cirkd: {error}", file=sys.stderr)
        return 1


def _train(words: list[str]) -> int:
    """Train a recipe: cirkd train RECIPE [--resume] [--FIELD VALUE ...]."""
    from cirkd.training.recipes import RECIPES, Recipe

    if not words or words[0] in ("-h", "--help"):
        width = max(map(len, RECIPES))
        print("usage: cirkd train RECIPE [--resume] [--FIELD VALUE ...]\n\nrecipes:")
        for name, make in RECIPES.items():
            print(f"  {name:{width}}  {(make.__doc__ or '').strip().splitlines()[0]}")
        print("\n`cirkd train RECIPE --help` lists the fields with their values.")
        return 0 if words else 2
    if words[0] not in RECIPES:
        print(f"cirkd: there is no recipe {words[0]!r}; choose one of: {', '.join(RECIPES)}", file=sys.stderr)
        return 2
    resume = "--resume" in words
    rest = [word for word in words[1:] if word != "--resume"]
    recipe = tyro.cli(Recipe, prog=f"cirkd train {words[0]}", default=RECIPES[words[0]](), args=rest)
    from cirkd.training.trainer import train

    result = train(recipe, resume=resume)
    if not result.finished:
        print(f"{recipe.name}: stopped after step {result.steps}, saved; go on with --resume")
    else:
        assert result.evaluation is not None
        print(f"{recipe.name}: val mIoU {result.evaluation.miou:.2f}, written to {recipe.checkpoint}")
    return 0


def _evaluate(words: list[str]) -> int:
    """Score a checkpoint on a data set: cirkd evaluate CHECKPOINT --data streets --split val."""
    options = tyro.cli(EvaluateOptions, prog="cirkd evaluate", args=words)
    from cirkd.checkpoint import load_model
    from cirkd.data.catalog import open_data
    from cirkd.training.evaluate import evaluate

    data = open_data(options.data, options.split, options.root)
    result = evaluate(load_model(options.checkpoint, options.device), data, precision=options.precision)
    print(f"{options.checkpoint.name} on {result.data} {result.split}, {result.images} images")
    print(f"  {'mIoU':18s} {result.miou:6.2f}\n  {'pixel accuracy':18s} {result.pixel_accuracy:6.2f}")
    for name, value in result.iou.items():
        print(f"  {name:18s} {'absent' if value is None else f'{value:6.2f}'}")
    return 0


def _report(words: list[str]) -> int:
    """Write a study to one HTML file: cirkd report FILE --teacher T --before B --after A --images streets/val."""
    options = tyro.cli(ReportOptions, prog="cirkd report", args=words)
    from cirkd.report import export_figures, open_study, write_report

    study = open_study(
        options.teacher, options.before, options.after, options.images, root=options.root, count=options.count,
        layer=options.layer, device=options.device, precision=options.precision,
    )  # fmt: skip
    written = [write_report(study, options.output)]
    if options.tables is not None:
        written += study.export_tables(options.tables, options.table_format)
    if options.figures is not None:
        written += export_figures(study, options.figures, options.figure_format)
    if options.embeddings is not None:
        written.append(study.export_embeddings(options.embeddings))
    if options.projector is not None:
        written.append(study.export_projector(options.projector))
    print(f"{options.output}: {options.output.stat().st_size / 1e6:.1f} MB" + "".join(f"\n{p}" for p in written[1:]))
    return 0


def _app(words: list[str]) -> int:
    """Open the app in the browser: cirkd app [options of `streamlit run`]."""
    page = Path(__file__).resolve().parents[1] / "app" / "main.py"
    if not page.is_file():
        print(f"cirkd: {page} is missing; the app runs from a clone of the repository", file=sys.stderr)
        return 1
    return subprocess.call([sys.executable, "-m", "streamlit", "run", str(page), *words], cwd=page.parents[1])


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "app": _app,
    "train": _train,
    "evaluate": _evaluate,
    "report": _report,
}


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {(run.__doc__ or '').strip()}" for name, run in COMMANDS.items()]
    return "\n".join(["usage: cirkd COMMAND ...\n", *lines])


if __name__ == "__main__":
    sys.exit(main())
