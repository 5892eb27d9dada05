"""A network of one's own opens from Python and from a file, and is told apart from anything else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import cirkd
from cirkd.checkpoint import load_model, save_checkpoint
from cirkd.data.errors import CheckpointError
from cirkd.models.answers import Answers, write_sidecar
from cirkd.models.hub import fetched
from cirkd.models.own_network import wrap_network
from cirkd.models.places import own_network

FILE = """
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU())
    return nn.Sequential(body, nn.Conv2d(8, 4, 1))

def named():
    from cirkd.models.own_network import wrap_network
    return wrap_network(make(), "0.0", classes=list("abcd"), mean=(0.5, 0.5, 0.5))

def broken():
    raise KeyError("surprise")

def text():
    return "a network"
"""


class Dictionary(nn.Module):
    """Returns what torchvision's networks return."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Conv2d(3, 6, 3, stride=4), nn.Conv2d(6, 5, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"out": self.head(self.body(x))}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(FILE)
    return tmp_path / "mine.py"


def test_a_module_in_a_notebook() -> None:
    network = Dictionary().eval()
    for name in (None, "body"):
        model = wrap_network(network, name, mean=(0.5, 0.5, 0.5))
        image = torch.randn(2, 3, 40, 48)
        with torch.inference_mode():
            output = model(image)
            torch.testing.assert_close(output.embedding, network.body(image))
            torch.testing.assert_close(output.logits, network(image)["out"])
        assert (len(model.info.classes), model.info.embedding_channels, model.info.output_stride) == (5, 6, 4)
        assert model.info.preprocessing.mean == (0.5, 0.5, 0.5)
        assert not any("are assumed" in note for note in model.info.notes)
    assert any("are assumed; --mean" in note for note in wrap_network(network).info.notes)
    with pytest.raises(CheckpointError, match="no submodule 'tail'; its last ones are body, head"):
        wrap_network(network, "tail")
    with pytest.raises(CheckpointError, match="does not run on"):
        wrap_network(nn.Conv2d(1, 4, 1))
    with pytest.raises(CheckpointError, match=r"logits .* were wanted"):
        wrap_network(nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten()))
    with pytest.raises(CheckpointError, match="name the submodule"):
        wrap_network(nn.Identity())


def test_a_study_of_it() -> None:
    model = wrap_network(Dictionary().eval(), "body")
    image = np.zeros((32, 40, 3), np.uint8)
    study = cirkd.Study.open(before=model, images=[image], device="cpu")
    assert study.features().models["before"].prediction_maps[0].shape == (32, 40)


def test_a_file_of_python_with_weights(file: Path, tmp_path: Path) -> None:
    assert own_network("mine.pth") is None
    assert own_network("a/b.py:make,c/w.pth") == own_network("a/b.py:make,c/w.pth")
    plain = load_model(f"{file}:make", "cpu")
    state = {f"module.{name}": value + 1 for name, value in plain.network.state_dict().items()}  # type: ignore[union-attr]
    torch.save({"model": state, "epoch": 3}, tmp_path / "w.pth")
    filled = load_model(f"{file}:make,{tmp_path / 'w.pth'}", "cpu", classes=list("wxyz"), range=255)
    name = next(iter(plain.state_dict()))
    assert torch.equal(filled.state_dict()[name], plain.state_dict()[name] + 1)
    assert filled.info.classes.names == tuple("wxyz")
    verdict = cirkd.examine(f"{file}:make,{tmp_path / 'w.pth'}")
    assert (verdict.usable, verdict.parameters, len(verdict.classes)) == (True, 3 * 8 * 9 + 8 + 8 * 4 + 4, 4)
    assert load_model(f"{file}:named", "cpu").info.classes.names == tuple("abcd")
    with pytest.raises(CheckpointError, match=r"\.py line \d+: KeyError.*mend the file"):
        load_model(f"{file}:broken", "cpu")
    with pytest.raises(CheckpointError, match="has no function absent"):
        load_model(f"{file}:absent", "cpu")
    with pytest.raises(CheckpointError, match=r"returned a str; return a torch\.nn\.Module"):
        load_model(f"{file}:text", "cpu")
    with pytest.raises(CheckpointError, match="no such file"):
        load_model(f"{tmp_path / 'gone.py'}:make", "cpu")
    mine = f"{file}:make,{tmp_path / 'w.pth'}"
    raw = {name.removeprefix("module."): value for name, value in state.items()}
    averaged = {name: value * 2 for name, value in raw.items()}
    torch.save({"model": raw, "ema": {"module": averaged}}, tmp_path / "w.pth")
    first = name.removeprefix("network.")
    for weights, wanted in (("ema", averaged), ("raw", raw), (None, raw)):
        filled = load_model(mine, "cpu", weights=weights)
        assert torch.equal(filled.state_dict()[name], wanted[first])
        assert any("--weights" in note for note in filled.info.notes)
    write_sidecar(Path(mine), Answers(weights="ema"))
    assert torch.equal(load_model(mine, "cpu").state_dict()[name], averaged[first])
    spoiled = {**averaged, first: torch.full_like(averaged[first], torch.nan)}
    torch.save({"model": raw, "ema": {"module": spoiled}}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"NaN or infinity.*; take those beside them .* with --weights raw"):
        load_model(mine, "cpu")
    (tmp_path / "w.cirkd.json").unlink()
    torch.save({n: v.to(torch.int8) if v.ndim > 1 else v for n, v in raw.items()}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"quantised and without its scale.*before it is quantised"):
        load_model(mine, "cpu")
    torch.save(raw, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match="leave --weights out"):
        load_model(mine, "cpu", weights="ema")
    torch.save({"0.0.weight": torch.zeros(3)}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match="0 of the network's 4 tensors"):
        load_model(f"{file}:make,{tmp_path / 'w.pth'}", "cpu")
    with pytest.raises(CheckpointError, match=r"save its state_dict\(\)"):
        save_checkpoint(tmp_path / "own.safetensors", plain)


class Heads(nn.Module):
    """A body with an auxiliary head and the one that counts; what it returns is told by a function."""

    def __init__(self, returns: Callable[[Tensor, Tensor], Any], classes: int = 4) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body, self.cls_head = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, classes, 1)
        self.side = nn.Conv2d(8, 6, 1)
        self.aux_head = nn.Conv2d(6, classes, 1)
        self.returns = returns

    def forward(self, x: Tensor) -> Any:
        features = self.body(x)
        return self.returns(self.aux_head(self.side(features)), self.cls_head(features))

    def main(self, x: Tensor) -> Tensor:
        return self.cls_head(self.body(x))


def upsampled(logits: Tensor) -> Tensor:
    return functional.interpolate(logits, scale_factor=2, mode="bilinear")


@pytest.mark.parametrize(
    ("returns", "classes", "note"),
    [
        (lambda aux, main: main.softmax(1), 4, "probabilities, of a softmax; probabilities=False takes them as logits"),
        (lambda aux, main: main.sigmoid(), 4, "probabilities, of a sigmoid"),
        (lambda aux, main: main.sigmoid(), 1, "probabilities, of a sigmoid"),
        (lambda aux, main: [aux, main.softmax(1)], 4, "probabilities, of a softmax"),
        (lambda aux, main: [aux, main], 4, "of its 2 outputs number 1, made by cls_head, is taken as logits; output=0"),
        (lambda aux, main: (upsampled(main), aux), 4, "of its 2 outputs number 0, made by cls_head, is taken"),
        (lambda aux, main: main, 4, ""),
        (lambda aux, main: {"aux": aux, "out": main}, 4, ""),
    ],
)
def test_what_a_network_returns_is_told(returns: Callable[..., Any], classes: int, note: str) -> None:
    network = Heads(returns, classes).eval()
    model = wrap_network(network)
    image = torch.randn(2, 3, 16, 16)
    with torch.inference_mode():
        found, wanted = model(image), network.main(image)
        torch.testing.assert_close(found.embedding, network.body(image))
        if classes == 1:
            wanted = torch.cat([torch.zeros_like(wanted), wanted], dim=1)
        wanted = upsampled(wanted) if found.logits.shape != wanted.shape else wanted
        if "sigmoid" in note and classes > 1:
            torch.testing.assert_close(found.logits, wanted, atol=1e-4, rtol=1e-4)
        else:
            torch.testing.assert_close(found.logits.softmax(1), wanted.softmax(1))
    assert note in "; ".join(model.info.notes)
    assert bool(note) == any("output=" in line or "probabilities" in line for line in model.info.notes)


def test_a_head_that_begins_at_zero_is_read_with_its_weights(tmp_path: Path) -> None:
    made = "def zero():\n    network = make()\n    nn.init.zeros_(network[1].weight), nn.init.zeros_(network[1].bias)\n"
    (tmp_path / "mine.py").write_text(f"{FILE}\n{made}    return network\n")
    network = nn.Sequential(nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU()), nn.Conv2d(8, 4, 1)).eval()
    torch.save(network.state_dict(), tmp_path / "w.pth")
    image = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        for place, wanted in ((",w.pth", network(image)), ("", torch.zeros(1, 4, 16, 16))):
            model = load_model(f"{tmp_path}/mine.py:zero{place.replace(',', f',{tmp_path}/')}", "cpu")
            torch.testing.assert_close(model(image).logits, wanted)
            assert not any("probabilities" in note for note in model.info.notes)


class Checked(nn.Module):
    """A network that looks at its input."""

    def __init__(self, most: float) -> None:
        super().__init__()
        self.most, self.body, self.head = most, nn.Conv2d(3, 6, 3), nn.Conv2d(6, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        assert x.abs().max() < self.most, "normalise the image"
        return self.head(self.body(x))


def test_a_network_that_takes_no_loud_noise_opens() -> None:
    assert wrap_network(Checked(100)).info.embedding_channels == 6
    with pytest.raises(CheckpointError, match=r"does not run on .* normalise the image"):
        wrap_network(Checked(1))


def test_a_network_that_is_refused_is_given_back_in_training_as_it_came() -> None:
    network = Checked(0).train()
    with pytest.raises(CheckpointError, match="does not run on"):
        wrap_network(network)
    assert network.training


class Fixed(nn.Module):
    """Takes images of one size, and resizes others where it is told to."""

    def __init__(self, resized: bool, then: Callable[[Tensor], Tensor] = lambda x: x) -> None:
        super().__init__()
        self.resized, self.then, self.head = resized, then, nn.Conv2d(3, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.interpolate(x, size=(64, 64)) if self.resized else x
        assert x.shape[2] == 64, "images of 64 pixels"
        return self.then(self.head(x))


def test_a_network_of_one_size_is_told_what_to_do() -> None:
    with pytest.raises(
        CheckpointError, match=r"images of 64 pixels; RGB images of any size were wanted: resize or pad"
    ):
        wrap_network(Fixed(False))
    assert wrap_network(Fixed(True)).info.embedding_channels == 3


@pytest.mark.parametrize("then", [lambda x: x.argmax(1), lambda x: x.permute(0, 2, 3, 1)])
def test_maps_that_are_no_logits_are_refused(then: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(
        CheckpointError, match=r"the network returned \[1, 64, 64.*\[B, C, h, w\] were wanted: all classes"
    ):
        wrap_network(Fixed(True, then))


def test_what_a_network_returns_is_overruled() -> None:
    image = torch.randn(1, 3, 16, 16)
    two = Heads(lambda aux, main: [aux, main]).eval()
    soft = Heads(lambda aux, main: main.softmax(1)).eval()
    named = Heads(lambda aux, main: {"a": aux, "masks": main}).eval()
    with torch.inference_mode():
        assert torch.equal(wrap_network(two, output=0)(image).logits, two(image)[0])
        assert torch.equal(wrap_network(soft, probabilities=False)(image).logits, soft(image))
        assert torch.equal(wrap_network(named, output="masks")(image).logits, named(image)["masks"])
    with pytest.raises(
        CheckpointError, match=r"a dictionary with a, masks; say which .* wrap_network\(\.\.\., output='a'\)"
    ):
        wrap_network(named)
    with pytest.raises(CheckpointError, match="no output 2; choose one of 0, 1"):
        wrap_network(two, output=2)
    with pytest.raises(CheckpointError, match="returned class numbers; return its logits"):
        wrap_network(Heads(lambda aux, main: main.argmax(1, keepdim=True).float()).eval())


def mirror(folder: Path) -> Path:
    """A hub's cache with one network of SMP: `blobs`, `refs` and `snapshots`, as the hub's client lays it out."""
    import segmentation_models_pytorch as smp

    revision = "0123456789abcdef0123456789abcdef01234567"
    place = folder / "models--owner--name"
    snapshot = place / "snapshots" / revision
    net = smp.Unet("resnet18", encoder_weights=None, encoder_depth=3, decoder_channels=(16, 16, 8), classes=3)
    net.save_pretrained(str(snapshot))
    (snapshot / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.5] * 3, "image_std": [0.5] * 3}))
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(revision)
    return folder


def test_the_hub_from_a_local_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("HF_HUB_CACHE", str(mirror(tmp_path / "hub")))
    # Nobody listens there: what is not in the mirror is not to be had.
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for address in ("hf://owner/name", "hf://owner/name@main", "hf://owner/name/model.safetensors"):
        model = load_model(address, "cpu")
        assert model.info.architecture == "unet"
        assert model.info.preprocessing.mean == (0.5, 0.5, 0.5)
        assert "0123456789ab" in str(model.info.provenance["revision"])
    with pytest.raises(CheckpointError, match=r"hf download owner/other --local-dir FOLDER"):
        load_model("hf://owner/other", "cpu")
    with pytest.raises(CheckpointError, match="only safetensors are fetched"):
        fetched("hf://owner/name/pytorch_model.bin")
    with pytest.raises(CheckpointError, match="hf://OWNER/NAME"):
        fetched("hf://owner")
