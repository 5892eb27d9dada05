"""The lesson's losses and gradients, written by hand in JavaScript, against PyTorch's autograd on random inputs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cirkd import losses
from cirkd.web import FOLDER
from tests import oracles

RUN = """
import { readFileSync } from "node:fs";
import * as g from "%(folder)s/lesson/gradients.js";
const { call, rows } = JSON.parse(readFileSync(process.argv[2]));
const f = Object.fromEntries(Object.entries(rows).map(([name, values]) => [name, Float64Array.from(values)]));
const out = eval(call);
console.log(JSON.stringify(out, (_, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value)));
"""


@pytest.fixture
def javascript(tmp_path: Path) -> Callable[..., Any]:
    """`javascript("g.products(f.a, f.b, 3)", a=..., b=...)`: what the expression gives."""
    node = shutil.which("node")
    if node is None:
        reason = "node: not there; gradients by hand cannot be compared"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)

    def run(call: str, **rows: Tensor) -> Any:
        (tmp_path / "run.mjs").write_text(RUN % {"folder": FOLDER.as_posix()})
        given = {name: values.detach().double().flatten().tolist() for name, values in rows.items()}
        (tmp_path / "given.json").write_text(json.dumps({"call": call, "rows": given}))
        done = subprocess.run(
            [node, str(tmp_path / "run.mjs"), str(tmp_path / "given.json")], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def rows(count: int, width: int, seed: int) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def unit(values: Tensor) -> Tensor:
    return F.normalize(values, dim=1)


def assert_agrees(found: dict[str, Any], value: Tensor, *by: tuple[str, Tensor]) -> None:
    value.backward()
    assert found["value"] == pytest.approx(value.item(), rel=1e-9)
    for name, leaf in by:
        assert leaf.grad is not None
        wanted = leaf.grad.flatten()
        assert wanted.abs().max() > 1e-6
        torch.testing.assert_close(torch.tensor(found[name], dtype=torch.float64), wanted, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("tau", [0.05, 0.1, 1.0])
@pytest.mark.parametrize("widths", [(2, 2), (5, 7)])
def test_relations_across_images(javascript: Callable[..., Any], widths: tuple[int, int], tau: float) -> None:
    """Against the loss that training uses, through its own oracle in float64; maps [2, d, 2, 3] are rows [12, d]."""
    d, wide = widths
    student, teacher = unit(rows(12, d, 1)).requires_grad_(), unit(rows(12, wide, 2))

    def maps(of: Tensor) -> Tensor:
        return of.reshape(2, 2, 3, -1).permute(0, 3, 1, 2)

    call = f"new g.CrossImage(f.teacher, {wide}, [[0, 6], [6, 12]]).loss(f.student, {d}, {tau})"
    found = javascript(call, student=student, teacher=teacher)
    value = oracles.minibatch_pixel_relation(maps(student), maps(teacher), tau)
    torch.testing.assert_close(torch.tensor(found["pairs"]).double().mean(), value.detach().double())
    assert losses.minibatch_pixel_relation(maps(student), maps(teacher), tau).item() == pytest.approx(
        found["value"], rel=1e-4
    )
    # The oracle normalises its input, which takes the part along each row out of its gradient.
    along = torch.tensor(found["gradient"], dtype=torch.float64).reshape(12, d)
    s = student.detach()
    found["gradient"] = (along - (along * s).sum(1, keepdim=True) * s).flatten().tolist()
    assert_agrees(found, value, ("gradient", student))


@pytest.mark.parametrize("tau", [0.1, 0.7])
def test_relations_with_keys(javascript: Callable[..., Any], tau: float) -> None:
    student, teacher, keys = unit(rows(9, 4, 1)).requires_grad_(), unit(rows(9, 4, 2)), unit(rows(5, 4, 3))
    found = javascript(
        f"g.withKeys(f.student, f.teacher, f.keys, 4, {tau})", student=student, teacher=teacher, keys=keys
    )
    log_p = (student @ keys.T / tau).log_softmax(1)
    log_q = (teacher @ keys.T / tau).log_softmax(1)
    value = (log_q.exp() * (log_q - log_p)).sum(1).mean()
    assert float(losses.memory_relation(student, teacher, keys, tau)) == pytest.approx(found["value"], rel=1e-5)
    assert_agrees(found, value, ("gradient", student))


def test_relations_within_images(javascript: Callable[..., Any]) -> None:
    student, teacher = unit(rows(12, 3, 1)).requires_grad_(), unit(rows(12, 6, 2))
    found = javascript(
        "g.withinImage(f.student, 3, f.teacher, 6, [[0, 4], [4, 8], [8, 12]])", student=student, teacher=teacher
    )
    s, t = student.reshape(3, 4, 3), teacher.reshape(3, 4, 6)
    assert_agrees(found, F.mse_loss(s @ s.mT, t @ t.mT), ("gradient", student))


def test_classes(javascript: Callable[..., Any]) -> None:
    points, weights = rows(10, 3, 1).requires_grad_(), rows(4, 3, 2).requires_grad_()
    labels = torch.arange(10) % 4
    found = javascript(
        "g.classification(f.points, f.weights, 3, f.targets)",
        points=points,
        weights=weights,
        targets=F.one_hot(labels, 4),
    )
    value = F.cross_entropy(points @ weights.T, labels)
    assert_agrees(found, value, ("gradient", points), ("weightGradient", weights))


def test_a_teachers_probabilities(javascript: Callable[..., Any]) -> None:
    points, weights = rows(10, 3, 1).requires_grad_(), rows(4, 3, 2).requires_grad_()
    teacher = rows(10, 4, 3)
    call = "g.classification(f.points, f.weights, 3, f.targets)"
    found = javascript(call, points=points, weights=weights, targets=teacher.softmax(1))
    logits = (points @ weights.T).T[None, :, :, None]
    value = losses.logit_distillation(logits, teacher.T[None, :, :, None], 1.0)
    assert found["value"] == pytest.approx(float(value), rel=1e-5)
    exact = F.kl_div(
        (points @ weights.T).log_softmax(1), teacher.log_softmax(1), reduction="batchmean", log_target=True
    )
    assert_agrees(found, exact, ("gradient", points), ("weightGradient", weights))


def test_through_the_length(javascript: Callable[..., Any]) -> None:
    raw, by = rows(7, 5, 1).requires_grad_(), rows(7, 5, 2)
    made = javascript("g.normalized(f.raw, 5)", raw=raw)
    torch.testing.assert_close(
        torch.tensor(made["unit"]).double().reshape(7, 5), unit(raw).detach(), rtol=1e-6, atol=1e-9
    )
    found = javascript("g.throughLength(g.normalized(f.raw, 5), f.by, 5)", raw=raw, by=by)
    (unit(raw) * by).sum().backward()
    torch.testing.assert_close(torch.tensor(found).double().reshape(7, 5), raw.grad, rtol=1e-6, atol=1e-8)
