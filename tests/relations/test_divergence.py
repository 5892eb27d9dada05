import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cirkd.relations import (
    keyed_divergence,
    normalize,
    pairwise_divergence,
    product_precision,
    relation_distribution,
    relation_divergence,
)
from cirkd.relations import precision as precision_module
from cirkd.relations.engine import products, tiled, tiles
from tests import oracles
from tests.cases import mostly_slow

TEMPERATURES = [0.01, 0.1, 0.5]  # the first takes the path for sharp distributions


def unit_rows(*shape: int, seed: int = 0) -> torch.Tensor:
    return normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))


@settings(max_examples=20)
@given(
    n=st.integers(0, 5),
    k=st.integers(1, 5),
    d=st.integers(1, 5),
    e=st.integers(1, 5),
    temperature=st.sampled_from(TEMPERATURES),
    seed=st.integers(0, 99),
)
def test_relation_divergence_is_the_definition(n: int, k: int, d: int, e: int, temperature: float, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    rows = [torch.randn(*shape, generator=draw, dtype=torch.float64) for shape in ((n, d), (k, d), (n, e), (k, e))]
    found = relation_divergence(*rows, temperature)
    wanted = oracles.relation_divergence(*rows, temperature) if n else torch.zeros(0, dtype=torch.float64)
    torch.testing.assert_close(found, wanted, rtol=1e-7, atol=1e-9)


def test_tiles_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    student, student_keys, teacher, teacher_keys = (torch.randn(*s) for s in ((9, 3), (50, 3), (9, 4), (50, 4)))
    whole = relation_divergence(student, student_keys, teacher, teacher_keys)
    monkeypatch.setattr(tiles, "CPU_TILE_ENTRIES", 10)
    for name, value in (("CPU_ROWS", 4), ("CPU_KEYS", 20), ("GPU_KEYS", 20), ("KEPT_OF_BLOCK", 80)):
        monkeypatch.setattr(tiled, name, value)  # keys go in three parts, of which one is kept
    torch.testing.assert_close(relation_divergence(student, student_keys, teacher, teacher_keys), whole)


@pytest.mark.parametrize("kept", [0, 80, 10_000])
def test_keys_in_parts_give_the_same_gradient(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    student, teacher, keys = unit_rows(9, 4).requires_grad_(), unit_rows(9, 4, seed=1), unit_rows(50, 4, seed=2)
    (whole,) = torch.autograd.grad(keyed_divergence(student, teacher, keys, 0.1), student)
    for name, value in (("CPU_ROWS", 4), ("CPU_KEYS", 20), ("KEPT_OF_BLOCK", kept)):
        monkeypatch.setattr(tiled, name, value)
    (found,) = torch.autograd.grad(keyed_divergence(student, teacher, keys, 0.1), student)
    torch.testing.assert_close(found, whole)


@pytest.mark.parametrize("temperature", mostly_slow(TEMPERATURES, fast=(0.1,)))
def test_gradients_are_those_of_the_values(temperature: float, small_tiles: None) -> None:
    student, teacher, keys = unit_rows(6, 4), unit_rows(6, 4, seed=1), unit_rows(5, 4, seed=2)
    student.requires_grad_()
    assert torch.autograd.gradcheck(lambda s: keyed_divergence(s, teacher, keys, temperature), student)
    images = student.detach().reshape(3, 2, 4).requires_grad_()
    wide = unit_rows(3, 2, 6, seed=3)
    assert torch.autograd.gradcheck(lambda s: pairwise_divergence(s, wide, temperature), images)


# Images of 1, 3 and 25 positions, tiles from one entry to all of them: several images a tile, one, or several tiles
# an image, kept between the passes all, some or none. (10,000 tiles of one entry are slow.)
PLANS = [(positions, entries) for positions in (1, 3, 25) for entries in (1, 16, 49, 600)]


@pytest.mark.parametrize("plan", mostly_slow(PLANS, fast=[plan for plan in PLANS if plan != (25, 1)]))
@pytest.mark.parametrize("kept", [0, 100, 10_000])
@pytest.mark.parametrize("cores", [1, 3])
def test_every_plan_gives_the_same(
    plan: tuple[int, int], kept: int, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    positions, entries = plan
    student, teacher = unit_rows(4, positions, 5).requires_grad_(), unit_rows(4, positions, 7, seed=1)
    maps = student.transpose(1, 2)[..., None], teacher.transpose(1, 2)[..., None]
    wanted = oracles.minibatch_pixel_relation(*maps, 0.1)
    monkeypatch.setattr(tiles, "CPU_TILE_ENTRIES", entries)
    monkeypatch.setattr(tiles, "KEPT_ENTRIES", kept)
    monkeypatch.setattr(torch, "get_num_threads", lambda: cores)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    found = pairwise_divergence(student, teacher, 0.1)
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)
    # The oracle normalises, which a gradient across the sphere does not see.
    slope, wanted_slope = (torch.autograd.grad(value, student)[0] for value in (found, wanted))
    along = (slope * student).sum(2, keepdim=True) * student
    torch.testing.assert_close(slope - along, wanted_slope, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("temperature", [0.01, 0.02, 0.1, 1.0, 10.0])
def test_float32_meets_float64(temperature: float) -> None:
    student, teacher = unit_rows(3, 40, 16), unit_rows(3, 40, 24, seed=1)
    exact, fast = student.clone().requires_grad_(), student.float().requires_grad_()
    wanted, found = (
        pairwise_divergence(exact, teacher, temperature),
        pairwise_divergence(fast, teacher.float(), temperature),
    )
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5, abs=1e-7)
    (slope,), (wanted_slope,) = torch.autograd.grad(found, fast), torch.autograd.grad(wanted, exact)
    assert (slope - wanted_slope).abs().max() <= 1e-4 * wanted_slope.abs().max()


def test_both_arithmetics_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    student, teacher = unit_rows(3, 8, 5).float().requires_grad_(), unit_rows(3, 8, 7, seed=1).float()
    value = pairwise_divergence(student, teacher, 0.1)
    (gradient,) = torch.autograd.grad(value, student)
    monkeypatch.setattr(products, "SAFE_EXPONENT", 0.0)
    other = pairwise_divergence(student, teacher, 0.1)
    assert other.dtype == torch.float32
    torch.testing.assert_close(other, value)
    torch.testing.assert_close(torch.autograd.grad(other, student)[0], gradient, rtol=1e-4, atol=1e-8)


def test_a_small_divergence_keeps_its_digits_in_float32() -> None:
    teacher = unit_rows(2, 200, 16)
    student = normalize(teacher + 1e-3 * unit_rows(2, 200, 16, seed=1))
    exact = pairwise_divergence(student, teacher, 0.1)
    assert 0 < exact < 1e-3
    assert pairwise_divergence(student.float(), teacher.float(), 0.1).item() == pytest.approx(exact.item(), rel=2e-3)


def test_equal_relations_do_not_diverge() -> None:
    rows = unit_rows(2, 9, 4)
    turn = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64)).Q
    student = (rows @ turn).requires_grad_()
    value = pairwise_divergence(student, rows, 0.1)
    assert abs(value.item()) < 1e-12
    assert torch.autograd.grad(value, student)[0].abs().max() < 1e-12


def test_second_derivatives_are_refused() -> None:
    student, other = unit_rows(2, 3, 4).requires_grad_(), unit_rows(2, 3, 4, seed=1)
    for value in (pairwise_divergence(student, other, 0.1), keyed_divergence(student[0], other[0], other[1], 0.1)):
        (gradient,) = torch.autograd.grad(value, student, create_graph=True)
        with pytest.raises(RuntimeError, match="no second derivative"):
            gradient.square().sum().backward()


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 0, 4)])
def test_nothing_to_compare_is_zero(shape: tuple[int, int, int]) -> None:
    student = torch.zeros(shape, requires_grad=True)
    value = pairwise_divergence(student, torch.zeros(shape), 0.1)
    value.backward()
    assert value.item() == 0 and student.grad is not None and student.grad.shape == shape


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_temperature_must_be_positive(temperature: float) -> None:
    for compute in (
        lambda: relation_distribution(torch.zeros(1, 2), temperature),
        lambda: pairwise_divergence(torch.zeros(1, 2, 3), torch.zeros(1, 2, 3), temperature),
    ):
        with pytest.raises(ValueError, match="must be positive"):
            compute()


def test_a_temperature_that_overflows_is_refused() -> None:
    with pytest.raises(ValueError, match=r"too low to compute with; choose 0\.002 or more"):
        pairwise_divergence(unit_rows(1, 2, 3), unit_rows(1, 2, 3), 1e-3)


class TestBf16:
    """The error that is stated with `precision`: of the value 0.5 % or 2e-4 nats, of the gradient 5 % of its norm."""

    @pytest.mark.parametrize("temperature", [0.02, 0.1, 1.0, 10.0])
    @pytest.mark.parametrize("nearness", [0.0, 0.7, 3.0])
    def test_error(self, temperature: float, nearness: float) -> None:
        # Around a few centres, as pixels of classes lie: the nearer, the closer the cosines are to 1.
        centre = unit_rows(6, 32, seed=9)[torch.randint(6, (3, 150))] * nearness
        teacher = normalize(unit_rows(3, 150, 32) + centre).float()
        student = normalize(teacher[..., :24] + 0.3 * unit_rows(3, 150, 24, seed=1).float()).requires_grad_()
        keys = teacher[0]
        for loss in (
            lambda precision: pairwise_divergence(student, teacher, temperature, precision),
            lambda precision: keyed_divergence(student[1], teacher[1, :, :24], keys[:, :24], temperature, precision),
        ):
            (exact, slope), (half, half_slope) = (
                (value.item(), torch.autograd.grad(value, student)[0]) for value in (loss("float32"), loss("bf16"))
            )
            assert half != exact
            assert half == pytest.approx(exact, rel=0.005, abs=2e-4)
            assert (half_slope - slope).norm() <= 0.05 * slope.norm()

    def test_a_student_like_its_teacher(self) -> None:
        teacher = unit_rows(2, 200, 16).float()
        student = normalize(teacher + 1e-3 * unit_rows(2, 200, 16, seed=1).float())
        assert abs(pairwise_divergence(student, teacher, 0.1, "bf16")) < 2e-4

    def test_float64_and_low_temperatures_stay_exact(self) -> None:
        student, teacher = unit_rows(2, 9, 4), unit_rows(2, 9, 4, seed=1)
        for rows, temperature in ((student, 0.1), (student.float(), 0.01)):
            theirs = teacher.to(rows.dtype)
            assert pairwise_divergence(rows, theirs, temperature, "bf16") == pairwise_divergence(
                rows, theirs, temperature
            )

    @pytest.mark.parametrize("has", [True, False])
    def test_autocast_asks_for_it_where_the_device_has_it(self, monkeypatch: pytest.MonkeyPatch, has: bool) -> None:
        monkeypatch.setattr(precision_module, "has_bf16", lambda device: has)
        x = torch.zeros(1)
        assert product_precision(None, x) == "float32"
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert product_precision(None, x) == ("bf16" if has else "float32")
            assert product_precision("float32", x) == "float32" and product_precision("bf16", x) == "bf16"

    @pytest.mark.usefixtures("as_shipped")
    def test_an_unknown_precision_is_refused(self) -> None:
        with pytest.raises(ValueError, match="choose float32 or bf16"):
            product_precision("fp8", torch.zeros(1))  # type: ignore[arg-type]


def test_distribution_sums_to_one() -> None:
    torch.testing.assert_close(relation_distribution(torch.randn(3, 5), 0.1).sum(1), torch.ones(3))


@pytest.mark.usefixtures("as_shipped")
def test_different_pixels_are_refused() -> None:
    a, b = torch.zeros(3, 2), torch.zeros(4, 2)
    with pytest.raises(ValueError, match="3 student rows and 4 teacher rows"):
        relation_divergence(a, a, b, a)
    with pytest.raises(ValueError, match="4 student keys and 3 teacher keys"):
        relation_divergence(a, b, a, a)
