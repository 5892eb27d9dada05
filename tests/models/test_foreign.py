"""Networks of mmsegmentation, NVlabs and HRNet give what their own projects' code gives."""

import argparse
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cirkd.checkpoint import load_model, save_checkpoint
from cirkd.data.errors import CheckpointError
from cirkd.data.palettes import CITYSCAPES
from cirkd.models.hrnet import Exchange
from tests.models.foreign_vectors import NAMES, facts, given_input, outputs, weights
from tests.models.published_vectors import error

PLAIN, MIT, HRNET = "mmseg1_deeplabv3_r18-d8", "mmseg1_segformer_mit-b0", "hrnetseg_hrnet_w18_small_v1"


def saved(path: Path, content: object) -> Path:
    torch.save(content, path / "w.pth")
    return path / "w.pth"


@pytest.mark.parametrize("name", NAMES)
def test_logits_and_embedding_are_those_of_the_project(name: str, tmp_path: Path) -> None:
    wanted, stated = outputs(name), facts(name)
    # What weights don't show, and the file's configuration would.
    model = load_model(saved(tmp_path, weights(name)), "cpu", align_corners=stated["align_corners"] or None)
    with torch.inference_mode():
        found = model(given_input(name))
    assert error(found.logits, wanted["logits"]) < 1e-3
    assert error(found.embedding[:, ::4], wanted["embedding"]) < 1e-3
    assert model.info.align_corners == stated["align_corners"]
    assert model.info.preprocessing.channel_order == "rgb"
    assert [255 * v for v in model.info.preprocessing.mean] == pytest.approx(stated["preprocessing"]["mean"], rel=1e-3)
    assert [255 * v for v in model.info.preprocessing.std] == pytest.approx(stated["preprocessing"]["std"], rel=1e-3)
    assert model.info.classes.names == CITYSCAPES.names
    # Saved as a file of this project, it is the same network.
    save_checkpoint(tmp_path / "own.safetensors", model)
    again = load_model(tmp_path / "own.safetensors", "cpu")
    assert again.info.align_corners == model.info.align_corners
    with torch.inference_mode():
        assert error(again(given_input(name)).logits, wanted["logits"]) < 2e-2


def meta(corners: bool, swapped: bool = True) -> dict[str, object]:
    text = f"""model = dict(backbone=dict(type='ResNetV1c', strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2)),
        data_preprocessor=dict(mean=[103.53, 116.28, 123.675], std=[1.0, 2.0, 3.0], bgr_to_rgb={swapped}),
        decode_head=dict(align_corners={corners}), auxiliary_head=dict(align_corners={not corners}))"""
    names = [f"thing {i}" for i in range(19)]
    return {"dataset_meta": {"classes": names, "palette": [[i, i, i] for i in range(19)]}, "cfg": text}


def test_the_configuration_in_the_file_is_read(tmp_path: Path) -> None:
    state = {key: value for key, value in weights(PLAIN).items() if not key.startswith("auxiliary_head.")}
    content = {"state_dict": state, "meta": meta(True, swapped=False), "message_hub": {"log": argparse.Namespace(x=1)}}
    info = load_model(saved(tmp_path, content), "cpu").info
    assert info.align_corners is True
    assert info.classes.names[3] == "thing 3"
    assert info.classes.colors[3] == (3, 3, 3)
    assert info.output_stride == 16
    assert info.preprocessing.channel_order == "bgr"
    # Stated in the order of the input, blue first.
    assert [round(255 * v, 2) for v in info.preprocessing.std] == [3.0, 2.0, 1.0]
    old = {"state_dict": state, "meta": {"CLASSES": tuple(f"c{i}" for i in range(19)), "config": meta(False)["cfg"]}}
    info = load_model(saved(tmp_path, old), "cpu").info
    assert (info.align_corners, info.classes.names[0]) == (False, "c0")


def test_align_corners_reaches_the_head(tmp_path: Path) -> None:
    path, image = saved(tmp_path, weights(MIT)), given_input(MIT)
    with torch.inference_mode():
        false, true = (load_model(path, "cpu", align_corners=corners)(image).logits for corners in (False, True))
    assert error(true, false) > 0.05


def test_a_coarse_map_is_resized_twice_in_mmsegmentation_and_once_in_hrnet() -> None:
    torch.manual_seed(0)
    maps = [torch.randn(1, 4, 19, 31), torch.randn(1, 8, 10, 16)]
    twice, once = (Exchange([4, 8], 1, twice, align_corners=False).eval() for twice in (True, False))
    once.load_state_dict(twice.state_dict())

    def brought(x: Tensor, in_two_steps: bool) -> Tensor:
        x = F.interpolate(x, scale_factor=2, mode="bilinear") if in_two_steps else x
        return F.interpolate(x, size=(19, 31), mode="bilinear")

    with torch.inference_mode():
        own = [branch(x) for branch, x in zip(twice.branches, maps, strict=True)]
        coarse = twice.fuse_layers[0][1](own[1])  # type: ignore[index]
        for exchange, in_two_steps in ((twice, True), (once, False)):
            torch.testing.assert_close(exchange(maps)[0], F.relu(own[0] + brought(coarse, in_two_steps)))
        assert not torch.allclose(twice(maps)[0], once(maps)[0], atol=1e-3)


def test_odd_sizes_run(tmp_path: Path) -> None:
    for name in (name for name in NAMES if not name.endswith("73x121")):
        model = load_model(saved(tmp_path, weights(name)), "cpu")
        with torch.inference_mode():
            assert model(torch.zeros(1, 3, 73, 121)).logits.shape[1] == 19


def test_files_of_the_time_before_counters(tmp_path: Path) -> None:
    state = {key: value for key, value in weights(HRNET).items() if "num_batches" not in key}
    bare = {key.removeprefix("model."): value for key, value in state.items() if key.startswith("model.")}
    for content in (state, bare, {"epoch": 3, "best_mIoU": 0.7, "state_dict": bare}):
        torch.save(content, tmp_path / "w.pth", _use_new_zipfile_serialization=False)
        model = load_model(tmp_path / "w.pth", "cpu")
        with torch.inference_mode():
            assert error(model(given_input(HRNET)).logits, outputs(HRNET)["logits"]) < 1e-3


def test_what_is_not_read_is_told(tmp_path: Path) -> None:
    state = {key: value for key, value in weights(PLAIN).items() if not key.startswith("backbone.")}
    with pytest.raises(CheckpointError, match=r"backbone that is not read here.*FILE\.py:make"):
        load_model(saved(tmp_path, {**state, "backbone.stages.0.x": torch.zeros(3)}), "cpu")
    with pytest.raises(CheckpointError, match="are not those of deeplabv3"):
        load_model(saved(tmp_path, {**weights(PLAIN), "decode_head.more.weight": torch.zeros(3)}), "cpu")
