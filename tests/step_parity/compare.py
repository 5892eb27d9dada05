"""Every array of a recorded run beside what the repeated one has."""

from __future__ import annotations

from itertools import islice

import numpy as np
import torch

from cirkd.losses.memory import RelationMemory
from cirkd.losses.pixel_choice import choose_pixels
from cirkd.relations import normalize, resize_labels
from tests.step_parity.deviations import Deviations
from tests.step_parity.repeat import INDEXING, TERMS, Repeated, Step, given_draws
from tests.step_parity.trace import Trace, digest, rank_rows

NEARLY_ZERO = "aspp.b4.gap.1.weight"
"""Its gradient is rounding in float32: two values a channel are normalised to nearly +-1 whatever they are."""
PRECISIONS = ("float64", "float32")
QUEUES = ("pixel", "region")


def compare(trace: Trace, precision: str, steps: int | None = None) -> tuple[Deviations, list[str]]:
    """Repeat a run, or its first steps, and compare.

    Returns:
        The deviations, and what was not compared though it was recorded, a line each.
    """
    found = Deviations(precision)
    repeated = Repeated(trace, precision)
    missing = [f"{name} has no place in the networks here" for name in repeated.ignored]
    _inputs(found, trace, repeated)
    before = {name: _digests(name, value) for name, value in repeated.start.items()}
    kept = {kind: trace.queue(kind) for kind in QUEUES}
    for number, step in enumerate(islice(repeated, steps), start=1):
        _choices(found, trace, number)
        _terms_and_forward(found, trace, number, step)
        _queues(found, trace, number, step, kept)
        if steps is None:
            before = _parameters(found, trace, number, step, before)
    if steps is None:
        _logits(found, trace, repeated.heldout_logits())
        missing += [f"{name} was not compared" for name in sorted(trace.left) if not _of_other(name, precision)]
    return found, missing


def _of_other(name: str, precision: str) -> bool:
    """Whether an array is of the other precision's run."""
    return name.partition("/")[0] in set(PRECISIONS) - {precision}


def _digests(name: str, array: np.ndarray) -> np.ndarray:
    return digest(name, array)[0]


def _inputs(found: Deviations, trace: Trace, repeated: Repeated) -> None:
    """That the rules for what is not stored were followed."""
    for name, wanted in zip(trace.settings["state"], trace["initial/state"], strict=True):
        found.digests("inputs", name, _digests(name, repeated.start[name]), wanted)
    norms = [np.linalg.norm(value.astype(np.float64)) for value in trace.weights("teacher").values()]
    found.close("inputs", "teacher", np.array(norms), trace["initial/teacher"])
    heldout = trace["heldout_labels"].astype(np.int64)
    given = {str(t): trace.images(str(t), trace.labels(t)) for t in range(1, trace.steps + 1)}
    given["heldout"] = trace.images("heldout", heldout)
    for (name, images), wanted in zip(given.items(), trace["initial/images"], strict=True):
        found.digests("inputs", f"images/{name}", _digests(f"images/{name}", images), wanted)
    for kind, wanted in zip(QUEUES, trace["initial/queue"], strict=True):
        found.digests("inputs", f"queue/{kind}", _digests(f"queue/{kind}", trace.queue(kind)), wanted)


def _choices(found: Deviations, trace: Trace, number: int) -> None:
    """Labels on the map, and which pixels are enqueued, by the functions that the memory uses."""
    small = trace["labels_small"][number - 1].astype(np.int64)
    labels = resize_labels(torch.from_numpy(trace.labels(number)), small.shape[1:])
    found.same("choices", f"labels_small of step {number}", labels.numpy(), small)
    most = trace.settings["queues"]["pixels_per_class_and_image"]
    draws = given_draws(trace, number, slice(None))
    position, label = choose_pixels(labels, trace.classes, most, draws, INDEXING[trace.name])
    image = torch.arange(len(labels))[:, None].expand(label.shape)
    chosen = torch.stack([image, label, position])[:, label >= 0].numpy()
    entries = list(rank_rows(trace, number))
    wanted = np.concatenate([[[e["image"]] * len(p), [e["class"]] * len(p), p] for e, _, p in entries], axis=1)
    found.same("choices", f"draw/position of step {number}", chosen, wanted)
    present = [(b, c, int((labels[b] == c).sum())) for b in range(len(labels)) for c in range(trace.classes)]
    counted = np.array([(b, c, n, min(n, most)) for b, c, n in present if n])
    recorded = np.array([(e["image"], e["class"], e["pixels"], e["rows"]) for e, _, _ in entries])
    found.same("choices", f"draw/enqueue of step {number}", counted, recorded)


def _terms_and_forward(found: Deviations, trace: Trace, number: int, step: Step) -> None:
    found.close("learning rate", f"step {number}", step.rate, trace["learning_rate"][number - 1])
    weights = trace.settings["weights"]
    terms = {name: step.terms[TERMS.get(name, name)] for name in weights}
    terms["total"] = sum(value * weights[name] for name, value in terms.items())
    for name, wanted in zip(trace.settings["terms"], trace[f"{found.precision}/terms"][number - 1], strict=True):
        found.close("terms", f"{name} of step {number}", terms[name], wanted)
    recorded = trace[f"{found.precision}/forward"][number - 1]
    for name, wanted in zip(trace.settings["forward"], recorded, strict=True):
        found.digests("forward", f"{name} of step {number}", _digests(f"forward/{name}", step.forward[name]), wanted)


def _parameters(
    found: Deviations, trace: Trace, number: int, step: Step, before: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Gradients, momentum, weights and statistics; digests of the state, for the next step."""
    precision, names = found.precision, trace.settings["parameters"]
    recorded = dict(zip(trace.settings["state"], trace[f"{precision}/state"][number - 1], strict=True))
    earlier = trace["initial/state"] if number == 1 else trace[f"{precision}/state"][number - 2]
    wanted_before = dict(zip(trace.settings["state"], earlier, strict=True))
    gradients = dict(zip(names, trace[f"{precision}/gradient"][number - 1], strict=True))
    momenta = dict(zip(names, trace[f"{precision}/momentum"][number - 1], strict=True))
    after = {}
    for name, wanted in recorded.items():
        arrays = [step.state[name]]
        if name in gradients:
            arrays += [step.gradients[name], step.momentum[name]]
        digests = digest(name, *arrays)
        after[name] = digests[0]
        found.digests("weights" if name in gradients else "statistics", f"{name} of step {number}", digests[0], wanted)
        changes = digests[0] - before[name], wanted - wanted_before[name]
        found.changes("changes of weights", f"{name} of step {number}", *changes)
        if name in gradients and not (precision == "float32" and name.endswith(NEARLY_ZERO)):
            found.digests("gradients", f"{name} of step {number}", digests[1], gradients[name])
            found.digests("momentum", f"{name} of step {number}", digests[2], momenta[name])
    _entries(found, trace, number, step)
    return after


def _entries(found: Deviations, trace: Trace, number: int, step: Step) -> None:
    """Gradients entry by entry, where they were recorded so."""
    for name, wanted in trace.under(f"{found.precision}/gradient_entries/").items():
        entries = step.gradients[name].ravel()[trace[f"entries/{name}"]]
        found.close("gradients", f"entries of {name} of step {number}", entries, wanted[number - 1])
    for name, whole in trace.under(f"{found.precision}/gradient_whole/").items():
        steps = trace.settings["gradient_whole"][name]
        if number in steps:
            wanted = whole[steps.index(number)]
            found.close("gradients", f"whole {name} of step {number}", step.gradients[name], wanted)


def _queues(found: Deviations, trace: Trace, number: int, step: Step, kept: dict[str, np.ndarray]) -> None:
    """Queues row by row and as a whole, where their next rows go, and every entry at its recorded slot.

    Args:
        kept: recorded queues before the step; brought up to date.
    """
    replayed = _replayed(trace, number, step, kept)
    for index, kind in enumerate(QUEUES):
        queue = _queue(step.memory, kind)
        keys = queue.keys.double().cpu().numpy()
        changed = trace[f"queue/{kind}_changed"]
        of_step = changed[:, 0] == number
        slots = changed[of_step, 1:].astype(np.int64)
        kept[kind][slots[:, 0], slots[:, 1]] = trace[f"queue/{kind}_rows"][of_step]
        for what, rows in (("stored rows", kept[kind]), ("queues", replayed[kind])):
            apart = np.linalg.norm(keys - rows, axis=2).max()  # of rows of length 1
            found.note(what, f"{kind} rows of step {number}", apart)
        written = np.stack(np.nonzero((queue.step == number - 1).cpu().numpy()), axis=1)
        found.same("choices", f"{kind} slots of step {number}", written, np.array(sorted(map(tuple, slots))))
        recorded = trace[f"{found.precision}/queue"][number - 1, index]
        found.digests("queues", f"{kind} of step {number}", _digests(f"queue/{kind}", keys), recorded)
        pointer = (queue.written % queue.keys.shape[1]).cpu().numpy()
        found.same("pointers", f"{kind} of step {number}", pointer, trace[f"queue/{kind}_pointer"][number - 1])


def _replayed(trace: Trace, number: int, step: Step, kept: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The queues after a step's recorded entries, one by one, with the teacher's embeddings of the repeated step."""
    embedding = normalize(torch.from_numpy(step.forward["teacher_embedding"]), dim=1).flatten(2).double().numpy()
    small = trace["labels_small"][number - 1].reshape(trace.batch, -1)
    queues = {kind: _before(step.memory, kind, number, kept) for kind in QUEUES}
    for entry, _, positions in rank_rows(trace, number):
        of_image, c, slot = embedding[entry["image"]], entry["class"], entry["slot"]
        if bool(entry["overflow"]) != (slot + len(positions) == queues["pixel"].shape[1]):
            raise ValueError(f"{trace.name}: an entry of step {number} overflows and does not end in the last slot")
        queues["pixel"][c, slot : slot + len(positions)] = of_image[:, positions].T
        mean = of_image[:, small[entry["image"]] == c].mean(axis=1)
        queues["region"][c, entry["region_slot"]] = mean / np.linalg.norm(mean)
    return queues


def _before(memory: RelationMemory, kind: str, number: int, kept: dict[str, np.ndarray]) -> np.ndarray:
    """A queue before a step: rows that the step did not write are there still, the others are written anew."""
    queue = _queue(memory, kind)
    keys = queue.keys.double().cpu().numpy().copy()
    written = (queue.step == number - 1).cpu().numpy()
    keys[written] = kept[kind][written]
    return keys


def _queue(memory: RelationMemory, kind: str):
    return memory.pixel_queue if kind == "pixel" else memory.region_queue


def _logits(found: Deviations, trace: Trace, logits: np.ndarray) -> None:
    wanted = trace[f"{found.precision}/heldout_logits"]
    spread = wanted.reshape(*wanted.shape[:2], -1).std(axis=2).mean()
    found.note("logits", "held-out image", np.abs(logits - wanted).max() / spread)
