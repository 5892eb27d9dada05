"""The study's page says what its sweeps hold, and its commands are those that make them."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest

from cirkd.sweep.measures import confusions_of, keep_confusions
from cirkd.sweep.plan import plan
from cirkd.sweep.results import SweepResults
from tools import study_page
from tools.study_page import PARTS, Part, marks, rows_of, text


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_the_page_states_what_was_measured(part: Part) -> None:
    page = study_page.PAGE.read_text()
    begin, end = marks(part)
    assert page.split(begin)[1].split(end)[0].strip() == text(part)
    for picture in (f"{part.name}.png", f"{part.name}-during.png"):
        assert (part.folder / picture).is_file() == (f"/{picture})" in text(part))


def test_it_begins_with_the_means_of_the_seeds_that_all_have(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin, end = study_page.GLANCE_MARKS
    assert study_page.PAGE.read_text().split(begin)[1].split(end)[0].strip() == study_page.glance()
    monkeypatch.setattr(study_page, "DOCS", tmp_path)
    scores = {"baseline": {0: 50.0, 1: 52.0, 2: 99.0}, "kd": {0: 55.0, 1: 56.0}, "cirkd": {1: 58.0, 0: 57.0}}
    rows = [
        {"recipe": f"streets-few-{entry}", "seed": seed, "miou_val": value}
        for entry, of in scores.items()
        for seed, value in of.items()
    ]
    (tmp_path / "study" / "streets-few").mkdir(parents=True)
    SweepResults(rows, "streets-few-baseline").write(tmp_path / "study" / "streets-few")
    last = study_page.glance().splitlines()[-1]
    assert last == "| streets, labels of an eighth of the frames, val | 2 | 51.00 | 55.50 | 57.50 |"


def test_the_page_of_training_lists_the_methods() -> None:
    begin, end = study_page.METHOD_MARKS
    listed = study_page.TRAINING.read_text().split(begin)[1].split(end)[0].strip()
    assert listed == study_page.methods() and "discriminator 0.1" in listed


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_its_command_plans_its_runs(part: Part, tmp_path: Path) -> None:
    words = shlex.split(part.command)[2:]
    recipes, rest = words[: words.index("--seeds")], words[words.index("--seeds") + 1 :]
    seeds = [int(word) for word in rest[: rest.index("--folder")]]
    jobs = plan(recipes, seeds, [], tmp_path)
    assert recipes == list(part.recipes) and len(jobs) == len(recipes) * len(part.seeds)
    assert all(part.recipes.values())
    ours = [job.recipe for job in jobs]
    assert all(recipe.steps == ours[0].steps and recipe.batch_size == ours[0].batch_size for recipe in ours)


def test_rows_are_the_parts_own_in_its_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(study_page, "DOCS", tmp_path)
    part = Part("some", "streets", ("baseline", "kd", "cirkd"), (0, 1))
    assert rows_of(part) is None and "Not run yet." in text(part)
    rows = [
        {"recipe": f"streets-{entry}", "seed": seed, "miou_val": 20.0 + seed + gain}
        for entry, gain in (("cirkd", 2.0), ("skd", 9.0), ("baseline", 0.0))
        for seed in (0, 1, 2)
    ]
    folder = tmp_path / "study" / "streets"
    folder.mkdir(parents=True)
    SweepResults(rows, "streets-baseline").write(folder)
    found = rows_of(part)
    assert found is not None
    assert [(row["recipe"], row["seed"]) for row in found.rows] == [
        ("streets-baseline", 0),
        ("streets-baseline", 1),
        ("streets-cirkd", 0),
        ("streets-cirkd", 1),
    ]
    assert "| CIRKD | 2 | 22.50 | 0.71 | +2.00 |  | +2.00, +2.00 |" in text(part)
    assert "Not run yet: KD." in text(part)
    assert "streets-kd streets-cirkd --seeds 0 1 --folder docs/study/streets" in part.command
    assert part.recipes["streets-cirkd"] == "CIRKD"


def test_differences_are_said_with_their_interval_over_seeds_and_images(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(study_page, "DOCS", tmp_path)
    part = Part("some", "streets", ("baseline", "kd", "cirkd"), (0, 1))
    folder = tmp_path / "study" / "streets"
    (folder / "measures").mkdir(parents=True)
    right, wrong = np.diag([8, 2]), np.array([[6, 2], [1, 1]])
    shares = {"streets-baseline": 0, "streets-kd": 2, "streets-cirkd": 6}
    for recipe, good in shares.items():
        for seed in part.seeds:
            kept = np.stack([right] * good + [wrong] * (8 - good)).astype(np.uint32)
            keep_confusions(confusions_of(folder, recipe, seed), {"val": kept})
    rows = [{"recipe": recipe, "seed": seed, "miou_val": 50.0} for recipe in shares for seed in part.seeds]
    SweepResults(rows, "streets-baseline").write(folder)
    told = text(part)
    assert "**Difference in mIoU on val, with its 95 % interval over seeds and images**" in told
    assert "| CIRKD | KD | +" in told and "| KD | baseline | +" in told, "CIRKD is compared with KD directly"
