"""Networks of segmentation-models-pytorch give their own outputs, whether saved as a folder or as plain weights."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from cirkd.checkpoint import load_model, save_checkpoint
from cirkd.data.errors import CheckpointError
from cirkd.models.smp import ARCHITECTURES
from tests.cases import mostly_slow

VIT = "tu-vit_tiny_patch16_224"


def theirs(architecture: str, classes: int = 5, encoder: str = "resnet18", **settings: Any) -> Any:
    import segmentation_models_pytorch as smp

    torch.manual_seed(0)
    if architecture == "dpt":
        encoder, settings = VIT, {"dynamic_img_size": True, **settings}
    return smp.create_model(architecture, encoder, encoder_weights=None, classes=classes, **settings).eval()


def their_outputs(model: Any, image: Tensor) -> tuple[Tensor, Tensor]:
    """The input of the head's first convolution, and the scores before any upsampling."""
    head = model.segmentation_head
    layer = head.head if hasattr(head, "head") else head[0]
    seen: dict[str, Tensor] = {}
    layer.register_forward_hook(lambda _, inputs, output: seen.update(embedding=inputs[0].clone(), logits=output))
    with torch.inference_mode():
        model(image)
    return seen["embedding"], seen["logits"]


@pytest.mark.parametrize("architecture", mostly_slow(ARCHITECTURES, fast=("unet", "fpn", "deeplabv3")))
def test_folders_and_plain_weights_give_their_outputs(architecture: str, tmp_path: Path) -> None:
    model = theirs(architecture)
    image = torch.randn(1, 3, 128, 160)
    embedding, logits = their_outputs(model, image)
    model.save_pretrained(tmp_path / "folder")
    torch.save({"state_dict": model.state_dict()}, tmp_path / "weights.pth")
    hints = {"encoder": VIT} if architecture == "dpt" else {}
    for loaded in (load_model(tmp_path / "folder", "cpu"), load_model(tmp_path / "weights.pth", "cpu", **hints)):
        with torch.inference_mode():
            output = loaded(image)
        torch.testing.assert_close(output.embedding, embedding)
        torch.testing.assert_close(output.logits, logits)
        assert loaded.info.architecture == architecture
        assert len(loaded.info.classes) == 5
        assert any("numbered" in note for note in loaded.info.notes)


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        ("unet", {"decoder_channels": (128, 64, 32, 16), "encoder_depth": 4, "decoder_attention_type": "scse"}),
        ("unet", {"decoder_use_norm": False}),
        ("unetplusplus", {"decoder_use_norm": False, "decoder_attention_type": "scse"}),
        ("linknet", {"decoder_use_norm": False}),
        ("pspnet", {"decoder_use_norm": False, "encoder_depth": 4}),
        ("upernet", {"decoder_use_norm": False}),
        ("upernet", {"encoder_depth": 4}),
        ("fpn", {"encoder_depth": 4}),
        ("deeplabv3", {"encoder_depth": 4}),
        ("segformer", {"encoder_depth": 3}),
        ("dpt", {"decoder_intermediate_channels": (16, 32, 48, 64), "decoder_readout": "ignore"}),
        ("unetplusplus", {"decoder_channels": (64, 32, 16), "encoder_depth": 3}),
        ("fpn", {"decoder_merge_policy": "cat", "decoder_segmentation_channels": 32, "decoder_pyramid_channels": 64}),
        ("deeplabv3", {"decoder_channels": 48, "decoder_aspp_separable": True}),
        ("pspnet", {"psp_out_channels": 64}),
        ("manet", {"decoder_channels": (64, 32, 16, 16, 8), "decoder_pab_channels": 16}),
    ],
)
def test_settings_show_in_the_shapes(architecture: str, settings: dict[str, Any], tmp_path: Path) -> None:
    model = theirs(architecture, **settings)
    image = torch.randn(1, 3, 64, 64)
    _, logits = their_outputs(model, image)
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    loaded = load_model(tmp_path / "weights.pth", "cpu", encoder=VIT if architecture == "dpt" else None)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(image).logits, logits)
    if architecture != "dpt":
        assert loaded.info.output_stride == 64 // logits.shape[2]


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["mobilenet_v2", "efficientnet-b0", "vgg11", "mit_b0", "tu-mobilenetv3_small_050"])
def test_encoders_are_told_by_their_weights(encoder: str, tmp_path: Path) -> None:
    torch.save(theirs("unet", encoder=encoder).state_dict(), tmp_path / "weights.pth")
    assert load_model(tmp_path / "weights.pth", "cpu").info.encoder == encoder


@pytest.mark.slow
def test_an_encoder_that_is_not_told_can_be_given(tmp_path: Path) -> None:
    torch.save(theirs("fpn", encoder="tu-resnet10t").state_dict(), tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match="--encoder"):
        load_model(tmp_path / "weights.pth", "cpu")
    assert load_model(tmp_path / "weights.pth", "cpu", encoder="tu-resnet10t").info.encoder == "tu-resnet10t"
    with pytest.raises(CheckpointError, match="none of SMP's"):
        load_model(tmp_path / "weights.pth", "cpu", architecture="dance")
    with pytest.raises(CheckpointError, match="not those of fpn on resnet18"):
        load_model(tmp_path / "weights.pth", "cpu", encoder="resnet18")


def test_images_of_any_size_go_through(tmp_path: Path) -> None:
    theirs("fpn").save_pretrained(tmp_path / "folder")
    model = load_model(tmp_path / "folder", "cpu")
    with torch.inference_mode():
        assert model(torch.randn(1, 3, 50, 71)).logits.shape == (1, 5, 13, 18)


def test_saved_in_our_format_they_come_back(tmp_path: Path) -> None:
    theirs("linknet").save_pretrained(tmp_path / "folder")
    model = load_model(tmp_path / "folder", "cpu")
    save_checkpoint(tmp_path / "ours.safetensors", model)
    again = load_model(tmp_path / "ours.safetensors", "cpu")
    image = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(again(image).logits, model(image).logits, rtol=0.02, atol=0.02)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"encoder_name": "tu-hf-hub:someone/evil"}, "no plain name"),
        ({"encoder_name": "tu-/etc/passwd"}, "no plain name"),
        ({"checkpoint_path": "/etc/passwd"}, "not read"),
        ({"decoder_channels": [8] * 1000}, "at most 16"),
        ({"_model_class": "System"}, "none of SMP's"),
    ],
)
def test_a_config_cannot_make_it_fetch_or_open_anything(change: dict[str, Any], says: str, tmp_path: Path) -> None:
    theirs("unet").save_pretrained(tmp_path / "folder")
    config = json.loads((tmp_path / "folder" / "config.json").read_text())
    (tmp_path / "folder" / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(CheckpointError, match=says):
        load_model(tmp_path / "folder", "cpu")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"architecture": "fpn"}, "the weights are those of unet; leave --architecture out, or give unet"),
        ({"architecture": "UnetPlusPlus"}, "the weights are those of unet; leave --architecture out"),
        ({"encoder": "resnet34"}, "are those of resnet18; leave --encoder out, or give resnet18"),
        ({"encoder": "nonsense"}, "are those of resnet18; leave --encoder out, or give resnet18"),
        ({"encoder": "tu-resnet18"}, "are those of resnet18; leave --encoder out, or give resnet18"),
        ({"encoder": "http://x/y"}, "no plain name"),
    ],
)
def test_a_wrong_name_is_refused_with_the_right_one(given: dict[str, str], says: str, tmp_path: Path) -> None:
    """What came, what the weights are, what to do: and both ways that are advised open the file."""
    torch.save(theirs("unet").state_dict(), tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match=re.escape(says)) as refused:
        load_model(tmp_path / "weights.pth", "cpu", **given)
    assert "\n" not in str(refused.value) and "weights.pth" in str(refused.value)
    advised = re.search(r"or give (\w+)$", str(refused.value))
    for told in ({}, {name: advised[1] for name in given} if advised else {}):
        found = load_model(tmp_path / "weights.pth", "cpu", **told)
        assert (found.info.architecture, found.info.encoder) == ("unet", "resnet18")
