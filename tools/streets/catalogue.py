"""Finds the 3D models: reads the catalogues of unpacked (or still packed) .sh3f archives."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .errors import StreetsError

CATALOGUE = "PluginFurnitureCatalog.properties"
ARCHIVES = ("BlendSwap-CC-0", "BlendSwap-CC-BY", "KatorLegaz", "Reallusion", "Scopia")
_ENTRY = re.compile(r"(\w+)#(\d+)=(.*)")


@dataclass(frozen=True)
class Model:
    """One catalogue entry. `size` is (width, height, depth) in metres, `lift` its height above ground."""

    key: str
    name: str
    archive: str
    creator: str
    path: Path
    size: tuple[float, float, float]
    lift: float
    rotation: tuple[float, ...] | None


# Catalogue keys (the OBJ file's stem) by the role that the scene gives them.
ROLES: dict[str, tuple[str, ...]] = {
    "car": (
        "seat_leon",
        "peugeot-308",
        "renault-scenic",
        "suv",
        "chevrolet",
        "smart-car",
        "fordFocus",
        "concept-sedan-01v1",
        "concept-sedan-01v2",
        "concept-sedan-02",
        "concept-sedan-02-sport",
        "VW-new-beetle",
    ),
    "big": ("bus", "cityBus", "truck", "van", "dafTruck"),
    "two_wheeler": ("bicycle", "bike", "scooter2", "yamaha-yzr-r6", "kator/scooter"),
    "person": (
        "female01",
        "female02",
        "female03",
        "male01",
        "male02",
        "male03",
        "holdingMale01",
        "holdingFemale01",
        "holdingFemale02",
        "holdingFemale03",
        "boyStanding",
        "girlStanding",
        "female-01-casual-clothing",
        "male-01-suit",
    ),
    "tree": (
        "acacia",
        "copperBeech",
        "japaneseMaple",
        "poplar",
        "peachBlossom",
        "sycamoreMaple",
        "ficusTree",
        "pine",
        "cypress",
    ),
    "hedge": ("hedge", "high-hedge", "hedgeTextured", "bush"),
    "lamp": ("classic-lamppost", "park-light", "farola1", "candelabre"),
    "fence": ("fence", "iron-railing-1", "iron-railing-2", "iron-railing-3", "iron-railing-02"),
    "bench": ("bench", "concrete-bench", "painted-bench", "wood_bank", "littlebank"),
    "bin": ("park-trashcan", "residential-trashcan"),
    "small": ("fire-hydrant", "mofx_mailbox", "cone"),
    "arrow": ("fleche-tout-droit", "fleche-tourner-a-droite-et-direct", "fleche-tourner-a-droite"),
    "cafe": ("cafe-chair", "cafe-table", "umbrella"),
}


def _read_catalogue(folder: Path) -> Iterable[Model]:
    """Yield the models that one archive folder lists."""
    entries: dict[str, dict[str, str]] = {}
    for line in (folder / CATALOGUE).read_text(encoding="latin-1").splitlines():
        if match := _ENTRY.match(line.strip()):
            entries.setdefault(match[2], {})[match[1]] = match[3]
    for entry in entries.values():
        path = folder / entry["model"].lstrip("/")
        stem = path.stem
        if folder.name == "KatorLegaz" and stem == "scooter":
            stem = "kator/scooter"  # two archives have a model of this name
        width, height, depth = (float(entry[side]) / 100 for side in ("width", "height", "depth"))
        rotation = entry.get("modelRotation")
        yield Model(
            key=stem,
            name=entry["name"],
            archive=folder.name,
            creator=entry.get("creator", ""),
            path=path,
            size=(width, height, depth),
            lift=float(entry.get("elevation", 0)) / 100,
            rotation=tuple(float(x) for x in rotation.split()) if rotation else None,
        )


def _unpacked(models: Path, cache: Path, name: str) -> Path:
    """Return the folder of one archive, unpacking its .sh3f into the cache when need be."""
    folder = models / name
    if (folder / CATALOGUE).is_file():
        return folder
    packed = models / f"{name}.sh3f"
    if not packed.is_file():
        raise StreetsError(
            f"{models} holds neither {name}/ nor {name}.sh3f; point --models at the folder with the five "
            "archives of Debian's package sweethome3d-furniture (/usr/share/sweethome3d/furniture)"
        )
    folder = cache / "archives" / name
    if not (folder / CATALOGUE).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(folder)
    return folder


def load_catalogue(models: Path, cache: Path) -> dict[str, list[Model]]:
    """Return the models of each role, in the fixed order of `ROLES`."""
    if not models.is_dir():
        raise StreetsError(
            f"no folder {models}; install Debian's package sweethome3d-furniture and pass "
            "--models /usr/share/sweethome3d/furniture"
        )
    found: dict[str, Model] = {}
    for name in ARCHIVES:
        for model in _read_catalogue(_unpacked(models, cache, name)):
            found.setdefault(model.key, model)
    missing = [key for keys in ROLES.values() for key in keys if key not in found]
    if missing:
        raise StreetsError(
            f"the archives in {models} lack the models {', '.join(missing)}; "
            "use the archives of sweethome3d-furniture 1.8"
        )
    return {role: [found[key] for key in keys] for role, keys in ROLES.items()}
