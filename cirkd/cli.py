"""The command line: `cirkd COMMAND`, one of `COMMANDS`. Exit code 0, or 1 with one clear line on stderr."""

import dataclasses
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import tyro

import cirkd
from cirkd.data.bundled import bundled
from cirkd.data.errors import CirkdError


@dataclasses.dataclass(frozen=True)
class EvaluateOptions:
    """Scores of a checkpoint on one split of a data set.

    Args:
        checkpoint: The file to evaluate.
        data: A data set; `cirkd data` lists them.
        split: Such as val; `cirkd data` lists those of each data set.
        root: Where the data set lies; the bundled streets need none.
        device: auto, cpu or cuda.
        precision: float32, bf16 or fp16.
        architecture, encoder: What the checkpoint is, where its content does not tell, such as unet and resnet34.
        workers: Processes that read images ahead.
        precise: Print the scores with all their digits.
    """

    checkpoint: tyro.conf.Positional[Path]
    data: str = "streets"
    split: str = "val"
    root: Path | None = None
    device: str = "auto"
    precision: str = "float32"
    architecture: str | None = None
    encoder: str | None = None
    workers: int = 1
    precise: bool = False


@dataclasses.dataclass(frozen=True)
class ExtractOptions:
    """Embeddings of a data set's pixels, so many of each class, as a folder of Parquet files.

    Started by `accelerate launch -m cirkd.cli extract ...` or torchrun, several processes share the images. Started
    again, it goes on where it was interrupted.

    Args:
        checkpoints: The files; the first one's grid is taken.
        output: The folder to write.
        names: What each is called, in their order; their files' names when not given.
        data: A data set; `cirkd data` lists them.
        split: Such as val; `cirkd data` lists those of each data set.
        root: Where the data set lies; the bundled streets need none.
        per_class: Pixels kept of each class.
        layer: decoder, or projected through the head of the distillation where a checkpoint has one.
        images: Only so many; all when not given.
        workers: Processes that read images ahead.
        seed: Of the choice of pixels.
        device: auto, cpu or cuda.
        precision: float32, bf16 or fp16.
    """

    checkpoints: tyro.conf.Positional[tuple[Path, ...]]
    output: Path
    names: tuple[str, ...] = ()
    data: str = "streets"
    split: str = "val"
    root: Path | None = None
    per_class: int = 1000
    layer: str = "decoder"
    images: int | None = None
    workers: int = 1
    seed: int = 0
    device: str = "auto"
    precision: str = "float32"


@dataclasses.dataclass(frozen=True)
class DoctorOptions:
    """What a file of weights is, what fits, and what to do.

    Args:
        file: A checkpoint of any origin, or a folder that save_pretrained wrote.
        architecture: What it is, where its content does not tell, such as unet.
        encoder: Its encoder, where its content does not tell, such as resnet34.
    """

    file: tyro.conf.Positional[Path]
    architecture: str | None = None
    encoder: str | None = None


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
    cirkd.share_cores()
    try:
        return COMMANDS[words[0]](words[1:])
    except CirkdError as error:
        print(f"cirkd: {error}", file=sys.stderr)
        return 1


def _train(words: list[str]) -> int:
    """Train a recipe: cirkd train RECIPE [--resume] [--FIELD VALUE ...]."""
    from cirkd.training.recipes import Recipe, find_recipe, listed

    if not words or words[0] in ("-h", "--help"):
        print(f"usage: cirkd train RECIPE [--resume] [--FIELD VALUE ...]\n\nrecipes:\n{listed()}\n")
        print("`cirkd train RECIPE --help` lists the fields with their values.")
        return 0 if words else 2
    resume = "--resume" in words
    rest = [word for word in words[1:] if word != "--resume"]
    recipe = tyro.cli(Recipe, prog=f"cirkd train {words[0]}", default=find_recipe(words[0]), args=rest)
    from cirkd.training.trainer import train

    result = train(recipe, resume=resume, words=[words[0], *rest])
    if not result.finished:
        print(f"{recipe.name}: stopped after step {result.steps}, saved; go on with --resume")
    else:
        assert result.evaluation is not None
        print(f"{recipe.name}: val mIoU {result.evaluation.miou:.2f}, written to {recipe.checkpoint}")
    return 0


def _sweep(words: list[str]) -> int:
    """Train recipes with several seeds and compare them: cirkd sweep RECIPE ... --seeds 0 1 2 [-- --FIELD VALUE]."""
    from cirkd.sweep.command import sweep

    return sweep(words)


def _evaluate(words: list[str]) -> int:
    """Score a checkpoint on a data set: cirkd evaluate CHECKPOINT --data streets --split val."""
    options = tyro.cli(EvaluateOptions, prog="cirkd evaluate", args=words)
    from cirkd.checkpoint import load_model
    from cirkd.data.catalog import open_data
    from cirkd.training.evaluate import evaluate
    from cirkd.training.processes import joined_processes
    from cirkd.training.progress import bar

    data = open_data(options.data, options.split, options.root)
    with joined_processes() as processes, bar("evaluating", processes.is_main) as progress:
        # Joined first: that is what gives each process a GPU of its own.
        model = load_model(
            options.checkpoint, options.device, architecture=options.architecture, encoder=options.encoder
        )
        result = evaluate(
            model, data, precision=options.precision, progress=progress, workers=options.workers, processes=processes
        )
    if processes.is_main:
        print(f"{options.checkpoint.name} on {result.data} {result.split}, {result.images} images")
        for note in result.notes:
            print(f"  note: {note}")
        scores = {"mIoU": result.miou, "pixel accuracy": result.pixel_accuracy, **result.iou}
        for name, value in scores.items():
            shown = "absent" if value is None else repr(value) if options.precise else f"{value:6.2f}"
            print(f"  {name:18s} {shown}")
        for note in model.info.notes:
            print(f"  note: {note}")
    return 0


def _extract(words: list[str]) -> int:
    """Write embeddings of a whole data set: cirkd extract CHECKPOINT ... --output FOLDER."""
    options = tyro.cli(ExtractOptions, prog="cirkd extract", args=words)
    from cirkd.checkpoint import load_models
    from cirkd.data.catalog import open_data
    from cirkd.features.store import extract_to
    from cirkd.training.processes import joined_processes
    from cirkd.training.progress import bar

    data = open_data(options.data, options.split, options.root)
    with joined_processes() as processes, bar("extracting", processes.is_main) as progress:
        models = load_models(options.checkpoints, options.device, options.names)
        path = extract_to(
            options.output, models, data, per_class=options.per_class, layer=options.layer, images=options.images,
            precision=options.precision, seed=options.seed, workers=options.workers, processes=processes,
            progress=progress,
        )  # fmt: skip
    if processes.is_main:
        print(f"{path}: embeddings of {', '.join(models)} on {data.name} {data.split}")
    return 0


def _doctor(words: list[str]) -> int:
    """Say what a file of weights is, what fits, and what to do: cirkd doctor FILE."""
    options = tyro.cli(DoctorOptions, prog="cirkd doctor", args=words)
    from cirkd.doctor import examine

    verdict = examine(options.file, architecture=options.architecture, encoder=options.encoder)
    print("\n".join(verdict.lines()))
    if not verdict.usable:
        print(f"cirkd: {verdict.path}: {verdict.problem}; {verdict.remedy}", file=sys.stderr)
    return 0 if verdict.usable else 1


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
    # With -P nothing in the current folder hides a library's module.
    return subprocess.call([sys.executable, "-P", "-m", "streamlit", "run", str(bundled("app", "main.py")), *words])


def _data(words: list[str]) -> int:
    """List the data sets that can be opened, with their splits and what their folders hold: cirkd data."""
    from cirkd.data.catalog import DATA_SETS

    for entry in DATA_SETS.values():
        print(f"{entry.name:12s}{entry.title}; splits {', '.join(entry.splits)}; --root holds {entry.holds}")
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "app": _app,
    "train": _train,
    "sweep": _sweep,
    "evaluate": _evaluate,
    "extract": _extract,
    "doctor": _doctor,
    "report": _report,
    "data": _data,
}


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {(run.__doc__ or '').strip()}" for name, run in COMMANDS.items()]
    return "\n".join(["usage: cirkd COMMAND ...\n", *lines])


if __name__ == "__main__":
    sys.exit(main())
