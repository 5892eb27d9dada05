"""Weights are found in what trainers wrapped around them; of several networks one is taken, and it is said."""

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from cirkd.checkpoint import load_model
from cirkd.data.errors import CheckpointError
from cirkd.doctor import examine
from cirkd.models.unwrap import chosen, parts
from tests.models.wrapping import prefixed

WRAPPED = {
    "Lightning with buffers": lambda s: {"state_dict": {"mean": torch.zeros(3), **prefixed(s, "model.")}, "loops": {}},
    "Lightning, another name": lambda s: {"state_dict": {**prefixed(s, "seg_model.module."), "loss.w": torch.ones(3)}},
    "compiled encoder": lambda s: {k.replace("encoder.", "encoder._orig_mod.", 1): v for k, v in s.items()},
    "FSDP": lambda s: prefixed(s, "_fsdp_wrapped_module."),
    "any container": lambda s: {"generator": s, "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}}},
    "old": lambda s: {k: v for k, v in s.items() if "num_batches" not in k},
    "averaged": lambda s: {"n_averaged": torch.tensor(3), **prefixed(s, "module.")},
    "beside a loss": lambda s: {**prefixed(s, "module."), "criterion.weight": torch.ones(4)},
    "folds in a list": lambda s: {"folds": [s, {k: v + 1 for k, v in s.items()}]},
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
    ("file", "note", "place"),
    [
        (lambda s, t: {"module": s, "ema": t}, "raw ones are taken; --weights ema takes the others", "ema"),
        (lambda s, t: {"model": s, "module": t}, "that at 'model' is taken; --weights module takes another", "module"),
        (
            lambda s, t: {"state_dict": {**prefixed(s, "model."), **prefixed(t, "module.")}},
            "that at 'state_dict.model' is taken; --weights state_dict.module takes another",
            "state_dict.module",
        ),
        (
            lambda s, t: {"state_dict": prefixed(s, "model."), "callbacks": {"EMA": {"ema_state_dict": t}}},
            "raw ones are taken; --weights ema takes the others",
            "ema",
        ),
    ],
)
def test_networks_beside_one_that_is_called_like_a_wrapper_or_in_a_callback(
    file: Callable[..., object], note: str, place: str, tmp_path: Path, state: dict[str, Tensor]
) -> None:
    """Each opens, and the file says how: the first without being asked, the other by what the note advises."""
    other = {name: value + 1 for name, value in state.items()}
    torch.save(file(state, other), tmp_path / "w.pth")
    for weights, wanted in ((None, state), (place, other)):
        model = load_model(tmp_path / "w.pth", "cpu", weights=weights)
        assert torch.equal(model.state_dict()["classifier.weight"], wanted["segmentation_head.0.weight"])
        assert weights is not None or any(note in line for line in model.info.notes)
        assert not any("taken off" in line for line in model.info.notes)
