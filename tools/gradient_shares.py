"""How hard each term of an objective pulls at a student, and whether it pulls the way of the task.

`python -m tools.gradient_shares RECIPE STUDENT [--teacher FILE] [--root FOLDER] [--batches N]` takes a trained student,
fills a memory from some training batches of the recipe, and prints for each term, over as many batches again, its
weight, the mean norm of the unweighted gradient that reaches the encoder, and its mean cosine with the task's gradient.
The heads that terms train are fresh ones, as at the start of a distillation.
"""

import argparse
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from statistics import mean

import torch
from torch import Tensor

from cirkd.checkpoint import load_model
from cirkd.data.catalog import open_data
from cirkd.losses.memory import RelationMemory
from cirkd.losses.objective import Heads, Terms
from cirkd.models.segmenter import Segmenter
from cirkd.training.batches import Batch, Batches
from cirkd.training.recipes import RECIPES, Recipe
from cirkd.training.setup import build_heads, build_memory, load_teacher

SEED = 9  # not a seed of the study: crops that no shipped run has seen


def shares(recipe: Recipe, student: Segmenter, batches: int) -> dict[str, tuple[float, float]]:
    """Term -> mean norm of its unweighted gradient on the encoder, and mean cosine with that of the task."""
    data = open_data(recipe.data, recipe.train_split, recipe.root)
    teacher = load_teacher(recipe, data, torch.device("cpu"))
    assert teacher is not None, "a recipe without a teacher has one term"
    torch.manual_seed(SEED)
    memory, heads = build_memory(recipe, student, teacher), build_heads(recipe, student, teacher)
    crops = Batches(data, recipe.augmentation, student.info.preprocessing, batch_size=recipe.batch_size, seed=SEED)
    norms, cosines = defaultdict(list), defaultdict(list)
    for step in range(2 * batches):
        terms = _terms(recipe, student, teacher, (memory, heads), crops[step], step)
        if step >= batches:
            gradients = {name: _on_encoder(value, student) for name, value in terms.items()}
            for name, gradient in gradients.items():
                norms[name].append(float(gradient.norm()))
                cosines[name].append(float(torch.cosine_similarity(gradient, gradients["task"], dim=0)))
    return {name: (mean(norms[name]), mean(cosines[name])) for name in norms}


def _terms(
    recipe: Recipe,
    student: Segmenter,
    teacher: Segmenter,
    trained: tuple[RelationMemory | None, Heads | None],
    batch: Batch,
    step: int,
) -> Terms:
    with torch.no_grad():
        taught = teacher(student.info.preprocessing.convert(batch.images, teacher.info.preprocessing))
    return recipe.objective.terms(
        student.train()(batch.images),
        taught,
        batch.labels,
        trained[0],
        heads=trained[1],
        generator=torch.Generator().manual_seed(SEED),
        step=step,
        ignore_index=student.info.classes.ignore_index,
    )


def _on_encoder(value: Tensor, student: Segmenter) -> Tensor:
    parameters = [p for p in student.encoder.parameters() if p.requires_grad]
    gradients = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
    return torch.cat(
        [(torch.zeros_like(p) if g is None else g).flatten() for p, g in zip(parameters, gradients, strict=True)]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", choices=[name for name, make in RECIPES.items() if make().teacher is not None])
    parser.add_argument("student", type=Path)
    parser.add_argument("--teacher", type=Path)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--batches", type=int, default=8)
    options = parser.parse_args()
    recipe = RECIPES[options.recipe]()
    recipe = replace(recipe, teacher=options.teacher or recipe.teacher, root=options.root)
    found = shares(recipe, load_model(options.student, "cpu"), options.batches)
    print(f"{'term':16s} {'weight':>8s} {'norm':>8s} {'cosine with the task':>22s}")
    for name, (norm, cosine) in found.items():
        print(f"{name:16s} {getattr(recipe.objective, name):8g} {norm:8.3f} {cosine:22.2f}")


if __name__ == "__main__":
    main()
