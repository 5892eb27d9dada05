"""COCO-Stuff 164k (Caesar et al., CVPR 2018): photographs of COCO 2017 and `stuffthingmaps`, 171 classes.

Colours are those that OpenMMLab gives them; some share one.
"""

from pathlib import Path

from cirkd.data.entry import DataSet
from cirkd.data.pairs import Pairs, by_ids, photographs
from cirkd.data.palettes import classes_in
from cirkd.data.sample import Classes

COCO_STUFF = classes_in(
    """
    person; bicycle; car; motorcycle; airplane; bus; train; truck; boat; traffic light; fire hydrant; stop sign;
    parking meter; bench; bird; cat; dog; horse; sheep; cow; elephant; bear; zebra; giraffe; backpack; umbrella;
    handbag; tie; suitcase; frisbee; skis; snowboard; sports ball; kite; baseball bat; baseball glove;
    skateboard; surfboard; tennis racket; bottle; wine glass; cup; fork; knife; spoon; bowl; banana; apple;
    sandwich; orange; broccoli; carrot; hot dog; pizza; donut; cake; chair; couch; potted plant; bed; dining
    table; toilet; tv; laptop; mouse; remote; keyboard; cell phone; microwave; oven; toaster; sink;
    refrigerator; book; clock; vase; scissors; teddy bear; hair drier; toothbrush; banner; blanket; branch;
    bridge; building-other; bush; cabinet; cage; cardboard; carpet; ceiling-other; ceiling-tile; cloth; clothes;
    clouds; counter; cupboard; curtain; desk-stuff; dirt; door-stuff; fence; floor-marble; floor-other;
    floor-stone; floor-tile; floor-wood; flower; fog; food-other; fruit; furniture-other; grass; gravel;
    ground-other; hill; house; leaves; light; mat; metal; mirror-stuff; moss; mountain; mud; napkin; net; paper;
    pavement; pillow; plant-other; plastic; platform; playingfield; railing; railroad; river; road; rock; roof;
    rug; salad; sand; sea; shelf; sky-other; skyscraper; snow; solid-other; stairs; stone; straw;
    structural-other; table; tent; textile-other; towel; tree; vegetable; wall-brick; wall-concrete; wall-other;
    wall-panel; wall-stone; wall-tile; wall-wood; water-other; waterdrops; window-blind; window-other; wood
    """,
    """
    00c040 00c040 004060 80c0c0 004040 00c0e0 00c0c0 80c040 00c060 80c040 8020c0 0000e0 000040 00a0c0 800060
    8000c0 0020c0 8080e0 0000c0 80a0c0 808000 800020 802000 800080 408020 00a000 000000 c080a0 002000 008080
    4080a0 80a000 008000 c08020 806080 000080 400020 00e080 800000 c000a0 006080 808080 4000a0 80e080 808040
    c00020 806000 8000c0 008020 40e000 000040 8080a0 406000 0080c0 0080a0 c0e000 008040 808020 c02080 0040c0
    000020 40a080 804040 8000a0 402080 80c0c0 0000a0 c0a080 80c000 800060 c02000 804080 408060 40a000 004000
    c080e0 402000 00c080 4080e0 c0a000 00c000 c08060 c06080 004080 400060 40e080 804000 c000e0 406080 80c080
    4000e0 c0e080 80c040 c00060 c06000 8040c0 008060 00e000 404040 8080e0 006000 40c0c0 0080e0 80e000 40c040
    808060 802080 4000c0 004060 00a080 c00040 8040e0 002080 c080c0 0040e0 80a080 c08000 804020 802040 c00080
    40c020 00a040 400000 c0c0a0 002040 408080 40c0a0 80a040 408000 c0c020 8060c0 400080 404020 00e0c0 c00000
    c040a0 0060c0 c08080 4040a0 80e0c0 c08040 c04020 806040 c000c0 00c020 40e040 400040 80c0a0 406040 4080c0
    00c0a0 c0e040 408040 80c020 c020c0 4040c0 004020 40a0c0 c04040 8040a0 4020c0 c0c0c0 0040a0 c0a0c0 c0c000
    804060 c02040 c04080 40c060 40a040 404000
    """,
)

COCO_STUFF_UNUSED = (11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90)
"""Label values below 182 that no class of COCO-Stuff has: COCO numbered 91 things and used 80."""


def _by_value() -> Classes:
    """COCO-Stuff's 171 classes at their label values, with a place for each value that is not used."""
    rest = iter(zip(COCO_STUFF.names, COCO_STUFF.colors, strict=True))
    pairs = [(f"unused {i}", (0, 0, 0)) if i in COCO_STUFF_UNUSED else next(rest) for i in range(182)]
    return Classes(names=tuple(name for name, _ in pairs), colors=tuple(color for _, color in pairs))


COCO_STUFF_VALUES = _by_value()
"""What networks with an output for every label value of COCO-Stuff predict, 182."""


def open_coco_stuff(split: str, root: Path) -> Pairs:
    """One split of COCO-Stuff; label values 0 to 181 become the 171 classes that occur, 255 is ignored.

    Args:
        split: `train` or `val`.
        root: The folder that holds `train2017/` and `val2017/`, alone or in `images/`, and the label maps of the same
            names in `stuffthingmaps/` or `annotations/`.

    Raises:
        DataError: a folder, images or label maps are missing; says which and where.
    """
    plain, inner = root / f"{split}2017", root / "images" / f"{split}2017"
    maps, annotations = (root / name / f"{split}2017" for name in ("stuffthingmaps", "annotations"))
    ids = [value for value in range(182) if value not in COCO_STUFF_UNUSED]
    return photographs(
        "cocostuff",
        split,
        COCO_STUFF,
        plain if plain.is_dir() else inner,
        annotations if annotations.is_dir() else maps,
        f"{split}2017.zip",
        read=by_ids(ids),
    )


ENTRY = DataSet(
    name="cocostuff",
    title="COCO-Stuff",
    holds="images/val2017/ and stuffthingmaps/val2017/",
    open=open_coco_stuff,
    splits=("val", "train"),
    marks=("stuffthingmaps", "annotations/val2017"),
    classes=COCO_STUFF,
)
