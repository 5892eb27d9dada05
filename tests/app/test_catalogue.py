"""Checkpoints and images as they are found in folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app import catalogue
from cirkd.data.catalog import open_data
from cirkd.data.errors import DataError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CIRKD_CHECKPOINTS", str(tmp_path))
    for name in ("camvid-cirkd", "camvid-teacher", "streets-cirkd", "streets-baseline", "streets-teacher", "mine"):
        (tmp_path / f"{name}.safetensors").touch()
    (tmp_path / ".streets-half.safetensors").touch()
    (tmp_path / "notes.txt").touch()
    return tmp_path


def test_checkpoints_come_by_data_set_then_by_part(folder: Path) -> None:
    keys = [c.key for c in catalogue.checkpoints()]
    assert keys == ["streets-teacher", "streets-baseline", "streets-cirkd", "camvid-teacher", "camvid-cirkd", "mine"]
    assert catalogue.groups() == ["streets", "camvid"]
    assert catalogue.defaults("camvid") == {"teacher": "camvid-teacher", "before": "", "after": "camvid-cirkd"}


def test_another_kind_of_student_is_a_study_of_its_own(folder: Path) -> None:
    for part in ("baseline", "kd", "cirkd"):
        (folder / f"streets-few-{part}.safetensors").touch()
    (folder / "streets-cirkd-plus.safetensors").touch()
    assert catalogue.groups() == ["streets-few", "streets", "camvid"]
    few = {"teacher": "streets-teacher", "before": "streets-few-baseline", "after": "streets-few-cirkd"}
    assert catalogue.defaults("streets-few") == few
    titles = [c.title for c in catalogue.checkpoints()]
    assert titles[:3] == [f"Streets, few labels · {part}" for part in ("baseline", "cirkd", "kd")]
    assert "Streets · cirkd-plus" in titles


def test_a_key_or_a_path_finds_a_checkpoint(folder: Path) -> None:
    by_key, by_path = catalogue.find("mine"), catalogue.find(str(folder / "mine.safetensors"))
    assert by_key is not None
    assert by_path is not None
    assert by_key.path == by_path.path
    assert catalogue.find("nothing") is None
    assert catalogue.find("/etc/passwd") is None


def test_files_of_trainers_are_seen_by_their_endings(folder: Path) -> None:
    for name in ("last.ckpt", "best.pth.tar", "weights.bin", "archive.tar", "log.txt"):
        (catalogue.checkpoints_folder() / name).write_bytes(b"")
    names = {checkpoint.path.name for checkpoint in catalogue.checkpoints()}
    assert {"last.ckpt", "best.pth.tar", "weights.bin"} <= names
    assert not {"archive.tar", "log.txt"} & names
    given = catalogue.find(str(catalogue.checkpoints_folder() / "archive.tar"))
    assert given is not None, "by its path any of them"


def test_a_file_that_changes_is_another_checkpoint(folder: Path) -> None:
    import os

    first = catalogue.find("mine")
    os.utime(folder / "mine.safetensors", (1, 1))
    assert catalogue.find("mine") != first


def test_no_folder_is_no_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIRKD_CHECKPOINTS", str(tmp_path / "none"))
    assert catalogue.checkpoints() == []
    assert catalogue.groups() == []


def test_a_folder_laid_out_like_camvid_is_read_as_camvid(tmp_path: Path) -> None:
    (tmp_path / "camvid_val_list.txt").touch()
    assert catalogue.images("folder", "val", tmp_path).name == "camvid"
    assert catalogue.splits("folder", tmp_path) == ["val"]
    assert catalogue.images("folder", "all", tmp_path.parent).name == "folder"


def test_titles_are_for_people(folder: Path) -> None:
    titles = [c.title for c in catalogue.checkpoints()]
    assert titles[0] == "Streets · teacher"
    assert titles[3] == "CamVid · teacher"
    assert titles[-1] == "mine.safetensors"


def test_a_folder_with_a_null_byte_in_its_name_is_one_that_is_not_there() -> None:
    found = catalogue.images("folder", "val", Path("\x00/etc"))
    with pytest.raises(DataError, match="there is no such folder"):
        open_data(found.name, found.split, found.root)


def test_embeddings_that_an_older_copy_replaces_are_others(tmp_path: Path) -> None:
    file = tmp_path / "pixels.parquet"
    file.write_bytes(b"first")
    os.utime(file, (2, 2))
    (tmp_path / "settings.json").write_text("{}")  # the newest file of all, which stays
    before = catalogue.stored(tmp_path)
    file.write_bytes(b"other")
    os.utime(file, (1, 1))
    assert before is not None and catalogue.stored(tmp_path) not in (None, before)
