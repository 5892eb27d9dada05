"""The form that starts a run: a recipe, its main fields, and further ones as on the command line."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

import cirkd
from app import catalogue
from app.guard import guard
from cirkd.data.bundled import checkpoint_path
from cirkd.data.catalog import expanded
from cirkd.data.errors import TrainingError
from cirkd.training import runs

if TYPE_CHECKING:
    from cirkd.training.recipes import Recipe


_CODE = re.compile(r"\.py:\w", re.IGNORECASE)


def folder() -> Path:
    """Where runs lie; `CIRKD_RUNS` names another folder than `runs/` of the current one."""
    return Path(os.environ.get("CIRKD_RUNS") or "runs").resolve()


def draw(found: list[runs.Run], *, expanded: bool) -> None:
    """Draw the form; a run that it starts becomes the one that is watched.

    Args:
        found: the runs that are there, whose names are taken.
    """
    cirkd.prepare()  # what recipes stand on may be under import in another thread just now
    from cirkd.training.recipes import RECIPES

    with st.expander("Start a run", icon=":material/add_circle:", expanded=expanded, key="training_new"):
        name = st.selectbox("Recipe", list(RECIPES), key="training_recipe", width=320)
        recipe = RECIPES[name]()
        st.caption((RECIPES[name].__doc__ or "").splitlines()[0])
        with st.form("training_form", border=False):
            flags, more, called = _fields(name, recipe, {run.name for run in found})
            begin = st.form_submit_button("Start", type="primary", icon=":material/play_arrow:")
        if begin:
            with guard():
                words = flags + _words(more)
                _refuse_code([name, "--name", called, *words])
                run = runs.start(name, called, folder(), words)
                st.session_state["training_run"] = run.name
                st.rerun()


def _fields(name: str, recipe: Recipe, taken: set[str]) -> tuple[list[str], str, str]:
    """The words for the command line that the fields say, further ones as typed, and the run's name."""
    flags: list[str] = []
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        called = st.text_input("Name of the run", _free(name, taken), key=f"training_name_{name}", width=230)
        steps = st.number_input("Steps", 1, 1_000_000, recipe.steps, key=f"training_steps_{name}", width=140)
        seed = st.number_input("Seed", 0, 1_000_000, recipe.seed, key=f"training_seed_{name}", width=120)
        rate = st.number_input(
            "Learning rate",
            0.0,
            10.0,
            recipe.learning_rate,
            format="%.4g",
            step=0.01,
            key=f"training_rate_{name}",
            width=150,
        )
    flags += ["--steps", str(steps), "--seed", str(seed), "--learning-rate", f"{rate:g}"]
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        if recipe.objective.needs_teacher:
            known = [str(c.path) for c in catalogue.checkpoints()]
            default = str(checkpoint_path(recipe.teacher).resolve()) if recipe.teacher else ""
            options = list(dict.fromkeys([*([default] if Path(default).is_file() else []), *known]))
            teacher = st.selectbox(
                "Teacher",
                options,
                key=f"training_teacher_{name}",
                format_func=lambda path: Path(path).stem,
                accept_new_options=True,
                width=300,
                help="A checkpoint; any path can be typed. A network of your own, FILE.py:make, starts in a terminal.",
            )
            flags += ["--teacher", str(teacher)] if teacher else []
        root = st.text_input(
            f"Folder of {catalogue.title(recipe.data)}",
            _root(recipe.data),
            key=f"training_root_{name}",
            width=360,
            placeholder="bundled" if recipe.data == "streets" else f"/path/to/{recipe.data}",
        ).strip()
        flags += ["--root", str(expanded(root))] if root else []
    more = st.text_input(
        "Further fields, as on the command line",
        key=f"training_more_{name}",
        placeholder="--batch-size 4 --objective.memory-pixel 0.2",
        help="All fields: `cirkd train RECIPE --help`",
    )
    return flags, more, called.strip()


def _words(text: str) -> list[str]:
    """What was typed, as words.

    Raises:
        TrainingError: a quotation is not closed.
    """
    try:
        return shlex.split(text)
    except ValueError as error:
        raise TrainingError(f"further fields {text!r}: {str(error).lower()}; close the quotation") from None


def _refuse_code(words: list[str]) -> None:
    """Whoever reaches the page may choose among files of weights, and not name a file that is run.

    Raises:
        TrainingError: a word names a function in a file of Python.
    """
    if named := [word for word in words if _CODE.search(word)]:
        raise TrainingError(
            f"{named[0]}: this names a file of Python that would be run, and none is run from the browser; start it "
            f"in a terminal with `cirkd train {shlex.join(words)}`"
        )


def _root(data: str) -> str:
    """The folder that the app was told of; empty for the bundled images."""
    return str(catalogue.data_root(data)) if os.environ.get("CIRKD_DATA") or data in catalogue.data_sets() else ""


def _free(name: str, taken: set[str]) -> str:
    """A name that no run has: the recipe's, or with a number."""
    return next(n for i in range(1, len(taken) + 2) if (n := name if i == 1 else f"{name}-{i}") not in taken)
