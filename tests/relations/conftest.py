import pytest

from cirkd.relations.engine import tiles


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles so small that a few positions take several, most of them computed twice."""
    monkeypatch.setattr(tiles, "CPU_TILE_ENTRIES", 4)
    monkeypatch.setattr(tiles, "KEPT_ENTRIES", 20)
