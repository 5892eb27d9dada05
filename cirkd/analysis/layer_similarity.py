"""Where in the network distillation acted: CKA of every layer of a student with every layer of the teacher."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from cirkd.data.errors import StudyError
from cirkd.features.feature_set import Progress

if TYPE_CHECKING:
    from torch import Tensor

    from cirkd.data.sample import Sample
    from cirkd.models.segmenter import Segmenter

BUDGET = 2048
"""Positions at most, of all images together: what is held grows with them, whatever the number and size of images."""
_ROWS = 256
"""Positions whose similarities to all others are held at once."""
_FEWEST = 4


@dataclass(frozen=True, eq=False)
class LayerSimilarity:
    """Debiased linear CKA of layers.

    Attributes:
        layers: model -> its layers, from image to classifier.
        cka: student -> float [its layers, the reference's layers]; about 0 for unrelated, 1 for the same geometry.
        positions: How many were compared; images: from how many images; seed: of their choice.
        grids: The common grid of each image.
        reference: The model that the others are compared with.
    """

    layers: dict[str, tuple[str, ...]]
    cka: dict[str, Float[np.ndarray, "_ _"]]
    positions: int
    images: int
    seed: int
    grids: tuple[tuple[int, int], ...]
    reference: str

    def change(self, before: str, after: str) -> tuple[tuple[str, ...], Float[np.ndarray, "s t"]]:
        """The layers that both students have, and how much their CKA rose from `before` to `after`."""
        shared = tuple(name for name in self.layers[before] if name in self.layers[after])
        rows = [[self.layers[model].index(name) for name in shared] for model in (before, after)]
        return shared, self.cka[after][rows[1]] - self.cka[before][rows[0]]


def layer_similarity(
    models: Mapping[str, Segmenter],
    images: Sequence[Sample],
    reference: str,
    *,
    precision: str = "float32",
    budget: int = BUDGET,
    seed: int = 0,
    progress: Progress | None = None,
) -> LayerSimilarity:
    """Run the models over the images, one at a time, and compare their layers at a sample of positions.

    Every layer's map of an image is averaged to the image's coarsest grid, of all layers of all models; the same
    `budget` / images positions of it are taken in every layer.

    Args:
        models: On the devices where they shall run.
        reference: The one that the others are compared with.
        budget: Positions in all, at least 4; where there are more images, as many of them are drawn.

    Raises:
        StudyError: a budget that is too small, or fewer than 4 positions in all.
    """
    from cirkd.models.taps import main_layers

    if budget < _FEWEST:
        raise StudyError(f"budget {budget}: CKA needs at least {_FEWEST} positions")
    generator = np.random.default_rng(seed)
    drawn = np.sort(generator.permutation(len(images))[:budget])
    layers = {name: main_layers(model) for name, model in models.items()}
    held: dict[str, dict[str, list[np.ndarray]]] = {name: {layer: [] for layer in own} for name, own in layers.items()}
    grids = []
    for number, image in enumerate(drawn):
        maps = _maps(models, layers, images[image], precision)
        sizes = [values.shape[1:] for own in maps.values() for values in own.values()]
        grid = min(h for h, _ in sizes), min(w for _, w in sizes)
        count = budget // len(drawn)
        chosen = np.sort(generator.permutation(grid[0] * grid[1])[:count])
        for name, own in maps.items():
            for layer, values in own.items():
                held[name][layer].append(_rows(values, grid)[chosen])
        grids.append(grid)
        if progress is not None:
            progress(0.8 * (number + 1) / len(drawn), f"every layer: image {number + 1} of {len(drawn)}")
    rows = {name: [np.concatenate(parts) for parts in own.values()] for name, own in held.items()}
    positions = len(rows[reference][0])
    if positions < _FEWEST:
        raise StudyError(f"{positions} positions in all: CKA needs {_FEWEST}; choose more or larger images")
    return LayerSimilarity(
        layers=layers,
        cka=_compared(rows, reference, progress),
        positions=positions,
        images=len(drawn),
        seed=seed,
        grids=tuple(grids),
        reference=reference,
    )


def cka_of_all(
    layers: Sequence[Float[np.ndarray, "n _"]], tick: Callable[[float], object] | None = None
) -> Float[np.ndarray, "l l"]:
    """Debiased linear CKA of every layer with every other, float64 [L, L]; nan where a layer does not vary.

    Goes through the positions x positions similarities a block of rows at a time, so that it holds
    layers x 256 x positions numbers at most.

    Args:
        layers: Rows of one position each, the same positions in each layer; at least 4.
        tick: Called with the share that is done.

    Source: Kornblith et al. (2019), linear CKA; the unbiased HSIC of Song et al. (2012), as a product of matrices
    centred as in Szekely and Rizzo (2014).

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(32, 3))
        >>> cka_of_all([rows, 2 * rows]).round(6).tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """
    n = len(layers[0])
    centred = [_scaled(rows) for rows in layers]
    sums = np.stack([rows @ rows.sum(axis=0) - (rows**2).sum(axis=1) for rows in centred])
    products = np.zeros((len(layers), len(layers)))
    for start in range(0, n, _ROWS):
        stop = min(start + _ROWS, n)
        blocks = np.stack([rows[start:stop] @ rows.T for rows in centred])
        blocks -= (sums[:, start:stop, None] + sums[:, None, :]) / (n - 2)
        blocks += (sums.sum(axis=1) / ((n - 1) * (n - 2)))[:, None, None]
        blocks[:, np.arange(stop - start), np.arange(start, stop)] = 0
        flat = blocks.reshape(len(layers), -1)
        products += flat @ flat.T
        if tick is not None:
            tick(stop / n)
    own = np.where(np.diagonal(products) > 0, np.diagonal(products), np.nan)
    return products / np.sqrt(own[:, None] * own[None])


def _compared(rows: Mapping[str, list[np.ndarray]], reference: str, progress: Progress | None) -> dict[str, np.ndarray]:
    """Student -> CKA of its layers with the reference's."""

    def tick(share: float) -> None:
        if progress is not None:
            progress(0.8 + 0.2 * share, "comparing the layers")

    found = cka_of_all([layer for own in rows.values() for layer in own], tick)
    starts = dict(zip(rows, np.cumsum([0, *map(len, rows.values())]), strict=False))
    parts = {name: slice(starts[name], starts[name] + len(own)) for name, own in rows.items()}
    return {name: found[parts[name], parts[reference]] for name in rows if name != reference}


def _maps(
    models: Mapping[str, Segmenter], layers: Mapping[str, Sequence[str]], image: Sample, precision: str
) -> dict[str, dict[str, Tensor]]:
    """model -> layer -> map [d, h, w] of one image, averaged where it is finer than relations are."""
    import torch

    from cirkd.features.grids import averaged
    from cirkd.models import inference

    found = {}
    for name, model in models.items():
        with inference.evaluating(model), torch.no_grad():
            batch = model.preprocess(image.image)[None]
            _, maps = inference.run_layers(name, model, batch, [image.name], precision=precision, layers=layers[name])
            found[name] = {layer: averaged(values[0]).cpu() for layer, values in maps.items()}
    return found


def _rows(values: Tensor, grid: tuple[int, int]) -> np.ndarray:
    """The map averaged to a grid, a position a row: float32 [positions, d]."""
    import torch.nn.functional as F

    return F.adaptive_avg_pool2d(values, grid).flatten(1).T.contiguous().numpy()


def _scaled(rows: np.ndarray) -> np.ndarray:
    """Rows about their mean, in units of their spread: the estimator sees neither, and the digits are kept."""
    centred = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    spread = np.sqrt((centred**2).mean())
    return centred / spread if spread > 0 else centred
