"""The lessons' numbers against the formulas, their gradient against autograd of the oracle and finite differences."""

import numpy as np
import pytest
import torch

from cirkd.analysis.gradient_lesson import STEP, gradient_lesson
from cirkd.analysis.lesson import pixel_lesson, telling_pixel
from cirkd.analysis.memory_lesson import cosine_deviation, memory_lesson
from cirkd.data.errors import StudyError
from tests import oracles
from tests.analysis.oracles import row_divergence, softmax, unit
from tests.analysis.test_memory_bank import Distilled
from tests.factories import make_features


@pytest.fixture
def features():
    return make_features()


def maps(features, name, images):
    grid = features.pixels.grid[0]
    rows = unit(features.models[name].embedding)
    return torch.stack([
        torch.from_numpy(rows[features.pixels.of_image(i)].T.reshape(-1, *grid)) for i in images
    ])  # fmt: skip


def test_every_step_by_the_formulas(features):
    found = pixel_lesson(features, 20, 2, 0.2)
    assert found.images == (0, 2)
    part = features.pixels.of_image(2)
    rows = {name: unit(model.embedding) for name, model in features.models.items()}
    for name, row in found.rows.items():
        cosines = rows[name][part] @ rows[name][20]
        np.testing.assert_allclose(row.similarity, cosines, atol=1e-6)
        p = softmax(cosines, 0.2)
        np.testing.assert_allclose(row.distribution, p, atol=1e-6)
        assert row.spread == pytest.approx(np.exp(-(p * np.log(p)).sum()))
        assert row.length == pytest.approx(np.linalg.norm(features.models[name].embedding[20]))
    for name in ("before", "after"):
        wanted = row_divergence(
            rows[name][20], rows[name][part], rows["teacher"][20], rows["teacher"][part], temperature=0.2
        )
        assert found.divergence[name] == pytest.approx(wanted, rel=1e-5)
        assert found.terms[name].sum() == pytest.approx(wanted, rel=1e-5)


def test_the_divergence_over_both_images_splits_by_the_chain_rule(features):
    found = pixel_lesson(features, 20, 2, 0.2)
    rows = {name: unit(model.embedding) for name, model in features.models.items()}
    keys = np.r_[features.pixels.of_image(0), features.pixels.of_image(2)]
    for name, split in found.shared_out.items():
        q, p = (softmax(rows[n][keys] @ rows[n][20], 0.2) for n in ("teacher", name))
        assert split.total == pytest.approx(float((q * np.log(q / p)).sum()), rel=1e-5)
        np.testing.assert_allclose(split.shares["teacher"], [q[:48].sum(), q[48:].sum()], rtol=1e-5)
        np.testing.assert_allclose(split.shares[name], [p[:48].sum(), p[48:].sum()], rtol=1e-5)
        assert split.total == pytest.approx(float(split.shares["teacher"] @ split.within + split.between), rel=1e-9)
        assert split.within[1] == pytest.approx(found.divergence[name], rel=1e-9)


def test_one_image_with_itself_shares_nothing_out(features):
    split = pixel_lesson(features, 20, 0).shared_out["after"]
    assert (len(split.within), split.between) == (1, 0)


def test_the_loss_is_the_trainings_and_the_gradient_that_of_the_oracle(features):
    found = gradient_lesson(features, 0, 3, "after", 0.2)
    student = maps(features, "after", (0, 3)).requires_grad_()
    loss = oracles.minibatch_pixel_relation(student, maps(features, "teacher", (0, 3)), 0.2)
    loss.backward()
    assert found.loss == pytest.approx(loss.item(), rel=1e-5)
    assert found.pairs.mean() == pytest.approx(loss.item(), rel=1e-5)
    assert student.grad is not None
    wanted = student.grad.permute(0, 2, 3, 1).reshape(96, -1).numpy()
    np.testing.assert_allclose(found.gradient, wanted, atol=1e-4 * np.abs(wanted).max())


def test_the_gradient_agrees_with_finite_differences(features):
    found = gradient_lesson(features, 0, 3, "after", 0.2)
    student, teacher = maps(features, "after", (0, 3)), maps(features, "teacher", (0, 3))
    generator = torch.Generator().manual_seed(3)
    gradient = torch.from_numpy(found.gradient).double().reshape(2, 6, 8, -1).permute(0, 3, 1, 2)
    for _ in range(5):
        way = torch.randn(student.shape, generator=generator, dtype=torch.float64)
        ahead, back = (oracles.minibatch_pixel_relation(student + e * way, teacher, 0.2) for e in (1e-4, -1e-4))
        assert float((ahead - back) / 2e-4) == pytest.approx(float((gradient * way).sum()), rel=1e-3)


def test_arrows_are_minus_the_gradient_on_the_maps_axes(features):
    found = gradient_lesson(features, 0, 3, "after", 0.2, arrows=30)
    assert len(found.shown) == 30
    rows = unit(features.models["after"].embedding)[found.pixels]
    _, _, axes = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    signs = np.sign(axes[np.arange(2), np.abs(axes[:2]).argmax(1)])[:, None]
    axes = axes[:2] * signs
    np.testing.assert_allclose(found.points, (rows - rows.mean(0)) @ axes.T, atol=1e-5)
    wanted = -found.gradient @ axes.T * found.magnified
    np.testing.assert_allclose(found.arrows, wanted, atol=1e-5 * np.abs(wanted).max() + 1e-7)
    assert found.steepness(int(found.pixels[5])) == pytest.approx(np.linalg.norm(found.gradient[5]))
    share = ((found.gradient @ axes.T) ** 2).sum() / (found.gradient**2).sum()
    assert found.in_plane == pytest.approx(share, rel=1e-4)


def test_a_step_against_the_gradient_lowers_the_loss(features):
    found = gradient_lesson(features, 0, 3, "before")
    student, teacher = maps(features, "before", (0, 3)), maps(features, "teacher", (0, 3))
    gradient = torch.from_numpy(found.gradient).double().reshape(2, 6, 8, -1).permute(0, 3, 1, 2)
    moved = student - gradient * STEP / gradient.flatten(2).norm(dim=1).max()
    assert found.stepped == pytest.approx(float(oracles.minibatch_pixel_relation(moved, teacher, 0.1)), rel=1e-5)
    assert found.stepped < found.loss


def test_what_cannot_be_taught_says_why(features):
    with pytest.raises(StudyError, match="choose one of: before, after"):
        gradient_lesson(features, 0, 1, "teacher")
    with pytest.raises(StudyError, match="temperature 0"):
        pixel_lesson(features, 0, 1, 0)
    with pytest.raises(StudyError, match="no pixel 9999"):
        pixel_lesson(features, 9999, 1)
    with pytest.raises(StudyError, match="no image 9"):
        pixel_lesson(features, 0, 9)
    assert not pixel_lesson(make_features(("after",)), 0, 1).terms


def test_the_pixel_to_begin_with_is_the_most_divergent(features):
    part = features.pixels.of_image(2)
    student, teacher = (torch.from_numpy(unit(features.models[n].embedding[part])) for n in ("after", "teacher"))
    wanted = oracles.relation_divergence(student, student, teacher, teacher, 0.1)
    assert telling_pixel(features, 2, "after") == part.start + int(wanted.argmax())
    assert features.pixels.image[telling_pixel(features, 1, None)] == 1


def test_memory_losses_and_their_ceilings_by_the_formulas(features):
    model = Distilled(features)
    found = memory_lesson(features, "after", model, 0.2)
    assert [loss.keys for loss in found.losses] == ["pixel bank", "region bank", "own", "published", "noise"]
    known = features.pixels.label < 4
    teacher = torch.from_numpy(unit(features.models["teacher"].embedding)[known])
    embedding = torch.from_numpy(features.models["after"].embedding)[None].permute(0, 2, 1)[..., None]
    student = model.memory.projection(embedding).detach()[0, :, :, 0].T.double()[torch.from_numpy(known)]
    keys = model.memory.sample_pixels(torch.Generator().manual_seed(0)).keys.double()
    loss = found.losses[0]
    assert loss.count == len(keys)
    assert loss.loss == pytest.approx(float(oracles.memory_relation(student, teacher, keys, 0.2)), rel=1e-4)
    keys = torch.from_numpy(unit(keys.numpy()))
    flat = torch.zeros(len(teacher), len(keys), dtype=torch.float64).log_softmax(1)
    q = (teacher @ keys.T / 0.2).softmax(1)
    assert loss.ceiling == pytest.approx(float((q * (q.log() - flat)).sum(1).mean()), rel=1e-4)


def test_a_small_loss_is_a_small_deviation_of_cosines():
    generator = torch.Generator().manual_seed(0)
    keys = torch.from_numpy(unit(torch.randn(200, 16, generator=generator).numpy()))
    teacher = torch.from_numpy(unit(torch.randn(300, 16, generator=generator).numpy()))
    for noise in (0.01, 0.02):
        student = torch.from_numpy(
            unit((teacher + noise * torch.randn(300, 16, generator=generator, dtype=torch.float64)).numpy())
        )
        loss = float(oracles.memory_relation(student, teacher, keys, 0.1))
        delta = (student - teacher) @ keys.T
        q = (teacher @ keys.T / 0.1).softmax(1)
        spread = float(((q * delta**2).sum(1) - (q * delta).sum(1) ** 2).mean().sqrt())
        assert cosine_deviation(loss, 0.1) == pytest.approx(spread, rel=0.03)
    assert cosine_deviation(0.002) == pytest.approx(0.00632, abs=1e-5)
