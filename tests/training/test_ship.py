"""What ships of a sweep is its median seed, whole."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cirkd.analysis.stored_scores import seed_gain
from cirkd.checkpoint import load_model, read_header
from cirkd.data.errors import TrainingError
from cirkd.sweep.results import SweepResults
from cirkd.training import runs
from cirkd.training.recipes import Recipe
from cirkd.training.trainer import train
from tools.ship import gain, median_seed, ship


def rows(gains: dict[int, float]) -> SweepResults:
    both = [("alone", 0.0, seed) for seed in gains] + [("taught", gain, seed) for seed, gain in gains.items()]
    return SweepResults([{"recipe": r, "seed": s, "miou_val": 20.0 - s + gain} for r, gain, s in both], "alone")


def test_the_seed_is_that_of_the_median_gain() -> None:
    assert median_seed(rows({0: 3.0, 1: 1.0, 2: 2.0}), "taught") == 2
    assert median_seed(rows({0: 3.0, 1: 1.0, 2: 2.0, 7: -5.0}), "taught") == 1
    with pytest.raises(TrainingError, match="no seed in common"):
        median_seed(rows({}), "taught")


def test_the_gain_is_that_over_all_seeds() -> None:
    results = rows({0: 3.0, 1: 1.0, 2: 2.0})
    told = seed_gain({"recipe": {"name": "alone"}}, gain(results, "taught"))
    (paired,) = [item for item in results.compare("miou_val") if item.name == "taught"]
    assert told is not None and (told.split, told.seeds, told.difference) == ("val", 3, pytest.approx(2.0))
    assert (told.low, told.high) == (paired.low, paired.high)
    assert gain(rows({0: 3.0, 1: 1.0}), "taught") == {}, "two seeds have no interval"


@pytest.mark.slow
def test_a_shipped_run_is_the_same_network_and_can_be_watched(distilled: Recipe, tmp_path: Path) -> None:
    train(distilled)
    ship(distilled.run_folder, "toy-cirkd", tmp_path)
    was, now = load_model(distilled.checkpoint, "cpu"), load_model(tmp_path / "toy-cirkd.safetensors", "cpu")
    assert was.memory is not None and now.memory is not None
    for theirs, ours in ((was, now), (was.memory, now.memory)):
        mine = ours.state_dict()
        assert all(torch.equal(value, mine[key]) for key, value in theirs.state_dict().items())
    header = read_header(tmp_path / "toy-cirkd.safetensors")["provenance"]
    assert header["recipe"]["name"] == "toy-cirkd"
    assert header["scores"] == read_header(distilled.checkpoint)["provenance"]["scores"]
    (record,) = runs.find_runs(tmp_path / "records")
    assert (record.name, record.status, record.resumable) == ("toy-cirkd", "finished", False)
    assert len(list((record.folder / "snapshots").iterdir())) == 3
    ship(distilled.run_folder, "toy-photographs", tmp_path, record=False)
    assert (tmp_path / "toy-photographs.safetensors").is_file()
    assert len(runs.find_runs(tmp_path / "records")) == 1
