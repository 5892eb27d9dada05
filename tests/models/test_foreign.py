"""Networks of mmsegmentation, NVlabs and HRNet give what their own projects' code gives."""

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cirkd.checkpoint import load_model, save_checkpoint
from cirkd.data.errors import CheckpointError
from cirkd.data.palettes import CITYSCAPES
from cirkd.models.hrnet import Exchange
from cirkd.models.mmseg_meta import settings_of
from tests.cases import mostly_slow
from tests.models.foreign_vectors import NAMES, facts, given_input, outputs, weights
from tests.models.published_vectors import error

PLAIN, MIT, HRNET = "mmseg1_deeplabv3_r18-d8", "mmseg1_segformer_mit-b0", "hrnetseg_hrnet_w18_small_v1"


def saved(path: Path, content: object) -> Path:
    torch.save(content, path / "w.pth")
    return path / "w.pth"


@pytest.mark.parametrize("name", mostly_slow(NAMES, fast=(PLAIN, MIT, HRNET)))
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


OWN = "data_preprocessor=dict(bgr_to_rgb={}, mean=[1, 2.0, 3e+0], std=[4.0, 5.0, 6.0])"
USUAL = "mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]"


@pytest.mark.parametrize(
    ("text", "mean", "std", "order"),
    [
        # What the model holds counts, not the variable it began as.
        (f"data_preprocessor = dict({USUAL}, bgr_to_rgb=True)\nmodel = dict({OWN.format(True)})", (1, 2, 3), 4, "rgb"),
        (f"model = dict({OWN.format(False)})", (3, 2, 1), 6, "bgr"),
        ("model = dict(data_preprocessor=dict(mean=None, std=None, bgr_to_rgb=True))", (0, 0, 0), 1, "rgb"),
        ("model = dict(data_preprocessor=dict(size=(512, 512)))", (0, 0, 0), 1, "bgr"),
        (f"model = dict(data_preprocessor=dict({USUAL}))", (103.53, 116.28, 123.675), 57.375, "bgr"),
        # The test's own step, not what stands first.
        (
            f"noise = dict(mean=[9, 9, 9])\nimg_norm_cfg = dict({USUAL}, to_rgb=True)\n"
            "data = dict(test=dict(pipeline=[dict(type='Normalize', mean=[1, 2, 3], std=[4, 5, 6], to_rgb=False)]))",
            (3, 2, 1),
            6,
            "bgr",
        ),
        ("img_norm_cfg = dict(mean=[1, 2, 3], std=[4, 5, 6], to_rgb=True)", (1, 2, 3), 4, "rgb"),
        (
            "img_norm_cfg = dict(mean=[3, 2, 1], std=[4, 4, 4], to_rgb=False)\n"
            "test_pipeline = [dict(type='Normalize', **img_norm_cfg)]",
            (1, 2, 3),
            4,
            "bgr",
        ),
        ("noise = dict(mean=[9, 9, 9], std=[9, 9, 9])", (123.675, 116.28, 103.53), 58.395, "rgb"),
    ],
)
def test_mean_and_std_of_a_configuration(text: str, mean: tuple[float, ...], std: float, order: str) -> None:
    stated = settings_of({"cfg": text}, CITYSCAPES)
    found = stated.preprocessing
    assert [255 * v for v in found.mean] == pytest.approx(list(mean), abs=1e-4)
    assert (255 * found.std[0], found.channel_order) == (pytest.approx(std), order)
    assert bool(stated.assumed) == text.startswith("noise = dict(mean=[9, 9, 9], std")


def test_a_resize_of_the_test_is_told() -> None:
    for text in (
        f"img_norm_cfg = dict({USUAL})\ntest_pipeline = [dict(type='Resize', scale=(512, 256), keep_ratio=True)]",
        f"img_norm_cfg = dict({USUAL})\ndata = dict(test=dict(pipeline=[dict(img_scale=(512, 256), flip=False)]))",
    ):
        (line,) = settings_of({"cfg": text}, CITYSCAPES).assumed
        assert "its test resizes images to 512x256" in line and "--input-scale" in line


def test_a_test_in_windows_is_told() -> None:
    text = f"img_norm_cfg = dict({USUAL})\nmodel = dict(test_cfg=dict(crop_size=(512, 256), mode='slide'))"
    (line,) = settings_of({"cfg": text}, CITYSCAPES).assumed
    assert "in windows of 256x512, and here the whole image is one" in line
    assert settings_of({"cfg": text.replace("slide", "whole")}, CITYSCAPES).assumed == ()


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        (PLAIN, "decode_head=dict(act_cfg=dict(inplace=True, type='GELU'))", "activation is GELU, .* with ReLU alone"),
        (MIT, "backbone=dict(act_cfg=dict(type='ReLU'))", "activation is ReLU, and it is read here with GELU alone"),
        (MIT, "backbone=dict(strides=[2, 2, 2, 2])", r"strides \[2, 2, 2, 2\] is not read here"),
    ],
)
def test_a_form_that_weights_do_not_show_is_refused(name: str, text: str, says: str, tmp_path: Path) -> None:
    content = {"state_dict": weights(name), "meta": {"cfg": f"model = dict({text})"}}
    with pytest.raises(CheckpointError, match=rf"{says}.*FILE\.py:make"):
        load_model(saved(tmp_path, content), "cpu")


@pytest.mark.parametrize(("said", "threshold"), [("threshold=0.4, ", 0.4), ("", 0.3)])
def test_one_output_is_told_apart_at_the_configurations_threshold(said: str, threshold: float, tmp_path: Path) -> None:
    state = {key: value for key, value in weights(PLAIN).items() if not key.startswith("auxiliary_head.")}
    for name in ("weight", "bias"):
        state[f"decode_head.conv_seg.{name}"] = state[f"decode_head.conv_seg.{name}"][:1]
    text = f"model = dict(backbone=dict(type='ResNetV1c'), decode_head=dict({said}out_channels=1, num_classes=2))"
    meta = {"dataset_meta": {"classes": ("ground", "crack"), "palette": [[0, 0, 0], [255, 0, 0]]}, "cfg": text}
    model = load_model(saved(tmp_path, {"state_dict": state, "meta": meta}), "cpu")
    assert model.info.classes.names == ("ground", "crack")
    assert any(f"where its sigmoid is {threshold}" in note for note in model.info.notes)
    with torch.inference_mode():
        ground, crack = model(torch.randn(1, 3, 64, 64)).logits[0]
    assert torch.equal(crack > ground, crack.sigmoid() > threshold)


def resnet_with(head: dict[str, Tensor], blocks: int = 3) -> dict[str, Tensor]:
    """The first network's encoder with more blocks in its last stage, and another head."""
    state = {key: value for key, value in weights(PLAIN).items() if key.startswith("backbone.")}
    for i in range(2, blocks):
        last = {k: v for k, v in state.items() if k.startswith("backbone.layer4.1.")}
        state |= {key.replace("layer4.1.", f"layer4.{i}."): value for key, value in last.items()}
    return state | head


def test_dilations_are_those_of_the_configuration(tmp_path: Path) -> None:
    text = """model = dict(
        backbone=dict(type='ResNetV1c', strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2), multi_grid=(1, 2, 4),
            contract_dilation=True, style='pytorch', norm_cfg=dict(type='SyncBN', requires_grad=True)),
        decode_head=dict(type='ASPPHead', dilations=(1, 6, 12, 18)), auxiliary_head=dict(dilation=9))"""
    head = {key: value for key, value in weights(PLAIN).items() if key.startswith("decode_head.")}
    content = {"state_dict": resnet_with(head), "meta": {"cfg": text}}
    model = load_model(saved(tmp_path, content), "cpu")
    modules = dict(model.named_modules())

    def dilation(name: str) -> int:
        return modules[name].dilation[0]  # type: ignore[index, union-attr]

    assert [dilation(f"encoder.layer4.{i}.conv1") for i in range(3)] == [1, 2, 4]
    assert [dilation(f"encoder.layer3.{i}.conv1") for i in range(2)] == [1, 1]
    assert [dilation(f"decoder.aspp_modules.{i}.conv") for i in range(4)] == [1, 6, 12, 18]
    # What a configuration leaves out is its program's default: no dilation, and a first block like the others.
    for stated, wanted in (("dilations=(1, 1, 2, 4)", [2, 2, 4, 4, 4]), ("type='ResNetV1c'", [1] * 5)):
        content["meta"] = {"cfg": f"model = dict(backbone=dict({stated}), decode_head=dict(dilations=(1, 6, 12, 18)))"}
        modules = dict(load_model(saved(tmp_path, content), "cpu").named_modules())
        blocks = ("3.0", "3.1", "4.0", "4.1", "4.2")
        assert [dilation(f"encoder.layer{block}.conv1") for block in blocks] == wanted
    content["meta"] = {"cfg": text.replace("pytorch", "caffe")}
    with pytest.raises(CheckpointError, match=r"style 'caffe' is not read here.*FILE\.py:make"):
        load_model(saved(tmp_path, content), "cpu")


def test_a_dilated_head_of_convolutions(tmp_path: Path) -> None:
    head: dict[str, Tensor] = {"decode_head.conv_seg.weight": torch.zeros(19, 8, 1, 1)}
    head["decode_head.conv_seg.bias"] = torch.zeros(19)
    for name, inputs in (("convs.0", 512), ("convs.1", 8), ("conv_cat", 520)):
        head[f"decode_head.{name}.conv.weight"] = torch.zeros(8, inputs, 3, 3)
        for part in ("weight", "bias", "running_mean", "running_var"):
            head[f"decode_head.{name}.bn.{part}"] = torch.ones(8)
    text = "model = dict(backbone=dict(type='ResNetV1c'), decode_head=dict(dilation=6, type='FCNHead'))"
    content = {"state_dict": resnet_with(head, 2), "meta": {"cfg": text}}
    decoder = load_model(saved(tmp_path, content), "cpu").decoder
    found = [decoder.convs[0].conv, decoder.convs[1].conv, decoder.conv_cat.conv]  # type: ignore[index, union-attr]
    assert [conv.dilation[0] for conv in found] == [6, 6, 1]  # type: ignore[index, union-attr]


def object_context(
    ocr: dict[str, Tensor], layers: dict[str, tuple[str, str]], first: Callable[[Tensor], Tensor], maps: list[Tensor]
) -> Tensor:
    """The embedding of a head with object context, a position after the other; layers: part -> (convolution, norm)."""

    def layer(x: Tensor, part: str) -> Tensor:
        conv, norm = layers[part]
        x = F.conv2d(x, ocr[f"{conv}.weight"], ocr.get(f"{conv}.bias"), padding=ocr[f"{conv}.weight"].shape[-1] // 2)
        mean, var, scale, shift = (ocr[f"{norm}.{p}"] for p in ("running_mean", "running_var", "weight", "bias"))
        return F.relu(F.batch_norm(x, mean, var, scale, shift))

    scores, x = first(maps[0])[0], layer(maps[-1], "in")
    flat, objects = x[0].flatten(1), []
    for score in scores.flatten(1):
        share = torch.exp(score - score.max())
        objects.append((flat * share).sum(dim=1) / share.sum())
    things = torch.stack(objects, dim=1)[None, :, :, None]
    query = layer(layer(x, "query 1"), "query 2")[0].flatten(1)
    key = layer(layer(things, "key 1"), "key 2")[0, :, :, 0]
    value = layer(things, "value")[0, :, :, 0]
    seen = [value @ torch.softmax(key.T @ query[:, i] / len(key) ** 0.5, dim=0) for i in range(query.shape[1])]
    context = torch.stack(seen, dim=1).reshape(1, len(key), *x.shape[2:])
    return layer(torch.cat([layer(context, "up"), x], dim=1), "out")


def made_up(shapes: dict[str, tuple[int, int, int]], biased: set[str], norms: dict[str, int]) -> dict[str, Tensor]:
    """Convolutions of (outputs, inputs, side) and normalisations of a width, by name."""
    found = {n: torch.randn(o, i, k, k) * (2 / (i * k * k)) ** 0.5 for n, (o, i, k) in shapes.items()}
    found = {f"{name}.weight": value for name, value in found.items()}
    found |= {f"{name}.bias": torch.randn(shapes[name][0]) for name in biased}
    for name, size in norms.items():
        found |= {f"{name}.{p}": torch.rand(size) + 0.5 for p in ("weight", "bias", "running_mean", "running_var")}
    return found


def side_by_side(maps: list[Tensor], corners: bool) -> Tensor:
    size = maps[0].shape[2:]
    return torch.cat([F.interpolate(m, size=size, mode="bilinear", align_corners=corners) for m in maps], dim=1)


def test_object_context_is_that_of_a_loop_over_positions(tmp_path: Path) -> None:
    state = {key: value for key, value in weights(HRNET).items() if not key.startswith("model.last_layer.")}
    total, width, keys = sum((16, 32, 64, 128)), 12, 6
    block, last = "ocr_distri_head.object_context_block", "ocr_distri_head.conv_bn_dropout"
    shapes = {"conv3x3_ocr.0": (width, total, 3), "aux_head.0": (total, total, 1), "aux_head.3": (19, total, 1)}
    shapes |= {f"{block}.f_{n}.0": (keys, width, 1) for n in ("pixel", "object", "down")}
    shapes |= {f"{block}.f_{n}.2": (keys, keys, 1) for n in ("pixel", "object")}
    shapes |= {f"{block}.f_up.0": (width, keys, 1), f"{last}.0": (width, 2 * width, 1), "cls_head": (19, width, 1)}
    norms = {"conv3x3_ocr.1": width, "aux_head.1": total, f"{last}.1.0": width}
    norms |= {f"{block}.f_{n}.{i}.0": keys for n in ("pixel", "object") for i in (1, 3)}
    norms |= {f"{block}.f_down.1.0": keys, f"{block}.f_up.1.0": width}
    ocr = made_up(shapes, {"conv3x3_ocr.0", "aux_head.0", "aux_head.3", "cls_head"}, norms)
    path = saved(tmp_path, {**state, **{f"model.{name}": value for name, value in ocr.items()}})
    model = load_model(path, "cpu")
    assert (model.info.architecture, model.info.align_corners) == ("hrnet_ocr", True)
    layers = {"in": ("conv3x3_ocr.0", "conv3x3_ocr.1"), "out": (f"{last}.0", f"{last}.1.0")}
    for part, name in (("query", "pixel"), ("key", "object"), ("value", "down"), ("up", "up")):
        layers |= {f"{part} {i + 1}": (f"{block}.f_{name}.{2 * i}", f"{block}.f_{name}.{2 * i + 1}.0") for i in (0, 1)}
        layers[part] = layers[f"{part} 1"]

    def first(x: Tensor) -> Tensor:
        x = F.conv2d(x, ocr["aux_head.0.weight"], ocr["aux_head.0.bias"])
        norm = (ocr[f"aux_head.1.{p}"] for p in ("running_mean", "running_var", "weight", "bias"))
        return F.conv2d(F.relu(F.batch_norm(x, *norm)), ocr["aux_head.3.weight"], ocr["aux_head.3.bias"])

    with torch.inference_mode():
        found, maps = model(image := torch.randn(1, 3, 64, 96)), model.encoder(image)
        wanted = object_context(ocr, layers, first, [side_by_side(maps, True)])
    assert error(found.embedding, wanted) < 1e-3
    save_checkpoint(tmp_path / "own.safetensors", model)
    assert load_model(tmp_path / "own.safetensors", "cpu").info.options["keys"] == keys


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["mmseg1_fcn_hr18", PLAIN])
def test_object_context_in_mmsegmentation(encoder: str, tmp_path: Path) -> None:
    """Two heads one after the other: one of convolutions, whose classes the second one looks at."""
    state = {key: value for key, value in weights(encoder).items() if key.startswith("backbone.")}
    joined = encoder != PLAIN
    # Of a ResNet the first head reads the map before the last.
    inputs, wide = (sum((18, 36, 72, 144)),) * 2 if joined else (256, 512)
    width, keys, block = 12, 6, "1.object_context_block"
    kernel = 1 if joined else 3
    shapes = {"0.convs.0.conv": (10, inputs, kernel), "0.conv_seg": (19, 10, 1), "1.conv_seg": (19, width, 1)}
    shapes |= {"1.bottleneck.conv": (width, wide, 3), f"{block}.bottleneck.conv": (width, 2 * width, 1)}
    parts = {"query 1": "query_project.0", "query 2": "query_project.1", "key 1": "key_project.0"}
    parts |= {"key 2": "key_project.1", "value": "value_project", "up": "out_project"}
    for part, name in parts.items():
        outputs, into = (width, keys) if part == "up" else (keys, keys if part.endswith("2") else width)
        shapes[f"{block}.{name}.conv"] = (outputs, into, 1)
    norms = {n.replace(".conv", ".bn"): s[0] for n, s in shapes.items() if n.endswith(".conv")}
    norms = {n.replace("0.bns", "0.convs"): size for n, size in norms.items()}
    ocr = made_up(shapes, {"0.conv_seg", "1.conv_seg"}, norms)
    text = """model = dict(type='CascadeEncoderDecoder', num_stages=2, decode_head=[
        dict(type='FCNHead', align_corners=False), dict(type='OCRHead', align_corners=True)])"""
    content = {**state, **{f"decode_head.{name}": value for name, value in ocr.items()}}
    path = saved(tmp_path, {"state_dict": content, "meta": {"cfg": text if joined else ""}})
    model = load_model(path, "cpu")
    assert (model.info.architecture, model.info.align_corners) == ("ocr", joined)

    def first(x: Tensor) -> Tensor:
        x = F.conv2d(x, ocr["0.convs.0.conv.weight"], padding=kernel // 2)
        norm = (ocr[f"0.convs.0.bn.{p}"] for p in ("running_mean", "running_var", "weight", "bias"))
        return F.conv2d(F.relu(F.batch_norm(x, *norm)), ocr["0.conv_seg.weight"], ocr["0.conv_seg.bias"])

    layers = {part: (f"{block}.{name}.conv", f"{block}.{name}.bn") for part, name in parts.items()}
    layers |= {"in": ("1.bottleneck.conv", "1.bottleneck.bn")}
    layers |= {"out": (f"{block}.bottleneck.conv", f"{block}.bottleneck.bn")}
    with torch.inference_mode():
        found, maps = model(image := torch.randn(1, 3, 64, 96)), model.encoder(image)
        wanted = object_context(ocr, layers, first, [side_by_side(maps, True)] if joined else maps[2:])
        logits = F.conv2d(wanted, ocr["1.conv_seg.weight"], ocr["1.conv_seg.bias"])
    assert error(found.embedding, wanted) < 1e-3
    assert error(found.logits, logits) < 1e-3


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


@pytest.mark.slow
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


VARIANTS = {
    "a ResNeSt": ("backbone.layer4.0.conv1", "backbone.layer4.0.conv2.conv", "decode_head.convs.0.conv"),
    "a MobileNetV3": ("backbone.layer0.conv", "backbone.layer1.depthwise_conv.conv", "decode_head.convs.conv0.0"),
    "a Swin Transformer": ("backbone.patch_embed.projection", "decode_head.fpn_bottleneck.conv"),
    "two heads, the second of points": ("backbone.layer4.0.conv1", "backbone.layer4.0.conv2", "decode_head.1.fc_seg"),
}
"""Layers by which networks of mmsegmentation that are not read show themselves."""


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_that_is_not_read_opens_as_a_network_of_your_own(variant: str, tmp_path: Path) -> None:
    network = nn.Sequential()
    seg = "decode_head.0.conv_seg" if "two heads" in variant else "decode_head.conv_seg"
    for name in (*VARIANTS[variant], seg):
        *outer, last = name.split(".")
        place: nn.Module = network
        for part in outer:
            if not hasattr(place, part):
                place.add_module(part, nn.Sequential())
            place = getattr(place, part)
        place.add_module(last, nn.Conv2d(3, 5 if name == seg else 3, 1))
    path = saved(tmp_path, {"state_dict": network.state_dict(), "meta": {"mmseg_version": "1.2.2"}})
    with pytest.raises(
        CheckpointError, match=r"(head|backbone) that is not read here; .*FILE\.py:make,WEIGHTS$"
    ) as said:
        load_model(path, "cpu")
    assert ("with a head" in str(said.value)) == (variant == "two heads, the second of points")
    torch.save(network, tmp_path / "net.pt")
    (tmp_path / "net.py").write_text(
        "import pathlib, torch\n"
        "def make():\n    return torch.load(pathlib.Path(__file__).with_name('net.pt'), weights_only=False)\n"
    )
    assert len(load_model(f"{tmp_path / 'net.py'}:make,{path}", "cpu").info.classes) == 5


def test_what_is_not_read_is_told(tmp_path: Path) -> None:
    state = {key: value for key, value in weights(PLAIN).items() if not key.startswith("backbone.")}
    with pytest.raises(CheckpointError, match=r"backbone that is not read here.*FILE\.py:make"):
        load_model(saved(tmp_path, {**state, "backbone.stages.0.x": torch.zeros(3)}), "cpu")
    with pytest.raises(CheckpointError, match="are not those of deeplabv3"):
        load_model(saved(tmp_path, {**weights(PLAIN), "decode_head.more.weight": torch.zeros(3)}), "cpu")
