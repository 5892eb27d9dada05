"""Fields for what a file of another project does not tell: kept beside it, and the study is opened anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from app import cached, catalogue
from cirkd.models.layouts import ASSUMED
from cirkd.models.places import COMMANDED, told_models

Open = Callable[..., Any]


def save_unet(path: Path, encoder: str, **more: Any) -> Path:
    import segmentation_models_pytorch as smp

    torch.manual_seed(0)
    torch.save(smp.Unet(encoder, encoder_weights=None, classes=8, **more).state_dict(), path)
    return path


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A file that opens, with guesses."""
    return save_unet(tmp_path / "mine.pth", "resnet18", encoder_depth=3, decoder_channels=(16, 16, 8))


def field(test: Any, kind: str, label: str) -> Any:
    return next(widget for widget in getattr(test, kind) if widget.label == label)


def submit(test: Any) -> Any:
    return next(button for button in test.button if button.label == "Open with these").click().run()


def captions(test: Any) -> str:
    """Those of the study; how much memory results take changes with each of them."""
    return "\n".join(caption.value for caption in test.caption if "emory: " not in caption.value)


@pytest.mark.slow
def test_a_file_that_needs_its_encoder_opens_once_it_is_told(page: Open, tmp_path: Path) -> None:
    path = save_unet(tmp_path / "w.pth", "tu-resnet26")
    test = page(teacher="none", before="none")
    test.text_input(key="bar_path").set_value(str(path)).run()
    assert sum("w.pth: " in told.value for told in [*test.error, *test.caption]) == 1
    field(test, "text_input", "Encoder").set_value("resnet18")
    submit(test)
    assert not (tmp_path / "w.cirkd.json").exists()
    assert any("not of this network" in error.value for error in test.error)
    field(test, "text_input", "Encoder").set_value("tu-resnet26")
    submit(test)
    assert not test.exception
    assert not test.error
    assert json.loads((tmp_path / "w.cirkd.json").read_text()) == {"encoder": "tu-resnet26"}
    assert test.selectbox(key="bar_after").value == str(path)


def test_a_guess_is_said_and_overruled_and_taken_back(page: Open, plain: Path) -> None:
    test = page(teacher="none", before="none", after=str(plain))
    assert not test.error
    assert "mine.pth: " in captions(test)
    guessed = captions(test)
    (plain.parent / "names.txt").write_text("\n".join(f"thing {i}" for i in range(8)))
    field(test, "text_input", "Classes file").set_value("names.txt")
    field(test, "text_input", "Mean").set_value("127.5, 127.5 127.5")
    field(test, "text_input", "Standard deviation").set_value("127.5 127.5 127.5")
    field(test, "selectbox", "Range").set_value(255.0)
    field(test, "selectbox", "Channel order").set_value("bgr")
    field(test, "selectbox", "Align corners").set_value(False)
    field(test, "text_input", "Input scale").set_value("0.5")
    submit(test)
    assert not test.error
    assert "as you say: " in captions(test)
    opened = catalogue.find(str(plain))
    assert opened is not None
    info = cached.model(str(plain), opened.stamp, "auto").info
    assert info.classes.names[7] == "thing 7"
    assert info.preprocessing.mean == (0.5, 0.5, 0.5)
    assert (info.preprocessing.channel_order, info.preprocessing.scale, info.align_corners) == ("bgr", 0.5, False)
    assert field(test, "text_input", "Mean").value == "127.5 127.5 127.5"

    for label in ("Classes file", "Mean", "Standard deviation", "Input scale"):
        field(test, "text_input", label).set_value("")
    for label in ("Range", "Channel order", "Align corners"):
        field(test, "selectbox", label).select_index(0)
    submit(test)
    assert not (plain.parent / "mine.cirkd.json").exists()
    assert captions(test) == guessed


def test_numbers_that_make_no_sense_are_one_line_and_change_nothing(page: Open, plain: Path) -> None:
    test = page(teacher="none", before="none", after=str(plain))
    field(test, "text_input", "Mean").set_value("0.5 half 0.5")
    submit(test)
    assert ["'half'" in error.value for error in test.error] == [True]
    field(test, "text_input", "Mean").set_value("0.5 0.5")
    submit(test)
    assert ["three finite numbers" in error.value for error in test.error] == [True]
    assert not (plain.parent / "mine.cirkd.json").exists()


@pytest.mark.slow
def test_answers_to_an_upload_stay_in_its_window(page: Open, plain: Path) -> None:
    test = page(teacher="none", before="none")
    upload = ("theirs.pth", plain.read_bytes(), "application/octet-stream")
    test.file_uploader(key="bar_upload").set_value(upload).run()
    assert captions(test).count(ASSUMED) == 1
    names = ("names.txt", "\n".join(f"part {i}" for i in range(8)).encode(), "text/plain")
    field(test, "file_uploader", "Classes file").set_value(names)
    submit(test)
    assert not test.error
    kept = Path(test.selectbox(key="bar_after").value)
    assert kept.with_name("theirs.cirkd.json").is_file()
    assert kept.parent.parent.stat().st_mode & 0o077 == 0
    opened = catalogue.find(str(kept))
    assert opened is not None
    assert cached.model(str(kept), opened.stamp, "auto").info.classes.names[0] == "part 0"


@pytest.mark.slow
def test_a_damaged_file_of_answers_can_be_written_over(page: Open, tmp_path: Path, plain: Path) -> None:
    (tmp_path / "mine.cirkd.json").write_text("{")
    test = page(teacher="none", before="none", after=str(plain))
    assert any("mine.cirkd.json" in error.value for error in test.error)
    field(test, "selectbox", "Channel order").set_value("bgr")
    submit(test)
    assert not test.error
    assert json.loads((tmp_path / "mine.cirkd.json").read_text()) == {"channel_order": "bgr"}


@pytest.mark.slow
def test_this_projects_own_files_leave_nothing_open(page: Open) -> None:
    assert not [button for button in page().button if button.label == "Open with these"]


NETWORK = """
from pathlib import Path
from torch import nn
Path(__file__).with_suffix(".ran").touch()
def make():
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, stride=4), nn.ReLU(), nn.Conv2d(8, 8, 1))
"""


@pytest.mark.slow
def test_the_command_line_opens_a_network_of_your_own(
    page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "net.py").write_text(NETWORK)
    torch.save(
        torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Conv2d(8, 8, 1)).state_dict(),
        tmp_path / "w.pth",
    )
    told = told_models([f"after={tmp_path}/net.py:make,{tmp_path}/w.pth"])
    monkeypatch.setenv(COMMANDED, json.dumps(told))
    test = page()
    assert not test.exception
    assert not test.error
    assert test.selectbox(key="bar_after").value == told["after"]
    assert test.selectbox(key="bar_teacher").value == "none"
    assert "net.py:make · w.pth: " in captions(test)
    assert (tmp_path / "net.ran").exists()


def test_a_file_of_python_is_never_run_from_the_screen(page: Open, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NETWORK)
    named = f"{tmp_path}/net.py:make"
    test = page(teacher="none", before="none", after=named)
    assert "there is no such checkpoint here" in test.error[0].value
    test = page()
    test.text_input(key="bar_path").set_value(named).run()
    assert "opens from the command line alone" in test.error[0].value
    with pytest.raises(Exception, match="cirkd app --model"):
        cached.model(named, 0.0, "auto")
    assert not (tmp_path / "net.ran").exists()
