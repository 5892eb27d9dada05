"""The checkpoints that ship are what their README says."""

from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from cirkd.analysis.trajectory import snapshots
from cirkd.checkpoint import load_model, read_header
from cirkd.data.bundled import FIRST, PARTS, data_of
from cirkd.data.catalog import open_data
from cirkd.losses.memory import RelationMemory
from cirkd.losses.objective import Objective
from cirkd.sweep.results import read_results
from cirkd.training.evaluate import evaluate
from cirkd.training.journal import read_history
from cirkd.training.recipes import RECIPES, Memory, Network, Recipe
from cirkd.training.run_state import free_to_change
from cirkd.training.runs import find_runs
from cirkd.training.setup import plain_recipe
from tools.checkpoint_scores import BEGIN, END, STUDIES, tables
from tools.ship import median_seed

FOLDER = Path(__file__).resolve().parents[1] / "checkpoints"
ROWS = FOLDER.parent / "docs" / "study"
ALONE_AND_DISTILLED = ("baseline", "kd", "cirkd")
NAMES = [f"{data}-teacher" for data in ("streets", "camvid")] + [
    f"{study}-{role}" for study in STUDIES for role in ALONE_AND_DISTILLED
]


def test_all_ship_and_stay_under_64_megabytes() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.safetensors")) == sorted(NAMES)
    assert sum(path.stat().st_size for path in FOLDER.glob("*.safetensors")) < 64e6


def test_readme_states_what_the_headers_hold() -> None:
    text = (FOLDER / "README.md").read_text()
    assert text.split(BEGIN)[1].split(END)[0].strip() == tables(FOLDER)


def test_the_projects_readme_states_the_study_that_opens() -> None:
    before, after = (
        read_header(FOLDER / f"{FIRST}-{PARTS[role]}.safetensors")["provenance"]["scores"]["val"]["miou"]
        for role in ("before", "after")
    )
    text = " ".join((FOLDER.parent / "README.md").read_text(encoding="utf-8").split())
    assert f"reaches {before:.1f} % mIoU on val" in text and f"CIRKD (after) {after:.1f} %" in text


@pytest.mark.slow
@pytest.mark.parametrize("split", ["val", "test"])
@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("streets")])
def test_streets_checkpoints_evaluate_to_their_stated_scores(name: str, split: str) -> None:
    path = FOLDER / f"{name}.safetensors"
    stated = read_header(path)["provenance"]["scores"][split]
    measured = evaluate(load_model(path), open_data("streets", split))
    assert measured.miou == pytest.approx(stated["miou"], abs=0.1)
    assert measured.iou == pytest.approx(stated["iou"], abs=0.1)


@pytest.mark.parametrize("data", ["streets", "camvid"])
def test_teachers_know_more_than_the_student_alone_of_every_class(data: str) -> None:
    teacher, alone = (
        read_header(FOLDER / f"{data}-{role}.safetensors")["provenance"]["scores"]["val"]
        for role in ("teacher", "baseline")
    )
    assert teacher["miou"] >= alone["miou"] + 8
    assert all(teacher["iou"][name] > value for name, value in alone["iou"].items())


@pytest.mark.parametrize("study", [study for study in STUDIES if data_of(study) == "streets"])
@pytest.mark.parametrize("role", ALONE_AND_DISTILLED)
def test_the_streets_students_are_the_median_of_the_study(study: str, role: str) -> None:
    """Their scores are the sweep's row of that seed, and the record beside them is of the same run."""
    results = read_results(ROWS / study)
    seed = median_seed(results, f"{study}-cirkd")
    provenance = read_header(FOLDER / f"{study}-{role}.safetensors")["provenance"]
    assert provenance["seed"] == seed
    (row,) = [r for r in results.rows if (r["recipe"], r["seed"]) == (f"{study}-{role}", seed)]
    (run,) = [run for run in find_runs(FOLDER / "records") if run.name == f"{study}-{role}"]
    told = {split: value for _, split, value in read_history(run.folder / "journal.jsonl").evaluations}
    for split, scores in provenance["scores"].items():
        assert scores["miou"] == row[f"miou_{split}"] == told[split]
    assert run.status == "finished" and len(snapshots(run.folder)) == 13


@pytest.mark.parametrize("study", STUDIES)
def test_distilled_students_hold_their_memory_and_run(study: str) -> None:
    model = load_model(FOLDER / f"{study}-cirkd.safetensors", "cpu")
    assert isinstance(model.memory, RelationMemory)
    assert float(model.memory.pixel_queue.fill().min()) > 0
    with torch.inference_mode():
        output = model(torch.zeros(1, 3, 64, 128))
        assert model.memory.projection(output.embedding).shape == (1, 128, 16, 32)
    assert output.logits.shape == (1, len(model.info.classes), 16, 32)
    assert torch.isfinite(output.logits).all()


@pytest.mark.parametrize("study", STUDIES)
def test_students_share_everything_but_the_method(study: str) -> None:
    alone, distilled = (read_header(FOLDER / f"{study}-{role}.safetensors") for role in ("baseline", "cirkd"))
    differ = {"name", "teacher", "teacher_outputs", "objective", "output"}
    recipes = [{k: v for k, v in h["provenance"]["recipe"].items() if k not in differ} for h in (alone, distilled)]
    assert recipes[0] == recipes[1]


@pytest.mark.parametrize("name", NAMES)
def test_checkpoints_come_from_the_recipes_as_they_are(name: str) -> None:
    """Under its seed; how often a run wrote its files is no part of that."""
    seed = read_header(FOLDER / f"{name}.safetensors")["provenance"]["seed"]
    recipe = {**plain_recipe(RECIPES[name]()), "seed": seed}
    shipped = read_header(FOLDER / f"{name}.safetensors")["provenance"]["recipe"]
    # Fields that came after a file was made have their defaults in it.
    shipped["network"] = {**asdict(Network()), **shipped["network"]}
    shipped["objective"] = {**asdict(Objective()), **shipped["objective"]}
    shipped["memory"] = {**asdict(Memory()), **shipped["memory"]}
    shipped = {**plain_recipe(Recipe(name)), **shipped}
    for field in recipe.keys() - free_to_change(recipe) - {"name", "teacher"}:
        assert shipped[field] == recipe[field], field
