"""SBD's release beside VOC, and its label maps in MATLAB files."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from cirkd.data.catalog import open_data
from cirkd.data.errors import DataError
from cirkd.data.sbd import read_sbd
from tests.data.trees import SIZE, first, sbd, voc


def test_the_augmented_list_can_be_made_of_the_release_of_sbd(tmp_path: Path) -> None:
    voc(tmp_path)
    sbd(tmp_path)
    base, release = tmp_path / "VOCdevkit" / "VOC2012", tmp_path / "benchmark_RELEASE" / "dataset"
    assert first(open_data("voc", "train_aug", tmp_path), 1) == [15], "the PNG form is taken where it is there"
    shutil.rmtree(base / "SegmentationClassAug")
    assert list(open_data("voc", "train_aug", tmp_path).names) == ["2008_000008"], "the list that is there is taken"
    (base / "ImageSets" / "Segmentation" / "train_aug.txt").unlink()
    for root in (tmp_path, base):
        data = open_data("voc", "train_aug", root)
        assert list(data.names) == ["2008_000002", "2008_000008"]
        assert first(data, 2) == [20, 20]
        assert data[0].label is not None
        assert data[0].label.shape == SIZE
        assert data[1].label is not None
        assert data[1].label.ravel()[:4].tolist() == [0, 1, 20, 255], "VOC's own label map comes before SBD's"
    (release / "cls" / "2008_000002.mat").unlink()
    with pytest.raises(DataError, match=r"2008_000002\.mat: expected and not there, as 1 of 2"):
        open_data("voc", "train_aug", tmp_path)
    (release / "train.txt").unlink()
    with pytest.raises(DataError, match=r"train\.txt: no such list"):
        open_data("voc", "train_aug", tmp_path)


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (37, 50)])
def test_label_maps_of_sbd_are_what_was_written(compressed: bool, shape: tuple[int, int], tmp_path: Path) -> None:
    from scipy.io import savemat

    values = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    inner = {"Boundaries": np.zeros((21, 1)), "Segmentation": values, "CategoriesPresent": [1]}
    savemat(tmp_path / "a.mat", {"other": [1.0], "GTcls": inner}, do_compression=compressed)
    assert np.array_equal(read_sbd(tmp_path / "a.mat"), values)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "no label map"),
        (b"MATLAB 5.0 MAT-file" + bytes(200), "no label map"),
        (bytes(2**20 + 1), "has a few kB"),
        ({"GTcls": {"Segmentation": np.zeros((2, 2))}}, "no 8-bit numbers"),
        ({"GTcls": {"Segmentation": np.zeros((2, 2, 2), np.uint8)}}, "not two-dimensional"),
        ({"GTcls": {"Boundaries": np.zeros((2, 2), np.uint8)}}, "no label map"),
        ({"GTinst": 1}, "no label map"),
    ],
)
def test_a_file_that_is_none_of_sbd_is_one_clear_line(content: bytes | dict, line: str, tmp_path: Path) -> None:
    from scipy.io import savemat

    path = tmp_path / "a.mat"
    path.write_bytes(content) if isinstance(content, bytes) else savemat(path, content)
    with pytest.raises(DataError, match=line) as caught:
        read_sbd(path)
    assert "\n" not in str(caught.value)
