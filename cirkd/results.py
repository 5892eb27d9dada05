"""Every result of a study: one method each, declared once.

Key, cache, lock, progress, cancel and the refusal where something is lacking follow from the declaration, in
`Study.serve` for a notebook and in the app's handle for a page. To add a result, write a plain function in
`cirkd.analysis` that takes a `FeatureSet`, and declare a method here.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Int64

from cirkd.analysis import relations as relating
from cirkd.analysis.bank_map import BankMap, bank_map, bank_relations
from cirkd.analysis.batch_terms import BatchTerms, batch_terms
from cirkd.analysis.centroids import Centroids, centroids
from cirkd.analysis.colorings import COLORINGS, PixelColors, all_colors, pixel_colors
from cirkd.analysis.divergences import Divergence, divergence
from cirkd.analysis.explorer_block import ExplorerBlock, explorer_block
from cirkd.analysis.layer_similarity import BUDGET, LayerSimilarity, layer_similarity
from cirkd.analysis.memory_bank import MemoryBank, banks, memory_bank
from cirkd.analysis.memory_lesson import PIXELS_PER_CLASS, MemoryLesson, StoredPixels, memory_lesson, stored_pixels
from cirkd.analysis.neighbours import PixelRelations, pixel_relations
from cirkd.analysis.places import ChangedPlace, ConfusedImage, changed_places, confused_images, confused_of_split
from cirkd.analysis.projection import DEFAULT_BUDGET, Projection, coarse_pixels, explorer_map, project
from cirkd.analysis.scores import PixelChange, Scores, pixel_change, scores
from cirkd.analysis.split_records import folder
from cirkd.analysis.split_scores import SplitScores, split_scores
from cirkd.analysis.summary import sentences
from cirkd.data.errors import StudyError
from cirkd.declaration import Progress, Server, result
from cirkd.features.feature_set import AFTER, BEFORE, FeatureSet
from cirkd.features.grids import MOST_POSITIONS
from cirkd.features.sampling import PixelSample, balanced_sample


class Results(Server):
    """The results of a study, one method each."""

    @result("Running the models on the images", colors=True)
    def features(self, progress: Progress | None = None) -> FeatureSet:
        """Embeddings and predictions of all models on all images."""
        return self.extract(progress=progress)

    @result("Reading the networks' own grids", "images", colors=True)
    def fine_features(self, progress: Progress | None = None) -> FeatureSet:
        """The features position by position of the networks' own grids; `features()` itself where that is as fine."""
        features = self.features()
        finest = max(h * w for h, w in (model.info.get("grid", (1, 1)) for model in features.models.values()))
        return features if finest <= MOST_POSITIONS else self.extract(True, progress)

    @result("Scoring", "images")
    def scores(self) -> Scores:
        """IoU, accuracy and confusion of every model on the images in view."""
        return scores(self.features())

    @result("Comparing predictions", "images")
    def pixel_change(self, before: str = BEFORE, after: str = AFTER) -> PixelChange:
        """Which pixels were fixed and which were broken."""
        return pixel_change(self.features(), before, after)

    @result("Looking for what changed", "images", "labels")
    def changed_places(self, count: int = 3) -> list[ChangedPlace]:
        """Where in the images most was fixed and most was broken; see `cirkd.analysis.places`."""
        return changed_places(self.features(), self.pixel_change(), count)

    @result("Going through the whole split", "images")
    def split_scores(
        self, temperature: float = 0.1, files: Hashable = (), progress: Progress | None = None
    ) -> SplitScores:
        """Every model on every image of the split that the images in view are of; see `cirkd.analysis.split_scores`.

        What is measured is kept on disk, in the folder that `CIRKD_CACHE` names or `~/.cache/cirkd`.

        Args:
            files: what changes when the split's files do, such as their times: a new value looks at all of them again.

        Example:
            >>> found = Study.open(before="streets-baseline", after="streets-cirkd").split_scores()  # doctest: +SKIP
            >>> change = found.miou_change("before", "after")  # doctest: +SKIP
            >>> [found.names[i] for i in change.argsort()[:3]]  # lost most  # doctest: +SKIP
        """
        about = self.features().provenance
        return split_scores(
            self.models,
            self.source.whole,
            classes=self.source.classes,
            layer=about["layer"],
            device=about["device"],
            precision=about["precision"],
            temperature=temperature,
            kept=folder(),
            progress=progress,
        )

    @result("Looking for the pixels", "images")
    def confused_images(
        self,
        model: str,
        label: int,
        predicted: int,
        count: int = 6,
        whole: bool = False,
        files: Hashable = (),
        progress: Progress | None = None,
    ) -> list[ConfusedImage]:
        """Where a model takes pixels of one label for another class: the images with the most of them.

        Args:
            label, predicted: classes by number, as rows and columns of `ModelScore.confusion` are.
            whole: of the whole split, which `split_scores` goes through; else of the images in view.
        """
        if not whole:
            return confused_images(self.features(), model, label, predicted, count)
        found = self.split_scores(files=files, progress=progress)
        network, samples = self.model(model), self.source.whole
        return confused_of_split(found, network, samples, self.features(), (model, label, predicted), count, self.cache)

    @result("Laying pixels out by {method}")
    def projection(
        self,
        method: str = "pca",
        dimensions: int = 2,
        budget: int = DEFAULT_BUDGET,
        seed: int = 0,
        align: bool = True,
        space: str = "feature",
        progress: Progress | None = None,
    ) -> Projection:
        """A map of a class-balanced sample of `budget` pixels, for every model; see `cirkd.analysis.projection`."""
        sample = self.sample(budget, seed)
        return project(self.features(), method, dimensions, sample, seed, align, space, progress=progress)

    def sample(self, budget: int = DEFAULT_BUDGET, seed: int = 0) -> PixelSample:
        """The class-balanced sample of pixels that a projection with these settings shows."""
        if budget < 1:
            raise StudyError(f"budget {budget}: choose at least 1 pixel")
        return balanced_sample(self.features().grouping().values, budget, seed)

    @result("Relating pixels", "images")
    def relations(
        self, image_a: int | None = 0, image_b: int | None = 1, order: str = "class", budget: int = 256
    ) -> relating.RelationPair:
        """Relation matrices of two images, or of all (None); with one image, of it with itself."""
        features = self.features()
        alone = image_b == 1 and len(features.images) == 1
        return relating.relation_pair(features, image_a, 0 if alone else image_b, order, budget)

    @result("Relating pixels to regions", "images")
    def region_relations(self, image: int | None = 0, budget: int = 256) -> relating.RegionRelations:
        """Relations of pixels with the regions of the images in view."""
        return relating.region_relations(self.features(), image, budget)

    @result("Averaging relations")
    def class_relations(self, across_images: bool = False) -> relating.ClassRelations:
        """Class-by-class mean relations."""
        return relating.class_means(self.features(), across_images)

    @result("Comparing relation distributions", "images", "teacher")
    def divergence(self, temperature: float = 0.1, progress: Progress | None = None) -> Divergence:
        """Relation divergence of every student to the teacher, per pixel, class and image pair."""
        features = self.features()
        device = features.provenance["device"]
        return divergence(features, temperature, device=device, progress=progress, kept=self.cache)

    @result("Measuring class centroids")
    def centroids(self) -> Centroids:
        """Class centroids and the geometry around them, in native space."""
        return centroids(self.features())

    @result("Comparing the layers", "images", "teacher")
    def layer_similarity(
        self, budget: int = BUDGET, seed: int = 0, progress: Progress | None = None
    ) -> LayerSimilarity:
        """CKA of every layer of every student with every layer of the teacher; `cirkd.analysis.layer_similarity`."""
        features = self.features()  # puts the models on their device
        return layer_similarity(
            self.models,
            self.source.samples,
            features.reference,
            precision=features.provenance["precision"],
            budget=budget,
            seed=seed,
            progress=progress,
        )

    @result("Summing up", "images")
    def summary(self, temperature: float = 0.1, progress: Progress | None = None) -> list[str]:
        """Two or three sentences on what distillation did, made from the numbers."""
        features = self.features()
        compared = self.divergence(temperature, progress) if len(features.models) > 1 else None
        grouped = self.centroids() if features.grouping().present() else None
        return sentences(features, self.scores(), compared, grouped)

    @result("Relating one pixel")
    def pixel_relations(self, pixel: int, temperature: float = 0.1, neighbours: int = 10) -> PixelRelations:
        """One pixel's similarity with all others and its nearest neighbours, in every model."""
        return pixel_relations(self.features(), pixel, temperature, neighbours)

    @result("Colouring pixels", colors=True)
    def pixel_colors(
        self, by: str, model: str | None = None, temperature: float = 0.1, progress: Progress | None = None
    ) -> PixelColors:
        """Colours of all pixels of a model (None = the reference), by one of `cirkd.analysis.colorings.COLORINGS`."""
        diverges = by in COLORINGS and COLORINGS[by].diverges
        return pixel_colors(self.features(), by, model, self.divergence(temperature, progress) if diverges else None)

    @result("Packing the pixel embeddings", "images", colors=True)
    def explorer(self) -> ExplorerBlock:
        """What the linked view draws; see `cirkd.analysis.explorer_block`."""
        return explorer_block(self.fine_features())

    @result("Working out the map", "images")
    def explorer_map(self, name: str, progress: Progress | None = None) -> Projection:
        """A map of the linked view's positions: "pca", "relation", "umap" or "tsne"."""
        return explorer_map(self.fine_features(), self.explorer(), name, progress=progress)

    @result("Comparing relation distributions", "images", "teacher")
    def explorer_divergence(self, temperature: float = 0.1, progress: Progress | None = None) -> Divergence:
        """The divergence of every fine position: that of the cell of the relations' grid that it lies in."""
        found, cells = self.divergence(temperature, progress), self.explorer_cells()
        return replace(found, per_pixel={name: values[cells] for name, values in found.per_pixel.items()})

    @result("Colouring pixels", "images", colors=True)
    def explorer_colors(self, temperature: float | None = None) -> dict[str, dict[str, PixelColors]]:
        """Colouring -> model -> colours of every fine position; temperature: of a divergence that was worked out."""
        found = None if temperature is None else self.explorer_divergence(temperature)
        return all_colors(self.fine_features(), found)

    @result("Matching the grids", "images")
    def explorer_cells(self) -> Int64[np.ndarray, " p"]:
        """For every fine position the pixel of `features()` whose cell it lies in."""
        return coarse_pixels(self.fine_features().pixels, self.features().pixels)

    @result("Looking for memory banks")
    def memory_banks(self) -> tuple[str, ...]:
        """The models whose checkpoints hold a memory bank."""
        return banks(self.models)

    @result("Reading the memory bank", "images", colors=True)
    def memory_bank(self, name: str = AFTER) -> MemoryBank:
        """Fill, age and purity of the queues in a model's checkpoint."""
        return memory_bank(self.features(), name, self.model(name))

    @result("Laying keys out by {method}", "images")
    def bank_map(
        self, name: str = AFTER, method: str = "pca", seed: int = 0, progress: Progress | None = None
    ) -> BankMap:
        """Keys of a model's memory bank and the pixels in view, in one map."""
        return bank_map(self.features(), name, self.model(name), method, seed=seed, progress=progress)

    @result("Choosing pixels for the memory", "images", colors=True)
    def stored_pixels(self, per_class: int = PIXELS_PER_CLASS, seed: int = 0) -> StoredPixels:
        """What a step on the images in view stores in the pixel queue, here and by the published code's indexing."""
        return stored_pixels(self.features(), per_class, seed)

    @result("Relating pixels to the bank", "images")
    def bank_relations(self, name: str = AFTER, image: int | None = 0, budget: int = 256) -> relating.RegionRelations:
        """Relations of pixels with the newest regions of a model's memory bank."""
        return bank_relations(self.features(), name, self.model(name), image, budget)

    @result("Running the images as one batch", "images", "labels", "teacher")
    def batch_terms(self, name: str = AFTER) -> BatchTerms:
        """The loss that training would report for the images in view, term by term."""
        self.features()  # puts the models on their device
        return batch_terms(self.models, name, self.source.samples, self.source.classes)

    @result("Relating pixels to keys", "images", "teacher", colors=True)
    def memory_lesson(self, name: str = AFTER, temperature: float = 0.1) -> MemoryLesson:
        """Memory losses of a distilled student against its own bank and other keys."""
        return memory_lesson(self.features(), name, self.model(name), temperature)

    def model(self, name: str) -> Any:
        """A loaded model.

        Raises:
            StudyError: there is none of that name.
        """
        if name not in self.models:
            raise StudyError(f"there is no model {name!r}; this study has: {', '.join(self.models)}")
        return self.models[name]
