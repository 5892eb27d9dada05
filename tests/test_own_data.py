"""A network of another project on a folder of one's own, from the command line and from Python, to the same numbers."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

import cirkd
from cirkd.cli import main

NAMES = ("wall", "tree", "road", "sky")


@pytest.fixture(scope="module")
def network() -> Any:
    import segmentation_models_pytorch as smp

    torch.manual_seed(0)
    return smp.Unet("resnet18", encoder_weights=None, encoder_depth=3, decoder_channels=(16, 16, 8), classes=4).eval()


@pytest.fixture(scope="module")
def place(network: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two images, the second without labels; the weights; and a list of classes in the network's order."""
    root = tmp_path_factory.mktemp("own")
    generator = np.random.default_rng(0)
    for part in ("images", "labels"):
        (root / "data" / part).mkdir(parents=True)
    for i in range(2):
        image = generator.integers(0, 256, (64, 96, 3), dtype=np.uint8)
        Image.fromarray(image).save(root / "data" / "images" / f"f{i}.png")
    label = np.kron(generator.integers(0, 4, (4, 6)), np.ones((16, 16), int)).astype(np.uint8)
    label[:8] = 255
    Image.fromarray(label).save(root / "data" / "labels" / "f0.png")
    (root / "data" / "classes.json").write_text(json.dumps(NAMES))
    (root / "data" / "labelled.txt").write_text("f0\n")
    # The network's outputs are the data set's classes the other way round.
    (root / "network.json").write_text(json.dumps(NAMES[::-1]))
    torch.save(network.state_dict(), root / "unet.pth")
    return root


def own_scores(network: Any, place: Path, mean: float, std: float, top: float) -> tuple[float, np.ndarray]:
    """Accuracy in percent and predictions in the data set's numbering, worked out beside the project."""
    image = np.array(Image.open(place / "data" / "images" / "f0.png"))
    label = np.array(Image.open(place / "data" / "labels" / "f0.png"))
    given = (torch.from_numpy(image).permute(2, 0, 1).float() * (top / 255) - mean) / std
    with torch.no_grad():
        found = 3 - network(given[None])[0].argmax(0).numpy()
    known = label != 255
    return 100 * float((found == label)[known].mean()), found


def accuracy(output: str) -> float:
    match = re.search(r"pixel accuracy\s+([\d.]+)", output)
    assert match is not None
    return float(match[1])


TOLD = (
    "--classes",
    "{}/network.json",
    "--mean",
    "127",
    "127",
    "127",
    "--std",
    "64",
    "64",
    "64",
    "--range",
    "255",
    "--device",
    "cpu",
)


def told(place: Path) -> list[str]:
    return [word.format(place) for word in TOLD]


def test_command_line_and_study_agree_with_the_network_itself(
    network: Any, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted, found = own_scores(network, place, 127, 64, 255)
    data = ["--data", "folder", "--root", str(place / "data"), "--split", "labelled.txt"]
    assert main(["evaluate", str(place / "unet.pth"), *data, *told(place), "--precise"]) == 0
    output = capsys.readouterr().out
    assert accuracy(output) == pytest.approx(wanted, abs=0.05)
    assert "label 255 counts as unlabelled: 12.5 % of the pixels" in output
    answers = {"classes": place / "network.json", "mean": (127, 127, 127), "std": (64, 64, 64), "range": 255}
    study = cirkd.Study.open(before=place / "unet.pth", images=str(place / "data"), answers=answers, device="cpu")
    score = study.scores().models["before"]
    assert 100 * score.pixel_accuracy == pytest.approx(wanted, abs=0.05)
    assert (study.features().models["before"].prediction_maps[0] == found).mean() > 0.999


def test_without_a_word_the_classes_are_taken_in_order(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["--data", "folder", "--root", str(place / "data"), "--split", "labelled.txt", "--device", "cpu"]
    assert main(["evaluate", str(place / "unet.pth"), *data]) == 0
    assert "taken to be those of folder, in their order" in capsys.readouterr().out


def test_what_extract_writes_has_one_numbering_and_no_made_up_labels(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", "folder", "--root", str(place / "data"), "--split", "all"]
    output = ["--output", str(tmp_path / "out"), "--names", "before", "--per-class", "5000"]
    assert main(["extract", str(place / "unet.pth"), *data, *output, *told(place)]) == 0
    assert "note: before: as you say: classes, mean, std, range" in capsys.readouterr().out
    table = pq.read_table(tmp_path / "out" / "pixels.parquet").to_pandas()
    assert table.label[table.image == 1].isna().all() and table.label[table.image == 0].notna().all()
    answers = {"classes": place / "network.json", "mean": (127, 127, 127), "std": (64, 64, 64), "range": 255}
    study = cirkd.Study.open(
        before=place / "unet.pth", images=str(place / "data"), answers=answers, device="cpu", precision="float32"
    )
    shown = study.features().pixels
    predicted = shown.grid_map(study.features().models["before"].prediction, 0)
    first = table[table.image == 0]
    assert (predicted[first.row, first.column] == first["before.prediction"]).mean() > 0.999
    assert (shown.grid_map(shown.label, 0)[first.row, first.column] == first.label).all()
    features = cirkd.Study.from_folder(tmp_path / "out").features()
    assert features.models["before"].comparable
    assert set(features.pixels.label.tolist()) <= {0, 1, 2, 3, 255}


def test_a_mapping_joins_classes_on_both_sides(network: Any, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "map.json").write_text('{"wall": "ground", "road": "ground", "tree": "rest", "sky": "rest"}')
    data = ["--data", "folder", "--root", str(place / "data"), "--split", "labelled.txt"]
    words = ["evaluate", str(place / "unet.pth"), *data, "--class-map", str(place / "map.json"), *told(place)]
    assert main([*words, "--precise"]) == 0
    _, found = own_scores(network, place, 127, 64, 255)
    label = np.array(Image.open(place / "data" / "labels" / "f0.png"))
    wanted = 100 * ((found % 2) == (label % 2))[label != 255].mean()
    assert accuracy(capsys.readouterr().out) == pytest.approx(wanted, abs=0.05)


def test_predict_writes_what_the_network_says(
    network: Any, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["predict", str(place / "unet.pth"), str(place / "data"), "--output", str(tmp_path / "out"), *told(place)]
    assert main(words) == 0
    assert "note: as you say: classes, mean, std, range" in capsys.readouterr().out
    _, found = own_scores(network, place, 127, 64, 255)
    assert ((3 - np.array(Image.open(tmp_path / "out" / "f0.png"))) == found).mean() > 0.999


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--precision", "fp32"], "precision 'fp32' is unknown; choose one of: auto, float32, bf16, fp16"),
        (["--device", "foo"], "device 'foo' cannot be used here; choose auto or cpu"),
        (["--split", "all"], "f1 has no label map; scores need labels"),
        (["--data", "pond"], "pond: there is no such data set or folder; choose one of: streets, "),
        (["--data", "."], ". is a folder, and so is the root"),
        (["--classes", "nowhere.json"], "nowhere.json"),
    ],
)
def test_what_cannot_be_is_one_line(
    words: list[str], says: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", "folder", "--root", str(place / "data"), "--split", "labelled.txt", "--device", "cpu"]
    assert main(["evaluate", str(place / "unet.pth"), *data, *words]) == 1
    error = capsys.readouterr().err.strip().splitlines()
    assert says in error[-1]
