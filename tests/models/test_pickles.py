"""Pickles of weights are read as torch.load reads them, without importing or calling what they name."""

import argparse
import collections
import datetime
import io
import pickle
import pickletools
import resource
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from cirkd.data.errors import CheckpointError
from cirkd.models.pickle_names import Record, UnsafePickleError, entries, may_be_named
from cirkd.models.pickle_reader import read_pickle
from cirkd.models.weight_files import read_weights

TENSORS = {
    "weight": torch.randn(3, 4),
    "empty": torch.zeros(0, 3),
    "count": torch.tensor(7),
    "turned": torch.randn(6, 5).t(),
    "half": torch.randn(3).half(),
    "bf16": torch.randn(4).bfloat16(),
    "parameter": torch.nn.Parameter(torch.randn(2)),
    "view": torch.randn(10)[2:9:3],
}
FORMS: tuple[dict[str, object], ...] = (
    {},
    {"pickle_protocol": 4},
    {"_use_new_zipfile_serialization": False},
    {"pickle_protocol": 5, "_use_new_zipfile_serialization": False},
)


def trained() -> dict[str, object]:
    """What training scripts save beside their weights."""
    return {
        "model": collections.OrderedDict(TENSORS),
        "args": argparse.Namespace(data_path=Path("/data"), lr=0.02),
        "when": datetime.datetime(2026, 1, 2),
        "best": np.float64(0.7),
        "curve": np.arange(5),
        "scores": collections.defaultdict(list, {"val": [1.0, 2.0]}),
        "seen": {1, 2},
    }


@pytest.mark.parametrize("form", range(len(FORMS)))
def test_tensors_are_those_of_torch_load(form: int, tmp_path: Path) -> None:
    torch.save(trained(), tmp_path / "w.pth", **FORMS[form])  # type: ignore[arg-type]
    content = read_weights(tmp_path / "w.pth").content
    wanted = torch.load(tmp_path / "w.pth", weights_only=False)["model"]
    for name, value in wanted.items():
        found = content["model"][name]
        assert found.dtype == value.dtype, name
        assert torch.equal(found, value), name
    assert entries(content["args"])["lr"] == 0.02
    assert isinstance(content["best"], Record)
    assert content["scores"] == {"val": [1.0, 2.0]}


def module_of_nobody(monkeypatch: pytest.MonkeyPatch) -> type:
    """A class whose module exists while the file is written, and not when it is read."""
    module = types.ModuleType("mmengine_of_nobody")

    class HistoryBuffer:
        def __init__(self) -> None:
            self.history, self.rules = np.arange(1000.0), {}

        def current(self) -> None:
            raise AssertionError("called")

        def __setstate__(self, state: object) -> None:
            raise AssertionError("called")

    for made, name in ((HistoryBuffer, "HistoryBuffer"), (HistoryBuffer.current, "HistoryBuffer.current")):
        made.__module__, made.__qualname__ = module.__name__, name
    module.HistoryBuffer = HistoryBuffer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return HistoryBuffer


@pytest.mark.parametrize("protocol", [2, 4])
def test_loss_curves_as_mmengine_keeps_them(protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = module_of_nobody(monkeypatch)()
    buffer.rules = {"current": type(buffer).current}
    content = {"state_dict": TENSORS, "message_hub": {"log_scalars": {"loss": buffer}}}
    torch.save(content, tmp_path / "w.pth", pickle_protocol=protocol)
    monkeypatch.delitem(sys.modules, "mmengine_of_nobody")
    found = read_weights(tmp_path / "w.pth").content
    assert torch.equal(found["state_dict"]["weight"], TENSORS["weight"])
    curve = found["message_hub"]["log_scalars"]["loss"]
    assert curve.path == "mmengine_of_nobody.HistoryBuffer"
    assert set(entries(curve)) == {"history", "rules"}


class Runs:
    def __init__(self, function: object, *arguments: object) -> None:
        self.made = function, arguments

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.made  # type: ignore[return-value]


def test_what_could_run_is_refused_even_beside_weights(tmp_path: Path) -> None:
    import os
    import subprocess

    proof = tmp_path / "proof"
    for function, arguments in (
        (os.system, (f"touch {proof}",)),
        (subprocess.Popen, (["touch", str(proof)],)),
        (eval, (f"open({str(proof)!r}, 'w')",)),
        (exec, ("pass",)),
        (getattr, (proof, "touch")),
        (Path.touch, (proof,)),
        (torch.load, (proof,)),
        (torch.hub.load, ("a", "b")),
        (np.load, (proof,)),
        (__import__, ("os",)),
    ):
        for protocol in (2, 4):
            torch.save(
                {"state_dict": TENSORS, "x": Runs(function, *arguments)}, tmp_path / "w.pth", pickle_protocol=protocol
            )
            with pytest.raises(CheckpointError, match=r"not a file of plain weights: it (names|fetches)"):
                read_weights(tmp_path / "w.pth")
    assert not proof.exists()


@pytest.mark.parametrize(
    "attribute",
    ["__init__", "__globals__", "_private", "a.b", "", 3],
)
def test_only_methods_are_fetched(attribute: object) -> None:
    class_name = b"cmy.place\nHistoryBuffer\n"
    text = b"\x80\x02c__builtin__\ngetattr\n" + class_name + pickle.dumps(attribute, 2)[2:-1] + b"\x86R."
    with pytest.raises(UnsafePickleError, match="getattr"):
        read_pickle(memoryview(text), lambda storage: torch.empty(0))


def test_names() -> None:
    inert = (
        "argparse.Namespace",
        "pathlib.PosixPath",
        "pathlib._local.PosixPath",
        "datetime.timedelta",
        "numpy._core.multiarray._reconstruct",
        "numpy.core.multiarray.scalar",
        "numpy.float64",
        "_codecs.encode",
        "omegaconf.dictconfig.DictConfig",
        "__main__.Config",
        "torch.nn.modules.conv.Conv2d",
        "torch.nn.functional.relu",
        "torch.optim.adam.Adam",
        "collections.OrderedDict",
        "typing.Any",
    )
    runs = (
        "os.system",
        "posix.system",
        "nt.system",
        "subprocess.Popen",
        "builtins.eval",
        "builtins.exec",
        "builtins.__import__",
        "importlib.import_module",
        "runpy.run_path",
        "pip.main",
        "torch.load",
        "torch.hub.load",
        "torch.utils.cpp_extension.load",
        "numpy.load",
        "operator.attrgetter",
        "commands.getoutput",
        "commands.Popen",
        "numpy.testing._private.utils.runstring",
        "code.InteractiveInterpreter",
        "socket.socket",
        "pickle.loads",
        "my.module.function",
        "__main__.run",
        "sys.exit",
        "shutil.rmtree",
        "webbrowser.open",
    )
    assert [name for name in inert if not may_be_named(*name.rsplit(".", 1))] == []
    assert [name for name in runs if may_be_named(*name.rsplit(".", 1))] == []


@pytest.mark.slow
def test_instructions_that_cost_memory_or_time(tmp_path: Path) -> None:
    nested = b"\x80\x02)" + b"2\x86" * 60 + b"0}" + b"h\x00"
    hostile = {
        "memo": b"\x80\x02}r\xff\xff\xff\x7f.",
        "long": b"\x80\x02\x8b\xff\xff\xff\x7f.",
        "text": b"\x80\x02X\xff\xff\xff\xff.",
        "bytes": b"\x80\x02\x8e" + (2**60).to_bytes(8, "little") + b".",
        "many": b"\x80\x02" + b"]" * 4_000_000 + b".",
        "key": b"\x80\x02})" + b"2\x86" * 60 + b"Ns.",
        "nested": nested,
        "extension": b"\x80\x02\x82\x01.",
        "end": b"\x80\x02}",
        "nothing": b"",
    }
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, text in hostile.items():
        if name == "memo":
            assert read_pickle(memoryview(text), lambda storage: torch.empty(0))[0] == {}
            continue
        with pytest.raises(UnsafePickleError):
            read_pickle(memoryview(text), lambda storage: torch.empty(0))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB


def test_every_instruction_of_protocols_2_to_5_is_known_or_refused() -> None:
    from cirkd.models.pickle_reader import _ACTIONS

    refused = {"EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER", "STOP"}
    modern = {op.name for op in pickletools.opcodes if op.proto >= 2} - refused
    assert {op.name for op in pickletools.opcodes if ord(op.code) in _ACTIONS} >= modern


@pytest.mark.slow
def test_a_long_log_takes_memory_in_proportion(tmp_path: Path) -> None:
    text = io.BytesIO()
    torch.save({"state_dict": TENSORS, "log": [{"loss": i * 0.1, "step": i} for i in range(100_000)]}, text)
    (tmp_path / "w.pth").write_bytes(text.getvalue())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "log" in read_weights(tmp_path / "w.pth").content
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * len(text.getvalue()) / 1000 + 50_000


def test_a_whole_module_gives_its_weights(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.Sequential(torch.nn.BatchNorm2d(4)))
    torch.save(module, tmp_path / "w.pth")
    found = read_weights(tmp_path / "w.pth").content
    assert list(found) == list(module.state_dict())
    assert all(torch.equal(found[name], value) for name, value in module.state_dict().items())
