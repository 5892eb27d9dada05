"""Class names and colours of the data sets that checkpoints name, each written once."""

import colorsys
from dataclasses import replace

from cirkd.data.errors import CheckpointError
from cirkd.data.sample import MOST_CLASSES, Classes

CAMVID = Classes(
    names=("sky", "building", "pole", "road", "sidewalk", "tree", "sign", "fence", "car", "pedestrian", "bicyclist"),
    colors=(
        (128, 128, 128),
        (128, 0, 0),
        (192, 192, 128),
        (128, 64, 128),
        (0, 0, 192),
        (128, 128, 0),
        (192, 128, 128),
        (64, 64, 128),
        (64, 0, 128),
        (64, 64, 0),
        (0, 128, 192),
    ),
    ignore_index=11,
)
"""The 11-class form of CamVid; label 11 is unlabelled."""


CAMVID_32 = Classes(
    names=(
        "animal",
        "archway",
        "bicyclist",
        "bridge",
        "building",
        "car",
        "cart, luggage or pram",
        "child",
        "column or pole",
        "fence",
        "lane marking",
        "lane marking, not driven",
        "text",
        "motorcycle or scooter",
        "other moving",
        "parking block",
        "pedestrian",
        "road",
        "road shoulder",
        "sidewalk",
        "sign or symbol",
        "sky",
        "SUV or pickup",
        "traffic cone",
        "traffic light",
        "train",
        "tree",
        "truck or bus",
        "tunnel",
        "other vegetation",
        "void",
        "wall",
    ),
    colors=(
        (64, 128, 64),
        (192, 0, 128),
        (0, 128, 192),
        (0, 128, 64),
        (128, 0, 0),
        (64, 0, 128),
        (64, 0, 192),
        (192, 128, 64),
        (192, 192, 128),
        (64, 64, 128),
        (128, 0, 192),
        (192, 0, 64),
        (128, 128, 64),
        (192, 0, 192),
        (128, 64, 64),
        (64, 192, 128),
        (64, 64, 0),
        (128, 64, 128),
        (128, 128, 192),
        (0, 0, 192),
        (192, 128, 128),
        (128, 128, 128),
        (64, 128, 192),
        (0, 0, 64),
        (0, 64, 64),
        (192, 64, 128),
        (128, 128, 0),
        (192, 128, 192),
        (64, 0, 64),
        (192, 192, 0),
        (0, 0, 0),
        (64, 192, 0),
    ),
)
"""All classes of CamVid in the order of its `label_colors.txt`; pixels of "void" are labelled 255."""

CITYSCAPES = Classes(
    names=(
        "road",
        "sidewalk",
        "building",
        "wall",
        "fence",
        "pole",
        "traffic light",
        "traffic sign",
        "vegetation",
        "terrain",
        "sky",
        "person",
        "rider",
        "car",
        "truck",
        "bus",
        "train",
        "motorcycle",
        "bicycle",
    ),
    colors=(
        (128, 64, 128),
        (244, 35, 232),
        (70, 70, 70),
        (102, 102, 156),
        (190, 153, 153),
        (153, 153, 153),
        (250, 170, 30),
        (220, 220, 0),
        (107, 142, 35),
        (152, 251, 152),
        (70, 130, 180),
        (220, 20, 60),
        (255, 0, 0),
        (0, 0, 142),
        (0, 0, 70),
        (0, 60, 100),
        (0, 80, 100),
        (0, 0, 230),
        (119, 11, 32),
    ),
)
"""The 19 classes that Cityscapes evaluates, in the order of their train ids."""


def _voc_color(index: int) -> tuple[int, int, int]:
    """The colour of a VOC class: its bits dealt to red, green and blue in turn, highest places first."""
    channels = [0, 0, 0]
    for bit in range(8):
        channels[bit % 3] |= (index >> bit & 1) << (7 - bit // 3)
    return channels[0], channels[1], channels[2]


VOC = Classes(
    names=(
        "background",
        "aeroplane",
        "bicycle",
        "bird",
        "boat",
        "bottle",
        "bus",
        "car",
        "cat",
        "chair",
        "cow",
        "diningtable",
        "dog",
        "horse",
        "motorbike",
        "person",
        "pottedplant",
        "sheep",
        "sofa",
        "train",
        "tvmonitor",
    ),
    colors=tuple(_voc_color(index) for index in range(21)),
)


def classes_by_count(count: int) -> tuple[Classes, str]:
    """The classes of the data set that has so many, or numbered ones; and a line that says which was done.

    A file of weights names no classes: their count is all that it tells, so the names are marked as guessed.

    Raises:
        CheckpointError: more classes than label maps can tell apart.
    """
    from cirkd.data.catalog import DATA_SETS
    from cirkd.data.many_classes import COCO_STUFF_VALUES

    if count > MOST_CLASSES:
        raise CheckpointError(
            f"a network of {count} classes: at most {MOST_CLASSES} are shown, as label maps have 8 bits; "
            "merge classes and train its classifier again"
        )
    if count == len(COCO_STUFF_VALUES):
        return replace(COCO_STUFF_VALUES, guessed=True), f"{count} classes: the label values of COCO-Stuff, 171 in use"
    for entry in DATA_SETS.values():
        if entry.classes is not None and len(entry.classes) == count:
            note = f"{count} classes: named as those of {entry.title}, which has as many"
            return replace(entry.classes, guessed=True), note
    return numbered_classes(count), f"{count} classes: of no data set known here, so they are numbered"


def numbered_classes(count: int) -> Classes:
    """Classes without known names: `class 0` to `class {count - 1}`, hues spread by the golden ratio."""
    return Classes(tuple(f"class {index}" for index in range(count)), spread_colors(count), guessed=True)


def spread_colors(count: int) -> tuple[tuple[int, int, int], ...]:
    """Colours for classes that have none of their own: hues spread by the golden ratio."""
    hues = [(index * 0.618034) % 1.0 for index in range(count)]
    rgb = [colorsys.hsv_to_rgb(hue, 0.55 + 0.3 * (index % 2), 0.85) for index, hue in enumerate(hues)]
    return tuple((int(r * 255), int(g * 255), int(b * 255)) for r, g, b in rgb)
