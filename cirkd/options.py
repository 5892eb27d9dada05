"""The options of each command. What a file of weights does not tell is asked for in the same words by all of them."""

import dataclasses
from pathlib import Path
from typing import Literal

import tyro

from cirkd.models.answers import Answers
from cirkd.web import LESSON_TITLE

Told = tyro.conf.OmitArgPrefixes[Answers]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What every command takes that runs networks on images.

    Args:
        root: Where the data set lies; the bundled streets need none.
        device: auto, cpu, cuda, cuda:N or mps.
        precision: float32, bf16, fp16, or auto: bf16 on a GPU that has it, else float32.
        answers: What the files of other projects do not tell, for all checkpoints that are given. Where these differ,
            keep the answers beside each file with `cirkd doctor FILE --keep`.
    """

    root: Path | None = None
    device: str = "auto"
    precision: str = "float32"
    answers: Told = dataclasses.field(default_factory=Answers)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SplitOptions(RunOptions):
    """One split of a data set.

    Args:
        data: streets, streets/test, another of `cirkd data`, or a folder of images and label maps.
        split: Such as val, where `data` names none; `cirkd data` lists those of each data set.
        workers: Processes that read images ahead.
        class_map: A JSON object from class to class, as {"truck": "vehicle", "sky": null}: which count as which.
    """

    data: str = "streets"
    split: str = "val"
    workers: int = 1
    class_map: Path | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateOptions(SplitOptions):
    """Scores of a checkpoint on one split of a data set.

    Args:
        checkpoint: The file to evaluate.
        precise: Print the scores with all their digits.
    """

    checkpoint: tyro.conf.Positional[Path]
    precise: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExtractOptions(SplitOptions):
    """Embeddings of a data set's pixels, so many of each class, as a folder of Parquet files.

    Started by `accelerate launch -m cirkd.cli extract ...` or torchrun, several processes share the images. Started
    again, it goes on where it was interrupted.

    Args:
        checkpoints: The models' files; all are brought onto the grid of the first one's embeddings.
        output: The folder to write.
        names: What each model is called, in the order of the files; the files' names when not given.
        per_class: Pixels kept of each class.
        layer: decoder, or projected through the head of the distillation where a checkpoint has one, or stage1, stage2,
            ... of the encoder, or a submodule's name, or by model: teacher=stage4,after=stage3.
        images: How many images; all when not given.
        seed: Of the random choice of pixels.
    """

    checkpoints: tyro.conf.Positional[tuple[Path, ...]]
    output: Path
    names: tuple[str, ...] = ()
    per_class: int = 1000
    layer: str = "decoder"
    images: int | None = None
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class DoctorOptions:
    """What a file of weights is, what fits, and what to do.

    Args:
        file: A checkpoint of any origin, or a folder that save_pretrained wrote.
        answers: What it is, where its content does not tell.
        keep: Write these answers to NAME.cirkd.json beside the file, where every command and the app find them.
    """

    file: tyro.conf.Positional[Path]
    answers: Told = dataclasses.field(default_factory=Answers)
    keep: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudyOptions(RunOptions):
    """Which study a command opens. Without a checkpoint named, the bundled ones are taken.

    Args:
        teacher: The teacher's checkpoint; any of the three may be left out.
        before: The student trained alone.
        after: The distilled student.
        students: A folder of one student's checkpoints over time, each of which is a model.
        images: streets, streets/test, another of `cirkd data`, or a folder of images.
        layer: decoder, projected, stage1, stage2, ... of the encoder, or a submodule's name.
        count: How many images, chosen so that they show most of the classes.
    """

    teacher: Path | None = None
    before: Path | None = None
    after: Path | None = None
    students: Path | None = None
    images: str = "streets/val"
    layer: str = "decoder"
    precision: str = "auto"
    count: int = 6


@dataclasses.dataclass(frozen=True, kw_only=True)
class LessonOptions(StudyOptions):
    """The lesson and the Explorer of a study as one HTML file that opens without a network.

    Without a checkpoint named, the bundled ones are taken.

    Args:
        output: The HTML file.
        title: Heading of the page.
    """

    output: tyro.conf.Positional[Path] = Path("lesson.html")
    title: str = LESSON_TITLE


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReportOptions(StudyOptions):
    """A study as one HTML file that opens without a network, and, where asked for, its parts as files.

    Without a checkpoint named, the bundled ones are taken.

    Args:
        output: The HTML file.
        tables: A folder for all tables.
        table_format: Of the tables' files.
        figures: A folder for all figures.
        figure_format: Of the figures' files.
        embeddings: A Parquet file for the embeddings of all pixels.
        projector: A folder or .zip file for the TensorBoard projector.
        lesson: Whether the lesson and the Explorer stand in the file, too, behind a link (see `cirkd lesson`).
    """

    output: tyro.conf.Positional[Path] = Path("report.html")
    tables: Path | None = None
    table_format: Literal["csv", "parquet"] = "csv"
    figures: Path | None = None
    figure_format: Literal["html", "png", "svg"] = "html"
    embeddings: Path | None = None
    projector: Path | None = None
    lesson: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChangesOptions(StudyOptions):
    """The images of a whole split by what changed from one student to another, those that lost most mIoU first.

    Two are compared: `before` with `after`, or the first of those given with the last; without a checkpoint named, the
    bundled ones. What is measured is kept in the folder that `CIRKD_CACHE` names, or ~/.cache/cirkd, so that asking
    again costs little.

    Args:
        output: The table, .csv or .parquet: change of mIoU and of relation divergence, and every model's own values.
    """

    output: tyro.conf.Positional[Path]
    count: tyro.conf.Suppress[int] = 1  # all images of the split are gone through; one opens the study


@dataclasses.dataclass(frozen=True, kw_only=True)
class PredictOptions(RunOptions):
    """Label maps of a network for images, as PNG files of their names.

    Args:
        checkpoint: The network.
        images: streets, streets/test, another of `cirkd data`, or a folder of images.
        output: The folder to write.
        split: Such as val, where `images` names none; a folder without splits needs none.
        form: ids for class numbers, cityscapes for the label ids that its server wants, colors for RGB.
        flip: Average over each image and its mirror image.
        scales: Average over the image at these sizes, as 0.75 1 1.25.
        workers: Processes that read images ahead.
    """

    checkpoint: tyro.conf.Positional[Path]
    images: tyro.conf.Positional[str]
    output: Path
    split: str = "val"
    form: Literal["ids", "cityscapes", "colors"] = "ids"
    flip: bool = False
    scales: tuple[float, ...] = (1.0,)
    workers: int = 1
