"""The checkpoints that ship are what their README says."""

from pathlib import Path

import pytest
import torch

from cirkd.checkpoint import load_model, read_header
from cirkd.data.catalog import open_data
from cirkd.losses.memory import RelationMemory
from cirkd.training.evaluate import evaluate
from tools.checkpoint_scores import BEGIN, END, tables

FOLDER = Path(__file__).resolve().parents[1] / "checkpoints"
NAMES = [f"{data}-{role}" for data in ("streets", "camvid") for role in ("teacher", "baseline", "cirkd")]


def test_all_ship_and_stay_under_64_megabytes() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.safetensors")) == sorted(NAMES)
    assert sum(path.stat().st_size for path in FOLDER.glob("*.safetensors")) < 64e6


def test_readme_states_what_the_headers_hold() -> None:
    text = (FOLDER / "README.md").read_text()
    assert text.split(BEGIN)[1].split(END)[0].strip() == tables(FOLDER)


@pytest.mark.slow
@pytest.mark.parametrize("split", ["val", "test"])
@pytest.mark.parametrize("role", ["teacher", "baseline", "cirkd"])
def test_streets_checkpoints_evaluate_to_their_stated_scores(role: str, split: str) -> None:
    path = FOLDER / f"streets-{role}.safetensors"
    stated = read_header(path)["provenance"]["scores"][split]
    measured = evaluate(load_model(path), open_data("streets", split))
    assert measured.miou == pytest.approx(stated["miou"], abs=0.1)
    assert measured.iou == pytest.approx(stated["iou"], abs=0.1)


def test_the_streets_teacher_is_clearly_better_than_the_student_alone() -> None:
    scores = {role: read_header(FOLDER / f"streets-{role}.safetensors") for role in ("teacher", "baseline")}
    miou = {role: header["provenance"]["scores"]["val"]["miou"] for role, header in scores.items()}
    assert miou["teacher"] >= miou["baseline"] + 5


@pytest.mark.parametrize("data", ["streets", "camvid"])
def test_distilled_students_hold_their_memory_and_run(data: str) -> None:
    model = load_model(FOLDER / f"{data}-cirkd.safetensors", "cpu")
    assert isinstance(model.memory, RelationMemory)
    assert float(model.memory.pixel_queue.fill().min()) > 0
    with torch.inference_mode():
        output = model(torch.zeros(1, 3, 64, 128))
        assert model.memory.projection(output.embedding).shape == (1, 128, 8, 16)
    assert output.logits.shape == (1, len(model.info.classes), 8, 16)
    assert torch.isfinite(output.logits).all()


@pytest.mark.parametrize("data", ["streets", "camvid"])
def test_students_share_everything_but_the_method(data: str) -> None:
    alone, distilled = (read_header(FOLDER / f"{data}-{role}.safetensors") for role in ("baseline", "cirkd"))
    differ = {"name", "teacher", "objective", "output"}
    recipes = [{k: v for k, v in h["provenance"]["recipe"].items() if k not in differ} for h in (alone, distilled)]
    assert recipes[0] == recipes[1]
