"""Maps finer than relations can bear are averaged, said to be, and analysed in seconds."""

from pathlib import Path

import numpy as np
import pytest
import torch

from cirkd.checkpoint import load_model
from cirkd.data.palettes import numbered_classes
from cirkd.data.sample import Sample
from cirkd.features.extract import extract
from cirkd.features.grids import MOST_POSITIONS, MOST_SHOWN, averaged, bounded
from cirkd.study import Study
from tests.models.test_smp import theirs


@pytest.mark.parametrize(
    "size", [(1, 1), (64, 64), (45, 60), (64, 65), (128, 256), (512, 512), (1, 9000), (1024, 2048)]
)
def test_the_bound_is_that_of_the_least_cells(size: tuple[int, int]) -> None:
    rows, columns = bounded(size)
    assert rows * columns <= MOST_POSITIONS
    ways = [(-(-size[0] // k), -(-size[1] // k)) for k in range(1, 2049)]
    assert (rows, columns) == next(way for way in ways if way[0] * way[1] <= MOST_POSITIONS)


def test_each_position_is_the_mean_of_its_cell() -> None:
    values = torch.randn(3, 128, 192)
    found = averaged(values)
    assert found.shape == (3, 43, 64)
    values = torch.randn(2, 3, 128, 256)[..., :128]
    assert torch.allclose(averaged(values), values.unfold(2, 2, 2).unfold(3, 2, 2).mean((-1, -2)), atol=1e-6)
    small = torch.randn(3, 64, 64)
    assert averaged(small) is small


@pytest.fixture(scope="module")
def unets(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """Unets as segmentation-models-pytorch saves them: their pixel embedding has the image's own resolution."""
    folder: Path = tmp_path_factory.mktemp("unets")
    found = {}
    for seed, name in enumerate(("teacher", "before", "after")):
        model = theirs("unet", encoder="resnet18" if name == "teacher" else "timm-mobilenetv3_small_minimal_100")
        torch.manual_seed(seed)
        for value in model.segmentation_head.parameters():
            torch.nn.init.normal_(value, std=0.3)
        model.save_pretrained(folder / name)
        found[name] = load_model(folder / name, "cpu")
    return found


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    generator = np.random.default_rng(0)
    label = np.repeat(np.arange(5, dtype=np.uint8), 64)[None].repeat(256, 0)
    return [Sample(f"{i}", generator.integers(0, 256, (256, 320, 3), dtype=np.uint8), label) for i in range(4)]


def test_embeddings_of_a_unet_are_the_means_of_cells(unets: dict, samples: list[Sample]) -> None:
    model = unets["after"]
    found = extract({"after": model}, samples[:1], device="cpu", classes=numbered_classes(5))
    with torch.no_grad():
        whole = model(model.preprocess(samples[0].image)[None]).embedding[0]
    assert whole.shape[1:] == (256, 320)
    assert found.pixels.grid == ((52, 64),) == (bounded((256, 320)),)
    wanted = torch.nn.functional.adaptive_avg_pool2d(whole, (52, 64)).flatten(1).T
    np.testing.assert_allclose(found.models["after"].embedding, wanted.numpy(), rtol=1e-4, atol=1e-5)
    assert found.models["after"].note == ""  # said once, for all models
    assert found.provenance["averaged"] == "maps of 256x320 averaged to 52x64"
    assert found.models["after"].prediction_maps[0].shape == (256, 320)
    fine = extract({"after": model}, samples[:1], device="cpu", classes=numbered_classes(5), fine=True)
    assert fine.pixels.grid == ((86, 107),) == (bounded((256, 320), MOST_SHOWN),)
    wanted = torch.nn.functional.adaptive_avg_pool2d(whole, (86, 107)).flatten(1).T
    np.testing.assert_allclose(fine.models["after"].embedding, wanted.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_all_analysis_of_unets_ends_in_time(unets: dict, samples: list[Sample]) -> None:
    study = Study.open(**unets, images=samples, classes=numbered_classes(5), device="cpu")
    assert len(study.features().pixels) <= 4 * MOST_POSITIONS
    assert study.divergence().mean["after"] >= 0
    assert study.centroids().reference == "teacher"
    for ask in (study.scores, study.region_relations, study.class_relations, study.explorer, study.stored_pixels):
        ask()
    study.relations(None, None)
    study.projection(budget=500)
    terms = study.batch_terms("after")
    assert terms.raw["minibatch_pixel"] > 0
    assert "maps of 256x320 averaged to 52x64" in terms.note
