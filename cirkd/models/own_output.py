"""What a network of the user's own returns: which of its maps are the logits, and whether they are probabilities yet.

Nothing says so, so the network is tried on noise, and what was found is said in notes.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from cirkd.data.errors import CheckpointError

Place = int | str
"""Of a map: its number in a list, its name in a dictionary."""

_NAMES = ("out", "logits", "pred")
_AUXILIARY = re.compile(r"(^|[._])(aux\w*|dsn\w*|ds\d*|deep_?sup\w*)([._]|$)", re.IGNORECASE)
_LOUD = 1000.0
"""Noise so loud that logits leave 0..1; probabilities never do."""
_TRIED = 8
"""Convolutions that may have made a map, at most."""


@dataclass(frozen=True)
class Reading:
    """How logits are read from what a network returns.

    Args:
        place: Of their map; None where the network returns one.
        activation: What the network ends with; "" where it gives logits.
        classifier: The convolution that makes them; "" where none is known.
        notes: What was found, a line each.
    """

    place: Place | None
    activation: Literal["", "sigmoid", "softmax"]
    classifier: str
    notes: tuple[str, ...]

    def logits(self, output: Any) -> Tensor:
        """The logits `[B, C, h, w]`; where the network has one output, those of two classes, of which one scores 0."""
        found = _map(output, self.place)
        if self.activation == "sigmoid":
            found = found.logit(torch.finfo(found.dtype).eps)
        elif self.activation == "softmax":
            found = found.clamp_min(torch.finfo(found.dtype).tiny).log()
        # The softmax of (0, x) is the sigmoid of x.
        return torch.cat([torch.zeros_like(found), found], dim=1) if found.ndim == 4 and found.shape[1] == 1 else found


def tried(network: nn.Module, noise: Tensor, place: Place | None, probabilities: bool | None) -> Reading:
    """How logits are read from a network, going by what it returns for noise.

    Args:
        network: In evaluation mode.
        noise: A square image of it.
        place: Of the logits among several maps, where the user says so.
        probabilities: Whether they are probabilities, where the user says so.

    Raises:
        CheckpointError: it returns no map, or class numbers.
    """
    called: list[str] = []
    convolutions = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d)]
    hooks = [layer.register_forward_hook(lambda *_, name=name: called.append(name)) for name, layer in convolutions]
    try:
        maps = _maps(network(noise.clone()), place)
    finally:
        for hook in hooks:
            hook.remove()
    makers = {key: _maker(network, lambda key=key: _maps(network(noise.clone()), place)[key], called) for key in maps}
    notes = []
    if place is None and len(maps) > 1:
        offered = [key for key in maps if maps[key].ndim == 4 and not _AUXILIARY.search(makers[key])]
        place = (*offered, *maps)[0]
        made = f", made by {makers[place]}," if makers[place] else ""
        others = " or ".join(f"output={key!r}" for key in maps if key != place)
        notes.append(f"of its {len(maps)} outputs number {place}{made} is taken as logits; {others} takes another")
    pair = [_map(network(noise.clone()), place)]
    shape = list(pair[0].shape)
    if len(shape) != 4 or shape[2] != shape[3]:  # the noise is square
        raise CheckpointError(
            f"the network returned {shape} for an image of {list(noise.shape)}; logits [B, C, h, w] were wanted: all "
            "classes, before any argmax, and rows and columns after them"
        )
    with suppress(Exception):  # whatever a network that checks its input raises
        pair.append(_map(network(noise * _LOUD), place))
    activation = _activation(pair, probabilities)
    if activation:
        notes.append(f"its outputs are probabilities, of a {activation}; probabilities=False takes them as logits")
    classifier = makers.get(place if place in makers else next(iter(maps)), "")
    return Reading(place, activation, classifier, tuple(notes))


def _map(output: Any, place: Place | None) -> Tensor:
    maps = _maps(output, place)
    return maps[place] if place is not None and place in maps else next(iter(maps.values()))


def _maps(output: Any, place: Place | None) -> dict[Place, Tensor]:
    """The maps among which the logits are, by their places."""
    if not isinstance(output, Mapping) and hasattr(output, "logits"):
        output = output.logits
    if isinstance(output, Mapping):
        name = next((name for name in (place, *_NAMES) if name in output), None)
        if name is None:
            raise CheckpointError(
                f"the network returned a dictionary with {', '.join(map(str, output))}; say which are its logits, as "
                f"wrap_network(..., output={str(next(iter(output), 'out'))!r})"
            )
        output = output[name]
    listed = enumerate(output) if isinstance(output, list | tuple) else [(0, output)]
    found: dict[Place, Tensor] = {number: value for number, value in listed if isinstance(value, Tensor)}
    if not found:
        raise CheckpointError(f"the network returned a {type(output).__name__}; logits [B, C, h, w] were wanted")
    if isinstance(place, int) and place not in found:
        raise CheckpointError(f"the network has no output {place}; choose one of {', '.join(map(str, found))}")
    return found


def _maker(network: nn.Module, run: Callable[[], Tensor], called: list[str]) -> str:
    """The convolution that makes a map: the last of as many channels on which it depends; "" where none is known."""
    found = run()
    layers = {name: network.get_submodule(name) for name in dict.fromkeys(reversed(called))}
    wide = [name for name in layers if found.ndim == 4 and getattr(layers[name], "out_channels", 0) == found.shape[1]]
    for name in wide[:_TRIED]:
        hook = layers[name].register_forward_hook(_disturb)
        try:
            if not torch.equal(run(), found):
                return name
        finally:
            hook.remove()
    return ""


def _disturb(layer: nn.Module, inputs: Any, output: Tensor) -> Tensor:
    return output + torch.randn(output.shape, generator=torch.Generator().manual_seed(0)).to(output)


def _activation(pair: list[Tensor], probabilities: bool | None) -> Literal["", "sigmoid", "softmax"]:
    """What a network ends with, going by what it gives for noise that is quiet and for noise that is loud.

    Logits, where it takes no loud noise, or gives the same everywhere: that says nothing.

    Raises:
        CheckpointError: class numbers.
    """
    held = [found[found.isfinite()] for found in pair]  # loud noise may overflow
    whole = bool((held[0] == held[0].round()).all())
    if pair[0].shape[1] == 1 and whole and any(bool(v.any()) for v in held):
        raise CheckpointError("the network returned class numbers; return its logits, before the argmax")
    varied = len(pair) == 2 and all(len(v) and float(v.min()) < float(v.max()) for v in held)
    within = varied and all(bool(((v >= 0) & (v <= 1)).all()) for v in held) and pair[0].is_floating_point()
    if probabilities is False or not (within or probabilities):
        return ""
    sums = pair[0].float().sum(dim=1)
    return "softmax" if pair[0].shape[1] > 1 and bool((sums - 1).abs().max() < 0.01) else "sigmoid"
