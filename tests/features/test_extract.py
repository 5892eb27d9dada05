"""Extraction against a direct run of each network, and everything that can go wrong on the way."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cirkd.analysis.scores import scores
from cirkd.data.errors import StudyError
from cirkd.data.matching import match_classes
from cirkd.data.sample import Classes, Sample
from cirkd.features.extract import extract, make_pixels
from cirkd.features.grids import averaged, on_grid
from tests.factories import FakeSegmenter, make_classes, make_samples


def direct(model, sample):
    with torch.no_grad():
        output = model(model.preprocess(sample.image)[None])
    full = F.interpolate(output.logits, sample.image.shape[:2], mode="bilinear", align_corners=True)
    confidence, prediction = full.softmax(1)[0].max(0)
    return output, prediction.numpy(), confidence.numpy()


def test_what_is_extracted_is_what_the_network_gives():
    model, samples = FakeSegmenter().eval(), make_samples(3)
    features = extract({"teacher": model}, samples, device="cpu", batch_size=2)
    found = features.models["teacher"]
    for i, sample in enumerate(samples):
        output, prediction, confidence = direct(model, sample)
        np.testing.assert_allclose(
            features.pixels.grid_map(found.embedding, i).transpose(2, 0, 1), output.embedding[0].numpy(), atol=1e-6
        )
        np.testing.assert_array_equal(features.pixels.grid_map(found.prediction, i), output.logits[0].argmax(0))
        np.testing.assert_array_equal(found.prediction_maps[i], prediction)
        np.testing.assert_allclose(found.confidence_maps[i], confidence, atol=1e-3)
        np.testing.assert_allclose(
            features.pixels.grid_map(found.confidence, i), output.logits.softmax(1)[0].amax(0), atol=1e-6
        )
    assert found.embedding.dtype == np.float32
    assert found.confidence_maps[0].dtype == np.float16
    assert found.info["grid"] == (6, 8)
    assert features.provenance["precision"] == "float32"


def test_images_of_several_sizes_keep_their_order():
    model = FakeSegmenter().eval()
    samples = [*make_samples(1), *make_samples(2, (16, 40), seed=1), *make_samples(1, seed=2)]
    features = extract({"teacher": model}, samples, device="cpu", batch_size=8)
    assert sorted(model.batches) == [2, 2]
    assert features.pixels.grid == ((6, 8), (4, 10), (4, 10), (6, 8))
    for i, sample in enumerate(samples):
        np.testing.assert_array_equal(features.models["teacher"].prediction_maps[i], direct(model, sample)[1])


def test_other_grids_are_laid_on_the_teachers():
    teacher, student = FakeSegmenter(stride=4), FakeSegmenter(stride=8, width=5, seed=1).eval()
    samples = make_samples(2)
    features = extract({"before": student, "teacher": teacher}, samples, device="cpu")
    output, prediction, _ = direct(student, samples[1])
    wanted = F.interpolate(output.embedding, (6, 8), mode="bilinear", align_corners=False)[0]
    found = features.models["before"]
    np.testing.assert_allclose(
        features.pixels.grid_map(found.embedding, 1).transpose(2, 0, 1), wanted.numpy(), atol=1e-6
    )
    np.testing.assert_array_equal(found.prediction_maps[1], prediction)
    assert features.pixels.grid[0] == (6, 8)
    assert "resampled" in found.note


def test_batch_halves_until_it_fits():
    model = FakeSegmenter(fits=2)
    features = extract({"teacher": model}, make_samples(5), device="cpu", batch_size=8)
    assert model.batches == [2, 2, 1]
    assert features.provenance["batch_size"] == 2


def test_one_image_too_large_says_what_to_do():
    with pytest.raises(StudyError, match=r"24x32 does not fit.*smaller images"):
        extract({"teacher": FakeSegmenter(fits=0)}, make_samples(2), device="cpu")


def test_other_errors_are_not_swallowed():
    model = FakeSegmenter()
    model.classifier = torch.nn.Conv2d(99, 4, 1)
    with pytest.raises(RuntimeError, match="channels"):
        extract({"teacher": model}, make_samples(1), device="cpu")


def test_numbers_that_are_not_finite_name_the_model_and_a_remedy():
    with pytest.raises(StudyError, match=r"after: its decoder embedding.*sample-0.*another checkpoint"):
        extract({"teacher": FakeSegmenter(), "after": FakeSegmenter(bad=True)}, make_samples(1), device="cpu")
    with pytest.raises(StudyError, match="choose precision float32"):
        extract({"after": FakeSegmenter(bad=True)}, make_samples(1), device="cpu", precision="bf16")


def test_progress_runs_from_0_to_1_and_cancels():
    seen = []
    models = {"teacher": FakeSegmenter(), "before": FakeSegmenter()}
    extract(models, make_samples(3), device="cpu", batch_size=1, progress=lambda f, text: seen.append((f, text)))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions) and fractions[0] == 0 and fractions[-1] == 1
    assert seen[-1][1].startswith("before")

    def cancel(fraction, text):
        if fraction > 0.4:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        extract(models, make_samples(3), device="cpu", batch_size=1, progress=cancel)


def test_projected_layer_where_there_is_one():
    student = FakeSegmenter(projection=11).eval()
    features = extract({"teacher": FakeSegmenter(), "after": student}, make_samples(1), layer="projected", device="cpu")
    assert features.models["after"].embedding.shape == (48, 11)
    assert features.models["after"].layer == "projected"
    assert features.models["teacher"].layer == "decoder"
    assert "no projection head" in features.models["teacher"].note
    with torch.no_grad():
        wanted = student.memory.projection(student(student.preprocess(features.images[0])[None]).embedding)
    np.testing.assert_allclose(features.models["after"].embedding, wanted[0].flatten(1).T.numpy(), atol=1e-6)


def test_mode_and_weights_of_the_model_are_left_alone():
    model = FakeSegmenter().train()
    extract({"teacher": model}, make_samples(1), device="cpu", precision="bf16")
    assert model.training
    assert model.classifier.weight.dtype == torch.float32


def test_classes_in_another_order_are_renumbered():
    common = make_classes(4)
    other = Classes(("Sky", "POLE", "buil ding", "road"), common.colors)
    models = {"teacher": FakeSegmenter(common), "after": FakeSegmenter(other)}
    features = extract(models, make_samples(2), device="cpu")
    same, turned = features.models["teacher"], features.models["after"]
    assert turned.comparable
    np.testing.assert_array_equal(turned.prediction, 3 - same.prediction)
    np.testing.assert_array_equal(turned.prediction_maps[0], 3 - same.prediction_maps[0])


def test_other_classes_are_kept_apart():
    models = {"teacher": FakeSegmenter(make_classes(6)), "after": FakeSegmenter(make_classes(4))}
    features = extract(models, make_samples(1), device="cpu")
    found = features.models["after"]
    assert not found.comparable and len(found.classes) == 4
    assert any("not scored" in note for note in features.provenance["notes"])
    assert match_classes(make_classes(3), make_classes(4)).table is None


def test_classes_that_the_labels_have_not_are_wrong_predictions():
    known, more = make_classes(4), make_classes(6)
    features = extract({"after": FakeSegmenter(more)}, make_samples(1), device="cpu", classes=known)
    found = features.models["after"]
    own = direct(FakeSegmenter(more).eval(), make_samples(1)[0])[1]
    assert found.comparable and "2 classes that this study has not" in found.note
    np.testing.assert_array_equal(found.prediction_maps[0], np.where(own < 4, own, 255))
    label = features.labels[0]
    known_pixels = label < 4
    assert scores(features).models["after"].pixel_accuracy == pytest.approx((own == label)[known_pixels].mean())


def test_labels_missing_or_strange():
    plain = make_samples(2, labels=False)
    features = extract({"teacher": FakeSegmenter()}, plain, device="cpu")
    assert features.labels is None and (features.pixels.label == 255).all()
    assert features.grouping().source == "prediction of teacher"

    strange = make_samples(1)[0]
    label = strange.label.copy()
    label[:8] = 77
    mixed = extract({"teacher": FakeSegmenter()}, [Sample("x", strange.image, label), plain[1]], device="cpu")
    assert (mixed.labels[0][:8] == 255).all() and (mixed.labels[1] == 255).all()
    assert "labels 77" in mixed.provenance["notes"][0]
    assert mixed.grouping().source == "label"


@pytest.mark.parametrize(("size", "grid"), [((24, 32), (6, 8)), ((25, 33), (4, 5)), ((7, 5), (7, 5)), ((6, 9), (6, 2))])
def test_a_cell_has_the_label_of_most_of_its_pixels(size, grid):
    labels = np.random.default_rng(0).choice(np.array([0, 1, 5, 255], np.uint8), size)
    edges = [
        [(i * side // count, math.ceil((i + 1) * side / count)) for i in range(count)]
        for side, count in zip(size, grid, strict=True)
    ]
    wanted = np.zeros(grid, np.uint8)
    for i, j in np.ndindex(*grid):
        cell = labels[slice(*edges[0][i]), slice(*edges[1][j])].ravel().tolist()
        wanted[i, j] = min(set(cell), key=lambda value: (-cell.count(value), value))
    np.testing.assert_array_equal(on_grid(labels, grid), wanted)


def test_a_perfect_network_is_right_in_every_cell():
    labels = np.random.default_rng(0).integers(0, 3, (100, 90)).astype(np.uint8)
    scores = F.one_hot(torch.from_numpy(labels).long(), 3).permute(2, 0, 1).double()
    cells = averaged(scores)
    assert cells.shape[1:] == (50, 45)
    np.testing.assert_array_equal(cells.argmax(0).numpy(), on_grid(labels, (50, 45)))
    uneven = F.adaptive_avg_pool2d(scores, (43, 41)).argmax(0).numpy()
    assert (uneven == on_grid(labels, (43, 41))).mean() > 0.99


def test_a_grid_finer_than_the_labels_repeats_them():
    assert on_grid(np.array([[1, 2]], np.uint8), (2, 4)).tolist() == [[1, 1, 2, 2]] * 2


def test_pixels_are_numbered_image_by_image_and_row_by_row():
    pixels = make_pixels([(2, 3), (1, 2)], None)
    np.testing.assert_array_equal(pixels.image, [0] * 6 + [1] * 2)
    np.testing.assert_array_equal(pixels.row, [0, 0, 0, 1, 1, 1, 0, 0])
    np.testing.assert_array_equal(pixels.column, [0, 1, 2, 0, 1, 2, 0, 1])
    assert pixels.of_image(1) == slice(6, 8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer": "stem"}, "layer 'stem'"),
        ({"precision": "int4"}, "precision 'int4'"),
        ({"device": "abacus"}, "device 'abacus'"),
        ({"batch_size": 0}, "batch size 0"),
    ],
)
def test_settings_that_do_not_exist(change, message):
    with pytest.raises(StudyError, match=message):
        extract({"teacher": FakeSegmenter()}, make_samples(1), **{"device": "cpu", **change})


def test_nothing_to_study():
    with pytest.raises(StudyError, match="without a model"):
        extract({}, make_samples(1))
    with pytest.raises(StudyError, match="without an image"):
        extract({"teacher": FakeSegmenter()}, [])
