"""Label maps as files."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from cirkd.data.cityscapes import LABEL_IDS
from cirkd.data.errors import DataError, ExportError
from cirkd.data.folder import Folder
from cirkd.data.images import resize_image
from cirkd.data.palettes import CITYSCAPES
from cirkd.models.build import build_segmenter
from cirkd.models.segmenter import Segmenter
from cirkd.training.predict import predict
from tests.factories import make_classes


@pytest.fixture
def images(tmp_path: Path) -> Folder:
    noise = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    (tmp_path / "in" / "sub").mkdir(parents=True)
    Image.fromarray(noise).save(tmp_path / "in" / "a.png")
    return Folder(tmp_path / "in")


def network(classes=None) -> Segmenter:
    torch.manual_seed(0)
    return build_segmenter(
        "deeplabv3", "tu-mobilenetv3_small_050", classes or make_classes(), embedding_channels=8
    ).eval()


def probabilities(model: Segmenter, pixels: np.ndarray, size: tuple[int, int]) -> torch.Tensor:
    with torch.no_grad():
        logits = model(model.preprocess(pixels)[None]).logits
    return F.interpolate(logits, size, mode="bilinear", align_corners=True)[0].softmax(0)


def test_what_is_written_is_the_mean_over_sizes_and_mirror_images(images: Folder, tmp_path: Path) -> None:
    model, pixels = network(), images[0].image
    total = torch.zeros(4, 32, 48)
    for scale in (1.0, 1.5):
        resized = resize_image(pixels, (round(32 * scale), round(48 * scale))) if scale != 1 else pixels
        total += probabilities(model, resized, (32, 48))
        total += probabilities(model, np.ascontiguousarray(resized[:, ::-1]), (32, 48)).flip(-1)
    (path,) = predict(model, images, tmp_path / "out", flip=True, scales=(1.0, 1.5))
    assert path == tmp_path / "out" / "a.png"
    assert (np.array(Image.open(path)) == total.argmax(0).numpy()).mean() > 0.999
    assert [e["name"] for e in json.loads((tmp_path / "out" / "classes.json").read_text())] == list(
        make_classes().names
    )


def test_forms(images: Folder, tmp_path: Path) -> None:
    model = network(CITYSCAPES)
    ids, server, colors = (
        np.array(Image.open(predict(model, images, tmp_path / form, form=form)[0]))  # type: ignore[arg-type]
        for form in ("ids", "cityscapes", "colors")
    )
    assert np.array_equal(np.array(LABEL_IDS)[ids], server)
    assert np.array_equal(np.array(CITYSCAPES.colors)[ids], colors)


def test_what_cannot_be_written(images: Folder, tmp_path: Path) -> None:
    model = network()
    with pytest.raises(ExportError, match="is one of the images or label maps; choose another folder"):
        predict(model, images, tmp_path / "in")
    with pytest.raises(DataError, match=r"label ids of Cityscapes: .*; name .* --classes FILE, or use --form ids$"):
        predict(model, images, tmp_path / "out", form="cityscapes")
    with pytest.raises(ExportError, match="numbers above 0"):
        predict(model, images, tmp_path / "out", scales=(0.0,))


def test_label_maps_and_class_lists_that_are_there_stay(tmp_path: Path) -> None:
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
        Image.fromarray(np.zeros((32, 48), np.uint8)).save(tmp_path / part / "a.png")
    list_of_others = json.dumps(["a", "b", "c", "d"])
    (tmp_path / "classes.json").write_text(list_of_others)
    data = Folder(tmp_path)
    assert data[0].label is not None
    for folder in (tmp_path / "labels", tmp_path):
        with pytest.raises(ExportError, match="choose another folder with --output"):
            predict(network(), data, folder)
    assert not np.array(Image.open(tmp_path / "labels" / "a.png")).any() and not (tmp_path / "a.png").exists()
    assert (tmp_path / "classes.json").read_text() == list_of_others
    for _ in range(2):
        predict(network(), data, tmp_path / "out")
    again = json.dumps(json.loads((tmp_path / "out" / "classes.json").read_text()))
    (tmp_path / "out" / "classes.json").write_text(again)
    predict(network(), data, tmp_path / "out")
    assert (tmp_path / "out" / "classes.json").read_text() == again
