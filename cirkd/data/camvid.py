"""CamVid in its 11-class list form (Brostow et al., 2008; the form that SegNet made popular)."""

from pathlib import Path

from cirkd.data.errors import DataError
from cirkd.data.images import read_image, read_label
from cirkd.data.palettes import CAMVID
from cirkd.data.sample import Classes, Sample


class CamVid:
    """One split of CamVid: `camvid_{split}_list.txt` names an image and a label map on each line.

    Args:
        root: The folder that holds the lists, `{split}/` and `{split}annot/`.
        split: `train`, `val` or `test`.

    Raises:
        DataError: the folder, the list or a listed file is missing.
    """

    name = "camvid"
    classes: Classes = CAMVID

    def __init__(self, split: str, root: Path | None) -> None:
        if root is None:
            raise DataError("camvid is not bundled; give --root the folder that holds camvid_train_list.txt")
        self.split = split
        self.root = Path(root)
        self.pairs = self._read_list(self.root / f"camvid_{split}_list.txt")
        self.names = [image.stem for image, _ in self.pairs]

    def _read_list(self, path: Path) -> list[tuple[Path, Path]]:
        try:
            lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError):
            raise DataError(f"{path}: no such list; --root must hold camvid_{self.split}_list.txt") from None
        pairs = []
        for number, words in enumerate(lines, 1):
            if len(words) != 2:
                raise DataError(f"{path}:{number}: an image path and a label path, not {len(words)} words")
            image, label = (self._resolve(word) for word in words)
            pairs.append((image, label))
        if not pairs:
            raise DataError(f"{path}: the list is empty; one line a frame was wanted: image path, label path")
        return pairs

    def _resolve(self, listed: str) -> Path:
        """Lists in circulation differ in how much of the path they give: the last two parts are what counts."""
        path = self.root.joinpath(*Path(listed).parts[-2:])
        if not path.is_file():
            raise DataError(f"{path}: listed but not there; unpack CamVid so that this file exists")
        return path

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Sample:
        image_path, label_path = self.pairs[index]
        image, label = read_image(image_path), read_label(label_path)
        if image.shape[:2] != label.shape:
            raise DataError(f"{label_path}: label is {label.shape}, its image {image.shape[:2]}; they must be alike")
        return Sample(name=self.names[index], image=image, label=label)
