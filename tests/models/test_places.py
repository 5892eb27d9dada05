"""Which files stand for a model, and what `cirkd app --model` takes."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app import catalogue
from cirkd.cli import main
from cirkd.data.errors import CheckpointError
from cirkd.models.answers import Answers, read_sidecar, write_sidecar
from cirkd.models.places import COMMANDED, commanded, over_time, read_with, told_models


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("net.py", "w.pth", "t.pth"):
        Path(name).touch()
    return tmp_path


def test_models_are_told_by_role_and_become_absolute(folder: Path) -> None:
    assert told_models(["after=net.py:make,w.pth", "teacher=t.pth", "before=net.py:make"]) == {
        "after": f"{folder}/net.py:make,{folder}/w.pth",
        "teacher": f"{folder}/t.pth",
        "before": f"{folder}/net.py:make",
    }


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (["w.pth"], "ROLE=PATH was wanted"),
        (["pupil=w.pth"], "ROLE one of teacher, before, after, students"),
        (["after="], "ROLE=PATH was wanted"),
        (["after=w.pth", "after=t.pth"], "after is given twice"),
        (["after=none.pth"], "there is no file .*none.pth"),
        (["after=none.py:make,w.pth"], "there is no file .*none.py"),
        (["after=net.py:make,none.pth"], "there is no file .*none.pth"),
    ],
)
def test_what_names_no_model_is_one_line(folder: Path, given: list[str], line: str) -> None:
    with pytest.raises(CheckpointError, match=line):
        told_models(given)


def test_a_students_checkpoints_come_in_the_order_of_their_steps(tmp_path: Path) -> None:
    names = ["last.ckpt", "epoch=3-step=1200.ckpt", "epoch=10-step=4000.ckpt", "epoch=3-step=300.ckpt"]
    for name in (*names, "state.pt", ".hidden.pth", "journal.jsonl"):
        (tmp_path / name).touch()
    found = over_time(tmp_path)
    assert list(found) == ["epoch=3-step=300", "epoch=3-step=1200", "epoch=10-step=4000", "last"]
    assert found["last"] == tmp_path / "last.ckpt"
    told = told_models([f"students={tmp_path}", f"teacher={tmp_path}/last.ckpt"])
    assert list(told.values()) == [*map(str, found.values()), str(tmp_path / "last.ckpt")]
    many = tmp_path / "many"
    many.mkdir()
    for step in range(15):
        (many / f"s{step}.pth.tar").touch()
    assert list(over_time(many)) == [f"s{step}" for step in (0, 2, 4, 6, 8, 10, 12, 14)]


def test_a_folder_of_fewer_than_two_checkpoints_is_no_student_over_time(tmp_path: Path) -> None:
    (tmp_path / "only.safetensors").touch()
    with pytest.raises(CheckpointError, match=r"1 checkpoint there; .* at two steps or more"):
        over_time(tmp_path)
    with pytest.raises(CheckpointError, match="no checkpoints there"):
        over_time(tmp_path / "gone")


def test_the_app_is_started_with_its_models_and_streamlits_options(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[tuple[list[str], dict[str, str]]] = []

    def call(command: list[str], env: dict[str, str]) -> int:
        started.append((command, env))
        return 0

    monkeypatch.setattr(subprocess, "call", call)
    words = ["app", "--model", "after=net.py:make,w.pth", "--server.port", "9000", "--model", "teacher=t.pth"]
    assert main(words) == 0
    ((command, environment),) = started
    assert command[-2:] == ["--server.port", "9000"]
    assert "--model" not in command
    told = {"after": f"{folder}/net.py:make,{folder}/w.pth", "teacher": f"{folder}/t.pth"}
    assert commanded(environment) == told
    assert commanded({}) == {}
    assert main(["app", "--model", "after=none.pth"]) == 1
    assert "there is no file" in capsys.readouterr().err
    assert len(started) == 1


def test_answers_and_the_classes_they_name_make_another_checkpoint_of_a_file(folder: Path) -> None:
    def stamp() -> float:
        found = catalogue.find(str(folder / "w.pth"))
        assert found is not None
        return found.stamp

    stamps = [stamp()]
    (folder / "w.cirkd.json").write_text(json.dumps({"classes": "names.txt"}))
    stamps.append(stamp())
    (folder / "names.txt").write_text("road")
    stamps.append(stamp())
    (folder / "w.cirkd.json").write_text("[" * 100_000)
    assert read_with(folder / "w.pth") == [folder / "w.pth", folder / "w.cirkd.json"]
    stamps.append(stamp())
    (folder / "w.cirkd.json").unlink()
    assert stamp() == stamps[0]
    assert len(set(stamps)) == 4


def test_a_network_of_your_own_is_found_only_where_the_app_was_started_with_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = told_models(["after=net.py:make,w.pth"])
    assert catalogue.find(told["after"]) is None
    monkeypatch.setenv(COMMANDED, json.dumps(told))
    found = catalogue.find(told["after"])
    assert found is not None
    assert (found.title, str(found.path)) == ("net.py:make · w.pth", told["after"])
    (folder / "w.pth").write_bytes(b"other")
    assert catalogue.find(told["after"]) != found


def test_a_folder_that_cannot_be_written_says_what_to_do(folder: Path) -> None:
    (folder / "w.cirkd.json").mkdir()
    with pytest.raises(CheckpointError, match="copy the weights to a folder of your own, or upload them"):
        write_sidecar(folder / "w.pth", Answers(encoder="resnet18"))


def test_keeping_an_answer_keeps_those_before(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import segmentation_models_pytorch as smp
    import torch

    small: Any = {"encoder_depth": 3, "decoder_channels": (16, 16, 8)}
    torch.save(smp.Unet("resnet18", encoder_weights=None, classes=4, **small).state_dict(), folder / "w.pth")
    assert main(["doctor", "w.pth", "--channel-order", "bgr", "--keep"]) == 0
    assert main(["doctor", "w.pth", "--input-scale", "0.5", "--keep"]) == 0
    assert read_sidecar(folder / "w.pth") == Answers(channel_order="bgr", input_scale=0.5)
    assert "kept in" in capsys.readouterr().out
