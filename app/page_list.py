"""The pages, one entry each: menu, README, screenshots and tests follow from it.

To add a page, write its file in `app/views` and add its entry here; `python -m tools.screenshots --table` prints the
README's table anew, and a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# Not app/pages: a folder of that name makes Streamlit run its files without this frame when the first address that a
# new server is asked for is that of a page, and such a link must open as well.
VIEWS = Path(__file__).parent / "views"


@dataclass(frozen=True)
class PageEntry:
    """A page.

    Attributes:
        name: in the address; the first page stands at the address itself.
        title, icon: in the menu; shows: in the README, in a line.
        needs_images: whether it has nothing to show of a folder of embeddings.
        file: that draws it when it is run.
    """

    name: str
    title: str
    icon: str
    shows: str
    needs_images: bool = True

    @property
    def file(self) -> Path:
        return VIEWS / f"{self.name}.py"


PAGES = (
    PageEntry(
        "overview",
        "Overview",
        ":material/insights:",
        "mIoU of teacher, before and after; what changed for each class; how far the relations are from the teacher's",
    ),
    PageEntry(
        "predictions",
        "Predictions",
        ":material/image:",
        "labels and the three predictions; what distillation fixed and what it broke, pixel by pixel; confidence",
    ),
    PageEntry(
        "split",
        "Whole split",
        ":material/sort:",
        "all images of a split by what changed, any two models against each other; confusion matrices, and the pixels "
        "of a cell",
    ),
    PageEntry(
        "explorer",
        "Explorer",
        ":material/hub:",
        "all pixels of all images in all models, linked: point at one and see what is similar to it everywhere; pin, "
        "lasso, relation distributions, neighbours",
    ),
    PageEntry(
        "embeddings",
        "Embeddings",
        ":material/scatter_plot:",
        "a class-balanced sample of pixels as a figure, in PCA, UMAP or t-SNE, in 2-D and 3-D",
        needs_images=False,
    ),
    PageEntry(
        "relations",
        "Relations",
        ":material/grid_on:",
        "cosine similarities of the pixels of two images, and how far each row is from the teacher's",
        needs_images=False,
    ),
    PageEntry(
        "centroids",
        "Centroids",
        ":material/adjust:",
        "where class centroids lie, how they moved, how tight and how far apart the classes are",
        needs_images=False,
    ),
    PageEntry(
        "memory",
        "Memory bank",
        ":material/database:",
        "how full, old and pure a distilled student's queues are; what the published indexing would have stored",
    ),
    PageEntry(
        "training",
        "Training",
        ":material/model_training:",
        "starts, watches, stops and resumes runs; plays how the feature space of a run formed, step by step",
        needs_images=False,
    ),
    PageEntry(
        "learn",
        "Learn",
        ":material/school:",
        "why and how relations are distilled, live under the pointer; the loss to play with; what none of it shows; a "
        "presenter mode",
    ),
    PageEntry(
        "export",
        "Export",
        ":material/download:",
        "figures, tables, embeddings, and the whole study as one HTML page; so does `cirkd report`",
        needs_images=False,
    ),
)


def table() -> str:
    """The README's table of pages."""
    return "\n".join(["| page | shows |", "|---|---|", *(f"| {page.title} | {page.shows} |" for page in PAGES)])
