"""The part of the sidebar that chooses images: a data set and split, a folder, or uploads; then which of them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st

from app import cached, catalogue, state
from app.catalogue import Images
from app.state import FEWEST_IMAGES, MOST_IMAGES, StudyState
from cirkd.charts import theme
from cirkd.data.bundled import data_of
from cirkd.data.catalog import DATA_SETS, expanded
from cirkd.data.errors import DataError

DEFAULT_COUNT = 6
UPLOAD_LIMIT = 40  # MB an image
_TITLES = {"streets": "Streets (bundled)", "upload": "Upload images"}
_PER_PAGE = 24
_EXAMPLE = "/path/to/images"


def images(chosen: StudyState) -> Images:
    """The data set and split that a state names.

    Raises:
        DataError: a folder or uploads were chosen and there are none yet.
    """
    root = _root(chosen)
    if chosen.data == "folder" and not chosen.folder:
        raise DataError("a folder of images was chosen; give its path in the sidebar")
    if chosen.data == "upload" and not root.is_dir():
        raise DataError("uploaded images were chosen; upload some in the sidebar, or choose a data set")
    if chosen.data not in (*catalogue.data_sets(), "folder", "upload"):
        raise DataError(f"{root}: {catalogue.title(chosen.data)} is not there; unpack it there, or choose a folder")
    return catalogue.images(chosen.data, chosen.split, root)


def stored(chosen: StudyState) -> Images | None:
    """The folder of embeddings that a state names; None where it names images."""
    return catalogue.stored(_root(chosen)) if chosen.data == "folder" and chosen.folder else None


def asked(chosen: StudyState) -> StudyState:
    """The state with the source of images that the widgets say, before they are drawn."""
    data = st.session_state.get("bar_data", chosen.data)
    return replace(chosen, data=data, folder=st.session_state.get("bar_folder", chosen.folder).strip())


def show(chosen: StudyState) -> None:
    """Make the widgets show a state that came from the address."""
    st.session_state.update(bar_data=chosen.data, bar_split=chosen.split, bar_folder=chosen.folder)


def draw(chosen: StudyState) -> StudyState:
    """Draw the pickers and return the state with what they say."""
    before = (chosen.data, chosen.folder, chosen.split)
    shown = st.session_state.setdefault("bar_data", chosen.data)
    sources = dict.fromkeys([*catalogue.data_sets(), "folder", "upload", chosen.data, shown])
    source = st.selectbox(
        "Images", list(sources), key="bar_data", format_func=lambda of: _TITLES.get(of) or catalogue.title(of)
    )
    chosen = replace(chosen, data=source, folder=_folder(chosen) if source == "folder" else "")
    if source == "upload":
        _upload()
    chosen = replace(chosen, split=_split(chosen))
    if before != (chosen.data, chosen.folder, chosen.split) and before[2]:
        chosen = replace(chosen, images=())
    if stored(chosen):
        return replace(chosen, images=())
    try:
        available = images(chosen)
        names = list(cached.data(available).names)
    except DataError:
        return replace(chosen, images=())  # the page says why
    if source == "upload" and not set(chosen.images) <= set(names):
        chosen = replace(chosen, images=())
    if not chosen.images:
        chosen = replace(chosen, images=cached.telling_images(available, DEFAULT_COUNT))
    _strip(chosen, available, len(names))
    return chosen


def _root(chosen: StudyState) -> Path:
    if chosen.data == "folder":
        return expanded(chosen.folder)
    if chosen.data == "upload":
        return cached.private_folder() / "images"
    return catalogue.data_root(chosen.data)


def _folder(chosen: StudyState) -> str:
    st.session_state.setdefault("bar_folder", chosen.folder)
    return st.text_input(
        "Folder",
        key="bar_folder",
        placeholder=_EXAMPLE,
        help=_holds(),
    ).strip()


def _holds() -> str:
    return (
        f"Image files; or `images/` with `labels/` beside it; or one of {catalogue.listed()} as it is unpacked; "
        "or what `cirkd extract` wrote."
    )


def ask_folder(problem: str) -> None:
    """In the place of a page that has no images to show: what is wrong with the folder, and a field for another.

    problem: "" where none was given, as after a click on a study whose images do not come with the project.
    """
    entry = DATA_SETS.get(data_of(st.session_state.get("bar_preset") or ""))
    st.title("Where are the images?")
    if entry and entry.marks:
        st.markdown(
            f"These models are for **{entry.title}**, which does not come with the project. Give the folder where it "
            f"lies, with {theme.plain(entry.holds)}; or choose other images in the sidebar."
        )
    else:
        st.markdown(f"Give a folder, or choose other images in the sidebar. {_holds()}")
    st.text_input("Folder of images", key="ask_folder", placeholder=_EXAMPLE, on_change=_take_folder, width=560)
    if problem:
        st.error(theme.plain(problem), icon=":material/error:")


def _take_folder() -> None:
    st.session_state["bar_folder"] = st.session_state["ask_folder"]


def _split(chosen: StudyState) -> str:
    options = catalogue.splits(chosen.data, _root(chosen))
    if len(options) < 2:
        return options[0]
    if st.session_state.get("bar_split") not in options:
        st.session_state["bar_split"] = chosen.split if chosen.split in options else options[0]
    return st.segmented_control("Split", options, key="bar_split", required=True, width="stretch") or options[0]


def _upload() -> None:
    files = st.file_uploader(
        "Images",
        type=["png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff"],
        accept_multiple_files=True,
        key="bar_images",
        max_upload_size=UPLOAD_LIMIT,
        help="Kept in a private folder of this window and removed when it is closed.",
        on_change=_emptied,
    )
    folder = cached.private_folder() / "images"
    if not files:
        return
    if len(files) > MOST_IMAGES:
        st.warning(f"{len(files)} images were uploaded: the first {MOST_IMAGES} are taken.", icon=":material/info:")
    wanted = {Path(file.name).name: file for file in files[:MOST_IMAGES]}
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        if path.name not in wanted:
            path.unlink()
    seen: dict[str, str] = st.session_state.get("_images_seen", {})  # name -> file of that name in the folder
    for name, file in wanted.items():
        if seen.get(name) != file.file_id or not (folder / name).is_file():
            (folder / name).unlink(missing_ok=True)
            _keep_readable(folder / name, file)
    st.session_state["_images_seen"] = {name: file.file_id for name, file in wanted.items()}


def _emptied() -> None:
    """Remove what was uploaded once its last file is taken back, not when another source is merely looked at."""
    if not st.session_state.get("bar_images"):
        shutil.rmtree(cached.private_folder() / "images", ignore_errors=True)


def _keep_readable(path: Path, file: Any) -> None:
    """Write an uploaded image; one that cannot be read is named and left out, and the others stand."""
    from cirkd.data.images import read_image

    try:
        read_image(file)
    except DataError as error:
        st.error(theme.plain(f"left out: {error}"), icon=":material/error:")
        return
    path.write_bytes(file.getbuffer())


def _strip(chosen: StudyState, available: Images, total: int) -> None:
    """The images in view, small, and the button that opens the picker."""
    shown = [name for name in chosen.images if name in cached.data(available).names]
    with st.container(key="bar_strip", horizontal=True, gap="xxsmall"):
        for name in shown:
            st.image(cached.thumbnail(available, name), width=72, alt=f"image {name}")
    label = f"{len(chosen.images)} of {total} images"
    if st.button(label, key="bar_choose", icon=":material/grid_view:", width="stretch", help="Choose the images"):
        st.session_state["picking"] = shown
        _pick(available)


@st.dialog("Choose images", width="large")
def _pick(available: Images) -> None:
    """Thumbnails with a tick each; `picking` in the session holds the names ticked so far."""
    names = list(cached.data(available).names)
    picking: list[str] = st.session_state["picking"]
    fewest = min(FEWEST_IMAGES, len(names))
    st.caption(f"{fewest} to {MOST_IMAGES} images; relations run across all of them. Chosen: {len(picking)}.")
    pages = -(-len(names) // _PER_PAGE)
    page = st.pagination(pages, key="pick_page") if pages > 1 else 1
    with st.container(horizontal=True, gap="small", key="pick_grid"):
        for name in names[(page - 1) * _PER_PAGE : page * _PER_PAGE]:
            with st.container(width=150, gap="xxsmall"):
                st.image(cached.thumbnail(available, name), width=150, alt=f"image {name}")
                st.checkbox(
                    theme.plain(name),
                    name in picking,
                    key=f"pick_{available.split}_{name}",
                    on_change=_tick,
                    args=(name,),
                    disabled=len(picking) >= MOST_IMAGES and name not in picking,
                )
    with st.container(horizontal=True):
        enough = fewest <= len(picking) <= MOST_IMAGES
        if st.button("Show these", type="primary", disabled=not enough, key="pick_done"):
            _take(tuple(name for name in names if name in picking))
        if st.button("Suggested", key="pick_default", help="A few that together show all classes"):
            _take(cached.telling_images(available, DEFAULT_COUNT))


def _tick(name: str) -> None:
    picking: list[str] = st.session_state["picking"]
    picking.remove(name) if name in picking else picking.append(name)


def _take(names: tuple[str, ...]) -> None:
    chosen, _ = state.read()
    state.remember(replace(chosen, images=names))
    st.rerun()
