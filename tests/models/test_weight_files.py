"""Files of weights in every form open, or say in a line what they are and what to do."""

import copy
import json
import pickle
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.parametrize import remove_parametrizations
from torch.nn.utils.prune import l1_unstructured, remove

from cirkd.checkpoint import load_model
from cirkd.data.errors import CheckpointError


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


def test_folders_of_trainers_are_named(tmp_path: Path, state: dict[str, Tensor]) -> None:
    for name in ("optimizer.bin", "scheduler.bin", "model_7.bin"):
        torch.save(state, tmp_path / name)
    with pytest.raises(CheckpointError, match=r"give a file in it, such as model_7\.bin$"):
        load_model(tmp_path, "cpu")
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"an adapter \(LoRA\) without its network; merge it"):
        load_model(tmp_path, "cpu")
    (tmp_path / "fsdp_0").mkdir()
    (tmp_path / "model_7.bin").rename(tmp_path / "fsdp_0" / "__0_0.distcp")
    with pytest.raises(CheckpointError, match="join fsdp_0 with dcp_to_torch_save, and give the file"):
        load_model(tmp_path, "cpu")
    with pytest.raises(
        CheckpointError, match=r"a part of a sharded checkpoint .*; join its folder with dcp_to_torch_save"
    ):
        load_model(tmp_path / "fsdp_0" / "__0_0.distcp", "cpu")


LAYER = "encoder.layer1.0.conv1"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {f"{LAYER}.lora_A.default.weight": (4, 64, 3, 3)},
            r"is of an adapter \(LoRA\) .* merge it \(merge_and_unload",
        ),
        (
            {f"{LAYER}.weight_scale": (64,)},
            "is of a network that is quantised or prepared for it; save the network before",
        ),
        (
            {f"{LAYER}.weight_fake_quant.min_val": (0,)},
            "is of a network that is quantised or prepared for it; save the",
        ),
        ({f"{LAYER}.weight": (0,)}, "is empty; join the checkpoint's parts with zero_to_fp32.py"),
        ({"segmentation_head.0.weight": (0,)}, "is empty; join the checkpoint's parts with zero_to_fp32.py"),
        ({"segmentation_head.0.weight.absmax": (9,)}, "is of a network that is quantised .* save the network before"),
    ],
)
def test_what_stands_for_weights_is_named(
    change: dict[str, tuple[int, ...]], line: str, tmp_path: Path, state: dict[str, Tensor]
) -> None:
    torch.save({**state, **{name: torch.zeros(shape) for name, shape in change.items()}}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=f"{next(iter(change)).replace('segmentation_head.0', '.*')}.*{line}"):
        load_model(tmp_path / "w.pth", "cpu")


def test_an_optimizers_state_is_no_network(tmp_path: Path) -> None:
    torch.save({"state": {0: {"exp_avg": torch.zeros(3, 3)}}, "param_groups": []}, tmp_path / "optimizer.bin")
    with pytest.raises(CheckpointError, match="holds no weights; save the network's state_dict"):
        load_model(tmp_path / "optimizer.bin", "cpu")


def test_an_unknown_network_goes_by_what_its_config_says(tmp_path: Path, state: dict[str, Tensor]) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "mask2former"}')
    save_file(
        {f"transformer.{n.replace('.', '_')}": value for n, value in state.items()}, tmp_path / "model.safetensors"
    )
    with pytest.raises(CheckpointError, match=r"unknown network \(mask2former by its config\.json, .*FILE\.py:make"):
        load_model(tmp_path, "cpu")


def test_a_part_of_an_encoder_is_no_network_for_other_images(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save({name: value for name, value in state.items() if name != "encoder.conv1.weight"}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"an encoder with .* weights that is none of those tried"):
        load_model(tmp_path / "w.pth", "cpu")
