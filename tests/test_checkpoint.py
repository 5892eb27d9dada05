"""One file format: what is saved comes back, and what is broken is named."""

import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import cirkd
from cirkd.checkpoint import load_model, load_models, read_header, save_checkpoint
from cirkd.data.errors import CheckpointError
from cirkd.data.palettes import CAMVID
from cirkd.losses.memory import RelationMemory
from cirkd.models.build import build_segmenter
from cirkd.models.segmenter import Preprocessing, Segmenter


def small_model() -> Segmenter:
    torch.manual_seed(0)
    return build_segmenter(
        "deeplabv3",
        "tu-mobilenetv3_small_050",
        CAMVID,
        embedding_channels=16,
        preprocessing=Preprocessing(mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6)),
        atrous_rates=(2, 4, 6),
    ).eval()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, small_model(), recipe="none", scores={"val": 1.5})
    return path


def test_a_saved_network_comes_back(file: Path) -> None:
    before, after = small_model(), cirkd.load_model(file, device="cpu")
    image = torch.randn(1, 3, 64, 64)
    halved = small_model()
    halved.half().float()
    assert torch.equal(after(image).logits, halved(image).logits)
    assert after.info.classes == CAMVID
    assert after.info.preprocessing == before.info.preprocessing
    assert tuple(after.info.options["atrous_rates"]) == (2, 4, 6)
    assert after.info.provenance == {"recipe": "none", "scores": {"val": 1.5}}
    assert not after.training


def test_weights_take_16_bits(file: Path) -> None:
    assert {t.dtype for t in load_file(file).values()} == {torch.float16, torch.int64}


def test_memory_and_projection_come_back(tmp_path: Path) -> None:
    memory = RelationMemory(11, 16, 8, pixel_queue_size=5, region_queue_size=3)
    memory.pixel_queue.enqueue(torch.randn(4, 8), torch.tensor([0, 0, 3, 10]), 7)
    save_checkpoint(tmp_path / "m.safetensors", small_model(), memory)
    loaded = load_model(tmp_path / "m.safetensors", "cpu").memory
    assert isinstance(loaded, RelationMemory)
    assert torch.equal(loaded.pixel_queue.written, memory.pixel_queue.written)
    assert torch.equal(loaded.pixel_queue.step, memory.pixel_queue.step)
    assert torch.equal(loaded.pixel_queue.keys, memory.pixel_queue.keys.half().float())
    # What was loaded with a memory is saved with it again, to the byte but for its provenance.
    save_checkpoint(tmp_path / "again.safetensors", load_model(tmp_path / "m.safetensors", "cpu"), note="again")
    first, again = (load_file(tmp_path / name) for name in ("m.safetensors", "again.safetensors"))
    assert first.keys() == again.keys() and all(torch.equal(first[key], again[key]) for key in first)
    assert read_header(tmp_path / "again.safetensors")["memory"] == read_header(tmp_path / "m.safetensors")["memory"]


def test_preprocess_takes_arrays_and_pictures_and_nothing_else(file: Path) -> None:
    model = load_model(file, "cpu")
    image = np.full((4, 5, 3), 51, np.uint8)
    wanted = (0.2 - torch.tensor([0.1, 0.2, 0.3])) / torch.tensor([0.4, 0.5, 0.6])
    for source in (image, Image.fromarray(image)):
        torch.testing.assert_close(model.preprocess(source), wanted[:, None, None].expand(3, 4, 5))
    with pytest.raises(ValueError, match="uint8"):
        model.preprocess(image.astype(np.float32))


def test_pth_files_of_plain_weights_are_read(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save({**load_file(file), "cirkd": json.dumps(read_header(file))}, path)
    image = torch.randn(1, 3, 64, 64)
    assert torch.equal(load_model(path, "cpu")(image).logits, load_model(file, "cpu")(image).logits)


class Hostile:
    """What an attacker would pickle."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.proof,)


@pytest.mark.parametrize("writer", [torch.save, lambda obj, path: path.write_bytes(pickle.dumps(obj))])
def test_pickles_are_never_executed(tmp_path: Path, writer: object) -> None:
    proof = tmp_path / "executed"
    writer({"cirkd": Hostile(proof)}, tmp_path / "hostile.pth")  # type: ignore[operator]
    with pytest.raises(CheckpointError, match="not a file of plain weights"):
        load_model(tmp_path / "hostile.pth")
    assert not proof.exists()


@pytest.mark.parametrize("share", [0.0, 0.0005, 0.01, 0.5, 0.999])
def test_truncated_files_are_named(file: Path, share: float) -> None:
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(CheckpointError, match="damaged"):
        load_model(file)


def test_text_named_pth_and_missing_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "note.pth").write_text("hello")
    for name, says in (
        ("note.pth", "not a file of plain weights"),
        ("gone.safetensors", "no such file"),
        ("", "folder"),
    ):
        with pytest.raises(CheckpointError, match=says):
            load_model(tmp_path / name)


def test_foreign_safetensors_are_named(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="unknown network"):
        load_model(tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="without this project's header"):
        read_header(tmp_path / "other.safetensors")


def test_weights_that_are_not_finite_are_refused_on_both_ways(file: Path, tmp_path: Path) -> None:
    tensors = load_file(file)
    tensors["model.classifier.bias"][0] = float("nan")
    save_file(tensors, file, metadata={"cirkd": json.dumps(read_header(file))})
    with pytest.raises(CheckpointError, match=r"classifier\.bias holds NaN"):
        load_model(file)
    model = small_model()
    model.classifier.bias.data[0] = 1e6
    with pytest.raises(CheckpointError, match="float16 cannot"):
        save_checkpoint(tmp_path / "big.safetensors", model)
    assert not (tmp_path / "big.safetensors").exists()


def test_missing_and_misshapen_weights_are_named(file: Path) -> None:
    header, tensors = json.dumps(read_header(file)), load_file(file)
    without = {k: v for k, v in tensors.items() if k != "model.classifier.bias"}
    save_file(without, file, metadata={"cirkd": header})
    with pytest.raises(CheckpointError, match=r"classifier\.bias"):
        load_model(file)
    save_file({**tensors, "model.classifier.bias": torch.zeros(3)}, file, metadata={"cirkd": header})
    with pytest.raises(CheckpointError, match=r"classifier\.bias"):
        load_model(file)


@pytest.mark.parametrize("key", ["encoder", "classes", "preprocessing", "architecture"])
def test_incomplete_headers_are_named(file: Path, key: str) -> None:
    header = read_header(file)
    del header[key]
    save_file(load_file(file), file, metadata={"cirkd": json.dumps(header)})
    with pytest.raises(CheckpointError, match="incomplete"):
        load_model(file)


def test_a_failed_save_leaves_the_old_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = file.read_bytes()

    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cirkd.checkpoint.save_file", full_disk)
    with pytest.raises(CheckpointError, match="untouched"):
        save_checkpoint(file, small_model())
    assert file.read_bytes() == before
    assert [p.name for p in file.parent.iterdir()] == [file.name]


def test_a_gpu_that_is_not_there_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(CheckpointError, match="cannot be used here; choose auto or cpu"):
        load_model(file, device="cuda")


def test_the_size_that_a_network_wants_comes_back(tmp_path: Path) -> None:
    model = small_model()
    half = replace(model.info.preprocessing, scale=0.5)
    model.info = replace(model.info, preprocessing=half)
    save_checkpoint(tmp_path / "half.safetensors", model)
    assert load_model(tmp_path / "half.safetensors", "cpu").info.preprocessing == half


def test_a_file_from_before_networks_had_a_size_is_read(file: Path) -> None:
    header = read_header(file)
    del header["preprocessing"]["scale"]
    save_file(load_file(file), file, metadata={"cirkd": json.dumps(header)})
    assert load_model(file, "cpu").info.preprocessing.scale == 1.0


def test_models_go_by_the_names_of_their_files_or_as_asked(tmp_path: Path) -> None:
    shipped = Path("checkpoints/streets-baseline.safetensors")
    shutil.copy(shipped, tmp_path)
    assert list(load_models([shipped], "cpu")) == ["streets-baseline"]
    with pytest.raises(CheckpointError, match="two checkpoints are called streets-baseline"):
        load_models([shipped, tmp_path / shipped.name], "cpu")
    assert list(load_models([shipped, tmp_path / shipped.name], "cpu", ["before", "after"])) == ["before", "after"]
    for names, says in ((["a"], "1 names for 2 checkpoints"), (["a", "a"], "two checkpoints are called a")):
        with pytest.raises(CheckpointError, match=says):
            load_models([shipped, tmp_path / shipped.name], "cpu", names)
