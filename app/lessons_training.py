"""The last steps of the Learn page: the loss with its gradient, and the memory bank."""

from __future__ import annotations

import streamlit as st

from app import captions
from app.lessons import View, look, step
from cirkd.analysis.gradient_lesson import GradientLesson
from cirkd.analysis.memory_lesson import KEYS, MemoryLesson, cosine_deviation
from cirkd.charts import learn as charts
from cirkd.charts import theme

SMALL_LOSSES = (0.002, 0.0003)
"""Memory losses that users of the published code report, at the start and at the end of a training."""


def gradient(view: View) -> None:
    """Step 6: the loss of the two images and where its gradient drives the student's embeddings."""
    choice = view.choice
    found = view.study.gradient_lesson(choice.first, choice.second, view.student, choice.temperature)
    left, right = step("gradient", "6 · The loss moves the student")
    with left:
        st.latex(
            r"L = \frac{1}{N^2} \sum_{i,j} \frac{1}{A} \sum_a \mathrm{KL}\!\left(\sigma(S^t_{ij}[a,:]/\tau)"
            r" \,\Vert\, \sigma(S^s_{ij}[a,:]/\tau)\right)"
        )
        st.markdown(_gradient_words(view, found))
        st.table(_pair_table(view, found))
        st.caption(
            "Value and gradient of `cirkd.losses.minibatch_pixel_relation` on the two images, by autograd, with "
            "respect to the l2-normalised embeddings. Arrows point against the gradient, "
            f"{theme.number(found.magnified)} times as long as it is; the map's two axes hold "
            f"{theme.percent(found.in_plane, 0)} of its squared length. "
            f"{captions.extraction(view.study).capitalize()}."
        )
    with right:
        st.markdown(f"{look(view.student)}'s embeddings of both images, and where the loss drives them")
        st.plotly_chart(
            charts.arrows(found, view.study.features(), choice.pixel), theme=None, config=theme.CONFIG,
            key="learn_arrows", alt="Principal components of the student's embeddings with arrows against the gradient",
        )  # fmt: skip


def memory(view: View) -> None:
    """Step 7: the memory bank, and how large its losses can be."""
    left, right = step("memory", "7 · Keys from a memory bank")
    with left:
        st.latex(r"P^s = F^s V^{\top}, \quad P^t = F^t V^{\top}, \quad V: \text{keys of past batches}")
        st.markdown(
            "A batch holds few images. So teacher embeddings of past batches are kept in a queue for each class: "
            "single pixels, and regions (the mean of a class in an image). Teacher and student are related to the "
            "**same keys**; a projection head takes the student to the teacher's width."
        )
    banks = view.study.memory_banks()
    if not banks:
        with right:
            st.info("No model in view brings a memory bank, so there are no numbers here.")
        return
    name = view.student if view.student in banks else banks[-1]
    note = view.study.memory_bank(name).note
    if note:
        with right:
            st.info(f"Memory losses compare with the teacher that filled the bank, and {note}: no numbers here.")
        return
    found = view.study.memory_lesson(name, view.choice.temperature)
    with left:
        st.markdown(_memory_words(found))
    with right:
        st.markdown(f"{look(name)}: what its memory loss is, and what it could be")
        st.plotly_chart(
            charts.key_losses(found, KEYS), theme=None, config=theme.CONFIG, key="learn_keys",
            alt="Memory losses against five sets of keys, beside that of a student that tells no key from another",
        )  # fmt: skip
        st.caption(
            f"`cirkd.losses.memory_relation` at τ = {found.temperature:g}, mean over the {found.rows:,} pixels in view "
            f"that have a class ({found.provenance['grouped_by']}), keys drawn with seed {found.provenance['seed']}."
        )


def _memory_words(found: MemoryLesson) -> str:
    by = {loss.keys: loss for loss in found.losses}
    bank, first, last = found.losses[0], *SMALL_LOSSES
    weight = found.weight.get("memory_pixel")
    weighted = f", weighted {theme.number(weight * bank.loss)} in the sum" if weight else ""
    text = (
        f"Here the pixel loss is **{theme.number(bank.loss)}** nats over {bank.count:,} keys{weighted}; a student that "
        f"tells no key from another would pay **{theme.number(bank.ceiling)}**.\n\n"
        f"**Are losses of {first:g} falling to {last:g} normal?** A small divergence is half the variance of the "
        f"differences of cosines, over τ²: {first:g} means cosines that are off by "
        f"{theme.number(cosine_deviation(first, found.temperature), 2)}, {last:g} by "
        f"{theme.number(cosine_deviation(last, found.temperature), 2)}; here they are off by "
        f"{theme.number(bank.deviation, 2)}. So such numbers say that the relations to the keys agree almost exactly, "
        "and it depends on the keys whether that is much."
    )
    if "published" in by and "own" in by:
        wrong, own, noise = by["published"], by["own"], by["noise"]
        text += (
            " Keys that resemble each other make even rows and small losses: a student that tells no key from another "
            f"pays only **{theme.number(wrong.ceiling)}** against pixels stored by the published indexing and "
            f"**{theme.number(noise.ceiling)}** against noise, but **{theme.number(own.ceiling)}** against the class's "
            "own pixels."
        )
    return text


def _gradient_words(view: View, found: GradientLesson) -> str:
    steep = found.steepness(view.choice.pixel)
    return (
        f"Averaged over all rows and all ordered pairs of the two images: **{theme.number(found.loss, 4)} nats**. "
        "Moving every embedding against the gradient, the steepest by 0.05, takes it to "
        f"**{theme.number(found.stepped, 4)}**. "
        f"At the chosen pixel the gradient is **{theme.number(steep, 2)}** long (thick arrow)."
    )


def _pair_table(view: View, found: GradientLesson) -> dict[str, list[str]]:
    names = [view.image_name(image) for image in found.images]
    return {
        "rows of": names,
        **{f"related to {name}{' ' * j}": [theme.number(float(v)) for v in found.pairs[:, j]]
           for j, name in enumerate(names)},
    }  # fmt: skip
