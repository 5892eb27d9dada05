"""What a user says about a checkpoint holds, in any of the ways to say it."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from cirkd.checkpoint import load_model
from cirkd.data.errors import CheckpointError
from cirkd.data.palettes import CITYSCAPES
from cirkd.models.answers import Answers, answered, checked, read_sidecar, write_sidecar
from cirkd.models.places import sidecar
from cirkd.models.published import PREPROCESSING
from cirkd.models.segmenter import ModelInfo


def test_range_mean_and_std_are_in_one_unit(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = tmp_path / "w.pth"
    torch.save(state, path)
    image = torch.randint(0, 256, (32, 32, 3), dtype=torch.uint8)
    own = load_model(path, "cpu", range=255).preprocess(image.numpy())
    wanted = (image.permute(2, 0, 1).float() - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor(
        [0.229, 0.224, 0.225]
    )[:, None, None]
    torch.testing.assert_close(own, wanted)
    same = {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375), "range": 255}
    torch.testing.assert_close(
        load_model(path, "cpu", **same).preprocess(image.numpy()), load_model(path, "cpu").preprocess(image.numpy())
    )
    assert load_model(path, "cpu", channel_order="bgr", align_corners=False).info.align_corners is False


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"mean": (123.675, 116.28, 103.53)}, "--range in the same units"),
        ({"std": (0.0, 1.0, 1.0)}, "make no sense"),
        ({"mean": (1.0, 2.0)}, "three finite numbers"),
        ({"channel_order": "grb"}, "rgb or bgr was wanted"),
        ({"classes": ["a", "b"]}, "names 2 classes, the network has 4 outputs"),
        ({"weights": "ema"}, "holds no averaged weights; leave --weights out"),
        ({"weights": "best"}, "raw or ema"),
        ({"input_scale": 100}, "scale"),
        (
            {"architecture": "fpn"},
            "architecture fpn was given, and the weights are those of unet; leave --architecture out, or give unet",
        ),
    ],
)
def test_answers_that_cannot_be(given: dict[str, object], line: str, tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(CheckpointError) as refused:
        load_model(tmp_path / "w.pth", "cpu", **given)  # type: ignore[arg-type]
    assert line in str(refused.value)
    assert str(refused.value).startswith(str(tmp_path / "w.pth"))


def test_numbers_of_another_range_than_the_networks_ask_for_the_range() -> None:
    wide = ModelInfo("deeplabv3", "resnet18", 8, 128, False, CITYSCAPES, PREPROCESSING, layout="published")
    for given in (
        {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
        {"mean": (0.5,) * 3},
        {"std": (0.2,) * 3},
    ):
        with pytest.raises(
            CheckpointError, match=r"look like those of pixels in 0\.\.1, .* give --range 1 or --range 255"
        ):
            answered(wide, checked(**given))
        for top in (1.0, 255.0) if "mean" in given else ():
            said = answered(wide, checked(**given, range=top)).preprocessing
            assert said.mean == pytest.approx([value / top for value in given["mean"]])
    for given in (
        {"mean": (0.0,) * 3},
        {"std": (1.0,) * 3},
        {"mean": (123.7, 116.3, 103.5), "std": (58.4, 57.1, 57.4)},
    ):
        answered(wide, checked(**given))


def test_classes_from_a_file_and_by_name(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save(state, tmp_path / "w.pth")
    (tmp_path / "classes.json").write_text(json.dumps([{"name": n, "color": [i, 2, 3]} for i, n in enumerate("abcd")]))
    named = load_model(tmp_path / "w.pth", "cpu", classes=tmp_path / "classes.json").info.classes
    assert named.names == tuple("abcd")
    assert named.colors[3] == (3, 2, 3)
    assert load_model(tmp_path / "w.pth", "cpu", classes=list("wxyz")).info.classes.names == tuple("wxyz")
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_model(tmp_path / "w.pth", "cpu", classes=tmp_path / "gone.json")


def test_a_file_beside_the_weights_keeps_the_answers(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = tmp_path / "best.pth.tar"
    torch.save({"state_dict": state, "best_acc1": torch.tensor(71.3)}, path)
    assert sidecar(path).name == "best.cirkd.json"
    write_sidecar(path, Answers(range=255.0, align_corners=False))
    assert read_sidecar(path) == Answers(range=255.0, align_corners=False)
    model = load_model(path, "cpu")
    assert model.info.align_corners is False
    assert model.info.preprocessing.std[0] == pytest.approx(0.229 / 255)
    assert load_model(path, "cpu", align_corners=True).info.align_corners is True
    for text in ("{", "[]", '{"mean": 3}', '{"surprise": 1}', '{"mean": [1, 2]}', '{"align_corners": "yes"}'):
        sidecar(path).write_text(text)
        with pytest.raises(CheckpointError, match=r"best\.cirkd\.json.* was wanted"):
            load_model(path, "cpu")


def test_one_output_is_two_classes_by_its_sigmoid(tmp_path: Path) -> None:
    import segmentation_models_pytorch as smp

    torch.manual_seed(0)
    net = smp.Unet("resnet18", encoder_weights=None, encoder_depth=3, decoder_channels=(16, 16, 8), classes=1).eval()
    torch.save(net.state_dict(), tmp_path / "w.pth")
    model = load_model(tmp_path / "w.pth", "cpu")
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        wanted = net(image).sigmoid()[:, 0]
        torch.testing.assert_close(model(image).logits.softmax(dim=1)[:, 1], wanted)
    assert model.info.classes.names == ("background", "foreground")
    named = load_model(tmp_path / "w.pth", "cpu", classes=["thing"]).info.classes
    assert named.names == ("background", "thing")


def test_naming_classes_leaves_what_is_said_of_the_input(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save(state, tmp_path / "w.pth")
    (tmp_path / "classes.txt").write_text("a\nb\nc\nd\n")
    named = load_model(tmp_path / "w.pth", "cpu", classes=tmp_path / "classes.txt").info.notes
    assert any("are assumed; --mean, --std and --range say otherwise" in note for note in named)
    # What was guessed of the classes holds no longer.
    assert not any("numbered" in note for note in named)
    given = load_model(tmp_path / "w.pth", "cpu", mean=(0.5,) * 3, std=(0.5,) * 3).info.notes
    assert not any("are assumed" in note for note in given)
