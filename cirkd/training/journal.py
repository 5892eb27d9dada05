"""The journal of a run: one JSON object a line, readable while it grows; and what its processes printed."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cirkd.data.errors import TrainingError
from cirkd.data.whole_files import replacing

LOG = "log.txt"


class Journal:
    """Appends events to `journal.jsonl`.

    Every event has `kind` (`start`, `train`, `evaluation`, `end`) and `step`, the number of steps done.

    Args:
        path: The file; created with its folder.
        resume_at: Events after this step are dropped: the run is about to make them again.
        writes: False leaves the file alone, as in all processes but the first.
    """

    def __init__(self, path: Path, resume_at: int | None = None, *, writes: bool = True) -> None:
        self.path, self.writes = path, writes
        if not writes:
            return
        before = [] if resume_at is None else read_journal(path)
        kept = [e for e in before if e["step"] <= (resume_at or 0) and e["kind"] != "end"]
        with replacing(path) as temporary:
            temporary.write_text("".join(json.dumps(event) + "\n" for event in kept))

    def write(self, kind: str, step: int, **values: Any) -> None:
        """Append an event.

        Raises:
            TrainingError: the disk refuses.
        """
        if not self.writes:
            return
        try:
            with self.path.open("a") as file:
                file.write(json.dumps({"kind": kind, "step": step, **values}) + "\n")
        except OSError as error:
            raise TrainingError(f"{self.path}: cannot be written ({error}); free some space and --resume") from None


def read_journal(path: Path) -> list[dict[str, Any]]:
    """All whole events of a journal; a last line torn by a crash is left out, a missing file is empty."""
    events = []
    if path.is_file():
        for line in path.read_text().splitlines():
            try:
                events.append(json.loads(line))
            except ValueError:
                break
    return events


@dataclass(frozen=True)
class History:
    """A run as its journal tells, so far.

    Attributes:
        recipe: as the run began with; {} before it began.
        classes: names and colours (`[r, g, b]`) of what it learns, where the journal says.
        step, steps: done and wanted.
        at: steps of the entries below, each as long as this.
        raw, weighted: loss term -> its values.
        total, learning_rate, seconds_per_step: their values.
        memory_fill: share of the pixel memory that is filled, 0..1; None where there is none.
        gpu_memory: largest so far, in bytes; None without a GPU.
        evaluations: (step, split, mIoU in percent).
        resumed: steps at which the run went on after a stop.
        finished: whether it wrote its checkpoint.
    """

    recipe: dict[str, Any]
    classes: dict[str, Any]
    step: int
    steps: int
    at: tuple[int, ...]
    raw: dict[str, tuple[float, ...]]
    weighted: dict[str, tuple[float, ...]]
    total: tuple[float, ...]
    learning_rate: tuple[float, ...]
    seconds_per_step: tuple[float, ...]
    memory_fill: tuple[float | None, ...]
    gpu_memory: tuple[int | None, ...]
    evaluations: tuple[tuple[int, str, float], ...]
    resumed: tuple[int, ...]
    finished: bool

    @property
    def seconds_left(self) -> float | None:
        """At the pace of the latest steps; None before the first."""
        return (self.steps - self.step) * self.seconds_per_step[-1] if self.seconds_per_step else None


def read_history(path: Path) -> History:
    """Read a journal, finished or growing; one that is not there yet is an empty history."""
    events = read_journal(path)
    starts = [e for e in events if e["kind"] == "start"]
    train = [e for e in events if e["kind"] == "train"]
    begun: dict[str, Any] = starts[-1] if starts else {}
    recipe = begun.get("recipe", {})

    def column(name: str) -> tuple[Any, ...]:
        return tuple(e.get(name) for e in train)

    def terms(name: str) -> dict[str, tuple[float, ...]]:
        known = dict.fromkeys(term for e in train for term in e[name])
        return {term: tuple(e[name].get(term, math.nan) for e in train) for term in known}

    return History(
        recipe=recipe,
        classes=begun.get("classes", {}),
        step=max((e["step"] for e in events), default=0),
        steps=int(recipe.get("steps", 0)),
        at=column("step"),
        raw=terms("raw"),
        weighted=terms("weighted"),
        total=column("total"),
        learning_rate=column("learning_rate"),
        seconds_per_step=column("seconds_per_step"),
        memory_fill=column("pixel_memory_fill"),
        gpu_memory=column("gpu_memory_bytes"),
        evaluations=tuple((e["step"], e["split"], e["miou"]) for e in events if e["kind"] == "evaluation"),
        resumed=tuple(e["step"] for e in starts if e.get("resumed")),
        finished=bool(events) and events[-1]["kind"] == "end",
    )


def log(folder: Path, lines: int = 200) -> str:
    """The last lines that a run's process printed."""
    path = folder / LOG
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.is_file() else ""


def ended_with(folder: Path) -> str:
    """The line that the latest process ended with, if that was an error: from its journal, or from what it printed."""
    events = read_journal(folder / "journal.jsonl")
    if events and events[-1]["kind"] == "error":
        return str(events[-1]["text"])
    lines = _latest(folder)
    if lines and lines[-1].startswith("cirkd: "):
        return lines[-1].removeprefix("cirkd: ")
    if reason := _refusal(lines):
        return reason
    return lines[-1] if any(line.startswith("Traceback") for line in lines) else ""


def refused(folder: Path) -> bool:
    """Whether the command line refused the latest process's words, so that the same words would fail again."""
    return bool(_refusal(_latest(folder)))


def _latest(folder: Path) -> list[str]:
    """What the latest process in a folder printed, without empty lines."""
    latest = log(folder).rpartition("$ cirkd train")[2].splitlines()[1:]
    return [line.strip() for line in latest if line.strip()]


def _refusal(lines: Sequence[str]) -> str:
    """What the command line said of words that it refused, in a frame that opens with `╭─`; "" where it did not."""
    frame = next((i for i, line in enumerate(lines) if line.startswith("╭─ ")), None)
    if frame is None:
        return ""
    said = [line.strip("│ ") for line in lines[frame + 1 :]]
    end = next((i for i, line in enumerate(said) if not line.strip("─╰╯")), len(said))  # a rule: advice follows
    return " ".join(said[:end])
