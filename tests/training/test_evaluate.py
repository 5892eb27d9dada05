"""Scores come from one confusion matrix over the data set."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cirkd.data.catalog import open_data
from cirkd.data.errors import DataError
from cirkd.data.palettes import CAMVID, numbered_classes
from cirkd.models.build import build_segmenter
from cirkd.models.inference import autocast
from cirkd.models.segmenter import SegmentationOutput, Segmenter
from cirkd.training import teaching
from cirkd.training.evaluate import confusion_matrix, evaluate


class ByBrightness(nn.Module):
    """Predicts sky where it is bright, car where it is red, road elsewhere: right on most of the tiny tree."""

    info = build_segmenter("deeplabv3", "tu-mobilenetv3_small_050", CAMVID, embedding_channels=8).info
    preprocess = Segmenter.preprocess

    def __init__(self) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(1))

    def forward(self, batch: torch.Tensor) -> SegmentationOutput:
        red, blue = batch[:, 0], batch[:, 2]
        logits = torch.zeros(len(batch), 11, *batch.shape[2:])
        logits[:, 0] = (blue > 1).float() * 2
        logits[:, 8] = ((red > 1) & (blue < 0)).float() * 3
        logits[:, 3] = 1
        return SegmentationOutput(logits, logits)


def test_scores_equal_a_count_over_all_pixels(camvid: Path) -> None:
    data = open_data("camvid", "val", camvid)
    model = ByBrightness()
    result = evaluate(model, data)  # type: ignore[arg-type]
    predictions, labels = [], []
    for index in range(len(data)):
        sample = data[index]
        assert sample.label is not None
        predictions.append(model(model.preprocess(sample.image)[None]).logits[0].argmax(0).numpy().ravel())
        labels.append(sample.label.ravel())
    prediction, label = np.concatenate(predictions), np.concatenate(labels)
    prediction, label = prediction[label < 11], label[label < 11]
    wanted = {}
    for index, name in enumerate(CAMVID.names):
        union = ((prediction == index) | (label == index)).sum()
        wanted[name] = 100 * ((prediction == index) & (label == index)).sum() / union if union else None
    assert result.iou == pytest.approx(wanted)
    present = [value for value in wanted.values() if value is not None]
    assert len(present) == 3
    assert result.miou == pytest.approx(np.mean(present))
    assert result.pixel_accuracy == pytest.approx(100 * (prediction == label).mean())
    assert result.miou > 80


def test_confusion_counts_rows_by_label_and_ignores_the_rest() -> None:
    counted = confusion_matrix(torch.tensor([0, 1, 1, 0, 255]), torch.tensor([0, 1, 0, 7, 1]), 2)
    assert counted.tolist() == [[1, 1, 0], [0, 1, 1]]


@pytest.mark.parametrize("has", [True, False])
def test_a_teacher_computes_in_bf16_where_the_device_has_it(monkeypatch: pytest.MonkeyPatch, has: bool) -> None:
    monkeypatch.setattr(teaching, "has_bf16", lambda device: has)
    cpu = torch.device("cpu")
    with autocast(cpu, teaching.teacher_precision("auto", cpu)):
        assert torch.is_autocast_enabled("cpu") == has
        product = torch.ones(2, 2) @ torch.ones(2, 2)
        assert product.dtype == (torch.bfloat16 if has else torch.float32)


def test_class_counts_must_agree(camvid: Path) -> None:
    model = build_segmenter("deeplabv3", "tu-mobilenetv3_small_050", numbered_classes(4), embedding_channels=8)
    with pytest.raises(DataError, match="11 classes, the network has 4"):
        evaluate(model, open_data("camvid", "val", camvid))


def test_scores_need_labels(camvid: Path, tmp_path: Path) -> None:
    class Unlabelled:
        name, split, classes, names = "bare", "val", CAMVID, ("a",)

        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: int) -> object:
            from cirkd.data.sample import Sample

            return Sample("a", np.zeros((16, 16, 3), np.uint8))

    with pytest.raises(DataError, match="no label map"):
        evaluate(ByBrightness(), Unlabelled())  # type: ignore[arg-type]
