"""The command line: `cirkd COMMAND`, one of `COMMANDS`. Exit code 0, or 1 with one clear line on stderr."""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import tyro

import cirkd
from cirkd.data.bundled import bundled
from cirkd.data.errors import CirkdError

if TYPE_CHECKING:  # what imports PyTorch waits for `share_cores`
    from cirkd.options import StudyOptions
    from cirkd.study import Study


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
        print("`cirkd train RECIPE --help` lists the fields with their values. A GPU is used where there is one; with")
        print(
            "CUDA_VISIBLE_DEVICES= before the command the processor trains. Started by `accelerate launch -m cirkd.cli`"
        )
        print("or torchrun, several processes share each batch.")
        return 0 if words else 2
    resume = "--resume" in words
    rest = [word for word in words[1:] if word != "--resume"]
    recipe = tyro.cli(Recipe, prog=f"cirkd train {words[0]}", default=find_recipe(words[0]), args=rest)
    from cirkd.training.trainer import train

    result = train(recipe, resume=resume, words=[words[0], *rest])
    if os.environ.get("RANK", "0") != "0":
        return 0
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
    from cirkd.checkpoint import load_model
    from cirkd.data.catalog import open_named
    from cirkd.data.mapped import mapped
    from cirkd.options import EvaluateOptions
    from cirkd.training.evaluate import evaluate
    from cirkd.training.processes import joined_processes
    from cirkd.training.progress import bar

    options = tyro.cli(EvaluateOptions, prog="cirkd evaluate", args=words)
    data = mapped(open_named(options.data, options.split, options.root), options.class_map)
    with joined_processes() as processes, bar("evaluating", processes.is_main) as progress:
        # Joined first: that is what gives each process a GPU of its own.
        model = load_model(options.checkpoint, options.device, **options.answers.given())
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
    from cirkd.checkpoint import load_models
    from cirkd.data.catalog import open_named
    from cirkd.data.mapped import mapped
    from cirkd.data.matching import match_classes
    from cirkd.features.store import extract_to
    from cirkd.options import ExtractOptions
    from cirkd.training.processes import joined_processes
    from cirkd.training.progress import bar

    options = tyro.cli(ExtractOptions, prog="cirkd extract", args=words)
    data = mapped(open_named(options.data, options.split, options.root), options.class_map)
    with joined_processes() as processes, bar("extracting", processes.is_main) as progress:
        models = load_models(options.checkpoints, options.device, options.names, options.answers)
        path = extract_to(
            options.output,
            models,
            data,
            per_class=options.per_class,
            layer=options.layer,
            images=options.images,
            precision=options.precision,
            seed=options.seed,
            workers=options.workers,
            processes=processes,
            progress=progress,
        )
    if processes.is_main:
        print(f"{path}: embeddings of {', '.join(models)} on {data.name} {data.split}")
        for note in getattr(data, "notes", ()):
            print(f"  note: {note}")
        for name, model in models.items():
            matching = match_classes(model.info.classes, data.classes or model.info.classes, data.name)
            for note in filter(None, (*model.info.notes, matching.note)):
                print(f"  note: {name}: {note}")
    return 0


def _doctor(words: list[str]) -> int:
    """Say what a file of weights is, what fits, and what to do: cirkd doctor FILE."""
    from cirkd.doctor import examine
    from cirkd.models.answers import read_sidecar, write_sidecar
    from cirkd.options import DoctorOptions

    options = tyro.cli(DoctorOptions, prog="cirkd doctor", args=words)
    verdict = examine(options.file, options.answers)
    print("\n".join(verdict.lines()))
    if verdict.usable and options.keep:
        kept = options.answers.over(read_sidecar(options.file))
        print(f"  {'kept in':10s} {write_sidecar(options.file, kept)}")
    if not verdict.usable:
        print(f"cirkd: {verdict.path}: {verdict.problem}; {verdict.remedy}", file=sys.stderr)
    return 0 if verdict.usable else 1


def _report(words: list[str]) -> int:
    """Write a study to one HTML file: cirkd report FILE --teacher T --before B --after A --images streets/val."""
    from cirkd.options import ReportOptions
    from cirkd.report import export_figures, write_report

    options = tyro.cli(ReportOptions, prog="cirkd report", args=words)
    study = _study(options)
    written = [write_report(study, options.output, lesson=options.lesson)]
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


def _changes(words: list[str]) -> int:
    """Sort a whole split by what changed: cirkd changes FILE.csv --before B --after A --images streets/val."""
    from cirkd.data.errors import StudyError
    from cirkd.export.table import write_table
    from cirkd.export.tables import split_images
    from cirkd.features.feature_set import compared
    from cirkd.options import ChangesOptions
    from cirkd.training.progress import bar

    options = tyro.cli(ChangesOptions, prog="cirkd changes", args=words)
    study = _study(options)
    names = study.names
    if len(names) < 2:
        raise StudyError(f"{', '.join(names)} alone: two models are compared; give --before and --after")
    pair = compared(names) or (names[0], names[-1])
    with bar("measuring", True) as progress:
        found = study.split_scores(progress=lambda share, _: progress(share))
    table = split_images(found, *pair)
    write_table(table, options.output)
    scored = [
        name
        for name, change in zip(table.columns["image"], table.columns["miou_change"], strict=True)
        if change == change
    ]
    ends = f"; largest mIoU loss: {scored[0]}, largest gain: {scored[-1]}" if scored else ""
    print(f"{options.output}: {len(table)} images, {pair[0]} to {pair[1]}{ends}")
    return 0


def _lesson(words: list[str]) -> int:
    """Write lesson and Explorer to one HTML file: cirkd lesson FILE --teacher T --before B --after A."""
    from cirkd.lesson import write_lesson
    from cirkd.options import LessonOptions

    options = tyro.cli(LessonOptions, prog="cirkd lesson", args=words)
    write_lesson(_study(options), options.output, title=options.title)
    print(f"{options.output}: {options.output.stat().st_size / 1e6:.1f} MB")
    return 0


def _study(options: "StudyOptions") -> "Study":
    """The study that a command is told of."""
    from cirkd.options import StudyOptions
    from cirkd.report import open_study

    return open_study(**{field.name: getattr(options, field.name) for field in dataclasses.fields(StudyOptions)})


def _app(words: list[str]) -> int:
    """Open the app in the browser: cirkd app [--model ROLE=PATH ...] [options of `streamlit run`]."""
    from cirkd.models.places import COMMANDED, told_models

    parser = argparse.ArgumentParser(prog="cirkd app", allow_abbrev=False, add_help=False)
    parser.add_argument("--model", action="append", default=[])
    options, rest = parser.parse_known_args(words)
    environment = {**os.environ, COMMANDED: json.dumps(told_models(options.model))}
    # With -P nothing in the current folder hides a library's module.
    command = [sys.executable, "-P", "-m", "streamlit", "run", str(bundled("app", "main.py")), *rest]
    return subprocess.call(command, env=environment)


def _predict(words: list[str]) -> int:
    """Write a network's label maps for images: cirkd predict CHECKPOINT FOLDER --output OUT."""
    from cirkd.checkpoint import load_model
    from cirkd.data.catalog import open_named
    from cirkd.options import PredictOptions
    from cirkd.training.predict import predict
    from cirkd.training.progress import bar

    options = tyro.cli(PredictOptions, prog="cirkd predict", args=words)
    data = open_named(options.images, options.split, options.root)
    model = load_model(options.checkpoint, options.device, **options.answers.given())
    with bar("predicting", True) as progress:
        written = predict(
            model,
            data,
            options.output,
            form=options.form,
            flip=options.flip,
            scales=options.scales,
            precision=options.precision,
            workers=options.workers,
            progress=progress,
        )
    print(f"{options.output}: {len(written)} label maps")
    for note in (*getattr(data, "notes", ()), *model.info.notes):
        print(f"  note: {note}")
    return 0


def _data(words: list[str]) -> int:
    """List the data sets that can be opened, with their splits and what their folders hold: cirkd data."""
    from cirkd.data.catalog import DATA_SETS

    if words:
        print(f"usage: cirkd data\n\n{_data.__doc__}")
        return 0 if words[0] in ("-h", "--help") else 2
    for entry in DATA_SETS.values():
        print(f"{entry.name:12s}{entry.title}; splits {', '.join(entry.splits)}; --root holds {entry.holds}")
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "app": _app,
    "train": _train,
    "sweep": _sweep,
    "evaluate": _evaluate,
    "extract": _extract,
    "predict": _predict,
    "doctor": _doctor,
    "report": _report,
    "changes": _changes,
    "lesson": _lesson,
    "data": _data,
}


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {(run.__doc__ or '').strip()}" for name, run in COMMANDS.items()]
    return "\n".join(["usage: cirkd COMMAND ...\n", *lines])


if __name__ == "__main__":
    sys.exit(main())
