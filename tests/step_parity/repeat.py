"""A recorded run, repeated: networks and memory as recorded, and this project's own `Steps`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from cirkd.losses.memory import RelationMemory
from cirkd.losses.pixel_choice import GivenDraws
from cirkd.models import published
from cirkd.models.layouts import Hints
from cirkd.models.segmenter import Segmenter
from cirkd.training import accelerating
from cirkd.training.batches import Batch
from cirkd.training.recipes import Recipe, find_recipe
from cirkd.training.setup import build_memory
from cirkd.training.steps import Distillation, Steps
from cirkd.training.teaching import Teaching
from tests.step_parity.trace import Trace, rank_rows

TERMS = {"task_auxiliary": "auxiliary"}
"""Names of terms here, where they are not the recorded ones."""
INDEXING = {"as_published": "published", "class_pixels": "own"}


@dataclass
class Step:
    """What a step left, as numpy arrays, over the whole batch; parameters and buffers by their recorded names."""

    terms: dict[str, float]
    forward: dict[str, np.ndarray]
    rate: float
    gradients: dict[str, np.ndarray]
    momentum: dict[str, np.ndarray]
    state: dict[str, np.ndarray]
    memory: RelationMemory


class Repeated:
    """A run like the recorded one.

    Args:
        precision: float64 or float32, of student and teacher.

    Attributes:
        ignored: recorded names that the networks here do without.
        start: state before the first step.
    """

    def __init__(self, trace: Trace, precision: str) -> None:
        self.trace = trace
        self.recipe = recipe_of(trace, precision)
        accelerator = accelerating.make_accelerator(self.recipe)
        self.device, self.place = accelerator.device, accelerating.processes_of(accelerator)
        student, self.names, ignored = _network(trace, "student")
        teacher, _, ignored_of_teacher = _network(trace, "teacher")
        self.ignored = [*ignored, *ignored_of_teacher]
        memory = build_memory(self.recipe, student, teacher)
        assert memory is not None
        _load_memory(trace, memory)
        teacher = teacher.to(self.device).requires_grad_(False).eval()
        self.teaching = Teaching(teacher, self.recipe, student.info.preprocessing, self.place)
        module = Distillation(student.to(memory_format=torch.channels_last), memory, None, self.recipe.objective)  # pyright: ignore
        accelerating.normalise_over_processes(module, accelerator)
        self.steps = Steps(self.recipe, module, self.teaching, accelerator)
        self.names |= {f"projection/{key}": f"memory.projection.{key}" for key in trace.weights("projection")}
        self.seen: dict[str, Tensor] = {}
        self._watch()
        self.start = self._state()

    def __iter__(self) -> Iterator[Step]:
        for step in range(1, self.trace.steps + 1):
            terms = self.steps(self._batch(step), given_draws(self.trace, step, self._mine))
            yield self._look(accelerating.averaged(self.steps.accelerator, terms))

    def heldout_logits(self) -> np.ndarray:
        labels = self.trace["heldout_labels"].astype(np.int64)
        images = torch.from_numpy(self.trace.images("heldout", labels)).to(self.device)
        with torch.no_grad():
            return self.steps.module.student.eval()(images).logits.double().cpu().numpy()

    @property
    def _mine(self) -> slice:
        """This process's images of a batch."""
        share = self.trace.batch // self.place.count
        return slice(self.place.index * share, (self.place.index + 1) * share)

    def _batch(self, step: int) -> Batch:
        labels = self.trace.labels(step)
        images = torch.from_numpy(self.trace.images(str(step), labels)[self._mine])
        images = images.to(self.device, memory_format=torch.channels_last)
        return Batch(images, torch.from_numpy(labels[self._mine]).to(self.device))

    def _watch(self) -> None:
        """Keep what networks and projection return in the next step."""

        def keep(prefix: str, names: dict[str, str]) -> Any:
            def hook(module: nn.Module, given: Any, output: Any) -> None:
                if module.training or prefix == "teacher_":
                    parts = {name: getattr(output, field) for name, field in names.items()} if names else {"": output}
                    self.seen |= {prefix + name: value.detach().clone() for name, value in parts.items()}

            return hook

        module = self.steps.module
        assert module.memory is not None
        named = {"logits": "logits", "embedding": "embedding"}
        module.student.register_forward_hook(keep("student_", {**named, "auxiliary": "auxiliary"}))
        self.teaching.teacher.register_forward_hook(keep("teacher_", named))
        module.memory.projection.register_forward_hook(keep("student_projected", {}))

    def _look(self, terms: dict[str, float]) -> Step:
        module, optimizer = self.steps.module, self.steps.optimizer
        assert module.memory is not None
        parameters = {name: module.get_parameter(self.names[name]) for name in self.trace.settings["parameters"]}
        slots = {name: optimizer.state[value] for name, value in parameters.items()}
        return Step(
            terms=terms,
            forward={name: _whole(value, self.place.count) for name, value in self.seen.items()},
            rate=optimizer.param_groups[0]["lr"],
            gradients={name: _array(value.grad) for name, value in parameters.items()},
            momentum={name: _array(slot["momentum_buffer"]) for name, slot in slots.items()},
            state=self._state(),
            memory=module.memory,
        )

    def _state(self) -> dict[str, np.ndarray]:
        state = self.steps.module.state_dict()
        return {name: _array(state[self.names[name]]) for name in self.trace.settings["state"]}


def recipe_of(trace: Trace, precision: str) -> Recipe:
    """The recipe of the published run, with the sizes and settings of a recorded one.

    Raises:
        ValueError: something was recorded that the trainer has no setting for.
    """
    settings = trace.settings
    queues, optimizer, temperatures = settings["queues"], settings["optimiser"], settings["temperatures"]
    refused = [
        f"{name} {value}"
        for name, value, wanted in (
            ("optimiser", optimizer["kind"], "SGD"),
            ("dampening", optimizer["dampening"], 0),
            ("nesterov", optimizer["nesterov"], False),
            ("memory temperature", temperatures["memory"], temperatures["minibatch_pixel"]),
            ("dropout", trace.dropout(), 0),
        )
        if value != wanted
    ]
    if refused:
        raise ValueError(f"{trace.name}: recorded with {', '.join(refused)}, which cannot be repeated")
    recipe = find_recipe("paper-cityscapes-resnet18-cirkd-as-published")
    memory = replace(
        recipe.memory,
        pixel_queue_size=queues["pixel_rows"],
        region_queue_size=queues["region_rows"],
        pixel_contrast=(queues["pixel_keys_per_class"] - 1) * trace.classes,
        region_contrast=(queues["region_keys_per_class"] - 1) * trace.classes,
        pixels_per_class=queues["pixels_per_class_and_image"],
        indexing=INDEXING[trace.name],
    )
    objective = replace(
        recipe.objective,
        temperature=temperatures["memory"],
        kd_temperature=temperatures["kd"],
        # Recorded in one process, where all is over the whole batch.
        across_processes=True,
        means_by_process=False,
        **{TERMS.get(name, name): weight for name, weight in settings["weights"].items()},
    )
    return replace(
        recipe,
        name=trace.name,
        runs=Path("no-run"),
        memory=memory,
        objective=objective,
        sync_batch_norm=False,
        steps=optimizer["max_iterations"],
        batch_size=trace.batch,
        learning_rate=optimizer["learning_rate"],
        momentum=optimizer["momentum"],
        weight_decay=optimizer["weight_decay"],
        power=optimizer["power"],
        precision=precision,
        teacher_precision=precision,
    )


def given_draws(trace: Trace, step: int, images: slice) -> GivenDraws:
    """What a recorded step drew, for some images of its batch."""
    most = trace.settings["queues"]["pixels_per_class_and_image"]
    ranks = np.full((trace.batch, trace.classes, most), -1, np.int64)
    for entry, rank, _ in rank_rows(trace, step):
        ranks[entry["image"], entry["class"], : len(rank)] = rank
    slots = (torch.from_numpy(trace[f"draw/{kind}_keys"][step - 1].astype(np.int64)) for kind in ("pixel", "region"))
    return GivenDraws(*slots, torch.from_numpy(ranks[images]))


def _network(trace: Trace, part: str) -> tuple[Segmenter, dict[str, str], tuple[str, ...]]:
    """The published network of these weights, found and filled as a user's file is; recorded name -> name here."""
    tensors = {key: torch.from_numpy(value) for key, value in trace.weights(part).items()}
    found = published.recognise(tensors, Hints())
    if found is None:
        raise ValueError(f"{trace.name}: the {part}'s names are those of no published network")
    classes = replace(found.info.classes, ignore_index=trace.settings["ignore_label"])
    rates = {"dropout": 0.0, "pyramid_dropout": 0.0}
    network = published.build(replace(found.info, classes=classes, options={**found.info.options, **rates}))
    network.load_state_dict(found.tensors)
    kept = [key for key in tensors if key not in found.ignored]
    names = {f"{part}/{key}": f"student.{name}" for key, name in zip(kept, found.tensors, strict=True)}
    return network, names, found.ignored


def _load_memory(trace: Trace, memory: RelationMemory) -> None:
    memory.projection.load_state_dict({k: torch.from_numpy(v) for k, v in trace.weights("projection").items()})
    for kind, queue in (("pixel", memory.pixel_queue), ("region", memory.region_queue)):
        queue.keys.copy_(torch.from_numpy(trace.queue(kind)))


def _whole(value: Tensor, processes: int) -> np.ndarray:
    """A map of every image of the batch, in order."""
    if processes > 1:
        parts = [torch.empty_like(value, memory_format=torch.contiguous_format) for _ in range(processes)]
        dist.all_gather(parts, value.contiguous())
        value = torch.cat(parts)
    return _array(value)


def _array(value: Tensor | None) -> np.ndarray:
    assert value is not None
    return value.detach().cpu().numpy().copy()
