"""The first steps of the Learn page: words, formula, numbers and picture of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from app import panels
from app.handle import Handle
from cirkd.analysis.lesson import PixelLesson
from cirkd.charts import heat, matrix, theme
from cirkd.charts import learn as charts


@dataclass(frozen=True)
class Choice:
    """Two images, a pixel of the first, a student (None = there is none) and the temperature."""

    first: int
    second: int
    pixel: int
    student: str | None
    temperature: float


@dataclass(frozen=True)
class View:
    """What every step draws from."""

    study: Handle
    choice: Choice
    lesson: PixelLesson

    @property
    def names(self) -> list[str]:
        """The models shown: the reference and the student looked at."""
        wanted = [self.lesson.reference, self.choice.student]
        return [name for name in self.study.names if name in wanted]

    @property
    def student(self) -> str:
        """The student looked at; steps that need one are drawn only where there is one."""
        assert self.choice.student is not None
        return self.choice.student

    def image_name(self, number: int) -> str:
        """An image's name."""
        return self.study.features().image_names[number]


def embeddings(view: View) -> None:
    """Step 1: a network turns every image into one vector for each position."""
    features, choice = view.study.features(), view.choice
    left, right = step("embeddings", "1 · Images become embeddings")
    h, w = features.pixels.grid[choice.first]
    with left:
        st.latex(r"F_n \in \mathbb{R}^{A \times d}, \qquad f_a \leftarrow f_a \,/\, \lVert f_a \rVert")
        st.markdown(
            f"The map that feeds the classifier has {h} × {w} positions, so A = **{h * w:,}**. Each holds a vector; "
            "only its direction counts from here on, so it is brought to length 1."
        )
        _lines([
            f"{look(name)} d = **{view.lesson.rows[name].width}**, this pixel's length before: "
            f"**{theme.number(view.lesson.rows[name].length)}**"
            for name in view.names
        ])  # fmt: skip
        st.caption("The widths of teacher and student may differ: vectors of two networks are never compared.")
    with right:
        for panel, (image, letter) in zip(
            panels.row("learn-images", 2, 15), ((choice.first, "i"), (choice.second, "j")), strict=True
        ):
            with panel:
                st.markdown(f"**Image {letter}** {theme.plain(view.image_name(image))}")
                _picture(view, f"learn_photo_{letter}", heat.photo(
                    features, image, width=270, mark=choice.pixel, choose=letter == "i"
                ), image, f"image {view.image_name(image)}", choose=letter == "i")  # fmt: skip


def similarity(view: View) -> None:
    """Step 2: one row of the relation matrix."""
    left, right = step("similarity", "2 · Embeddings become relations")
    rows = {name: view.lesson.rows[name].similarity for name in view.names}
    with left:
        st.latex(r"S_{ij}[a,:] = f_a \, F_j^{\top}")
        st.markdown(
            "The pixel's cosine with every pixel of image *j* is one **row of the relation matrix**. The matrix of two "
            "images has one such row for every pixel of image *i*."
        )
        _lines([
            f"{look(name)} from **{theme.number(float(row.min()), 2)}** to **{theme.number(float(row.max()), 2)}**"
            for name, row in rows.items()
        ])  # fmt: skip
    scale = _signed(rows.values(), "relation (cosine)")
    _maps(view, right, "similarity", rows, scale)


def distribution(view: View) -> None:
    """Step 3: the row as probabilities."""
    left, right = step("distribution", "3 · A row becomes a distribution")
    rows = {name: view.lesson.rows[name] for name in view.names}
    with left:
        st.latex(
            r"\sigma\!\left(S_{ij}[a,:] / \tau\right)_b = \frac{e^{S_{ij}[a,b]/\tau}}{\sum_c e^{S_{ij}[a,c]/\tau}}"
        )
        st.markdown(
            f"Softmax at τ = **{view.choice.temperature:g}**. The smaller τ, the more the row is about the few most "
            "similar pixels. Move the slider above and watch."
        )
        _lines([
            f"{look(name)} spreads over **{row.spread:,.0f}** of {len(row.distribution):,} pixels; the "
            f"likeliest has **{theme.percent(float(row.distribution.max()), 2)}**"
            for name, row in rows.items()
        ])  # fmt: skip
        st.caption("Spread: exp of the distribution's entropy.")
    high = max(float(row.distribution.max()) for row in rows.values())
    scale = matrix.Scale(theme.SEQUENTIAL, 0.0, high, "relation distribution (probability)")
    _maps(view, right, "distribution", {name: row.distribution for name, row in rows.items()}, scale)
    with right:
        st.plotly_chart(
            charts.distributions(view.lesson), theme=None, config=theme.CONFIG, key="learn_sorted",
            alt="The relation distribution of the pixel in every model, sorted",
        )  # fmt: skip


def divergence(view: View) -> None:
    """Step 4: how far the student's row is from the teacher's, and what each key adds."""
    left, right = step("divergence", "4 · Distributions are compared")
    terms, value = view.lesson.terms[view.student], view.lesson.divergence[view.student]
    with left:
        st.latex(
            r"\mathrm{KL}(q \,\Vert\, p) = \sum_b q_b \log \frac{q_b}{p_b}, \quad q: \text{teacher},\ p: \text{student}"
        )
        st.markdown(f"For this pixel and image *j*: **{theme.number(value)} nats**.")
        others = [
            f"{look(name)} **{theme.number(v)}**" for name, v in view.lesson.divergence.items() if name != view.student
        ]
        if others:
            _lines(others)
        st.markdown(
            "The map shows what each pixel of *j* adds: above 0 where the teacher holds it for more alike than the "
            "student does, below 0 where less. They add up to the divergence, which is never negative."
        )
    end = float(abs(terms).max())
    scale = matrix.Scale(theme.diverging(), -end, end, "share in the divergence (nats)")
    _maps(view, right, "terms", {view.student: terms}, scale)


def images_shared(view: View) -> None:
    """What the loss leaves free: how relations share themselves out among the images."""
    split = view.lesson.shared_out[view.student]
    names = [view.image_name(image) for image in dict.fromkeys(view.lesson.images)]
    if len(names) < 2:
        st.caption("Choose two different images to see what the loss leaves free between them.")
        return
    left, right = step("shares", "5 · Each image pair by itself")
    with left:
        st.latex(
            r"\mathrm{KL}(Q \Vert P) = \underbrace{\textstyle\sum_j Q_j\, \mathrm{KL}_j}_{\text{within images}}"
            r" + \underbrace{\mathrm{KL}(Q_{\text{images}} \Vert P_{\text{images}})}_{\text{between them}}"
        )
        within = float(split.shares[view.lesson.reference] @ split.within)
        st.markdown(
            f"One distribution over both images at once would diverge by **{theme.number(split.total)}** nats: "
            f"**{theme.number(within)}** within the images and **{theme.number(split.between)}** between them. "
            "The loss takes the softmax over **one image at a time** and averages the divergences within, here "
            f"{' and '.join(theme.number(float(v)) for v in split.within)}, all with the same weight. How the "
            "relations share themselves out among the images is **left free**: no term of the loss asks for it."
        )
    with right:
        st.plotly_chart(
            charts.shares(view.lesson, view.student, names), theme=None, config=theme.CONFIG, key="learn_shares",
            alt="How the pixel's relations share themselves out between the two images, teacher and student",
        )  # fmt: skip


def _maps(view: View, place: Any, key: str, values: dict[str, Any], scale: matrix.Scale) -> None:
    """A heatmap over image j for each model."""
    features, image = view.study.features(), view.choice.second
    with place:
        st.html(scale.bar())
        for panel, (name, row) in zip(panels.row(f"learn-{key}", len(values), 15), values.items(), strict=True):
            with panel:
                st.markdown(f"{look(name)} on image *j*")
                _picture(view, f"learn_{key}_{name}", heat.heat(
                    features, row, image, scale, width=270, mark=view.choice.pixel
                ), image, f"{scale.label} of {name} over image {view.image_name(image)}")  # fmt: skip


def _picture(view: View, key: str, figure: Any, image: int, alt: str, choose: bool = False) -> None:
    if not choose:
        st.plotly_chart(figure, theme=None, config=theme.CONFIG, key=key, alt=alt)
        return
    st.plotly_chart(
        figure, theme=None, config=theme.CONFIG, key=key, alt=f"{alt}; click a pixel to choose it",
        selection_mode="points", on_select=lambda: _clicked(view, key, image),
    )  # fmt: skip


def _clicked(view: View, key: str, image: int) -> None:
    """Another pixel was clicked."""
    pixel = heat.chosen_pixel(view.study.features(), image, st.session_state[key].selection.points)
    if pixel is not None:
        where = view.study.features().pixels
        st.session_state["learn_row"] = int(where.row[pixel])
        st.session_state["learn_column"] = int(where.column[pixel])


def step(key: str, title: str) -> list[Any]:
    """A step's heading, and its two places: words and numbers, and pictures."""
    st.subheader(title)
    return panels.row(f"step-{key}", 2, 24)


def _lines(lines: list[str]) -> None:
    st.markdown("  \n".join(lines))


def look(name: str) -> str:
    """A model's mark and name."""
    return f"{theme.role(name).markdown} **{theme.role(name).label}**"


def _signed(rows: Any, label: str) -> matrix.Scale:
    """One scale for all rows of cosines, centred on 0 where some are negative."""
    low, high = min(float(row.min()) for row in rows), max(float(row.max()) for row in rows)
    if low >= 0:
        return matrix.Scale(theme.SEQUENTIAL, low, high, label)
    end = max(-low, high)
    return matrix.Scale(theme.diverging(), -end, end, label)
