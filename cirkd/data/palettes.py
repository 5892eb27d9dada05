"""Class names and colours of the data sets that checkpoints name, each written once."""

import colorsys

from cirkd.data.sample import Classes


def classes_in(names: str, colors: str, ignore_index: int = 255) -> Classes:
    """Classes of a written list: names parted by semicolons, and hexadecimal colours parted by spaces."""
    rgb = [bytes.fromhex(color) for color in colors.split()]
    return Classes(
        names=tuple(" ".join(name.split()) for name in names.split(";")),
        colors=tuple((r, g, b) for r, g, b in rgb),
        ignore_index=ignore_index,
    )


CAMVID = classes_in(
    "sky; building; pole; road; sidewalk; tree; sign; fence; car; pedestrian; bicyclist",
    "808080 800000 c0c080 804080 0000c0 808000 c08080 404080 400080 404000 0080c0",
    ignore_index=11,
)
"""The 11-class form of CamVid; label 11 is unlabelled."""

CAMVID_32 = classes_in(
    """
    animal; archway; bicyclist; bridge; building; car; cart, luggage or pram; child; column or pole; fence;
    lane marking; lane marking, not driven; text; motorcycle or scooter; other moving; parking block; pedestrian;
    road; road shoulder; sidewalk; sign or symbol; sky; SUV or pickup; traffic cone; traffic light; train; tree;
    truck or bus; tunnel; other vegetation; void; wall
    """,
    """
    408040 c00080 0080c0 008040 800000 400080 4000c0 c08040 c0c080 404080 8000c0 c00040 808040 c000c0 804040
    40c080 404000 804080 8080c0 0000c0 c08080 808080 4080c0 000040 004040 c04080 808000 c080c0 400040 c0c000
    000000 40c000
    """,
)
"""All classes of CamVid in the order of its `label_colors.txt`; pixels of "void" are labelled 255."""

CITYSCAPES = classes_in(
    """
    road; sidewalk; building; wall; fence; pole; traffic light; traffic sign; vegetation; terrain; sky; person;
    rider; car; truck; bus; train; motorcycle; bicycle
    """,
    """
    804080 f423e8 464646 66669c be9999 999999 faaa1e dcdc00 6b8e23 98fb98 4682b4 dc143c ff0000 00008e 000046
    003c64 005064 0000e6 770b20
    """,
)
"""The 19 classes that Cityscapes evaluates, in the order of their train ids."""

VOC = classes_in(
    """
    background; aeroplane; bicycle; bird; boat; bottle; bus; car; cat; chair; cow; diningtable; dog; horse;
    motorbike; person; pottedplant; sheep; sofa; train; tvmonitor
    """,
    """
    000000 800000 008000 808000 000080 800080 008080 808080 400000 c00000 408000 c08000 400080 c00080 408080
    c08080 004000 804000 00c000 80c000 004080
    """,
)


def numbered_classes(count: int) -> Classes:
    """Classes without known names: `class 0` to `class {count - 1}`, hues spread by the golden ratio."""
    return Classes(tuple(f"class {index}" for index in range(count)), spread_colors(count), guessed=True)


def spread_colors(count: int) -> tuple[tuple[int, int, int], ...]:
    """Colours for classes that have none of their own: hues spread by the golden ratio."""
    hues = [(index * 0.618034) % 1.0 for index in range(count)]
    rgb = [colorsys.hsv_to_rgb(hue, 0.55 + 0.3 * (index % 2), 0.85) for index, hue in enumerate(hues)]
    return tuple((int(r * 255), int(g * 255), int(b * 255)) for r, g, b in rgb)
