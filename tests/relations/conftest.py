import pytest
import torch

from cirkd.relations.engine import tiles


@pytest.fixture(autouse=True)
def seeded_draws() -> None:
    torch.manual_seed(0)


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles so small that a few positions take several, most of them computed twice."""
    monkeypatch.setattr(tiles, "CPU_TILE_ENTRIES", 4)
    monkeypatch.setattr(tiles, "KEPT_ENTRIES", 20)
