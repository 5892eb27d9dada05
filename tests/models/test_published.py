"""The published checkpoints give the outputs that they gave where they come from."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import cirkd
from cirkd.checkpoint import load_model, save_checkpoint
from cirkd.data.errors import CheckpointError
from cirkd.data.palettes import CITYSCAPES
from tests.models.published_vectors import LARGE, NAMES, error, given_input, outputs, weights

SMALL = "v1_psp_mobile_mobilenetv2"


def saved(folder: Path, content: object) -> Path:
    torch.save(content, folder / "theirs.pth")
    return folder / "theirs.pth"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in LARGE else ()) for name in NAMES]
)
def test_outputs_are_those_of_the_published_network(name: str, tmp_path: Path) -> None:
    model = cirkd.load_model(saved(tmp_path, weights(name)), device="cpu")
    with torch.inference_mode():
        output = model(given_input())
    wanted = outputs(name)
    assert error(output.logits, wanted["logits"]) < 1e-3
    assert error(output.embedding[:, ::4], wanted["embedding"]) < 1e-3
    assert model.info.classes == CITYSCAPES
    assert any("Cityscapes" in note for note in model.info.notes)
    assert not model.training


def test_there_are_nine() -> None:
    assert len(NAMES) == 9


WRAPPED: dict[str, Callable[[dict[str, Tensor]], object]] = {
    "under state_dict": lambda state: {"state_dict": state, "epoch": 3},
    "under model": lambda state: {"model": state},
    "under student": lambda state: {"student": state, "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}},
    "with module.": lambda state: {f"module.{key}": value for key, value in state.items()},
    "both": lambda state: {"model": {"state_dict": {f"module.{key}": value for key, value in state.items()}}},
    "beside its teacher": lambda state: {
        **{f"student.{key}": value for key, value in state.items()},
        "teacher.weight": torch.zeros(3),
    },
    "in 16 bit": lambda state: {key: value.half().float() for key, value in state.items()},
}


@pytest.mark.parametrize("form", WRAPPED)
def test_wrappings_are_taken_off(form: str, tmp_path: Path) -> None:
    model = load_model(saved(tmp_path, WRAPPED[form](weights(SMALL))), "cpu")
    with torch.inference_mode():
        assert error(model(given_input()).logits, outputs(SMALL)["logits"]) < (0.1 if form == "in 16 bit" else 1e-3)


def test_safetensors_and_the_old_form_of_torch_are_read_too(tmp_path: Path) -> None:
    state = weights(SMALL)
    save_file({f"module.{key}": value for key, value in state.items()}, tmp_path / "theirs.safetensors")
    torch.save({"state_dict": state}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    for path in (tmp_path / "theirs.safetensors", tmp_path / "old.pth"):
        with torch.inference_mode():
            assert error(load_model(path, "cpu")(given_input()).logits, outputs(SMALL)["logits"]) < 1e-3


def test_a_name_that_says_something_else_does_not_matter(tmp_path: Path) -> None:
    path = saved(tmp_path, weights(SMALL)).rename(tmp_path / "whatever.bin")
    assert load_model(path, "cpu").info.architecture == "pspnet"


@pytest.mark.parametrize("name", ["v1_psp_resnet18", "v1_deeplabv3_resnet18"])
def test_the_auxiliary_head_may_be_missing(name: str, tmp_path: Path) -> None:
    state = {key: value for key, value in weights(name).items() if not key.startswith("auxlayer.")}
    model = load_model(saved(tmp_path, state), "cpu")
    assert model.auxiliary is None
    with torch.inference_mode():
        assert error(model(given_input()).logits, outputs(name)["logits"]) < 1e-3


@pytest.mark.parametrize(
    ("classes", "first", "says"), [(11, "sky", "CamVid"), (21, "background", "Pascal VOC"), (7, "class 0", "numbered")]
)
def test_classes_are_named_by_their_count(classes: int, first: str, says: str, tmp_path: Path) -> None:
    model = load_model(saved(tmp_path, weights("v1_segformer_MiT_B0", classes)), "cpu")
    assert (len(model.info.classes), model.info.classes.names[0]) == (classes, first)
    assert any(says in note for note in model.info.notes)


def test_their_input_is_bgr_less_a_mean(tmp_path: Path) -> None:
    model = load_model(saved(tmp_path, weights(SMALL)), "cpu")
    image = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    wanted = image[..., ::-1].astype(np.float32) - np.array([104.00698793, 116.66876762, 122.67891434], np.float32)
    np.testing.assert_allclose(model.preprocess(image).permute(1, 2, 0).numpy(), wanted, atol=1e-4)


def test_saved_in_our_format_they_come_back(tmp_path: Path) -> None:
    model = load_model(saved(tmp_path, weights("v1_psp_resnet18")), "cpu")
    save_checkpoint(tmp_path / "ours.safetensors", model, recipe="theirs")
    again = load_model(tmp_path / "ours.safetensors", "cpu")
    assert again.info.preprocessing == model.info.preprocessing
    assert (again.info.layout, again.info.encoder) == ("published", "resnet18")
    with torch.inference_mode():
        assert error(again(given_input()).logits, model(given_input()).logits) < 0.05


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    state = weights(SMALL)
    without = {key: value for key, value in state.items() if key != "head.classifier.bias"}
    with pytest.raises(CheckpointError, match=r"classifier\.bias missing"):
        load_model(saved(tmp_path, without))
    with pytest.raises(CheckpointError, match=r"decoder\.block\.1\.weight is \[5\] and not \[128\]"):
        load_model(saved(tmp_path, {**state, "head.block.1.weight": torch.zeros(5)}))
    with pytest.raises(CheckpointError, match=r"decoder\.surprise not of this network"):
        load_model(saved(tmp_path, {**state, "head.surprise": torch.zeros(5)}))
    with pytest.raises(CheckpointError, match="NaN or infinity"):
        load_model(saved(tmp_path, {**state, "head.classifier.bias": torch.full((19,), float("inf"))}))


def test_counts_of_batches_may_be_missing(tmp_path: Path) -> None:
    state = {key: value for key, value in weights(SMALL).items() if not key.endswith("num_batches_tracked")}
    with torch.inference_mode():
        assert error(load_model(saved(tmp_path, state), "cpu")(given_input()).logits, outputs(SMALL)["logits"]) < 1e-3
