"""Any layer of a network: which there are, and what they give for a batch, without a change to the network.

`stage1`, `stage2`, ... are the maps of the encoder, finest first; `decoder` is the map that feeds the classifier;
`projected` the same through the projection head of the distillation; any other name is that of a submodule whose output
is a map `[B, d, h, w]`.
"""

from __future__ import annotations

import contextlib
import difflib
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from cirkd.data.errors import StudyError
from cirkd.models.layer_names import DECODER, EMBEDDINGS, PROJECTED, STAGE

_TRIED = 96
_OFFERED = 12
_found: WeakKeyDictionary[nn.Module, tuple[tuple[str, ...], tuple[str, ...]]] = WeakKeyDictionary()


class Tap:
    """What layers gave in the last forward pass; see `tapped`.

    Attributes:
        encoded: The maps of the encoder, its input and empty ones left out.
        maps: name -> map, of the submodules listened to.
        given: Height and width of the encoder's input, where there is an encoder.
    """

    def __init__(self) -> None:
        self.encoded: list[Tensor] = []
        self.maps: dict[str, Tensor] = {}
        self.given: tuple[int, int] | None = None

    def all(self) -> dict[str, Tensor]:
        """name -> map of the stages and of the submodules."""
        return {**{f"{STAGE}{i}": map_ for i, map_ in enumerate(self.encoded, 1)}, **self.maps}


@contextlib.contextmanager
def tapped(model: nn.Module, names: Sequence[str]) -> Iterator[Tap]:
    """Listen to the encoder and to named submodules while in here; afterwards the network is as it was.

    Another thread may run the same network meanwhile: only this one's passes are heard.
    """
    tap, thread, hooks = Tap(), threading.get_ident(), []

    def hear_encoder(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if threading.get_ident() == thread:
            parts = output if isinstance(output, list | tuple) else [output]
            tap.encoded = [part.clone() for part in parts if _is_map(part) and part is not inputs[0]]
            tap.given = (int(inputs[0].shape[-2]), int(inputs[0].shape[-1]))

    def hear(name: str, output: Any) -> None:
        if threading.get_ident() == thread and _is_map(output):
            tap.maps[name] = output.clone()  # what follows may work in place

    asked = [name for name in names if name not in EMBEDDINGS]
    modules = dict(model.named_modules()) if asked else {}
    try:
        if (encoder := modules.get("encoder")) is not None:
            hooks.append(encoder.register_forward_hook(hear_encoder))
        for name in (name for name in asked if name in modules):
            hooks.append(modules[name].register_forward_hook(lambda _, __, output, name=name: hear(name, output)))
        yield tap
    finally:
        for hook in hooks:
            hook.remove()


def taken(model: nn.Module, name: str, tap: Tap, embedding: Tensor, size: Sequence[int]) -> Tensor:
    """The map of a layer after a forward pass; size: height and width of the network's input.

    Raises:
        StudyError: the pass gave no such map.
    """
    if name == DECODER:
        return embedding
    if name == PROJECTED:
        memory: Any = getattr(model, "memory", None)
        return memory.projection(embedding)
    found = tap.all().get(name)
    if found is None:
        raise StudyError(_unknown("the network", name, layers(model)))
    return found if tap.given is None else _without_padding(found, tap.given, size)


def layers(model: nn.Module) -> tuple[str, ...]:
    """Every layer that can be shown: the encoder's stages, `decoder`, `projected`, then submodules by name.

    The first call runs the network once, on a small image.
    """
    stages, modules = _listed(model)
    return (*main_layers(model), *(name for name in modules if name not in stages))


def main_layers(model: nn.Module) -> tuple[str, ...]:
    """The layers from image to classifier, in order; the large parts of a network that has no encoder by name."""
    memory = getattr(model, "memory", None)
    embeddings = EMBEDDINGS if getattr(memory, "projection", None) is not None else (DECODER,)
    return (*_listed(model)[0], *embeddings)


def layer_of_each(models: Mapping[str, nn.Module], layer: str | Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """name -> (the layer taken, a note or "") of every model.

    Args:
        layer: One name for all models, a dict by model, or such a dict as text: `teacher=stage4,after=stage3`. Models
            that such a dict does not name show `decoder`. Of one name for all, those that have no such layer show
            `decoder`, and the note says so.

    Raises:
        StudyError: a layer that no model has, or not the model it is asked of; a model that is not there.
    """
    wanted = _read(layer)
    if isinstance(wanted, str):
        return _one_for_all(models, wanted)
    if strange := [name for name in wanted if name not in models]:
        raise StudyError(f"layer of {strange[0]!r}: there is no such model; this study has: {', '.join(models)}")
    for name, own in wanted.items():
        if not _has(models[name], own):
            raise StudyError(_unknown(name, own, layers(models[name])))
    return {name: (wanted.get(name, DECODER), "") for name in models}


def _one_for_all(models: Mapping[str, nn.Module], wanted: str) -> dict[str, tuple[str, str]]:
    having = [name for name, model in models.items() if _has(model, wanted)]
    if not having and wanted != PROJECTED:
        raise StudyError(_unknown("these models", wanted, [n for model in models.values() for n in layers(model)]))
    lacking = "has no projection head" if wanted == PROJECTED else f"has no layer {wanted}"
    return {
        name: (wanted, "") if name in having else (DECODER, f"{name} {lacking}: its decoder embedding is shown")
        for name in models
    }


def _read(layer: str | Mapping[str, str]) -> str | dict[str, str]:
    if not isinstance(layer, str):
        return dict(layer)
    if "=" not in layer:
        return layer.strip()
    pairs = [part.partition("=") for part in layer.split(",") if part.strip()]
    return {name.strip(): own.strip() for name, _, own in pairs}


def _has(model: nn.Module, name: str) -> bool:
    if name in EMBEDDINGS:
        return name == DECODER or getattr(getattr(model, "memory", None), "projection", None) is not None
    return name in layers(model)


def _unknown(who: str, name: str, offered: Sequence[str]) -> str:
    known = list(dict.fromkeys(offered))
    first = [item for item in known if item in EMBEDDINGS or item.startswith(STAGE)]
    near = [item for item in difflib.get_close_matches(name, known, 3, 0.5) if item not in first]
    shown = ", ".join([*near, *first][:_OFFERED])
    return f"layer {name!r} is unknown to {who}; choose one of: {shown}; model.layers() lists all"


def _listed(model: nn.Module) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The main layers before the embedding, and all submodules that give maps."""
    if model not in _found:
        names = [
            name for name, _ in model.named_modules() if name and name.split(".")[0] not in ("memory", "auxiliary")
        ]
        device = next((p.device for p in model.parameters()), None)
        training = model.training
        model.eval()
        try:
            with tapped(model, names) as tap, torch.no_grad():
                model(torch.zeros(1, 3, _TRIED, _TRIED, device=device))
        finally:
            model.train(training)
        modules = tuple(name for name in names if name in tap.maps)
        stages = tuple(name for name in tap.all() if name not in tap.maps)
        _found[model] = (stages or _large_parts(modules), modules)
    return _found[model]


def _large_parts(modules: Sequence[str]) -> tuple[str, ...]:
    """The outermost submodules that give maps, none within another; the parts of one that holds all the others."""
    outer = [name for name in modules if not any(name.startswith(f"{other}.") for other in modules)]
    inner = [name for name in modules if name not in outer]
    if len(outer) == 1 and inner:
        return _large_parts(inner)
    return tuple(name for name in outer if name != "classifier")[:_OFFERED]


def _is_map(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim == 4 and value.shape[1] > 0 and value.is_floating_point()


def _without_padding(found: Tensor, given: tuple[int, int], size: Sequence[int]) -> Tensor:
    """The part of a map that the image covers, where the network filled its input up on the right and below."""
    rows, columns = (
        -(-int(own) * side // whole) for own, side, whole in zip(size, found.shape[-2:], given, strict=True)
    )
    return found[..., : min(rows, found.shape[-2]), : min(columns, found.shape[-1])]
