"""Any layer of a network: what it gives is the submodule's own output, and the network stays as it was."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import nn

import cirkd
from cirkd.data.errors import StudyError
from cirkd.models import inference
from cirkd.models.own_network import wrap_network
from cirkd.models.taps import layer_of_each, main_layers, tapped
from tests.factories import FakeSegmenter, make_classes

STAGES = ("stage1", "stage2", "stage3", "stage4", "stage5")


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    model = cirkd.build_segmenter("deeplabv3", "mobilenet_v2", make_classes(), output_stride=8, embedding_channels=16)
    return model.eval()


def maps(model, layers, batch):
    with torch.no_grad():
        return inference.run_layers("it", model, batch, ["image"] * len(batch), precision="float32", layers=layers)[1]


def hooks(model):
    return sum(len(part._forward_hooks) for part in model.modules())


def test_every_listed_layer_gives_a_map(network):
    assert network.layers()[:6] == (*STAGES, "decoder")
    batch = torch.rand(2, 3, 64, 96)
    for name, values in maps(network, network.layers(), batch).items():
        assert values.ndim == 4, name
        assert len(values) == 2, name


def test_stages_are_the_encoders_maps_and_the_decoder_feeds_the_classifier(network):
    batch = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        encoded, output = network.encoder(batch), network(batch)
    found = maps(network, (*STAGES, "decoder"), batch)
    for stage, wanted in zip(STAGES, encoded[-5:], strict=True):
        torch.testing.assert_close(found[stage], wanted)
    torch.testing.assert_close(found["decoder"], output.embedding)


def test_a_map_is_not_changed_by_what_works_in_place_after_it():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 1))
    batch = torch.rand(1, 3, 8, 8)
    model = wrap_network(net, "1")
    torch.testing.assert_close(maps(model, ["network.0"], batch)["network.0"], net[0](batch).detach())
    assert main_layers(model) == ("network.0", "network.1", "network.2", "decoder")


def test_the_network_stays_as_it_was(network):
    batch = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        before = network(batch).logits
    network.train()
    try:
        type(network).layers(network)
        assert network.training
    finally:
        network.eval()
    maps(network, network.layers(), batch)

    def fail():
        with tapped(network, ["decoder.aspp", "stage2"]):
            assert hooks(network) == 1 + ("decoder.aspp" in dict(network.named_modules()))
            raise KeyError("within")

    with pytest.raises(KeyError):
        fail()
    assert hooks(network) == 0
    with torch.no_grad():
        torch.testing.assert_close(network(batch).logits, before, rtol=0, atol=0)


def test_what_another_thread_runs_is_not_heard(network):
    with tapped(network, ["stage1"]) as tap, torch.no_grad():
        network(torch.zeros(1, 3, 64, 64))
        other = threading.Thread(target=lambda: network(torch.ones(1, 3, 32, 32)))
        other.start()
        other.join()
    assert tap.given == (64, 64)


def test_padding_that_a_network_adds_is_left_out(tmp_path):
    import segmentation_models_pytorch as smp

    smp.Unet("mobilenet_v2", encoder_weights=None, classes=4).save_pretrained(tmp_path)
    model = cirkd.load_model(tmp_path, "cpu").eval()
    found = maps(model, ("stage1", "stage4", "decoder"), torch.rand(1, 3, 40, 72))
    sizes = {name: tuple(values.shape[2:]) for name, values in found.items()}
    assert sizes == {"stage1": (20, 36), "stage4": (3, 5), "decoder": (40, 72)}


def test_one_layer_for_all_and_one_by_model(network):
    models = {"teacher": network, "after": FakeSegmenter(projection=6)}
    assert layer_of_each(models, "decoder") == {"teacher": ("decoder", ""), "after": ("decoder", "")}
    some = layer_of_each(models, "stage3")
    assert some["teacher"] == ("stage3", "")
    assert some["after"] == ("decoder", "after has no layer stage3: its decoder embedding is shown")
    wanted = {"teacher": ("stage2", ""), "after": ("projected", "")}
    assert layer_of_each(models, {"teacher": "stage2", "after": "projected"}) == wanted
    assert layer_of_each(models, "teacher=stage2, after=projected") == wanted
    assert layer_of_each(models, {"after": "features"}) == {"teacher": ("decoder", ""), "after": ("features", "")}


@pytest.mark.parametrize("layer", ["stage9", "decodr", {"teacher": "encoder.layr1"}, {"teacher": "projected"}, ""])
def test_a_wrong_name_is_one_line_and_what_it_offers_works(network, layer):
    with pytest.raises(StudyError) as raised:
        layer_of_each({"teacher": network}, layer)
    line = str(raised.value)
    assert "\n" not in line
    assert repr(layer if isinstance(layer, str) else layer["teacher"]) in line
    offered = line.partition("choose one of: ")[2].partition(";")[0].split(", ")
    assert len(offered) >= 6
    for name in offered:
        assert layer_of_each({"teacher": network}, name)["teacher"][0] == name


def test_a_layer_of_no_model_is_one_line(network):
    with pytest.raises(StudyError, match="layer of 'techer': there is no such model; this study has: teacher"):
        layer_of_each({"teacher": network}, {"techer": "decoder"})
