"""Compiled loops beside PyTorch's operations."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cirkd.relations import divergence_maps, keyed_divergence, maps, normalize, pairwise_divergence
from cirkd.relations.engine import tiled, tiles
from cirkd.relations.engine.numba_passes import NumbaPasses
from cirkd.relations.engine.torch_passes import TorchPasses
from tests import oracles

CPU = torch.device("cpu")
PLAIN, COMPILED = TorchPasses(), NumbaPasses()
UPRIGHT = pytest.mark.parametrize("upright", [False, True])


def logits(*shape: int, upright: bool = False, seed: int = 0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    drawn = torch.rand(*shape, generator=draw) * 12 - 6
    return drawn.mT.contiguous().mT if upright else drawn


@UPRIGHT
@settings(max_examples=15, deadline=None)
@given(
    rows=st.integers(1, 70),
    width=st.integers(1, 140),
    images=st.integers(1, 3),
    keyed=st.booleans(),
    seed=st.integers(0, 99),
)
def test_one_pass_gives_what_the_operations_give(
    upright: bool, rows: int, width: int, images: int, keyed: bool, seed: int
) -> None:
    images = images if keyed else 1
    given_p, given_t = logits(2, rows, width * images, upright=upright, seed=seed)
    by_row = torch.rand(2, rows, images)
    by_key = torch.rand(2, width * images, 1)
    found = []
    for passes in (PLAIN, COMPILED):
        p, q, x = given_p.clone(), given_t.clone(), torch.empty_like(given_p)
        row_sums, key_sums = passes.sums(p, q, q, x, images, keyed)
        slope = passes.slope(p, q, x, by_row, by_key if keyed else None)
        assert slope.data_ptr() == p.data_ptr() and (key_sums is not None) == keyed
        p, q = given_p.clone(), given_t.clone()
        passes.exponentials(p, q)
        again = passes.slope(p, q, x, by_row, by_key if keyed else None)
        torch.testing.assert_close(again, slope, rtol=1e-5, atol=1e-5)
        found.append((row_sums, slope, *([key_sums] if keyed else [])))
    for plain, mine in zip(*found, strict=True):
        torch.testing.assert_close(mine, plain, rtol=1e-5, atol=1e-4)


@UPRIGHT
def test_a_second_student_finds_the_teacher_as_it_was(upright: bool) -> None:
    t, *students = logits(3, 5, 6, upright=upright)
    found = []
    for passes in (PLAIN, COMPILED):
        teacher, q, x = t.clone(), torch.empty_like(t), torch.empty_like(t)
        found.append([passes.sums(p.clone(), teacher, q, x, 2, True, known=i > 0) for i, p in enumerate(students)])
        torch.testing.assert_close(teacher, t)
    for plain, mine in zip(*found, strict=True):
        torch.testing.assert_close(mine, plain)


def sums_of(passes: TorchPasses, p: torch.Tensor, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    p, q = p.clone(), t.clone()
    row_sums, key_sums = passes.sums(p, q, q, torch.empty_like(p), 1, True)
    assert key_sums is not None
    return row_sums, key_sums


@pytest.mark.parametrize("shape", [(3, 8192), (8192, 40)])
@UPRIGHT
def test_sums_of_thousands_keep_their_digits(shape: tuple[int, int], upright: bool) -> None:
    p, t = logits(2, *shape, upright=upright) * 14  # as far apart as float32's path allows
    wide = [matrix.double() for matrix in (p, t)]
    found, wanted = sums_of(COMPILED, p, t), sums_of(PLAIN, *wide)
    # The third sum has terms of either sign.
    size = (wide[1].exp2() * (wide[1] - wide[0]).abs()).sum(1), (wide[1].exp2() * (wide[1] - wide[0]).abs()).sum(0)
    for mine, exact, terms in zip(found, wanted, size, strict=True):
        torch.testing.assert_close(mine[:2].double(), exact[:2], rtol=6e-7, atol=0)
        assert ((mine[2].view(-1) - exact[2].view(-1)).abs() <= 6e-7 * terms).all()
    assert all(map(torch.equal, found, sums_of(COMPILED, p, t)))


def powers_of(numbers: torch.Tensor) -> torch.Tensor:
    p, q = numbers.clone(), numbers.clone()
    COMPILED.exponentials(p, q)
    assert torch.equal(p.nan_to_num(-1), q.nan_to_num(-1))
    return p


def test_exponentials_of_all_that_float32_holds() -> None:
    inside = torch.linspace(-126, 127, 100_003)[None]
    torch.testing.assert_close(powers_of(inside).double(), inside.double().exp2(), rtol=2e-7, atol=0)
    whole = torch.arange(-126.0, 128)[None]
    assert torch.equal(powers_of(whole), whole.exp2())
    beyond = torch.tensor([[-torch.inf, -1e30, -200, 200, 1e30, torch.inf]])
    assert powers_of(beyond).tolist() == [[0, 0, 0, torch.inf, torch.inf, torch.inf]]


@UPRIGHT
@pytest.mark.parametrize("network", [0, 1])
def test_nan_does_not_vanish(network: int, upright: bool) -> None:
    both = logits(2, 40, 50, upright=upright)
    both[network, 7, 9] = torch.nan
    row_sums, key_sums = sums_of(COMPILED, *both)
    for sums, place in ((row_sums[..., 0], 7), (key_sums, 9)):
        assert sums[network, place].isnan() and sums[2, place].isnan()
        assert sums.isnan().sum() == 2
    p, q = both
    COMPILED.exponentials(p, q)
    slope = COMPILED.slope(p, q, torch.empty_like(p), torch.rand(2, 40, 1), torch.rand(2, 50, 1))
    assert slope.isnan().nonzero().tolist() == [[7, 9]]


@pytest.fixture(params=[1, 2])
def with_ours(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The engine on compiled loops, however little work there is, on one worker and on two."""
    for module in (tiled, maps):
        monkeypatch.setattr(module, "passes_for", lambda *given, **named: COMPILED)
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("with_ours")
@pytest.mark.parametrize("entries", [60, 300, 100_000])
@pytest.mark.parametrize("kept", [0, 100_000])
def test_losses_and_maps_stand_on_them(entries: int, kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "CPU_TILE_ENTRIES", entries)
    monkeypatch.setattr(tiles, "KEPT_ENTRIES", kept)
    student, teacher = (normalize(torch.randn(3, 9, d)) for d in (4, 6))
    student.requires_grad_()
    grids = student.transpose(1, 2)[..., None], teacher.transpose(1, 2)[..., None]
    found, wanted = pairwise_divergence(student, teacher, 0.1), oracles.minibatch_pixel_relation(*grids, 0.1)
    torch.testing.assert_close(found, wanted)
    slope, wanted_slope = (torch.autograd.grad(value, student)[0] for value in (found, wanted))
    along = (slope * student).sum(2, keepdim=True) * student
    torch.testing.assert_close(slope - along, wanted_slope, rtol=1e-4, atol=1e-6)
    images = [slice(0, 9), slice(9, 18), slice(18, 27)]
    rows = student.detach().flatten(0, 1)
    by_image, _ = divergence_maps([rows, rows.flip(1)], teacher.flatten(0, 1), images, 0.1)
    torch.testing.assert_close(by_image[0].mean(), found.detach())


@pytest.mark.usefixtures("with_ours")
def test_the_memory_term_stands_on_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("CPU_ROWS", 4), ("CPU_KEYS", 20), ("KEPT_OF_BLOCK", 80)):
        monkeypatch.setattr(tiled, name, value)  # keys go in three parts, of which one is kept
    monkeypatch.setattr(tiles, "CPU_TILE_ENTRIES", 10)
    student, teacher, keys = (normalize(torch.randn(n, 6)) for n in (11, 11, 50))
    student.requires_grad_()
    found, wanted = keyed_divergence(student, teacher, keys, 0.1), oracles.memory_relation(student, teacher, keys, 0.1)
    torch.testing.assert_close(found, wanted)
    slope, wanted_slope = (torch.autograd.grad(value, student)[0] for value in (found, wanted))
    along = (slope * student).sum(1, keepdim=True) * student  # the oracle normalises
    torch.testing.assert_close(slope - along, wanted_slope, rtol=1e-4, atol=1e-6)


def run(script: str) -> None:
    """Run Python code in a process of its own, where nothing is loaded yet."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_little_work_does_not_load_numba() -> None:
    run("""
import sys, torch
from cirkd.relations import keyed_divergence
rows = torch.eye(40).requires_grad_()
keyed_divergence(rows, torch.eye(40), torch.eye(40), 0.1).backward()
assert "numba" not in sys.modules
""")


def test_they_compile_where_nothing_can_be_kept_on_disk() -> None:
    run("""
import warnings
from numba.core import caching
from cirkd.relations.engine import select
from cirkd.relations.engine.torch_passes import TorchPasses
caching.CacheImpl._locator_classes = []  # no folder can be written to
warnings.simplefilter("error")
assert type(select._compiled_passes()) is not TorchPasses
""")
