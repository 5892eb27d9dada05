"""Whole data sets: the same pixels and scores however many processes there are, and wherever they were interrupted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from cirkd.checkpoint import load_model, save_checkpoint
from cirkd.data.catalog import open_data
from cirkd.data.errors import StudyError
from cirkd.data.palettes import CAMVID
from cirkd.features import store
from cirkd.features.extract import extract
from cirkd.features.sampling import keys, smallest
from cirkd.features.store import extract_to
from cirkd.models.build import build_segmenter
from cirkd.training.processes import Processes
from tests.training.tiny import write_camvid

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def camvid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_camvid(tmp_path_factory.mktemp("camvid"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "student.safetensors"
    model = build_segmenter("deeplabv3", "tu-mobilenetv3_small_050", CAMVID, embedding_channels=8, input_scale=0.75)
    save_checkpoint(path, model)
    return path


def test_the_choice_is_that_of_a_sort() -> None:
    generator = np.random.default_rng(0)
    labels = generator.choice(np.array([0, 1, 4, 255], np.uint8), 200)
    drawn = generator.random(200)
    wanted = [
        place
        for label in (0, 1, 4)
        for place in sorted((i for i in range(200) if labels[i] == label), key=lambda i: drawn[i])[:7]
    ]
    assert smallest(labels, drawn, 7).tolist() == sorted(wanted)


def test_numbers_stand_on_seed_and_image_alone() -> None:
    assert np.array_equal(keys(3, 5, 10), keys(3, 5, 10))
    assert not np.array_equal(keys(3, 5, 10), keys(3, 6, 10))


def test_stored_pixels_are_those_of_a_study(camvid: Path, checkpoint: Path, tmp_path: Path) -> None:
    data, model = open_data("camvid", "train", camvid), load_model(checkpoint, "cpu")
    table = pq.read_table(extract_to(tmp_path / "out", {"student": model}, data, per_class=20))
    study = extract({"student": model}, [data[i] for i in range(len(data))], device="cpu", precision="float32")
    place = {
        key: number
        for number, key in enumerate(
            zip(study.pixels.image.tolist(), study.pixels.row.tolist(), study.pixels.column.tolist(), strict=True)
        )
    }
    rows = [place[key] for key in zip(*(table[c].to_pylist() for c in ("image", "row", "column")), strict=True)]
    features = study.models["student"]
    stored = np.array(table["student.embedding"].to_pylist(), np.float32)
    np.testing.assert_allclose(stored, features.embedding[rows], rtol=1e-5, atol=1e-6)
    assert np.array_equal(table["label"].to_numpy(), study.pixels.label[rows])
    assert np.array_equal(table["student.prediction"].to_numpy(), features.prediction[rows])
    assert table["group"].to_pylist() == table["label"].to_pylist()
    counts = np.bincount(table["label"].to_numpy(), minlength=11)
    assert counts.tolist() == [min(20, int((study.pixels.label == c).sum())) for c in range(11)]


@pytest.mark.parametrize("processes", [1, 3])
def test_the_result_is_that_of_one_process(
    processes: int, camvid: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "CHUNK", 2)
    monkeypatch.setattr(Processes, "wait", lambda self: None)
    data, models = open_data("camvid", "train", camvid), {"student": load_model(checkpoint, "cpu")}
    whole = extract_to(tmp_path / "one", models, data, per_class=9)
    for index in [*range(1, processes), 0]:
        (tmp_path / "many" / "parts").mkdir(parents=True, exist_ok=True)
        if not (tmp_path / "many" / "settings.json").exists():
            (tmp_path / "many" / "settings.json").write_bytes((tmp_path / "one" / "settings.json").read_bytes())
        shared = extract_to(tmp_path / "many", models, data, per_class=9, processes=Processes(index, processes))
    assert shared.read_bytes() == whole.read_bytes()
    assert len(list((tmp_path / "many" / "parts").iterdir())) == 3


def test_what_is_there_is_not_made_again(
    camvid: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "CHUNK", 2)
    data, models = open_data("camvid", "train", camvid), {"student": load_model(checkpoint, "cpu")}
    whole = extract_to(tmp_path / "one", models, data, per_class=9).read_bytes()

    def stop(share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract_to(tmp_path / "two", models, data, per_class=9, progress=stop)
    made = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "two" / "parts").iterdir()}
    assert len(made) == 2
    assert extract_to(tmp_path / "two", models, data, per_class=9).read_bytes() == whole
    assert all((tmp_path / "two" / "parts" / name).stat().st_mtime_ns == time for name, time in made.items())
    with pytest.raises(StudyError, match="other models, images or settings"):
        extract_to(tmp_path / "two", models, data, per_class=10)
    # The same weights with another input are another network.
    other = {"student": load_model(checkpoint, "cpu", mean=(0.1, 0.2, 0.3))}
    with pytest.raises(StudyError, match="other models, images or settings"):
        extract_to(tmp_path / "two", other, data, per_class=9)


@pytest.mark.parametrize("images", [0, -1])
def test_no_images_are_refused(images: int, camvid: Path, checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=f"{images} images: 1 or more was wanted"):
        extract_to(
            tmp_path / "out", {"a": load_model(checkpoint, "cpu")}, open_data("camvid", "train", camvid), images=images
        )


def test_images_without_labels_go_by_prediction(camvid: Path, checkpoint: Path, tmp_path: Path) -> None:
    data = open_data("folder", root=camvid / "val")
    table = pq.read_table(extract_to(tmp_path / "out", {"student": load_model(checkpoint, "cpu")}, data, per_class=5))
    assert table["group"].to_pylist() == table["student.prediction"].to_pylist()
    assert table["label"].null_count == len(table) > 0
    assert json.loads((tmp_path / "out" / "settings.json").read_text())["labelled"] is False


def run(processes: int, words: list[str]) -> str:
    """A command over so many gloo processes."""
    launch = ["torch.distributed.run", "--nproc-per-node", str(processes), "--master-port", "0"]
    start = [*launch, "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", "-m"] if processes > 1 else []
    command = [sys.executable, "-m", *start, "cirkd.cli", *words]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_two_processes_score_a_shipped_checkpoint_as_one_does() -> None:
    checkpoint = PROJECT / "checkpoints" / "streets-baseline.safetensors"
    words = ["evaluate", str(checkpoint), "--device", "cpu", "--workers", "0", "--precise"]
    alone = run(1, words)
    assert run(2, words) == alone
    assert "mIoU" in alone


@pytest.mark.slow
def test_two_processes_extract_what_one_does(camvid: Path, checkpoint: Path, tmp_path: Path) -> None:
    files = []
    for processes in (1, 2):
        output = tmp_path / str(processes)
        words = ["extract", str(checkpoint), "--output", str(output), "--data", "camvid", "--root", str(camvid)]
        run(processes, [*words, "--split", "train", "--device", "cpu", "--workers", "1"])
        files.append((output / "pixels.parquet").read_bytes())
    assert files[0] == files[1]
