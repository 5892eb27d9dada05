"""What is measured on every image against evaluation, and what a table of differences says."""

from pathlib import Path

import numpy as np
import pytest

from cirkd.analysis.paired import miou
from cirkd.data.catalog import open_data
from cirkd.models.build import build_segmenter
from cirkd.sweep.measures import confusions_of, image_measures, keep_confusions, probed, read_confusions
from cirkd.sweep.report import pairs, scatter
from cirkd.sweep.results import SweepResults
from cirkd.training.evaluate import evaluate
from tests.training.conftest import camvid  # noqa: F401


def test_confusions_add_up_to_the_evaluation(camvid: Path, tmp_path: Path) -> None:  # noqa: F811
    data = open_data("camvid", "val", camvid)
    assert data.classes is not None
    network = build_segmenter(
        "segformer", "tu-mobilenetv3_small_050", data.classes, output_stride=4, embedding_channels=8
    )
    measured, confusions = image_measures(network, data)
    scored = evaluate(network, data)
    assert float(miou(confusions.sum(0))) == pytest.approx(scored.miou)
    assert 0 <= measured["boundary_iou"] <= 100 and 0 <= measured["calibration_error"] <= 100
    keep_confusions(tmp_path / "run.npz", {"val": confusions})
    assert np.array_equal(read_confusions(tmp_path / "run.npz")["val"], confusions)
    train = open_data("camvid", "train", camvid)
    assert 0 <= probed(network, train, data) <= 100


def test_recipes_are_compared_with_the_baseline_and_with_kd_and_no_rank_is_claimed_in_noise(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    shares = {"camvid-baseline": 0.7, "camvid-kd": 0.8, "camvid-cirkd": 0.8}
    rows = [{"recipe": name, "seed": seed} for name in shares for seed in (0, 1, 2)]
    for row in rows:
        right = shares[row["recipe"]]
        share = np.full((3, 3), (1 - right) / 2) + np.eye(3) * (right - (1 - right) / 2)
        kept = {"val": draw.poisson(300 * share, (20, 3, 3)).astype(np.uint32)}
        keep_confusions(confusions_of(tmp_path, row["recipe"], row["seed"]), kept)
    results = SweepResults(rows, "camvid-baseline")
    assert pairs(results)[-1] == ("camvid-cirkd", "camvid-kd")
    table = scatter(results, tmp_path, "val")
    assert table is not None and scatter(results, tmp_path, "test") is None
    assert table.columns["says"] == ["ahead", "ahead", "cannot be told apart"]
    two = scatter(SweepResults([row for row in rows if row["seed"] < 2], "camvid-baseline"), tmp_path, "val")
    assert two is not None and two.columns["says"] == ["too few seeds to tell"] * 3
    # Runs side by side: another recipe's may be measured before the baseline's.
    early = SweepResults([row for row in rows if row["recipe"] != "camvid-baseline"], "camvid-baseline")
    table = scatter(early, tmp_path, "val")
    assert table is not None and table.columns["minus"] == ["camvid-kd"]
