"""A network of the user's own: a `torch.nn.Module` that returns logits, and the submodule that gives its embedding.

In a notebook `wrap_network(module, embedding="decoder.conv")`; elsewhere by a file of Python, as `FILE.py:make` or
`FILE.py:make,WEIGHTS`, whose function `make()` returns the module or `wrap_network(...)`. The file is run, so it is
taken from the command line and from Python alone.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cirkd.data.catalog import classes_by_count
from cirkd.data.errors import CheckpointError, line_of
from cirkd.data.own_code import call_function
from cirkd.data.sample import Classes
from cirkd.models.answers import Answers, answered, checked, named_classes, read_sidecar
from cirkd.models.fit import compare
from cirkd.models.layouts import ASSUMED_INPUT
from cirkd.models.own_output import Place, Reading, tried
from cirkd.models.places import OwnNetwork
from cirkd.models.segmenter import ModelInfo, SegmentationOutput, Segmenter
from cirkd.models.unwrap import chosen, counterpart, other_networks, other_weights, parts
from cirkd.models.weight_files import read_weights

_TRIED = 96
"""Sides of the image that tells a network's sizes."""


class WrappedNetwork(Segmenter):
    """Any module that returns logits, as a `Segmenter`; see `wrap_network`."""

    def __init__(self, network: nn.Module, embedding: str, reading: Reading) -> None:
        nn.Module.__init__(self)
        self.network = network
        self.memory = None
        self.embedding = embedding
        self.reading = reading

    def forward(self, batch: Tensor) -> SegmentationOutput:
        held: list[Any] = []
        before = self.embedding.startswith("<")
        module = self.network.get_submodule(self.embedding.lstrip("<"))
        hook = module.register_forward_hook(lambda _, inputs, output: held.append(inputs[0] if before else output))
        try:
            logits = self.reading.logits(self.network(batch))
        finally:
            hook.remove()
        embedding = held[-1] if held else None
        if not isinstance(embedding, Tensor) or embedding.ndim != 4 or logits.ndim != 4:
            shape = list(embedding.shape) if isinstance(embedding, Tensor) else type(embedding).__name__
            raise CheckpointError(
                f"{self.embedding.lstrip('<')}: gives {shape} as embedding and {list(logits.shape)} as logits; "
                "maps [B, d, h, w] and [B, C, h, w] were wanted; name another submodule"
            )
        return SegmentationOutput(logits, embedding)


def wrap_network(
    network: nn.Module,
    embedding: str | None = None,
    *,
    classes: Classes | list[str] | None = None,
    align_corners: bool = False,
    output: Place | None = None,
    probabilities: bool | None = None,
    **answers: Any,
) -> WrappedNetwork:
    """A network of your own as one that everything here takes.

    Args:
        network: Takes `[B, 3, H, W]` and returns logits `[B, C, h, w]`, or their probabilities; or a dictionary or
            list with them.
        embedding: Name of the submodule whose output `[B, d, h, w]` is the pixel embedding; the input of the last
            convolution to the classes where not given.
        classes: Their names, in the order of the outputs.
        align_corners: How logits are upsampled to the image's size.
        output: Where the logits are among several outputs: their number in a list, their name in a dictionary. Where
            not given, `out`, `logits` or `pred`, or the first in a list that no auxiliary head makes.
        probabilities: Whether softmax or sigmoid has been taken of them; told by trying the network where not given.
        answers: `mean`, `std`, `range`, `channel_order`, `input_scale`, as for `load_model`.

    Raises:
        CheckpointError: it doesn't run on an image, or gives no logits or no embedding; says what came.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 1))
        >>> wrap_network(net, "1").info.embedding_channels
        8
    """
    known = dict(network.named_modules())
    if embedding is not None and embedding not in known:
        names = ", ".join(name for name in list(known)[-6:] if name)
        raise CheckpointError(f"the network has no submodule {embedding!r}; its last ones are {names}")
    noise = torch.randn(1, 3, _TRIED, _TRIED, generator=torch.Generator().manual_seed(0))
    image = noise.to(next((p.device for p in network.parameters()), None))
    was_training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            reading = tried(network, image, output, probabilities)
            layer = embedding if embedding is not None else _before_classifier(network, reading.classifier)
            wrapped = WrappedNetwork(network, layer, reading)
            shown = wrapped(image)
    except (RuntimeError, TypeError, ValueError, AttributeError, IndexError, KeyError, AssertionError) as error:
        remedy = "RGB images of any size were wanted: resize or pad them in its forward()"
        raise CheckpointError(
            f"the network does not run on [1, 3, {_TRIED}, {_TRIED}]: {line_of(error)}; {remedy}"
        ) from None
    finally:
        network.train(was_training)
    guessed, note = classes_by_count(shown.logits.shape[1])
    info = ModelInfo(
        architecture=type(network).__name__,
        encoder="of your own",
        output_stride=max(1, round(_TRIED / shown.embedding.shape[2])),
        embedding_channels=shown.embedding.shape[1],
        auxiliary=False,
        classes=guessed,
        layout="own",
        notes=(
            note,
            *reading.notes,
            ASSUMED_INPUT,
            f"embedding: {'input' if layer.startswith('<') else 'output'} of {layer.lstrip('<')}",
        ),
        align_corners=align_corners,
    )
    listed = named_classes(classes) if isinstance(classes, list) else classes
    wrapped.info = answered(info, checked(**answers), listed)
    return wrapped


def open_own(own: OwnNetwork, answers: Answers, classes: Classes | None = None) -> Segmenter:
    """The network that a function in a file of Python makes, with weights where some are named.

    Raises:
        CheckpointError: no such file or function, or weights that don't fit; says which.
    """
    made = call_function(own.file, own.function, CheckpointError)
    if not isinstance(made, nn.Module):
        raise CheckpointError(f"{own.file}:{own.function} returned a {type(made).__name__}; return a torch.nn.Module")
    answers = answers.over(read_sidecar(own.weights or own.file))
    network = made.network if isinstance(made, WrappedNetwork) else made
    # Before it is tried: a head that begins at zero says nothing of what the network ends with.
    notes = _fill(network, own.weights, answers) if own.weights is not None else ()
    wrapped = made if isinstance(made, WrappedNetwork) else wrap_network(made)
    corrected = answered(replace(wrapped.info, notes=(*wrapped.info.notes, *notes)), answers, classes)
    wrapped.info = replace(corrected, provenance={"file": (own.weights or own.file).name})
    return wrapped


def _fill(network: nn.Module, path: Path, answers: Answers) -> tuple[str, ...]:
    """Put a file's weights into the network; what there is to say of them."""
    listed = parts(read_weights(path).content)
    offered = [(compare(network, part.tensors), part) for part in chosen(listed, answers.weights)]
    if not offered:
        raise CheckpointError(f"{path}: holds no such weights; leave --weights out, or give the network's state_dict()")
    fit, part = max(offered, key=lambda pair: pair[0].fits)
    fit = replace(fit, extra=())  # what a file holds beside the network's weights is no fault
    if not fit.complete:
        strange = fit.missing or fit.misshapen
        remedy = "give the weights of this network" if strange else fit.remedy(counterpart(listed, part))
        raise CheckpointError(
            f"{path}: {fit.fits} of the network's {len(network.state_dict())} tensors are in it ({fit.complaint()}); "
            f"{remedy}"
        )
    network.load_state_dict({name: part.tensors[name] for name in network.state_dict() if name in part.tensors}, False)
    others = other_networks(listed, part, lambda other: compare(network, other.tensors).fits == fit.fits)
    return (*other_weights(listed, part), *others)


def _before_classifier(network: nn.Module, classifier: str) -> str:
    """What makes the classes, else the last convolution; its input is taken: written with a `<` before its name."""
    layers = [name for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d)]
    if not layers:
        raise CheckpointError("the network has no convolution; name the submodule whose output is the embedding")
    return f"<{classifier or layers[-1]}"
