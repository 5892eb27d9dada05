"""The trajectory against scikit-learn's PCA over all snapshots at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

from cirkd.analysis import trajectory as module
from cirkd.analysis.trajectory import trajectory
from cirkd.data.errors import StudyError
from tests.analysis.oracles import unit


def write(run: Path, steps: tuple[int, ...], seed: int = 0, grid: tuple[int, int] = (4, 5)) -> dict[int, np.ndarray]:
    """Snapshots of two images; returns all rows [P, d] by step."""
    rng = np.random.default_rng(seed)
    labels = [rng.integers(0, 3, grid).astype(np.uint8) for _ in range(2)]
    labels[0][0] = 255
    (run / "snapshots").mkdir(parents=True, exist_ok=True)
    rows = {}
    for step in steps:
        maps = [(rng.normal(size=(6, *grid)) + step / 10).astype(np.float16) for _ in range(2)]
        arrays = {f"embedding_{i}": m for i, m in enumerate(maps)} | {f"label_{i}": m for i, m in enumerate(labels)}
        np.savez_compressed(run / "snapshots" / f"step_{step:06d}.npz", names=np.array(["a", "b"]), **arrays)
        rows[step] = np.concatenate([m.reshape(6, -1).T for m in maps]).astype(np.float32)
    return rows


def test_one_map_for_all_steps(tmp_path: Path) -> None:
    rows = write(tmp_path, (0, 10, 20))
    found = trajectory(tmp_path, budget=1000)
    assert found.steps.tolist() == [0, 10, 20]
    assert found.names == ("a", "b")
    assert 255 not in found.labels and found.coordinates.shape == (3, len(found.labels), 2)
    assert found.provenance["pixels"] == ((2 * 20) - 5)
    labelled = np.flatnonzero(np.arange(40) >= 5)
    np.testing.assert_array_equal(found.image, (labelled >= 20).astype(int))
    everything = np.concatenate([unit(rows[step][labelled]) for step in (0, 10, 20)])
    pca = PCA(2).fit(everything)
    wanted = pca.transform(everything).reshape(3, -1, 2)
    for axis in range(2):
        sign = np.sign((wanted[..., axis] * found.coordinates[..., axis]).sum())
        np.testing.assert_allclose(found.coordinates[..., axis], sign * wanted[..., axis], atol=1e-4)
    np.testing.assert_allclose(found.explained, pca.explained_variance_ratio_, atol=1e-5)


def test_a_fitted_map_stays_when_snapshots_come(tmp_path: Path) -> None:
    write(tmp_path, (0, 10, 20))
    before = trajectory(tmp_path, budget=12, fitted=3)
    rows = write(tmp_path, (0, 10, 20, 30))
    after = trajectory(tmp_path, budget=12, fitted=3)
    assert after.steps.tolist() == [0, 10, 20, 30] and after.provenance["fitted"] == 3
    np.testing.assert_array_equal(after.coordinates[:3], before.coordinates)
    assert after.explained == before.explained
    (left, bottom), (right, top) = after.frame
    assert left <= before.frame[0][0] and top >= before.frame[1][1]
    assert (after.coordinates >= (left, bottom)).all() and (after.coordinates <= (right, top)).all()
    assert not np.allclose(trajectory(tmp_path, budget=12).coordinates[:3], before.coordinates)
    assert len(rows) == 4


def test_the_same_pixels_in_every_frame_and_at_most_so_many_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, tuple(range(0, 90, 10)))
    monkeypatch.setattr(module, "MOST_SNAPSHOTS", 4)
    found = trajectory(tmp_path, budget=12)
    assert found.steps[[0, -1]].tolist() == [0, 80] and len(found.steps) == 4
    assert np.bincount(found.labels).tolist() == [4, 4, 4]
    assert (found.provenance["snapshots"], found.provenance["of_snapshots"]) == (4, 9)


def test_what_cannot_be_shown_says_why(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no snapshot"):
        trajectory(tmp_path)
    write(tmp_path, (0, 10))
    write(tmp_path, (20,), grid=(2, 2))
    with pytest.raises(StudyError, match="another one"):
        trajectory(tmp_path)
    (tmp_path / "snapshots" / "step_000020.npz").write_bytes(b"not a snapshot")
    with pytest.raises(StudyError, match="not a snapshot"):
        trajectory(tmp_path)
