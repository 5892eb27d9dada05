"""The kernels that stream relations, beside oracles; without a GPU in Triton's interpreter (see tests/conftest.py)."""

import warnings
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from cirkd.relations import keyed_divergence, normalize, pairwise_divergence
from cirkd.relations.engine import select
from tests import oracles
from tests.relations.building import sizes_of_built

streamed = pytest.importorskip("cirkd.relations.engine.triton_streamed", reason="PyTorch came without Triton")
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# The interpreter has no bf16.
HELD = [(False, False), (True, False), (True, True)]
PRECISIONS = ["float32", "bf16"] if DEVICE.type == "cuda" else ["float32"]


@pytest.fixture
def with_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every relation through the kernels, in small blocks."""
    monkeypatch.setattr(select, "streamed_for", lambda *given: streamed.relate)


def rows(*shape: int, seed: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return normalize(torch.randn(*shape, generator=draw).flatten(0, -2)).view(shape).to(DEVICE)


def tangent(slope: Tensor, at: Tensor) -> Tensor:
    """What is left of a gradient by unit vectors along which they may move; oracles normalise theirs."""
    return slope - (slope * at).sum(-1, keepdim=True) * at


def slope_rounding(slope: Tensor, temperature: float) -> float:
    """Of a gradient; where it vanishes, as over a single key, the rounding of probabilities / temperature is left."""
    largest = slope.abs().max().item()
    return 1e-4 * largest + 1e-7 if largest > 1e-6 else 5e-7 / temperature


def small_blocks(
    patch: pytest.MonkeyPatch, held: tuple[bool, bool], part: int = 32, at_once: int = 2**24, processors: int = 4
) -> None:
    patch.setattr(streamed, "FOR_SUMS", (streamed.Launch(32, 16, 16, 4, 1, *held),))
    patch.setattr(streamed, "FOR_GRADIENT", (streamed.Launch(32, 16, 32, 4, 1, *held),))
    patch.setattr(streamed, "_processors", lambda x: processors)
    patch.setattr(streamed, "PART", part)
    patch.setattr(streamed, "COLUMN_SUMS", at_once)


@pytest.mark.nightly
@pytest.mark.usefixtures("with_streamed")
@settings(max_examples=12)
@given(
    images=st.integers(1, 3),
    positions=st.integers(1, 80),
    widths=st.tuples(st.integers(1, 20), st.integers(1, 70)),
    temperature=st.sampled_from([0.02, 0.1, 1.0, 10.0]),
    at_once=st.sampled_from([1, 60, 2**24]),
    held=st.sampled_from(HELD),
    seed=st.integers(0, 99),
)
def test_every_two_images(
    images: int,
    positions: int,
    widths: tuple[int, int],
    temperature: float,
    at_once: int,
    held: tuple[bool, bool],
    seed: int,
) -> None:
    student, teacher = (rows(images, positions, width, seed=seed) for width in widths)
    student.requires_grad_()
    maps = [x.transpose(1, 2)[..., None] for x in (student, teacher)]
    wanted = oracles.minibatch_pixel_relation(*maps, temperature)
    with pytest.MonkeyPatch.context() as patch:
        small_blocks(patch, held, at_once=at_once)
        found = pairwise_divergence(student, teacher, temperature)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    slope, wanted_slope = (tangent(torch.autograd.grad(value, student)[0], student) for value in (found, wanted))
    torch.testing.assert_close(slope, wanted_slope, rtol=1e-4, atol=slope_rounding(wanted_slope, temperature))


@pytest.mark.usefixtures("with_streamed")
@settings(max_examples=12)
@given(
    count=st.integers(1, 40),
    keys=st.integers(1, 50),
    width=st.integers(1, 70),
    temperature=st.sampled_from([0.02, 0.1, 1.0, 10.0]),
    held=st.sampled_from(HELD),
    seed=st.integers(0, 99),
)
def test_rows_against_keys(
    count: int, keys: int, width: int, temperature: float, held: tuple[bool, bool], seed: int
) -> None:
    student, teacher, shared = (rows(n, width, seed=seed + i) for i, n in enumerate((count, count, keys)))
    student.requires_grad_()
    wanted = oracles.memory_relation(student, teacher, shared, temperature)
    with pytest.MonkeyPatch.context() as patch:
        small_blocks(patch, held)
        found = keyed_divergence(student, teacher, shared, temperature)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    slope, wanted_slope = (tangent(torch.autograd.grad(value, student)[0], student) for value in (found, wanted))
    torch.testing.assert_close(slope, wanted_slope, rtol=1e-4, atol=slope_rounding(wanted_slope, temperature))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_as_they_are_launched(precision: str) -> None:
    """Blocks and parts as on a GPU, where some are cut off; beside float64."""
    positions = 1100 if DEVICE.type == "cuda" else 150
    student, teacher = rows(2, positions, 40), rows(2, positions, 90)
    exact = student.double().requires_grad_()
    wanted = pairwise_divergence(exact, teacher.double(), 0.1)
    (wanted_slope,) = torch.autograd.grad(wanted, exact)
    s, t, slope = student.flatten(0, 1), teacher.flatten(0, 1), torch.zeros_like(student)
    values = streamed.relate((s, s), (t, t), 2, 0.1, precision, slope.flatten(0, 1))
    near, slope_near = (1e-5, 1e-4) if precision == "float32" else (5e-3, 5e-2)
    assert values.shape == (len(s), 2)
    assert abs(values.mean().double() - wanted) <= near * wanted
    slope = tangent(slope / (0.1 * values.numel()), student)
    assert (slope - wanted_slope).norm() <= slope_near * wanted_slope.norm()


@pytest.mark.parametrize(
    ("width", "kind", "temperature", "can"),
    [
        (256, torch.float32, 0.1, True),
        (257, torch.float32, 0.1, False),
        (64, torch.float64, 0.1, False),
        (64, torch.float32, 0.01, False),
    ],
)
def test_what_they_can_do(width: int, kind: torch.dtype, temperature: float, can: bool) -> None:
    rows = torch.zeros(2, width, dtype=kind)
    assert streamed.supported(rows, rows, temperature) is can


@given(blocks=st.integers(1, 2000), parts=st.integers(1, 200), processors=st.integers(1, 200))
def test_shares_keep_processors_busy_in_little_memory(blocks: int, parts: int, processors: int) -> None:
    shares = streamed._shares(blocks, parts, processors)
    assert 1 <= shares <= parts and (shares == 1 or shares * blocks <= 2 * processors)


def test_a_cpu_has_none() -> None:
    rows = torch.zeros(2, 4)
    assert select.streamed_for(rows, rows, 0.1, "float32") is None


BUILD = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from cirkd.relations.engine import triton_kernels as streamed_kernels
from cirkd.relations.engine import triton_streamed as streamed

def build(kernel, kind, launch=None, **fixed):
    names = kernel.arg_names
    fixed |= {"mirrored": True, "split": kind == "fp16", "shared": False, "student_columns": 128,
              "teacher_columns": 256, "first": True, "last": True}
    if launch is not None:
        fixed |= {"chunk": launch.chunk, "side": launch.rows, "block_rows": launch.rows, "block_keys": launch.keys,
                  "student_held": launch.student_held, "teacher_held": launch.teacher_held}
    fixed = {name: value for name, value in fixed.items() if name in names}
    halves = ("student_r", "student_k", "teacher_r", "teacher_k", "large", "small")
    wide = ("x", "sums", "columns", "found", "scales", "nats", "gradient")
    types = {
        name: "constexpr" if name in fixed else f"*{kind}" if name.startswith(halves) else "*fp32" if name in wide
        else "fp32" if name in ("level", "factor", "scale") else "i32" for name in names
    }
    wide_numbers = [(names.index(name),) for name in names if types[name].startswith("*") or name.endswith("_width")]
    source = ASTSource(
        kernel, types, {(names.index(name),): value for name, value in fixed.items()},
        {place: [["tt.divisibility", 16]] for place in wide_numbers},
    )
    built = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=launch.built if launch else {})
    needed = launch.bytes_of((128, 256), kind == "fp16", False) if launch else 0
    assert built.metadata.shared <= 232448, (kernel.__name__, launch, built.metadata.shared)
    assert needed == 0 or built.metadata.shared <= needed + 8192, (kernel.__name__, launch, needed)
    print(kernel.__name__, kind, len(built.asm["cubin"]))

def fitting(launches, kind):
    return [one for one in launches if one.bytes_of((128, 256), kind == "fp16", False) <= streamed.SHARED]

for kind in ("fp16", "bf16"):
    build(streamed_kernels.factors_kernel, kind, block_rows=64, block_channels=64)
    for launch in fitting(streamed.FOR_SUMS, kind):
        build(streamed_kernels.sums_kernel, kind, launch)
    for launch in fitting(streamed.FOR_GRADIENT, kind):
        build(streamed_kernels.gradient_kernel, kind, launch)
build(streamed_kernels.collect_kernel, "fp16", side=128)
"""


@pytest.mark.nightly
def test_they_build_for_a_gpu_where_there_is_none(tmp_path: Path) -> None:
    sizes = sizes_of_built(BUILD, tmp_path)
    assert len(sizes) >= 9 and min(sizes) > 1000


@pytest.mark.gpu
@pytest.mark.skipif(DEVICE.type != "cuda", reason="needs a GPU")
@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_gpu_takes_them(precision: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = torch.zeros(2, 64, device="cuda")
        assert select.streamed_for(rows, rows, 0.1, precision) is streamed.relate
