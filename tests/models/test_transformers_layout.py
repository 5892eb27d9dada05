"""SegFormer under the names of the library transformers, with that library and without it."""

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from cirkd.checkpoint import load_model
from cirkd.data.errors import CheckpointError
from tests.models.published_vectors import error, given_input, outputs, weights

_NAMES = (
    (r"patch_embed(\d)\.norm", r"segformer.encoder.patch_embeddings.{}.layer_norm"),
    (r"patch_embed(\d)", r"segformer.encoder.patch_embeddings.{}"),
    (r"norm(\d)", r"segformer.encoder.layer_norm.{}"),
    (r"linear_c(\d)", r"decode_head.linear_c.{}"),
    (r"block(\d)\.(\d+)\.norm(\d)", r"segformer.encoder.block.{}.\2.layer_norm_\3"),
    (r"block(\d)\.(\d+)\.attn\.q", r"segformer.encoder.block.{}.\2.attention.self.query"),
    (r"block(\d)\.(\d+)\.attn\.sr", r"segformer.encoder.block.{}.\2.attention.self.sr"),
    (r"block(\d)\.(\d+)\.attn\.norm", r"segformer.encoder.block.{}.\2.attention.self.layer_norm"),
    (r"block(\d)\.(\d+)\.attn\.proj", r"segformer.encoder.block.{}.\2.attention.output.dense"),
    (r"block(\d)\.(\d+)\.mlp\.fc(\d)", r"segformer.encoder.block.{}.\2.mlp.dense\3"),
    (r"block(\d)\.(\d+)\.mlp\.dwconv", r"segformer.encoder.block.{}.\2.mlp.dwconv"),
    (r"linear_fuse\.1", r"decode_head.batch_norm"),
    (r"linear_fuse\.0", r"decode_head.linear_fuse"),
    (r"linear_pred", r"decode_head.classifier"),
)


def in_their_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The published SegFormer as transformers names it: keys and values apart, and the fusing bias in its norm."""
    found = {}
    for name, value in state.items():
        if match := re.match(r"block(\d)\.(\d+)\.attn\.kv\.(weight|bias)", name):
            start = f"segformer.encoder.block.{int(match[1]) - 1}.{match[2]}.attention.self"
            found[f"{start}.key.{match[3]}"], found[f"{start}.value.{match[3]}"] = (x.clone() for x in value.chunk(2))
        elif name != "linear_fuse.0.bias":
            pattern, new = next((p, n) for p, n in _NAMES if re.match(p + r"\.", name))
            number = re.match(pattern, name)
            assert number is not None
            stage = int(number[1]) - 1 if number.groups() else 0
            found[re.sub("^" + pattern, new.format(stage), name)] = value
    found["decode_head.batch_norm.running_mean"] = state["linear_fuse.1.running_mean"] - state["linear_fuse.0.bias"]
    return found


def test_renamed_it_gives_the_published_outputs(tmp_path: Path) -> None:
    state = in_their_names(weights("v1_segformer_MiT_B0"))
    save_file(state, tmp_path / "model.safetensors")
    labels = {str(i): f"thing {i}" for i in range(19)}
    (tmp_path / "config.json").write_text(json.dumps({"num_attention_heads": [1, 2, 5, 8], "id2label": labels}))
    model = load_model(tmp_path, "cpu")
    with torch.inference_mode():
        output = model(given_input())
    # Their normalisation has an epsilon of 1e-5 where the published one has 1e-6.
    wanted = outputs("v1_segformer_MiT_B0")
    assert error(output.logits, wanted["logits"]) < 2e-3
    assert error(output.embedding[:, ::4], wanted["embedding"]) < 2e-3
    assert model.info.classes.names[3] == "thing 3"
    assert not any("heads, as usual" in note for note in model.info.notes)
    (tmp_path / "config.json").unlink()
    notes = load_model(tmp_path / "model.safetensors", "cpu").info.notes
    for guess in ("mean and std of the encoder's ImageNet weights are assumed", "1, 2, 5 and 8 heads, as usual"):
        assert any(guess in note for note in notes)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (
            {"strides": [2, 2, 2, 2]},
            r"strides '\[2, 2, 2, 2\]', and a SegFormer with \[4, 2, 2, 2\] was.*FILE\.py:make",
        ),
        ({"hidden_act": "relu"}, r"hidden_act 'relu', and a SegFormer with 'gelu' was wanted.*FILE\.py:make"),
        ({"num_attention_heads": [3, 3, 3, 3]}, r"config\.json says \(dim 32 should be divided by num_heads 3"),
    ],
)
def test_a_form_that_weights_do_not_show_is_refused(config: dict[str, object], says: str, tmp_path: Path) -> None:
    save_file(in_their_names(weights("v1_segformer_MiT_B0")), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=says):
        load_model(tmp_path, "cpu")


def test_names_that_are_counted_from_one_are_not_taken(tmp_path: Path) -> None:
    save_file(in_their_names(weights("v1_segformer_MiT_B0")), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {str(i): f"thing {i}" for i in range(1, 20)}}))
    info = load_model(tmp_path, "cpu").info
    assert info.classes.guessed
    assert "19 classes, and 'id2label' in the file has not one name for each; --classes names them" in info.notes
    told = load_model(tmp_path, "cpu", classes=[f"thing {i}" for i in range(19)])
    assert not any("one name for each" in note for note in told.info.notes)


def test_a_tiny_one_gives_the_outputs_of_the_library(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.SegformerConfig(
        hidden_sizes=[8, 16, 24, 32],
        num_attention_heads=[1, 2, 3, 4],
        depths=[1, 1, 2, 1],
        decoder_hidden_size=16,
        num_labels=4,
        sr_ratios=[8, 4, 2, 1],
        mlp_ratios=[2, 2, 2, 2],
    )
    theirs = transformers.SegformerForSemanticSegmentation(config).eval()
    theirs.save_pretrained(tmp_path)
    model = load_model(tmp_path, "cpu")
    image = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        torch.testing.assert_close(model(image).logits, theirs(image).logits, rtol=1e-4, atol=1e-5)
