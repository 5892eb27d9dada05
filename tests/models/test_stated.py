"""Classes, mean and std that stand in a file beside the weights are read, and what only looks like them is not."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from cirkd.checkpoint import load_model
from cirkd.data.errors import CheckpointError
from cirkd.models.settings_beside import stated_preprocessing
from tests.models.wrapping import prefixed

TREES = ("wall", "tree", "road", "sky")


def test_settings_beside_the_weights() -> None:
    hub = {"image_mean": [0.5] * 3, "image_std": [0.25] * 3, "rescale_factor": 1 / 255, "do_normalize": True}
    found, where = stated_preprocessing({"preprocessor_config.json": hub}, {})
    assert found is not None
    assert (found.mean, found.std, where) == ((0.5,) * 3, (0.25,) * 3, "mean and std as preprocessor_config.json says")
    sized = {**hub, "do_resize": True, "size": {"height": 512, "width": 512}}
    _, where = stated_preprocessing({"preprocessor_config.json": sized}, {})
    assert "it resizes images, too, and here they keep their size: --input-scale" in where
    found, _ = stated_preprocessing({"preprocessor_config.json": {**hub, "do_rescale": False}}, {})
    assert found is not None
    assert found.std == pytest.approx((0.25 / 255,) * 3)
    smp = {
        "transform": {
            "__class_fullname__": "Compose",
            "transforms": [
                {"__class_fullname__": "Normalize", "mean": [0.4] * 3, "std": [0.2] * 3, "max_pixel_value": 1.0}
            ],
        }
    }
    found, _ = stated_preprocessing({"albumentations_config_eval.json": smp}, {})
    assert found is not None
    assert found.mean == pytest.approx((0.4 / 255,) * 3)
    with pytest.raises(CheckpointError, match=r"preprocessor_config\.json.*--mean"):
        stated_preprocessing({"preprocessor_config.json": {**hub, "image_mean": ["a", 1, 2]}}, {})
    assert stated_preprocessing({}, {}) == (None, "")


def test_mean_and_std_that_a_network_keeps_among_its_tensors(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = tmp_path / "w.ckpt"

    def kept(mean: float, std: float, names: tuple[str, str] = ("mean", "std")) -> dict[str, Tensor]:
        return {name: torch.full((1, 3, 1, 1), value) for name, value in zip(names, (mean, std), strict=True)}

    torch.save({"state_dict": {**prefixed(state, "model."), **kept(0.5, 0.25)}}, path)
    info = load_model(path, "cpu").info
    assert (info.preprocessing.mean, info.preprocessing.std) == ((0.5,) * 3, (0.25,) * 3)
    assert any("as 'mean' and 'std' in the file say; --range 255" in note for note in info.notes)
    assert not any("are assumed" in note for note in info.notes)
    # What the line advises.
    image = torch.randint(0, 256, (32, 32, 3), dtype=torch.uint8)
    wide = load_model(path, "cpu", range=255.0).preprocess(image.numpy())
    torch.testing.assert_close(wide, (image.permute(2, 0, 1) - 0.5) / 0.25)
    torch.save({**prefixed(state, "net."), **kept(127.5, 51.0, ("pixel_mean", "pixel_std"))}, path)
    preprocessing = load_model(path, "cpu").info.preprocessing
    assert (preprocessing.mean, preprocessing.std) == ((0.5,) * 3, pytest.approx((0.2,) * 3))
    torch.save({**state, **kept(0.5, 0.25)}, path)
    assert load_model(path, "cpu").info.preprocessing.std == (0.25,) * 3
    # Numbers that divide by nothing, and statistics of one channel, are no preprocessing.
    for strange in (kept(0.5, 0.0), {"mean": torch.zeros(1), "std": torch.ones(1)}):
        torch.save({**prefixed(state, "net."), **strange}, path)
        assert any("are assumed" in note for note in load_model(path, "cpu").info.notes)


@pytest.mark.parametrize(
    ("lies", "places", "mean"),
    [
        ("student.model", {"student": 0.5, "teacher": 0.4}, 0.5),
        ("model", {"model": 0.5, "criterion.vgg": 0.4}, 0.5),
        ("model", {"": 0.5, "teacher": 0.4, "zoo.lpips": 0.3}, 0.5),
        ("module.model", {"normalize": 0.5, "teacher.normalize": 0.4}, 0.5),
        ("model", {"loss": 0.4, "preprocess": 0.5}, 0.5),
        ("1", {"0": 0.5}, 0.5),
        ("model.1", {"model.0": 0.5, "teacher.0": 0.4}, 0.5),
        ("model", {"standardize": 0.5, "scaler": 0.5}, 0.5),
        ("model", {"criterion.vgg": 0.4}, None),
        ("model", {"teacher": 0.4}, None),
    ],
)
def test_mean_and_std_of_a_teacher_or_a_loss_are_not_the_networks(
    lies: str, places: dict[str, float], mean: float | None, tmp_path: Path, state: dict[str, Tensor]
) -> None:
    held = {".".join(filter(None, (at, n))): torch.full((3,), v) for at, v in places.items() for n in ("mean", "std")}
    for order in (held, dict(reversed(held.items()))):
        torch.save({"state_dict": {**order, **prefixed(state, f"{lies}.")}}, tmp_path / "w.ckpt")
        info = load_model(tmp_path / "w.ckpt", "cpu").info
        assert info.preprocessing.mean[0] == pytest.approx(0.485 if mean is None else mean)
        assert any("is not taken for the network's input" in note for note in info.notes) == (mean is None)
        assert any("are assumed" in note for note in info.notes) == (mean is None)


def test_a_std_of_255_is_of_pixels_in_0_to_255(tmp_path: Path, state: dict[str, Tensor]) -> None:
    kept = {"mean": torch.zeros(3), "std": torch.full((3,), 255.0)}
    torch.save({"state_dict": {**kept, **prefixed(state, "model.")}}, tmp_path / "w.ckpt")
    assert load_model(tmp_path / "w.ckpt", "cpu").info.preprocessing.std == pytest.approx((1.0,) * 3)


@pytest.mark.parametrize(
    "beside",
    [
        {"class_names": list(TREES)},
        {"hyper_parameters": {"num_classes": 4, "classes": TREES}},
        {"args": argparse.Namespace(classes=list(TREES))},
        {"id2label": dict(enumerate(TREES))},
        {"labels": {name: place for place, name in enumerate(TREES)}},
        {"class_to_idx": {name: place for place, name in enumerate(TREES)}},
        {"datamodule_hyper_parameters": {"class_names": TREES}},
        {"hyper_parameters": {"data": {"classes": TREES}}},
    ],
)
def test_class_names_beside_the_weights_are_read(
    beside: dict[str, Any], tmp_path: Path, state: dict[str, Tensor]
) -> None:
    torch.save({"state_dict": state, **beside}, tmp_path / "w.pth")
    info = load_model(tmp_path / "w.pth", "cpu").info
    assert info.classes.names == TREES
    assert not info.classes.guessed
    assert f"{next(iter(beside))!r}" in info.notes[0] and "in the file names them" in info.notes[0]
    told = load_model(tmp_path / "w.pth", "cpu", classes=["a", "b", "c", "d"])
    assert told.info.classes.names == ("a", "b", "c", "d")


@pytest.mark.parametrize(
    "beside",
    [
        {"classes": ["wall", "tree"]},
        {"classes": 4},
        {"names": [f"LABEL_{i}" for i in range(4)]},
        {"classes": [f"class {i}" for i in range(4)]},
        {"hyper_parameters": {"classes": ["0", "1", "2", "3"]}},
        {"labels": {}},
    ],
)
def test_other_things_beside_the_weights_are_no_class_names(
    beside: dict[str, Any], tmp_path: Path, state: dict[str, Tensor]
) -> None:
    torch.save({"state_dict": state, **beside}, tmp_path / "w.pth")
    assert load_model(tmp_path / "w.pth", "cpu").info.classes.guessed


@pytest.mark.parametrize(
    ("beside", "place"),
    [
        ({"class_names": ["a", "b", "c"]}, "'class_names'"),
        ({"hyper_parameters": {"classes": [*TREES, "void"]}}, "'hyper_parameters', 'classes'"),
        ({"id2label": {**dict(enumerate(TREES)), 255: "void"}}, "'id2label'"),
        ({"meta": {"dataset_meta": {"classes": TREES[1:]}}}, "'meta', 'dataset_meta', 'classes'"),
    ],
)
def test_names_of_other_classes_are_told(
    beside: dict[str, Any], place: str, tmp_path: Path, state: dict[str, Tensor]
) -> None:
    torch.save({"state_dict": state, **beside}, tmp_path / "w.pth")
    line = f"4 classes, and {place} in the file has not one name for each; --classes names them"
    assert line in load_model(tmp_path / "w.pth", "cpu").info.notes
    assert line not in load_model(tmp_path / "w.pth", "cpu", classes=list(TREES)).info.notes


def test_one_name_for_two_classes_is_that_of_the_second(tmp_path: Path, state: dict[str, Tensor]) -> None:
    one = {name: value[:1] if name.startswith("segmentation_head.0.") else value for name, value in state.items()}
    torch.save({"state_dict": one, "class_names": ["crack"]}, tmp_path / "w.pth")
    info = load_model(tmp_path / "w.pth", "cpu").info
    assert info.classes.names == ("background", "crack")
    assert any("of which 'class_names' in the file names the second" in note for note in info.notes)


def test_class_names_in_a_safetensors_header(tmp_path: Path, state: dict[str, Tensor]) -> None:
    save_file(state, tmp_path / "w.safetensors", metadata={"classes": json.dumps(TREES)})
    assert load_model(tmp_path / "w.safetensors", "cpu").info.classes.names == TREES


@pytest.mark.parametrize(
    ("beside", "place"),
    [
        ({"mean": [0.5, 0.4, 0.3], "std": (0.2, 0.2, 0.2)}, "'mean' and 'std'"),
        (
            {"hyper_parameters": {"mean": [127.5, 102, 76.5], "std": [51, 51, 51]}},
            "'hyper_parameters', 'mean' and 'std'",
        ),
    ],
)
def test_mean_and_std_that_a_trainer_saved_beside_the_weights(
    beside: dict[str, Any], place: str, tmp_path: Path, state: dict[str, Tensor]
) -> None:
    torch.save({"state_dict": state, **beside}, tmp_path / "w.pth")
    info = load_model(tmp_path / "w.pth", "cpu").info
    assert info.preprocessing.mean == pytest.approx((0.5, 0.4, 0.3)) and info.preprocessing.std == pytest.approx(
        (0.2, 0.2, 0.2)
    )
    assert any(f"mean and std as {place} in the file say" in note for note in info.notes)
    assert not any("are assumed" in note for note in info.notes)
    told = load_model(tmp_path / "w.pth", "cpu", mean=(0.1, 0.1, 0.1), range=1).info
    assert told.preprocessing.mean == (0.1, 0.1, 0.1)
    assert not any("in the file say" in note for note in told.notes)


def test_numbers_that_are_no_mean_of_an_input_are_passed_over(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save({"state_dict": state, "mean": 0.3, "std": [1.0, 0.0, 1.0]}, tmp_path / "w.pth")
    assert any("are assumed" in note for note in load_model(tmp_path / "w.pth", "cpu").info.notes)
