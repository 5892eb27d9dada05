"""Procedural house fronts: a colour image, and the share of each pixel that is window glass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .textures import noise

BAY, FLOOR = 2.8, 3.2  # metres: width of a window bay, height of a floor
_PX = 40  # pixels a metre
WALLS = (
    (0.60, 0.33, 0.26),
    (0.76, 0.68, 0.54),
    (0.82, 0.80, 0.76),
    (0.56, 0.52, 0.47),
    (0.72, 0.55, 0.40),
    (0.47, 0.47, 0.50),
    (0.83, 0.72, 0.52),
    (0.66, 0.70, 0.66),
    (0.70, 0.48, 0.42),
    (0.86, 0.84, 0.74),
)


@dataclass
class Facade:
    """A front of `bays` x `floors`; images have their top row first."""

    bays: int
    floors: int
    colour: np.ndarray
    glass: np.ndarray
    wall: np.ndarray

    @property
    def width(self) -> float:
        """Width in metres."""
        return self.bays * BAY

    @property
    def height(self) -> float:
        """Height in metres."""
        return self.floors * FLOOR


def _wall(rng: np.random.RandomState, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a wall of plaster, brick or slabs, and its mean colour."""
    base = np.array(WALLS[rng.randint(len(WALLS))]) * rng.uniform(0.85, 1.08)
    image = base * (0.86 + 0.22 * noise(rng, height, width, 2, 6)[..., None])
    image = image * (1 + 0.02 * rng.randn(height, width, 1))
    kind = rng.randint(4)
    if kind == 0:  # brick
        rows, columns = np.mgrid[:height, :width]
        bricks = 1 + 0.12 * rng.randn(height // 3 + 1, width // 8 + 2)
        course = rows // 3
        image *= bricks[course, (columns + (course % 2) * 4) // 8][..., None]
        image[(rows % 3 == 0)] *= 0.86
    elif kind == 1:  # large slabs
        image[:: int(FLOOR * _PX / 4)] *= 0.75
        image[:, :: int(BAY * _PX / 2)] *= 0.82
    return np.clip(image, 0, 1), base


def _pane(rng: np.random.RandomState, height: int, width: int) -> np.ndarray:
    """Return what shows through a window: a dark room, often with curtains or a blind."""
    fall = np.linspace(rng.uniform(0.16, 0.3), 0.06, height)[:, None, None]
    pane = np.broadcast_to(fall * np.array([0.85, 0.95, 1.05]), (height, width, 3)).copy()
    cloth = np.array([0.78, 0.75, 0.68]) * rng.uniform(0.5, 1)
    style = rng.rand()
    if style < 0.3:
        side = max(2, int(width * rng.uniform(0.12, 0.3)))
        folds = (0.8 + 0.2 * np.cos(np.arange(side) * 1.4))[None, :, None]
        pane[:, :side] = cloth * folds
        pane[:, -side:] = cloth * folds
    elif style < 0.5:
        pane[: int(height * rng.uniform(0.2, 0.9))] = cloth
    return pane


class _Painter:
    """Draws windows and doors into one facade (pixel units, rows from the top)."""

    def __init__(self, rng: np.random.RandomState, bays: int, floors: int) -> None:
        self.rng = rng
        self.image, self.base = _wall(rng, round(floors * FLOOR * _PX), round(bays * BAY * _PX))
        self.glass = np.zeros(self.image.shape[:2], np.float32)
        self.frame = np.array(((0.9, 0.9, 0.87), (0.22, 0.18, 0.15), (0.55, 0.56, 0.58))[rng.randint(3)])

    def window(self, x: int, y: int, w: int, h: int, bars: int = 1, rail: bool = False) -> None:
        """Draw a window with its frame, lintel, sill and the shadow of the reveal."""
        rng = self.rng
        self.image[y - 3 : y + h + 3, x - 3 : x + w + 3] = self.frame
        self.image[y : y + h, x : x + w] = _pane(rng, h, w)
        self.image[y : y + 5, x : x + w] *= 0.45
        self.glass[y : y + h, x : x + w] = 1
        for i in range(1, bars + 1):
            at = x + w * i // (bars + 1)
            self._bar(slice(y, y + h), slice(at - 1, at + 2))
        if rail:
            self._bar(slice(y + h // 3, y + h // 3 + 3), slice(x, x + w))
        self.image[y + h + 3 : y + h + 7, x - 6 : x + w + 6] = np.clip(self.base * 1.2, 0, 1)
        self.image[y + h + 7 : y + h + 10, x - 6 : x + w + 6] *= 0.7

    def _bar(self, rows: slice, columns: slice) -> None:
        self.image[rows, columns] = self.frame
        self.glass[rows, columns] = 0

    def door(self, x: int, w: int, h: int) -> None:
        """Draw a door that stands on the ground, with a light above it."""
        bottom = self.image.shape[0]
        paint = np.array(
            ((0.35, 0.12, 0.08), (0.1, 0.22, 0.16), (0.12, 0.16, 0.3), (0.3, 0.2, 0.12))[self.rng.randint(4)]
        )
        self.image[bottom - h - 20 : bottom, x - 4 : x + w + 4] = np.clip(self.base * 1.15, 0, 1)
        self.image[bottom - h : bottom, x : x + w] = paint
        for top in (0.12, 0.55):
            a, b = bottom - int(h * (1 - top)), bottom - int(h * (0.62 - top))
            self.image[a:b, x + w // 5 : x + w - w // 5] = paint * 0.7
        self.window(x + 2, bottom - h - 16, w - 4, 12, 0)

    def shop(self, bays: int) -> None:
        """Turn the ground floor into shop windows under a name board."""
        rng, bottom, bay = self.rng, self.image.shape[0], BAY * _PX
        top = bottom - int((FLOOR - 0.35) * _PX)
        trim = np.array(((0.15, 0.15, 0.16), (0.5, 0.1, 0.1), (0.1, 0.25, 0.2), (0.75, 0.72, 0.65))[rng.randint(4)])
        self.image[top:bottom] = trim
        for b in range(bays):
            self.window(int(b * bay) + 9, top + 30, int(bay) - 18, bottom - top - 46, int(rng.randint(0, 2)))
            goods = rng.rand(6, 3) * 0.7
            for i, colour in enumerate(goods):
                x = int(b * bay) + 14 + i * 14
                tall = int(rng.randint(10, 40))
                self.image[bottom - 20 - tall : bottom - 20, x : x + 10] = colour
        board = np.array(((0.85, 0.82, 0.75), (0.7, 0.15, 0.1), (0.1, 0.2, 0.45), (0.9, 0.7, 0.15))[rng.randint(4)])
        self.image[top + 4 : top + 24] = board
        for x in range(int(rng.randint(10, 60)), self.image.shape[1] - 30, int(rng.randint(9, 13))):
            if rng.rand() < 0.8:
                self.image[top + 9 : top + 19, x : x + 6] = 1 - board


def make_facade(rng: np.random.RandomState, bays: int, floors: int, shop: bool) -> Facade:
    """Paint one facade."""
    painter = _Painter(rng, bays, floors)
    wide = int(rng.uniform(0.38, 0.62) * BAY * _PX)
    high = int(rng.uniform(0.45, 0.62) * FLOOR * _PX)
    bars, rail = int(rng.randint(0, 3)), bool(rng.rand() < 0.5)
    door_bay = int(rng.randint(bays))
    for f in range(floors):
        top = int(f * FLOOR * _PX)
        if rng.rand() < 0.8:
            painter.image[top : top + 5] = np.clip(painter.base * 1.12, 0, 1)
            painter.image[top + 5 : top + 8] *= 0.75
        for b in range(bays):
            ground = f == floors - 1
            if ground and (shop or b == door_bay):
                continue
            x = int((b + 0.5) * BAY * _PX) - wide // 2
            painter.window(x, top + int(0.75 * _PX), wide, high, bars, rail)
    if shop:
        painter.shop(bays)
    painter.door(int((door_bay + 0.5) * BAY * _PX) - 20, 40, int(2.2 * _PX))
    return Facade(bays, floors, np.clip(painter.image, 0, 1), painter.glass, np.clip(painter.base, 0, 1))
