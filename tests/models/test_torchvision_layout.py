"""Networks of torchvision give their own outputs."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from cirkd.checkpoint import load_model, save_checkpoint
from cirkd.data.errors import CheckpointError
from cirkd.data.palettes import VOC
from cirkd.models.torchvision_layout import NETWORKS

SMALL = ("deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large")


def theirs(name: str, classes: int = 21, **options: Any) -> Any:
    from torchvision.models import segmentation

    torch.manual_seed(0)
    model = getattr(segmentation, name)(weights=None, weights_backbone=None, num_classes=classes, **options)
    return model.eval()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in SMALL else pytest.mark.slow) for name in NETWORKS]
)
def test_outputs_are_theirs(name: str, tmp_path: Path) -> None:
    model = theirs(name)
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    loaded = load_model(tmp_path / "weights.pth", "cpu")
    image = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        output, wanted = loaded(image), model(image)["out"]
        found = F.interpolate(output.logits, size=(64, 96), mode="bilinear", align_corners=False)
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(loaded.classifier(output.embedding), output.logits)
    assert f"{loaded.info.architecture}_{loaded.info.encoder}" == name
    assert loaded.info.classes == VOC


def test_the_auxiliary_head_is_kept(tmp_path: Path) -> None:
    torch.save({"model": theirs(SMALL[0], 7, aux_loss=True).state_dict()}, tmp_path / "weights.pth")
    loaded = load_model(tmp_path / "weights.pth", "cpu").train()
    output = loaded(torch.randn(2, 3, 64, 64))
    assert output.auxiliary is not None
    assert output.auxiliary.shape[:2] == (2, 7)
    assert any("mean and std of the encoder's ImageNet weights are assumed" in note for note in loaded.info.notes)
    assert any("dilations, is taken to be as torchvision has it by default" in note for note in loaded.info.notes)


def test_saved_in_our_format_they_come_back(tmp_path: Path) -> None:
    torch.save(theirs(SMALL[1], 4).state_dict(), tmp_path / "weights.pth")
    model = load_model(tmp_path / "weights.pth", "cpu")
    save_checkpoint(tmp_path / "ours.safetensors", model)
    image = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        again = load_model(tmp_path / "ours.safetensors", "cpu")(image).logits
        torch.testing.assert_close(again, model(image).logits, rtol=0.02, atol=0.02)


def test_a_missing_half_of_the_classifier_is_named(tmp_path: Path) -> None:
    state = theirs(SMALL[1], 4).state_dict()
    del state["classifier.high_classifier.bias"]
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match=r"classifier\.bias missing"):
        load_model(tmp_path / "weights.pth", "cpu")


def test_a_layer_of_another_kind_is_a_variant_and_no_file_that_is_cut_off(tmp_path: Path) -> None:
    model = theirs(SMALL[0], 4)
    model.classifier[4] = torch.nn.Conv2d(256, 4, 1, bias=False)
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    with pytest.raises(
        CheckpointError,
        match=r"classifier\.bias missing\); save the whole .* or where its layers have none of these .*FILE\.py:make",
    ):
        load_model(tmp_path / "weights.pth", "cpu")
