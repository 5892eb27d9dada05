"""What is said of a folder's files: what was passed over, what found no match, and what to do."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from cirkd.data.class_list import class_list_in
from cirkd.data.folder_labels import FoundLabels, named_like_others
from cirkd.data.folder_places import (
    CALLED,
    IMAGE_FOLDERS,
    LABEL_FOLDERS,
    LABEL_SUFFIXES,
    SUFFIXES,
    first,
    folders_in,
    has_folders,
    is_of_split,
    with_files,
)
from cirkd.data.pairs import Frame, dead_links, image_files

_LABELS = {name.lower() for name in LABEL_FOLDERS}
_WORDS = re.compile(r"[-_. ]")
_PICTURES = (".gif", ".jp2", ".avif", ".heic", ".heif", ".exr", ".dcm", ".nef", ".cr2", ".dng", ".nii")
_ANNOTATIONS = (*_PICTURES, ".npz", ".mat", ".json", ".xml", ".txt")
"""Endings of pictures and of annotations in forms that are not read."""


def nothing(root: Path, images: Path) -> str:
    """Why there is no image."""
    own = [split for split in CALLED if has_folders(root, split)]
    gone = "; ".join(dead(images, None))
    if own and not gone:
        return f"{root}: its images are in folders for {', '.join(own)}; choose one of these splits"
    own = class_list_in(root)
    known = []
    if own is not None:
        known.append(f"with {own.name} it is a folder of your own; without, it may be a data set by its layout")
    if inside := with_files(folders_in(images).values()):
        known.append(
            f"there are in {', '.join(inside[:4])}: call the folder of images images/ and that of their label maps "
            "labels/, or give the one that holds the images"
        )
    else:
        known.append("PNG, JPEG, WebP, TIFF and BMP are read")
    others = "".join(f"; {line}" for line in _unread(images, _PICTURES, "*", "images"))
    return f"{images}: no image files here; {gone or '; '.join(known)}{others}"


def dead(*folders: Path | None) -> list[str]:
    """A line for each folder with links whose files have not been fetched."""
    counts = {folder: dead_links(folder, SUFFIXES) for folder in folders if folder is not None}
    return [
        f"{count} files of {folder.name}/ are links to files that are not there; fetch them (git annex get, dvc pull)"
        for folder, count in counts.items()
        if count
    ]


def matched(frames: Sequence[Frame], found: FoundLabels, labels: Path | None, beside: bool) -> list[str]:
    """A line for label maps without an image and for images without a label map."""
    notes = []
    without = sum(frame.label is None for frame in frames)
    if beside:
        notes.append("files beside images, of the same names or with _mask and the like, are taken as their label maps")
    if found.unmatched:
        where = f"{labels.name}/ has" if labels is not None else "there are"
        notes.append(
            f"{where} {found.unmatched} label maps that match no image; name each like its image, folder and all"
        )
    if 0 < without < len(frames):
        notes.append(f"{without} of {len(frames)} images have no label map")
    return notes


def shared(frames: Sequence[Frame], images: Path, labels: Path | None) -> list[str]:
    """A line where a label map is that of several images: of some that are here, or of one here and one elsewhere."""
    notes = []
    of: defaultdict[Path, list[str]] = defaultdict(list)
    for frame in frames:
        if frame.label is not None:
            of[frame.label].append(frame.image.name)
    several = {path: names for path, names in of.items() if len(names) > 1}
    if several:
        path, names = next(iter(several.items()))
        what = "a label map is" if len(several) == 1 else f"{len(several)} label maps are"
        notes.append(
            f"{what} taken for several images: {path.name} for {', '.join(names[:3])}; where that is wrong, name label "
            "maps like their images, or move the image away that is there twice"
        )
    if labels is None or not is_of_split(images.name) or is_of_split(labels.name):
        return notes
    own = {frame.image.relative_to(images).with_suffix("") for frame in frames if frame.label is not None}
    for other in folders_in(images.parent).values():
        if other != images and is_of_split(other.name):
            there = image_files(other, SUFFIXES, "**/*")
            same = next((path for path in there if path.relative_to(other).with_suffix("") in own), None)
            if same is not None:
                notes.append(
                    f"{labels.name}/ has one label map for images of one name in {images.name}/ and {other.name}/, as "
                    f"{same.name}, and it is taken here; if it is that of {other.name}/, move it to {labels.name}/"
                    f"{other.name}/"
                )
    return notes


def passed_over(root: Path, images: Path, labels: Path | None, found: FoundLabels) -> list[str]:
    """A line for what looks like images or label maps and is not taken as such."""
    notes = found.notes()
    if found.unread:
        notes.append(
            f"{len(found.unread)} files such as {found.unread[0].name} look like label maps in colours and are left "
            "out; as PNG files they are read where a classes.json has these colours"
        )
    if labels is not None and labels.name.lower() in _LABELS:
        passed = _others(labels.parent, {images.name.lower(), labels.name.lower()})
        if labels.name.lower() == LABEL_FOLDERS[0]:  # which says by itself that it is the one
            passed = [name for name in passed if name.lower() in _LABELS]
        if passed:
            notes.append(
                f"label maps are those in {labels.name}/, not in {', '.join(passed[:3])}/; to choose others, call that "
                "folder labels/"
            )
    notes += _unread(images, _PICTURES, "*" if images == root else "**/*", "images; save them as PNG or JPEG")
    if labels is not None:
        notes += _unread(labels, _ANNOTATIONS, "**/*", "label maps; draw them as PNG files, a class number a pixel")
    return notes


def not_found(root: Path, images: Path, files: Sequence[Path]) -> list[str]:
    """A line on what may be the label maps of images that have none."""
    inside = {path.relative_to(images).parts[0] for path in files if path.parent != images}
    if len(inside) > 1 and len({path.stem for path in files}) <= len(files) / 2:
        names = ", ".join(sorted(inside)[:4])
        return [f"{names} hold files of the same names; if some are label maps, call the folders images/ and labels/"]
    if len(inside) > 1 and (named := sorted(name for name in inside if _LABELS & set(_WORDS.split(name.lower())))):
        names = ", ".join(named[:4])
        return [f"files in {names} are read as images; if they are label maps, call the folders images/ and labels/"]
    flat = first(root, LABEL_FOLDERS, LABEL_SUFFIXES) if is_of_split(images.name) else None
    if flat is not None and image_files(flat, LABEL_SUFFIXES):
        return [f"no label map was found: those of {images.name}/ are looked for in {flat.name}/{images.name}/"]
    if like := named_like_others(files, images):
        place = f"{images.name}/labels/"
        return [f"files called {like} are read as images, as NAME is; if they are label maps, move them to {place}"]
    place = images.parent if images != root else root
    if place != root and place.name.lower() in map(str.lower, IMAGE_FOLDERS):  # images/val/
        place = place.parent
    if beside := _others(place, {images.name.lower(), *_LABELS}):
        called = f"{images.name}_labels" if images.parent == root and is_of_split(images.name) else "labels"
        return [f"no label map was found; if those in {', '.join(beside[:3])}/ are some, call that folder {called}/"]
    return []


def _others(place: Path, known: set[str]) -> list[str]:
    """Folders with pictures that are none of those known, of images or of a split."""
    called = {*known, *map(str.lower, IMAGE_FOLDERS)}
    found = with_files(folders_in(place).values())
    return [name for name in found if name.lower() not in called and not is_of_split(name)]


def _unread(folder: Path, endings: Sequence[str], pattern: str, what: str) -> list[str]:
    """A line where a folder has files in a form that is not read."""
    count = Counter(path.suffix.lower() for path in image_files(folder, endings, pattern))
    if not count:
        return []
    kinds = ", ".join(ending for ending, _ in count.most_common(3))
    return [f"{folder.name}/ has {sum(count.values())} files ({kinds}) that are not read as {what}"]
