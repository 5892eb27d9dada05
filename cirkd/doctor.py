"""What is this file, does it fit, and what is to be done? For `cirkd doctor` and for uploads in the app."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cirkd.data.errors import CheckpointError

if TYPE_CHECKING:
    from cirkd.models.answers import Answers
    from cirkd.models.fit import Comparison
    from cirkd.models.layouts import Recognised
    from cirkd.models.segmenter import ModelInfo, Preprocessing, Segmenter

SHOWN = 5
"""How many names of each kind are listed."""


@dataclass(frozen=True)
class Verdict:
    """What was found out about a file.

    Args:
        path: The file, as it was given.
        usable: Whether `load_model` takes it.
        summary: What it is, in one line.
        problem: Why it can't be used, in one line; empty where it can.
        remedy: What to do about that.
        layout, architecture, encoder: The network, as far as it was recognised.
        classes: Names of the classes, in order.
        parameters: How many numbers the network has learned; 0 where unknown.
        expected_input: How pixels become its input, in words.
        fit: What of the weights fits the network; None where no network was recognised.
        has_memory: Whether it holds a projection head and class queues.
        notes: How the file was understood, a line each.
    """

    path: str
    usable: bool
    summary: str
    problem: str = ""
    remedy: str = ""
    layout: str = ""
    architecture: str = ""
    encoder: str = ""
    classes: tuple[str, ...] = ()
    parameters: int = 0
    expected_input: str = ""
    fit: Comparison | None = None
    has_memory: bool = False
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The verdict in lines for a terminal, without the problem and its remedy."""
        found = [f"{self.path}", f"  {'is':10s} {self.summary}"]
        if self.classes:
            shown = ", ".join(self.classes[:SHOWN]) + (", ..." if len(self.classes) > SHOWN else "")
            found.append(f"  {'classes':10s} {len(self.classes)}: {shown}")
        if self.parameters:
            found.append(f"  {'size':10s} {self.parameters / 1e6:.2f} million parameters")
        if self.expected_input:
            found.append(f"  {'input':10s} {self.expected_input}")
        found += [f"  {'fit':10s} {line}" for line in _fit_lines(self.fit)]
        found += [f"  {'note':10s} {note}" for note in self.notes]
        return [*found, f"  {'verdict':10s} ready to use"] if self.usable else found


def examine(path: Path | str, answers: Answers | None = None, *, beside: bool = True, **given: Any) -> Verdict:
    """Look at any file or folder; a bad one is a verdict and no error.

    Args:
        answers: What it is, where its content does not tell.
        beside: Whether the answers kept beside it hold where these don't say.
        given: The same, one by one, such as `encoder="resnet34"`; see `cirkd.models.answers.Answers`.

    Example:
        >>> examine("no such file.pth").usable
        False
    """
    from cirkd.checkpoint import identify
    from cirkd.models.answers import Answers, checked
    from cirkd.models.own_network import open_own
    from cirkd.models.places import own_network

    try:
        answers = checked(**given).over(answers or Answers())
        if own := own_network(str(path)):
            network = open_own(own, answers)
            summary = f"{network.info.architecture}, a network of your own"
            return Verdict(str(path), True, summary, notes=network.info.notes, **_about(network.info, network))
        return _judge(path, identify(path, answers, beside=beside))
    except (CheckpointError, ValueError, TypeError) as error:
        return refused(path, error)


def refused(path: Path | str, error: Exception) -> Verdict:
    """The verdict on a file that cannot be opened."""
    problem, remedy = _split(str(error), str(path))
    return Verdict(str(path), False, "no checkpoint that can be used", problem, remedy)


def _about(info: ModelInfo, network: Segmenter) -> dict[str, Any]:
    """What a verdict says of a network."""
    return {
        "layout": info.layout,
        "architecture": info.architecture,
        "encoder": info.encoder,
        "classes": info.classes.names,
        "parameters": sum(math.prod(p.shape) for p in network.parameters()),
        "expected_input": describe_input(info.preprocessing),
    }


def _judge(path: Path | str, found: Recognised) -> Verdict:
    from cirkd.checkpoint import build_memory, build_network
    from cirkd.models.fit import compare, on_meta_device
    from cirkd.models.layouts import LAYOUTS

    with on_meta_device():
        network = build_network(found)
        memory = build_memory(found) if found.memory is not None else None
    fit = compare(network, found.tensors)
    origin = "this project's own" if found.info.layout == "cirkd" else LAYOUTS[found.info.layout].origin
    known: dict[str, Any] = _about(found.info, network) | {
        "summary": f"{found.info.architecture} on {found.info.encoder}, {origin}",
        "fit": fit,
        "has_memory": memory is not None,
        "notes": found.info.notes,
    }
    if found.ignored:
        first, *others = found.ignored
        known["notes"] += (f"not needed here and left out: {first}" + (f" and {len(others)} more" if others else ""),)
    if memory is not None and fit.complete:
        fit = compare(memory, found.memory_tensors)
        known["fit"] = known["fit"] if fit.complete else fit
    if fit.complete:
        return Verdict(str(path), True, **known)
    return Verdict(str(path), False, problem=fit.complaint(), remedy=fit.remedy(found.other), **known)


def describe_input(preprocessing: Preprocessing) -> str:
    """How pixels become a network's input, in words."""
    size = "" if preprocessing.scale == 1 else f" at {preprocessing.scale:g} of the image's size"
    order = {"rgb": "RGB", "bgr": "BGR"}[preprocessing.channel_order] + size
    numbers = list(zip(preprocessing.mean, preprocessing.std, strict=True))
    if preprocessing.channel_order == "bgr":
        numbers.reverse()
    if all(abs(std * 255 - 1) < 1e-6 for _, std in numbers):
        means = ", ".join(f"{mean * 255:.2f}" for mean, _ in numbers)
        return f"{order} in 0..255, less {means}"
    means, stds = (", ".join(f"{pair[i]:.3f}" for pair in numbers) for i in (0, 1))
    return f"{order} in 0..1, less {means}, divided by {stds}"


def _fit_lines(fit: Comparison | None) -> list[str]:
    if fit is None:
        return []
    lines = [f"{fit.fits} tensors fit" + (", all values finite" if not fit.not_finite and not fit.misshapen else "")]
    for names, what in ((fit.missing, "missing"), (fit.extra, "not of this network"), (fit.not_finite, "not finite")):
        if names:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            lines.append(f"{what}: {', '.join(names[:SHOWN])}{more}")
    lines += [f"another shape: {name} {list(a)}, wanted {list(b)}" for name, a, b in fit.misshapen[:SHOWN]]
    return lines


def _split(message: str, path: str) -> tuple[str, str]:
    """An error's line as problem and remedy."""
    text = message.removeprefix(f"{path}: ")
    problem, separator, remedy = text.rpartition("; ")
    return (problem, remedy) if separator else (text, "choose another file")
