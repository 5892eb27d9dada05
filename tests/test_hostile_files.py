"""Hostile and broken checkpoints are refused quickly, in bounded memory, and nothing in them is executed."""

import os
import resource
import time
from pathlib import Path

import pytest

from cirkd.checkpoint import load_model
from cirkd.data.errors import CheckpointError
from tests.hostile_files import hostile_files
from tests.models.published_vectors import weights


def test_bad_files_of_every_kind_are_refused(tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    files = hostile_files(weights("v1_psp_mobile_mobilenetv2"), proof)
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError) as refused:
            load_model(tmp_path / name, "cpu")
        assert "\n" not in str(refused.value), name
        assert name in str(refused.value), name
    assert not proof.exists()
    assert len(files) == 30
    assert time.monotonic() - started < 120
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(b"x" * 20)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(CheckpointError, match="no permission"):
        load_model(path)


def test_devices_pipes_and_impossible_paths(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    for path in (tmp_path / "pipe.pth", Path("/dev/zero"), Path("a" * 5000), Path("with\0zero.pth")):
        with pytest.raises(CheckpointError):
            load_model(path)


def test_links_stay_in_their_folder_or_in_the_hubs_store(tmp_path: Path) -> None:
    from tests.test_checkpoint import save_checkpoint, small_model

    store = tmp_path / "models--a--b" / "blobs"
    snapshot = tmp_path / "models--a--b" / "snapshots" / "0123"
    for folder in (store, snapshot, tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
    save_checkpoint(store / "real.safetensors", small_model())
    os.symlink(store / "real.safetensors", snapshot / "link.safetensors")
    assert load_model(snapshot / "link.safetensors", "cpu").info.architecture == "deeplabv3"
    os.symlink(store / "real.safetensors", tmp_path / "elsewhere" / "out.safetensors")
    os.symlink(tmp_path / "elsewhere" / "loop.safetensors", tmp_path / "elsewhere" / "loop.safetensors")
    for name in ("out", "loop"):
        with pytest.raises(CheckpointError):
            load_model(tmp_path / "elsewhere" / f"{name}.safetensors")


@pytest.mark.slow
def test_headers_cannot_make_a_network_large(tmp_path: Path) -> None:
    import json

    from safetensors.torch import load_file, save_file

    from cirkd.checkpoint import read_header
    from tests.test_checkpoint import save_checkpoint, small_model

    path = tmp_path / "own.safetensors"
    save_checkpoint(path, small_model())
    header, tensors = read_header(path), load_file(path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    queues = {"num_classes": 10, "student_width": 8, "teacher_width": 10**7, "pixel_queue_size": 10**7}
    for change in (
        {"embedding_channels": 10**6},
        {"embedding_channels": -1},
        {"memory": queues},
        {"output_stride": 7},
        {"encoder": "tu-hf-hub:a/b"},
        {"encoder": "tu-eva02_enormous_patch14_clip_224"},
        {"options": {"atrous_rates": [1]}},
        {"options": {"pretrained": True}},
        {"layout": "nothing"},
        {"classes": {"names": ["a"], "colors": [], "ignore_index": 0}},
        {"preprocessing": {"mean": [1, 2], "std": [1, 2, 3]}},
        {"format": 99},
        {"options": [1]},
        {"memory": 3},
    ):
        save_file(tensors, path, metadata={"cirkd": json.dumps({**header, **change})})
        with pytest.raises(CheckpointError):
            load_model(path, "cpu")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_000_000  # kB
