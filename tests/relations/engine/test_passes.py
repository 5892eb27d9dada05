"""Fused kernels and compiled loops beside PyTorch's operations; without a GPU in Triton's interpreter (conftest.py)."""

import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cirkd.relations import divergence_maps, keyed_divergence, maps, normalize, pairwise_divergence
from cirkd.relations.engine import passes as entries
from cirkd.relations.engine import select as choice
from cirkd.relations.engine import tiled as pairwise
from cirkd.relations.engine import tiles
from cirkd.relations.engine.numba_passes import CompiledEntries
from cirkd.relations.engine.passes import WORTH_COMPILING, Entries, entries_for
from tests import oracles
from tests.relations.building import sizes_of_built

try:
    from cirkd.relations.engine import triton_passes as fused
except ImportError:
    fused = None
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
CPU = torch.device("cpu")
PLAIN, FUSED, COMPILED = Entries(), None if fused is None else fused.FusedEntries(), CompiledEntries()
WITH_TRITON = pytest.mark.skipif(fused is None, reason="PyTorch came without Triton")
# Entries, where their tiles are, and whether they lie upright.
WAYS = pytest.mark.parametrize(
    ("ours", "device", "upright"),
    [pytest.param(FUSED, DEVICE, False, marks=WITH_TRITON), (COMPILED, CPU, False), (COMPILED, CPU, True)],
)


def logits(*shape: int, device: torch.device = DEVICE, upright: bool = False, seed: int = 0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    drawn = (torch.rand(*shape, generator=draw) * 12 - 6).to(device)
    return drawn.mT.contiguous().mT if upright else drawn


@WAYS
@settings(max_examples=15, deadline=None)
@given(
    rows=st.integers(1, 70), width=st.integers(1, 140), images=st.integers(1, 3), keyed=st.booleans(),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_one_pass_gives_what_the_operations_give(
    ours: Entries, device: torch.device, upright: bool, rows: int, width: int, images: int, keyed: bool, seed: int
) -> None:
    images = images if keyed else 1
    given_p, given_t = logits(2, rows, width * images, device=device, upright=upright, seed=seed)
    by_row = torch.rand(2, rows, images, device=device)
    by_key = torch.rand(2, width * images, 1, device=device)
    found = []
    for passes in (PLAIN, ours):
        p, q, x = given_p.clone(), given_t.clone(), torch.empty_like(given_p)
        row_sums, key_sums = passes.sums(p, q, q, x, images, keyed)
        slope = passes.slope(p, q, x, by_row, by_key if keyed else None)
        assert slope.data_ptr() == p.data_ptr() and (key_sums is not None) == keyed
        p, q = given_p.clone(), given_t.clone()
        passes.again(p, q)
        again = passes.slope(p, q, x, by_row, by_key if keyed else None)
        torch.testing.assert_close(again, slope, rtol=1e-5, atol=1e-5)
        found.append((row_sums, slope, *([key_sums] if keyed else [])))
    for plain, mine in zip(*found, strict=True):
        torch.testing.assert_close(mine, plain, rtol=1e-5, atol=1e-4)


@WAYS
def test_a_second_student_finds_the_teacher_as_it_was(ours: Entries, device: torch.device, upright: bool) -> None:
    t, *students = logits(3, 5, 6, device=device, upright=upright)
    found = []
    for passes in (PLAIN, ours):
        teacher, q, x = t.clone(), torch.empty_like(t), torch.empty_like(t)
        found.append([passes.sums(p.clone(), teacher, q, x, 2, True, known=i > 0) for i, p in enumerate(students)])
        torch.testing.assert_close(teacher, t)
    for plain, mine in zip(*found, strict=True):
        torch.testing.assert_close(mine, plain)


def sums_of(passes: Entries, p: torch.Tensor, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    p, q = p.clone(), t.clone()
    row_sums, key_sums = passes.sums(p, q, q, torch.empty_like(p), 1, True)
    assert key_sums is not None
    return row_sums, key_sums


@pytest.mark.parametrize("shape", [(3, 8192), (8192, 40)])
@pytest.mark.parametrize("upright", [False, True])
def test_sums_of_thousands_keep_their_digits(shape: tuple[int, int], upright: bool) -> None:
    p, t = logits(2, *shape, device=CPU, upright=upright) * 14  # as far apart as float32's path allows
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
    COMPILED.again(p, q)
    assert torch.equal(p.nan_to_num(-1), q.nan_to_num(-1))
    return p


def test_exponentials_of_all_that_float32_holds() -> None:
    inside = torch.linspace(-126, 127, 100_003)[None]
    torch.testing.assert_close(powers_of(inside).double(), inside.double().exp2(), rtol=2e-7, atol=0)
    whole = torch.arange(-126.0, 128)[None]
    assert torch.equal(powers_of(whole), whole.exp2())
    beyond = torch.tensor([[-torch.inf, -1e30, -200, 200, 1e30, torch.inf]])
    assert powers_of(beyond).tolist() == [[0, 0, 0, torch.inf, torch.inf, torch.inf]]


@pytest.mark.parametrize("upright", [False, True])
@pytest.mark.parametrize("network", [0, 1])
def test_nan_does_not_vanish(network: int, upright: bool) -> None:
    both = logits(2, 40, 50, device=CPU, upright=upright)
    both[network, 7, 9] = torch.nan
    row_sums, key_sums = sums_of(COMPILED, *both)
    for sums, place in ((row_sums[..., 0], 7), (key_sums, 9)):
        assert sums[network, place].isnan() and sums[2, place].isnan()
        assert sums.isnan().sum() == 2
    p, q = both
    COMPILED.again(p, q)
    slope = COMPILED.slope(p, q, torch.empty_like(p), torch.rand(2, 40, 1), torch.rand(2, 50, 1))
    assert slope.isnan().nonzero().tolist() == [[7, 9]]


@pytest.fixture(params=[pytest.param("fused", marks=WITH_TRITON), "compiled", "compiled, 2 workers"])
def with_ours(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[torch.device]:
    """The engine on the fused kernels, with tiles as they lie on a GPU; or on compiled loops, as on a CPU."""
    monkeypatch.setattr(choice, "streamed_for", lambda *given: None)
    ours, device, threads = COMPILED, CPU, 2 if "2" in request.param else 1
    if request.param == "fused":
        whole = pairwise.Scratch
        monkeypatch.setattr(pairwise, "Scratch", lambda *given, **named: whole(*given, **{**named, "upright": False}))
        ours, device = FUSED, DEVICE  # whose interpreter knows no threads
    for module in (pairwise, maps):
        monkeypatch.setattr(module, "entries_for", lambda *given, **named: ours)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    yield device
    torch.set_num_threads(before)


@pytest.mark.parametrize("entries", [60, 300, 100_000])
@pytest.mark.parametrize("kept", [0, 100_000])
def test_losses_and_maps_stand_on_them(
    entries: int, kept: int, with_ours: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiles, "CPU_TILE_ENTRIES", entries)
    monkeypatch.setattr(tiles, "GPU_TILE_ENTRIES", entries)
    monkeypatch.setattr(tiles, "KEPT_ENTRIES", kept)
    student, teacher = (normalize(torch.randn(3, 9, d, device=with_ours)) for d in (4, 6))
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


def test_the_memory_term_stands_on_them(with_ours: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("CPU_ROWS", 4), ("CPU_KEYS", 20), ("GPU_KEYS", 20), ("KEPT_OF_BLOCK", 80)):
        monkeypatch.setattr(pairwise, name, value)  # keys go in three parts, of which one is kept
    monkeypatch.setattr(tiles, "CPU_TILE_ENTRIES", 10)
    student, teacher, keys = (normalize(torch.randn(n, 6, device=with_ours)) for n in (11, 11, 50))
    student.requires_grad_()
    found, wanted = keyed_divergence(student, teacher, keys, 0.1), oracles.memory_relation(student, teacher, keys, 0.1)
    torch.testing.assert_close(found, wanted)
    slope, wanted_slope = (torch.autograd.grad(value, student)[0] for value in (found, wanted))
    along = (slope * student).sum(1, keepdim=True) * student  # the oracle normalises
    torch.testing.assert_close(slope - along, wanted_slope, rtol=1e-4, atol=1e-6)


def test_wide_numbers_and_little_work_take_the_operations() -> None:
    for device, dtype, count, trains in (
        (CPU, torch.float32, WORTH_COMPILING - 1, True),
        (CPU, torch.float32, WORTH_COMPILING, False),
        (CPU, torch.float64, WORTH_COMPILING, True),
        (torch.device("cuda"), torch.float64, WORTH_COMPILING, True),
    ):
        assert type(entries_for(device, dtype, count, trains)) is Entries


@pytest.fixture
def untried() -> Iterator[None]:
    """As in a process that has compiled nothing."""
    entries._compiled_entries.cache_clear()
    yield
    entries._compiled_entries.cache_clear()


@pytest.mark.usefixtures("untried")
def test_much_work_on_a_cpu_is_compiled_however_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "is_faster", lambda *given: pytest.fail("a choice by time"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert type(entries_for(CPU, torch.float32, WORTH_COMPILING, trains=True)) is CompiledEntries


@pytest.mark.usefixtures("untried")
@pytest.mark.parametrize("failing", ["missing", "broken", "wrong"])
def test_without_numba_the_operations_remain_with_one_warning(failing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: object) -> None:
        raise RuntimeError("LLVM is at odds")

    if failing == "missing":
        monkeypatch.setitem(sys.modules, "cirkd.relations.engine.numba_passes", None)
    else:
        monkeypatch.setattr(
            "cirkd.relations.engine.numba_passes._slope", fail if failing == "broken" else lambda *given: None
        )
    with pytest.warns(UserWarning, match="without all kernels on cpu") as warned:
        for _ in range(2):
            assert type(entries_for(CPU, torch.float32, WORTH_COMPILING, trains=True)) is Entries
    assert len(warned) == 1


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
from cirkd.relations.engine import passes as entries
caching.CacheImpl._locator_classes = []  # no folder can be written to
warnings.simplefilter("error")
assert type(entries._compiled_entries()) is not entries.Entries
""")


BUILD = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from cirkd.relations.engine import triton_passes as fused

for kernel in (fused._sums_kernel, fused._slope_kernel):
    names = kernel.arg_names
    types = {name: "*fp32" if index < 4 else "i32" for index, name in enumerate(names[:-3])}
    types.update({name: "constexpr" for name in names[-3:]})
    fixed = {(names.index(name),): value for name, value in zip(names[-3:], (True, fused.ROWS, fused.KEYS))}
    for capability in (75, 90):
        target = GPUTarget("cuda", capability, 32)
        built = triton.compile(ASTSource(kernel, types, fixed), target=target, options=fused.LAUNCH)
        print(kernel.__name__, capability, len(built.asm["cubin"]))
"""


@pytest.mark.nightly
@WITH_TRITON
def test_they_build_for_gpus_where_there_is_none(tmp_path: Path) -> None:
    sizes = sizes_of_built(BUILD, tmp_path)
    assert len(sizes) == 4 and min(sizes) > 1000


@pytest.mark.gpu
@pytest.mark.skipif(DEVICE.type != "cuda", reason="needs a GPU")
def test_a_gpu_can_build_them() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        entries_for(DEVICE, torch.float32, 1, trains=True)
