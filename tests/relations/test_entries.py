"""The fused kernels beside PyTorch's operations; without a GPU in Triton's interpreter (see tests/conftest.py)."""

import warnings
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cirkd.relations import choice, divergence_maps, keyed_divergence, normalize, pairwise, pairwise_divergence, tiles
from cirkd.relations.entries import Entries, entries_for
from tests import oracles
from tests.relations.building import sizes_of_built

fused = pytest.importorskip("cirkd.relations.fused", reason="PyTorch came without Triton")
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
PLAIN, FUSED = Entries(), fused.FusedEntries()


def logits(*shape: int, seed: int = 0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return (torch.rand(*shape, generator=draw) * 12 - 6).to(DEVICE)


@settings(max_examples=15, deadline=None)
@given(
    rows=st.integers(1, 70), width=st.integers(1, 140), images=st.integers(1, 3), keyed=st.booleans(),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_one_kernel_gives_what_the_operations_give(rows: int, width: int, images: int, keyed: bool, seed: int) -> None:
    images = images if keyed else 1
    given_p, given_t = logits(2, rows, width * images, seed=seed)
    by_row, by_key = torch.rand(2, rows, images, device=DEVICE), torch.rand(2, width * images, 1, device=DEVICE)
    found = []
    for entries in (PLAIN, FUSED):
        p, q, x = given_p.clone(), given_t.clone(), torch.empty_like(given_p)
        row_sums, key_sums = entries.sums(p, q, q, x, images, keyed)
        slope = entries.slope(p, q, x, by_row, by_key if keyed else None)
        assert slope.data_ptr() == p.data_ptr() and (key_sums is not None) == keyed
        found.append((row_sums, slope, *([key_sums] if keyed else [])))
    for plain, ours in zip(*found, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-4)


def test_a_second_student_finds_the_teacher_as_it_was() -> None:
    t, *students = logits(3, 5, 6)
    found = []
    for entries in (PLAIN, FUSED):
        teacher, q, x = t.clone(), torch.empty_like(t), torch.empty_like(t)
        found.append([entries.sums(p.clone(), teacher, q, x, 2, True, known=i > 0) for i, p in enumerate(students)])
        torch.testing.assert_close(teacher, t)
    for plain, ours in zip(*found, strict=True):
        torch.testing.assert_close(ours, plain)


@pytest.fixture
def with_fused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine on the fused kernels, with tiles as they lie on a GPU."""
    whole = pairwise.Scratch
    monkeypatch.setattr(pairwise, "Scratch", lambda *given, **named: whole(*given, **{**named, "upright": False}))
    monkeypatch.setattr(tiles, "entries_for", lambda device, dtype: FUSED)
    monkeypatch.setattr(choice, "streamed_for", lambda *given: None)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)  # the interpreter knows no threads


@pytest.mark.usefixtures("with_fused")
@pytest.mark.parametrize("entries", [60, 300, 100_000])
@pytest.mark.parametrize("kept", [0, 100_000])
def test_losses_and_maps_stand_on_them(entries: int, kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "CPU_TILE_ENTRIES", entries)
    monkeypatch.setattr(tiles, "GPU_TILE_ENTRIES", entries)
    monkeypatch.setattr(tiles, "KEPT_ENTRIES", kept)
    student, teacher = (normalize(torch.randn(3, 9, d, device=DEVICE)) for d in (4, 6))
    student.requires_grad_()
    maps = student.transpose(1, 2)[..., None], teacher.transpose(1, 2)[..., None]
    found, wanted = pairwise_divergence(student, teacher, 0.1), oracles.minibatch_pixel_relation(*maps, 0.1)
    torch.testing.assert_close(found, wanted)
    slope, wanted_slope = (torch.autograd.grad(value, student)[0] for value in (found, wanted))
    along = (slope * student).sum(2, keepdim=True) * student
    torch.testing.assert_close(slope - along, wanted_slope, rtol=1e-4, atol=1e-6)
    images = [slice(0, 9), slice(9, 18), slice(18, 27)]
    rows = student.detach().flatten(0, 1)
    by_image, _ = divergence_maps([rows, rows.flip(1)], teacher.flatten(0, 1), images, 0.1)
    torch.testing.assert_close(by_image[0].mean(), found.detach())


@pytest.mark.usefixtures("with_fused")
def test_the_memory_term_stands_on_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("CPU_ROWS", 4), ("CPU_KEYS", 20), ("GPU_KEYS", 20), ("KEPT_OF_BLOCK", 80)):
        monkeypatch.setattr(pairwise, name, value)  # keys go in three parts, of which one is kept
    monkeypatch.setattr(tiles, "CPU_TILE_ENTRIES", 10)
    student, teacher, keys = (normalize(torch.randn(n, 6, device=DEVICE)) for n in (11, 11, 50))
    student.requires_grad_()
    found, wanted = keyed_divergence(student, teacher, keys, 0.1), oracles.memory_relation(student, teacher, keys, 0.1)
    torch.testing.assert_close(found, wanted)
    slope, wanted_slope = (torch.autograd.grad(value, student)[0] for value in (found, wanted))
    along = (slope * student).sum(1, keepdim=True) * student  # the oracle normalises
    torch.testing.assert_close(slope - along, wanted_slope, rtol=1e-4, atol=1e-6)


def test_a_cpu_and_wide_numbers_take_the_operations() -> None:
    assert type(entries_for(torch.device("cpu"), torch.float32)) is Entries
    assert type(entries_for(torch.device("cuda"), torch.float64)) is Entries


BUILD = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from cirkd.relations import fused

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


@pytest.mark.slow
def test_they_build_for_gpus_where_there_is_none(tmp_path: Path) -> None:
    sizes = sizes_of_built(BUILD, tmp_path)
    assert len(sizes) == 4 and min(sizes) > 1000


@pytest.mark.gpu
@pytest.mark.skipif(DEVICE.type != "cuda", reason="needs a GPU")
def test_a_gpu_can_build_them() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        entries_for(DEVICE, torch.float32)
