"""Batches are a function of seed and step alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cirkd.data.catalog import open_data
from cirkd.data.errors import DataError
from cirkd.data.transforms import Augmentation
from cirkd.losses.inputs import UNLABELLED
from cirkd.models.segmenter import Preprocessing
from cirkd.training.batches import Batches


def batches(camvid: Path, seed: int = 0, **options: Any) -> Batches:
    data = open_data("camvid", "train", camvid)
    return Batches(data, Augmentation(crop=(32, 32)), Preprocessing(), seed=seed, **{"batch_size": 4, **options})


def test_any_step_can_be_made_again(camvid: Path) -> None:
    first, again = batches(camvid), batches(camvid)
    for step in (5, 0, 2):
        assert torch.equal(first[step].images, again[step].images)
        assert torch.equal(first[step].labels, again[step].labels)
    assert not torch.equal(first[0].images, batches(camvid, seed=1)[0].images)


def test_every_epoch_visits_every_image_once(camvid: Path) -> None:
    drawn = [index for step in range(6) for index in batches(camvid).indices(step)]
    for epoch in range(4):
        assert sorted(drawn[epoch * 6 : (epoch + 1) * 6]) == list(range(6))
    assert drawn[:6] != drawn[6:12]


def test_processes_share_a_batch_without_changing_it(camvid: Path) -> None:
    whole = batches(camvid)[3]
    shares = [batches(camvid, process=process, processes=2)[3] for process in range(2)]
    assert torch.equal(whole.images, torch.cat([share.images for share in shares]))
    assert torch.equal(whole.labels, torch.cat([share.labels for share in shares]))


def test_worker_processes_give_the_same_batches(camvid: Path) -> None:
    made = list(batches(camvid).loader(range(2, 5), workers=1))
    assert all(torch.equal(batch.images, batches(camvid)[step].images) for step, batch in enumerate(made, 2))


@pytest.mark.parametrize("workers", [0, 1])
def test_images_beyond_what_may_be_kept_are_read_again(
    camvid: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, sample = batches(camvid), open_data("camvid", "train", camvid)[0]
    assert sample.label is not None
    monkeypatch.setattr("cirkd.training.batches.DECODED", 2 * (sample.image.nbytes + sample.label.nbytes))
    few = batches(camvid)
    for step, batch in enumerate(few.loader(range(6), workers)):
        assert torch.equal(batch.images, usual[step].images) and torch.equal(batch.labels, usual[step].labels)
    assert len(few._decoded) == (0 if workers else 2) and len(usual._decoded) == 6


def test_uneven_shares_are_refused(camvid: Path) -> None:
    with pytest.raises(DataError, match="multiple of 3"):
        batches(camvid, process=0, processes=3)


def test_batches_are_at_the_size_that_the_network_wants(camvid: Path) -> None:
    data = open_data("camvid", "train", camvid)
    height, width = data[0].image.shape[:2]
    whole = Augmentation(crop=(height // 2, width // 2), scale=(1.0, 1.0), flip=0.0, color=0.0)
    half = Preprocessing(scale=0.5)
    made = Batches(data, whole, half, batch_size=4, seed=0)
    for place, index in enumerate(made.indices(0)):
        assert torch.equal(made[0].images[place], half(data[index].image))


def test_few_labels_are_evenly_spread_and_the_others_are_seen_without(camvid: Path) -> None:
    """Alone a student trains on the labelled frames; with a teacher it sees all, in the order of all labels."""
    alone = batches(camvid, labelled_share=1 / 3)
    assert alone.labelled == [0, 5]
    assert {index for step in range(4) for index in alone.indices(step)} == {0, 5}
    taught, full = batches(camvid, labelled_share=1 / 3, unlabelled=True), batches(camvid)
    for step in range(3):
        assert taught.indices(step) == full.indices(step)
        assert torch.equal(taught[step].images, full[step].images)
        for index, got, whole in zip(taught.indices(step), taught[step].labels, full[step].labels, strict=True):
            assert torch.equal(got, whole if index in (0, 5) else torch.full_like(whole, UNLABELLED))


def test_padding_is_no_unlabelled_pixel(camvid: Path) -> None:
    """An image without labels is told from what its crop is padded with, and its own void pixels are not known."""
    data, fill = open_data("camvid", "train", camvid), np.array([1, 2, 3], np.uint8)
    height, width = data[1].image.shape[:2]
    crop = Augmentation(crop=(height + 8, width + 8), scale=(1.0, 1.0), flip=0.0, color=0.0)
    plain = Preprocessing(mean=tuple(float(value) / 255 for value in fill))
    made = Batches(data, crop, plain, batch_size=6, seed=0, labelled_share=1 / 3, unlabelled=True)
    padding = torch.ones(height + 8, width + 8, dtype=torch.bool)
    padding[:height, :width] = False
    for index, label in zip(made.indices(0), made[0].labels, strict=True):
        if index not in made.labelled:
            assert torch.equal(label, torch.where(padding, made.ignore_index, UNLABELLED))


@pytest.mark.parametrize("share", [0.0, 0.01, 1.5])
def test_a_share_that_leaves_no_labels_is_refused(camvid: Path, share: float) -> None:
    with pytest.raises(DataError, match="of 6 images: choose from"):
        batches(camvid, labelled_share=share)
