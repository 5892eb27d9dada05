"""A loss of somebody's own: one function and one entry, and the command line, the journal and the chart know it."""

import subprocess
import sys
from pathlib import Path

import pytest

OWN = '''
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from cirkd.data.transforms import Augmentation
from cirkd.losses import Head, Objective, Term, with_terms
from cirkd.training.recipes import Network, Recipe


def spread(batch):
    """Spread of the logits, scaled by a trained number."""
    return batch.student.logits.std() * batch.head("scale").weight.mean().exp()


SCALE = Head("scale", lambda sizes: nn.Linear(sizes.student_width, sizes.num_classes))
Mine = with_terms({"spread": Term("Spread of logits", "#123456", "How far logits spread.", spread, head=SCALE)})


def make():
    return Recipe(
        name="mine", data="camvid", root=Path(r"@ROOT@"), teacher=Path(r"@TEACHER@"),
        network=Network(embedding_channels=16, atrous_rates=(1, 2, 3)), augmentation=Augmentation(crop=(48, 64)),
        objective=Mine(**vars(Objective.task_only())), steps=2, batch_size=2, evaluate_every=0, workers=0,
        journal_every=1, runs=Path(r"@RUNS@"),
    )
'''
SCRIPT = """
import sys
from pathlib import Path

from cirkd.charts import training as charts
from cirkd.cli import main
from cirkd.training.journal import read_journal

try:
    main(["train", sys.argv[1], "--help"])
except SystemExit:
    pass
main(["train", sys.argv[1], "--objective.spread", "0.25"])
journal = Path(sys.argv[2]) / "mine" / "journal.jsonl"
steps = [event for event in read_journal(journal) if event["kind"] == "train"]
for event in steps:
    assert event["raw"]["spread"] > 0 and event["weighted"]["spread"] == 0.25 * event["raw"]["spread"], event
print("STEPS", len(steps), "LABEL", *charts.term("spread"))
"""


@pytest.mark.slow
def test_it_is_a_flag_a_value_in_the_journal_and_a_curve(camvid: Path, teacher: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    filled = OWN.replace("@ROOT@", str(camvid)).replace("@TEACHER@", str(teacher))
    own.write_text(filled.replace("@RUNS@", str(tmp_path / "runs")))
    arguments = [sys.executable, "-c", SCRIPT, f"{own}:make", str(tmp_path / "runs")]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--objective.spread FLOAT" in done.stdout and "How far logits spread." in done.stdout
    assert "STEPS 2 LABEL Spread of logits #123456" in done.stdout
