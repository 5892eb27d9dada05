"""What a run's processes printed, and the one line of it that says why a run failed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cirkd.training.journal import read_journal

LOG = "log.txt"


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
