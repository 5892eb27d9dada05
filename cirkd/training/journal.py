"""The journal of a run: one JSON object a line, appended as it happens, readable while it grows."""

import json
from pathlib import Path
from typing import Any


class Journal:
    """Appends events to `journal.jsonl`.

    Every event has `kind` (`start`, `train`, `evaluation`, `end`) and `step`, the number of steps done.

    Args:
        path: The file; created with its folder.
        resume_at: Events after this step are dropped: the run is about to make them again.
    """

    def __init__(self, path: Path, resume_at: int | None = None) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = [
            e for e in read_journal(path) if resume_at is not None and e["step"] <= resume_at and e["kind"] != "end"
        ]
        temporary = path.with_suffix(".tmp")
        temporary.write_text("".join(json.dumps(event) + "\n" for event in kept))
        temporary.replace(path)

    def write(self, kind: str, step: int, **values: Any) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps({"kind": kind, "step": step, **values}) + "\n")


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
