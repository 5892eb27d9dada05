"""What a run says where its output is no terminal, as in a log."""

from __future__ import annotations

import pytest

from cirkd.training.progress import Progress, bar

LONG = "on [red]val[/red] :smile: " + "x" * 100


def test_a_line_stays_one_and_as_written(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("cirkd.training.progress.time.monotonic", lambda: now)
    with Progress(LONG, steps=10, done=0, shown=True) as progress:
        now = 31.0
        progress.advance(0.5)
        progress.note(f"written to {LONG}")
    told = f"{LONG}: step 1 of 10, task 0.500, 31.00 s a step, 5 min left"
    assert capsys.readouterr().out.splitlines() == [told, f"{LONG}: written to {LONG}"]
    with bar(LONG, shown=True, lines=True) as update:
        now = 62.0
        update(0.4)
    assert capsys.readouterr().err.splitlines() == [f"{LONG}: 40%"]
