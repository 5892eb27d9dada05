"""The doctor says of any file what it is, what is wrong with it and what to do."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from cirkd import cli
from cirkd.checkpoint import read_header, save_checkpoint
from cirkd.data.palettes import CAMVID
from cirkd.doctor import Verdict, describe_input, examine
from cirkd.losses.memory import RelationMemory
from cirkd.models.build import build_segmenter
from cirkd.models.published import PREPROCESSING
from tests.hostile_files import Hostile, saved, tensor_pickle, torch_file
from tests.models.published_vectors import weights

SMALL = "v1_psp_mobile_mobilenetv2"


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return weights(SMALL)


def own(path: Path, memory: bool = False) -> Path:
    model = build_segmenter("deeplabv3", "tu-mobilenetv3_small_050", CAMVID, embedding_channels=16)
    bank = RelationMemory(11, 16, 8, pixel_queue_size=5, region_queue_size=3) if memory else None
    save_checkpoint(path, model, bank)
    return path


def changed(path: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> Path:
    header, tensors = json.dumps(read_header(own(path))), load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"cirkd": header})
    return path


def test_usable_files_of_five_origins(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    import segmentation_models_pytorch as smp
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}}, tmp_path / "published.pth")
    smp.create_model("fpn", "resnet18", encoder_weights=None, classes=150).save_pretrained(tmp_path / "folder")
    lraspp = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=21)
    torch.save(lraspp.state_dict(), tmp_path / "tv.pth")
    found: dict[str, Verdict] = {
        "own": examine(own(tmp_path / "own.safetensors")),
        "distilled": examine(own(tmp_path / "distilled.safetensors", memory=True)),
        "published": examine(tmp_path / "published.pth"),
        "smp": examine(tmp_path / "folder"),
        "torchvision": examine(tmp_path / "tv.pth"),
    }
    assert [name for name, verdict in found.items() if not verdict.usable] == []
    assert [verdict.layout for verdict in found.values()] == ["cirkd", "cirkd", "published", "smp", "torchvision"]
    assert [verdict.has_memory for verdict in found.values()] == [False, True, False, False, False]
    assert [len(verdict.classes) for verdict in found.values()] == [11, 11, 19, 150, 21]
    assert found["published"].expected_input == "BGR in 0..255, less 104.01, 116.67, 122.68"
    assert found["published"].parameters == 2_654_739
    assert any("module." in note for note in found["published"].notes)
    assert found["smp"].fit is not None
    assert found["smp"].fit.complete
    assert all(verdict.lines()[-1].endswith("ready to use") for verdict in found.values())


UNUSABLE: dict[str, tuple[str, str]] = {
    "missing key": (r"classifier\.bias missing", "whole state_dict"),
    "extra key": (r"more not of this network|surprise not of this network", "save the model again"),
    "another shape": (r"classifier\.bias is \[3\] and not \[11\]", "FILE.py:make"),
    "not finite": (r"classifier\.bias holds NaN or infinity", "earlier file"),
    "truncated": ("damaged", "copy it again"),
    "empty": ("empty", "copy it again"),
    "code": ("not a file of plain weights: it (names|fetches)", "state_dict"),
    "whole model": ("unknown network", "FILE.py:make"),
    "stretched": (r"does not fit the 4 numbers", "state_dict"),
    "text": ("begins like text", "are read"),
    "folder": ("this is a folder", "choose another"),
    "nothing": ("no such file", "check the path"),
    "no weights": ("holds no weights", "state_dict"),
    "unknown network": ("unknown network", "FILE.py:make"),
    "link out": ("leads out of its folder", "path of the file itself"),
}


def make(kind: str, folder: Path) -> Path:
    path = folder / "file.safetensors"
    changes: dict[str, Callable[[dict[str, torch.Tensor]], object]] = {
        "missing key": lambda t: t.pop("model.classifier.bias"),
        "extra key": lambda t: t.update({"model.surprise": torch.zeros(2)}),
        "another shape": lambda t: t.update({"model.classifier.bias": torch.zeros(3)}),
        "not finite": lambda t: t.update({"model.classifier.bias": torch.full((11,), float("nan"))}),
    }
    contents: dict[str, Callable[[], bytes]] = {
        "truncated": lambda: own(path).read_bytes()[:5000],
        "empty": lambda: b"",
        "code": lambda: saved({"w": Hostile(folder / "proof")}),
        "whole model": lambda: saved(torch.nn.Conv2d(1, 1, 1)),
        "stretched": lambda: torch_file(tensor_pickle((2**40,), (0,), 4)),
        "text": lambda: b"hello, world",
        "no weights": lambda: saved({"epoch": 3}),
        "unknown network": lambda: saved({"layer.weight": torch.zeros(2, 2)}),
    }
    if kind in changes:
        return changed(path, changes[kind])
    if kind in contents:
        path = path if kind in ("truncated", "empty") else folder / "file.pth"
        path.write_bytes(contents[kind]())
        return path
    if kind == "link out":
        own(folder / "real.safetensors")
        (folder / "inner").mkdir()
        os.symlink(folder / "real.safetensors", folder / "inner" / "link.safetensors")
        return folder / "inner" / "link.safetensors"
    return folder if kind == "folder" else folder / "gone.pth"


@pytest.mark.parametrize("kind", UNUSABLE)
def test_what_is_wrong_and_what_to_do(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import re

    path = make(kind, tmp_path)
    verdict = examine(path)
    problem, remedy = UNUSABLE[kind]
    assert not verdict.usable
    assert re.search(problem, verdict.problem), verdict.problem
    assert re.search(remedy, verdict.remedy), verdict.remedy
    assert not (tmp_path / "proof").exists()
    assert cli.main(["doctor", str(path)]) == 1
    shown = capsys.readouterr()
    assert len(shown.err.strip().splitlines()) == 1
    assert verdict.problem in shown.err and verdict.remedy in shown.err
    assert verdict.problem not in shown.out and verdict.remedy not in shown.out


def test_twenty_kinds_are_told_apart() -> None:
    assert len(UNUSABLE) + 5 == 20


def test_a_usable_file_is_exit_code_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", str(own(tmp_path / "own.safetensors"))]) == 0
    shown = capsys.readouterr()
    assert not shown.err
    assert "11: sky, building, pole, road, sidewalk, ..." in shown.out
    assert "RGB in 0..1, less 0.485, 0.456, 0.406, divided by 0.229, 0.224, 0.225" in shown.out


def test_input_is_told_in_words() -> None:
    assert describe_input(PREPROCESSING).startswith("BGR in 0..255")
