"""What a user says about a checkpoint holds, in any of the ways to say it, and unusual files open."""

import argparse
import copy
import json
import pickle
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.parametrize import remove_parametrizations
from torch.nn.utils.prune import l1_unstructured, remove
from torch.optim.swa_utils import AveragedModel

from cirkd.checkpoint import load_model
from cirkd.data.errors import CheckpointError
from cirkd.data.palettes import CITYSCAPES
from cirkd.doctor import examine
from cirkd.models.answers import Answers, answered, checked, read_sidecar, write_sidecar
from cirkd.models.places import sidecar
from cirkd.models.published import PREPROCESSING
from cirkd.models.segmenter import ModelInfo
from cirkd.models.settings_beside import stated_preprocessing
from cirkd.models.unwrap import chosen, parts

TREES = ("wall", "tree", "road", "sky")


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    import segmentation_models_pytorch as smp

    torch.manual_seed(0)
    return smp.Unet("resnet18", encoder_weights=None, encoder_depth=3, decoder_channels=(16, 16, 8), classes=4).eval()


@pytest.fixture(scope="module")
def state(network: torch.nn.Module) -> dict[str, Tensor]:
    return network.state_dict()


def prefixed(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in state.items()}


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


WRAPPED = {
    "Lightning with buffers": lambda s: {"state_dict": {"mean": torch.zeros(3), **prefixed(s, "model.")}, "loops": {}},
    "Lightning, another name": lambda s: {"state_dict": {**prefixed(s, "seg_model.module."), "loss.w": torch.ones(3)}},
    "compiled encoder": lambda s: {k.replace("encoder.", "encoder._orig_mod.", 1): v for k, v in s.items()},
    "FSDP": lambda s: prefixed(s, "_fsdp_wrapped_module."),
    "any container": lambda s: {"generator": s, "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}}},
    "old": lambda s: {k: v for k, v in s.items() if "num_batches" not in k},
    "averaged": lambda s: {"n_averaged": torch.tensor(3), **prefixed(s, "module.")},
    "teacher too": lambda s: {**prefixed({k: v + 1 for k, v in s.items()}, "teacher."), **prefixed(s, "student.")},
}


@pytest.mark.parametrize("kind", WRAPPED)
def test_wrapped_weights_are_found(kind: str, tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save(WRAPPED[kind](state), tmp_path / "w.pth")
    model = load_model(tmp_path / "w.pth", "cpu")
    assert torch.equal(model.state_dict()["classifier.weight"], state["segmentation_head.0.weight"])
    assert any("average" in note for note in model.info.notes) == (kind == "averaged")


@pytest.mark.parametrize(
    ("student", "teacher"),
    [
        ("student", "teacher"),
        ("model_s", "model_t"),
        ("s_net", "t_net"),
        ("netS", "netT"),
        ("stu", "tea"),
        ("s.m", "t"),
    ],
)
@pytest.mark.parametrize("container", ["", "state_dict."])
def test_of_student_and_teacher_the_student_opens(
    container: str, student: str, teacher: str, tmp_path: Path, state: dict[str, Tensor]
) -> None:
    theirs = {name: value + 1 for name, value in state.items()}
    both = {**prefixed(theirs, f"{teacher}."), **prefixed(state, f"{student}.")}
    torch.save({"state_dict": both} if container else both, tmp_path / "kd.pth")
    model = load_model(tmp_path / "kd.pth", "cpu")
    assert torch.equal(model.state_dict()["classifier.weight"], state["segmentation_head.0.weight"])
    note = f"of 2 networks in the file that at '{container}{student}' is taken; --weights {container}{teacher} takes"
    assert any(line.startswith(note) for line in model.info.notes)
    # What the line advises, also without the container.
    for place in (f"{container}{teacher}", teacher):
        other = load_model(tmp_path / "kd.pth", "cpu", weights=place)
        assert torch.equal(other.state_dict()["classifier.weight"], theirs["segmentation_head.0.weight"])


def test_networks_of_any_names_in_one_file_are_told(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save({"small": state, "large": {name: value + 1 for name, value in state.items()}}, tmp_path / "two.pth")
    notes = load_model(tmp_path / "two.pth", "cpu").info.notes
    assert any("of 2 networks in the file that at 'small' is taken; --weights large takes" in line for line in notes)
    torch.save({"model_t": state}, tmp_path / "one.pth")
    notes = load_model(tmp_path / "one.pth", "cpu").info.notes
    assert "by their place, 'model_t', these are a teacher's weights" in notes
    with pytest.raises(
        CheckpointError, match="holds nothing at 'student'; --weights takes raw or ema or a place in the"
    ):
        load_model(tmp_path / "one.pth", "cpu", weights="student")


@pytest.mark.slow
def test_raw_and_averaged_weights(tmp_path: Path, network: torch.nn.Module, state: dict[str, Tensor]) -> None:
    raw = {name: value + 1 for name, value in state.items()}
    averaged = AveragedModel(network).state_dict()
    files = {
        "two containers": {"model": raw, "model_ema": averaged},
        "one dictionary": {"state_dict": {**prefixed(raw, "net."), **prefixed(averaged, "ema_net.")}},
        # mmengine puts the averages where the weights were.
        "mmengine": {"state_dict": state, "ema_state_dict": prefixed(raw, "module."), "message_hub": {}},
        # So does Lightning's WeightAveraging.
        "Lightning": {
            "state_dict": prefixed(state, "net."),
            "current_model_state": prefixed(raw, "net."),
            "averaging_state": {"n_averaged": torch.tensor(7)},
        },
        "nested": {"model": {"online": raw, "shadow": {"module": state, "updates": 3}}, "epoch": 1},
    }
    swapped = ("mmengine", "Lightning")
    for kind, content in files.items():
        torch.save(content, tmp_path / "w.pth")
        for weights, wanted in (("raw", raw), ("ema", state), (None, state if kind in swapped else raw)):
            model = load_model(tmp_path / "w.pth", "cpu", weights=weights)
            assert torch.equal(model.state_dict()["classifier.weight"], wanted["segmentation_head.0.weight"]), kind
            assert any("--weights" in note for note in model.info.notes), kind


def test_the_prefix_of_weights_that_are_not_taken_is_no_news(tmp_path: Path, state: dict[str, Tensor]) -> None:
    averages = {name: value + 1 for name, value in state.items()}
    torch.save({"model": state, "ema": prefixed(averages, "module.")}, tmp_path / "w.pth")
    for weights, off in (("raw", False), ("ema", True)):
        notes = load_model(tmp_path / "w.pth", "cpu", weights=weights).info.notes
        assert any("prefix 'module.' taken off" in note for note in notes) is off, weights


def test_where_averages_are_not_finite_the_raw_weights_are_advised(tmp_path: Path, state: dict[str, Tensor]) -> None:
    def spoiled(weights: dict[str, Tensor]) -> dict[str, Tensor]:
        return {**weights, "segmentation_head.0.bias": torch.full_like(weights["segmentation_head.0.bias"], torch.nan)}

    path = tmp_path / "w.pth"
    torch.save({"model": state, "ema": spoiled(state)}, path)
    line = "holds NaN or infinity; take those beside them in the file, which are finite, with --weights raw"
    with pytest.raises(CheckpointError, match=line):
        load_model(path, "cpu", weights="ema")
    assert line.endswith(examine(path, weights="ema").remedy)
    # What the line advises.
    bias = load_model(path, "cpu", weights="raw").state_dict()["classifier.bias"]
    assert torch.equal(bias, state["segmentation_head.0.bias"])
    # Where neither are finite, no other weights of the file are advised.
    torch.save({"model": spoiled(state), "ema": spoiled(state)}, path)
    with pytest.raises(CheckpointError, match="training has diverged: use an earlier file of the run"):
        load_model(path, "cpu", weights="ema")


def test_hostile_nesting_is_looked_at_once() -> None:
    inner: dict[str, object] = {"w": torch.zeros(1)}
    for _ in range(4):
        inner = {str(i): inner for i in range(300)}
    assert len(parts(inner)) < 100
    assert chosen([], "ema") == []


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


def test_naming_classes_leaves_what_is_said_of_the_input(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save(state, tmp_path / "w.pth")
    (tmp_path / "classes.txt").write_text("a\nb\nc\nd\n")
    named = load_model(tmp_path / "w.pth", "cpu", classes=tmp_path / "classes.txt").info.notes
    assert any("are assumed; --mean, --std and --range say otherwise" in note for note in named)
    # What was guessed of the classes holds no longer.
    assert not any("numbered" in note for note in named)
    given = load_model(tmp_path / "w.pth", "cpu", mean=(0.5,) * 3, std=(0.5,) * 3).info.notes
    assert not any("are assumed" in note for note in given)


def test_weights_rounded_to_integers_are_refused(tmp_path: Path, state: dict[str, Tensor]) -> None:
    rounded = {k: v.to(torch.int8) if v.ndim == 4 else v for k, v in state.items()}
    torch.save(rounded, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match="stored as int8"):
        load_model(tmp_path / "w.pth", "cpu")


def test_shards_are_joined_by_their_index(tmp_path: Path, state: dict[str, Tensor]) -> None:
    from safetensors.torch import save_file

    names = list(state)
    parts_of = {"model-00001-of-00002.safetensors": names[:50], "model-00002-of-00002.safetensors": names[50:]}
    for file, held in parts_of.items():
        save_file({name: state[name].contiguous() for name in held}, tmp_path / file)
    with pytest.raises(CheckpointError, match=r"one shard of several; copy .* model\.safetensors\.index\.json"):
        load_model(tmp_path / "model-00001-of-00002.safetensors", "cpu")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {name: file for file, held in parts_of.items() for name in held}}))
    for path in (index, tmp_path / "model-00001-of-00002.safetensors"):
        model = load_model(path, "cpu")
        assert torch.equal(model.state_dict()["classifier.weight"], state["segmentation_head.0.weight"])
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(CheckpointError, match="the index lists this shard and it is not there; copy it there"):
        load_model(index, "cpu")
    index.write_text(json.dumps({"weight_map": {"w": "../outside.safetensors"}}))
    with pytest.raises(CheckpointError, match="which is no file beside it"):
        load_model(index, "cpu")


def test_weights_in_a_list_or_an_object(tmp_path: Path, state: dict[str, Tensor]) -> None:
    for content in ([3, state], (state, {"lr": 0.1}), argparse.Namespace(epoch=3, net=state)):
        torch.save(content, tmp_path / "w.pth")
        assert load_model(tmp_path / "w.pth", "cpu").info.architecture == "unet"


def test_averages_of_a_form_that_is_not_read_are_told(tmp_path: Path, state: dict[str, Tensor]) -> None:
    averages = {"model_ema." + name.replace(".", ""): value + 0 for name, value in state.items()}
    torch.save({**prefixed(state, "model."), **averages}, tmp_path / "w.ckpt")
    notes = load_model(tmp_path / "w.ckpt", "cpu").info.notes
    assert any("the raw ones are taken; the others are in a form that is not read" in note for note in notes)
    torch.save({"model": state, "ema": {"shadow_params": [v + 0 for v in state.values()]}}, tmp_path / "w.ckpt")
    notes = load_model(tmp_path / "w.ckpt", "cpu").info.notes
    assert any("the raw ones are taken; the others are in a form that is not read" in note for note in notes)
    with pytest.raises(CheckpointError, match="averaged weights are in a form that is not read; leave --weights out"):
        load_model(tmp_path / "w.ckpt", "cpu", weights="ema")


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("tar", "begins like a tar archive; unpack it"),
        ("plain pickle", r"a pickle that torch\.save did not write; .* with torch\.save"),
        ("normed", r"segmentation_head\.0\.parametrizations\..*\.remove_parametrizations"),
        ("pruned", r"segmentation_head\.0\.weight_orig stands for a weight that is computed.*prune\.remove"),
        ("pruned encoder", r"encoder\.conv1\.weight_orig stands for a weight that is computed.*prune\.remove"),
        ("encoder", "an encoder alone.*whole network"),
        ("grey", r"is \[64, 1, 7, 7\].*a network for RGB was wanted"),
        ("more", r"decoder\.more\.weight not of this network.*without them.*FILE\.py:make"),
    ],
)
def test_lines_on_weights_that_do_not_open(
    kind: str, line: str, tmp_path: Path, network: torch.nn.Module, state: dict[str, Tensor]
) -> None:
    path, plain = tmp_path / "w.pth", copy.deepcopy(network)
    head = plain.get_submodule("encoder.conv1" if kind == "pruned encoder" else "segmentation_head.0")
    if kind == "tar":
        torch.save(state, tmp_path / "inner.pth")
        with tarfile.open(path, "w") as archive:
            archive.add(tmp_path / "inner.pth", "inner.pth")
    elif kind == "plain pickle":
        path.write_bytes(pickle.dumps({"w": state["segmentation_head.0.bias"].numpy()}))
    elif kind == "normed":
        torch.save(weight_norm(head) and plain.state_dict(), path)
    elif kind.startswith("pruned"):
        torch.save(l1_unstructured(head, "weight", 0.1) and plain.state_dict(), path)
    elif kind == "encoder":
        torch.save({name: value for name, value in state.items() if name.startswith("encoder.")}, path)
    else:
        more = {"encoder.conv1.weight": torch.zeros(64, 1, 7, 7)} if kind == "grey" else {}
        torch.save({**state, **(more or {"decoder.more.weight": torch.zeros(2, 2)})}, path)
    encoder = "resnet18" if kind == "grey" else None
    with pytest.raises(CheckpointError, match=line):
        load_model(path, "cpu", encoder=encoder)
    # What the lines advise.
    if kind == "normed" or kind.startswith("pruned"):
        remove_parametrizations(head, "weight") if kind == "normed" else remove(head, "weight")
        torch.save(plain.state_dict(), path)
        assert load_model(path, "cpu").info.architecture == "unet"


def test_safetensors_under_another_name_whatever_their_first_byte(tmp_path: Path, state: dict[str, Tensor]) -> None:
    for length in range(0, 300, 8):  # a header's length is a multiple of 8
        save_file(state, tmp_path / "w.bin", {"note": "x" * length})
        with (tmp_path / "w.bin").open("rb") as file:
            if file.read(1) == b"\x80":  # as a pickle begins
                break
    else:
        pytest.fail("no header has that length")
    assert load_model(tmp_path / "w.bin", "cpu").info.architecture == "unet"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("w.npz", r"arrays of NumPy; make each array a tensor \(torch\.from_numpy\) and save the dictionary"),
        ("w.keras", "a model of Keras, whose networks are not read"),
        ("w.pt2", r"a program of torch\.export, not weights; save its state_dict"),
        ("w.onnx", r"begins like ONNX, which holds a program: save the state_dict\(\)"),
        ("w.tflite", "begins like TensorFlow Lite, whose networks are not read"),
        ("w.rar", "an archive; unpack it, and give the file in it"),
    ],
)
def test_files_of_other_projects_are_named(name: str, line: str, tmp_path: Path) -> None:
    inside = {"w.npz": "conv.weight.npy", "w.keras": "model.weights.h5", "w.pt2": "w/models/model.json"}.get(name)
    if inside is None:
        (tmp_path / name).write_bytes(b"\x08\x09:" + bytes(300))
    else:
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(inside, "{}")
    with pytest.raises(CheckpointError, match=line):
        load_model(tmp_path / name, "cpu")


def test_the_advice_for_weights_in_arrays_works(tmp_path: Path, state: dict[str, Tensor]) -> None:
    arrays = {name: value.numpy() for name, value in state.items()}
    torch.save({"model": arrays}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"its weights are arrays of NumPy; make each array a tensor"):
        load_model(tmp_path / "w.pth", "cpu")
    torch.save({name: torch.from_numpy(value) for name, value in arrays.items()}, tmp_path / "w.pth")
    assert load_model(tmp_path / "w.pth", "cpu").info.architecture == "unet"


def test_weights_of_8_bit_floats_are_told(tmp_path: Path, state: dict[str, Tensor]) -> None:
    small = {k: v.to(torch.float8_e4m3fn) if v.is_floating_point() else v for k, v in state.items()}
    torch.save(small, tmp_path / "w.pth")
    assert any(
        "stored as float8_e4m3fn, in 8 bits" in note for note in load_model(tmp_path / "w.pth", "cpu").info.notes
    )


def test_folders_of_checkpoints_offer_their_files(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save(state, tmp_path / "best.pth")
    with pytest.raises(CheckpointError, match=r"this is a folder, .*; give a file in it, such as best\.pth"):
        load_model(tmp_path, "cpu")
    (tmp_path / "best.pth").rename(tmp_path / "__0_0.distcp")
    with pytest.raises(CheckpointError, match="join it with dcp_to_torch_save, and give the file"):
        load_model(tmp_path, "cpu")


def test_an_unknown_network_goes_by_what_its_config_says(tmp_path: Path, state: dict[str, Tensor]) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "mask2former"}')
    save_file(
        {f"transformer.{n.replace('.', '_')}": value for n, value in state.items()}, tmp_path / "model.safetensors"
    )
    with pytest.raises(CheckpointError, match=r"unknown network \(mask2former by its config\.json, .*FILE\.py:make"):
        load_model(tmp_path, "cpu")


@pytest.mark.parametrize(
    "beside",
    [
        {"class_names": list(TREES)},
        {"hyper_parameters": {"num_classes": 4, "classes": TREES}},
        {"args": argparse.Namespace(classes=list(TREES))},
        {"id2label": dict(enumerate(TREES))},
        {"labels": {name: place for place, name in enumerate(TREES)}},
        {"class_to_idx": {name: place for place, name in enumerate(TREES)}},
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


def test_a_part_of_an_encoder_is_no_network_for_other_images(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save({name: value for name, value in state.items() if name != "encoder.conv1.weight"}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"an encoder with .* weights that is none of those tried"):
        load_model(tmp_path / "w.pth", "cpu")
