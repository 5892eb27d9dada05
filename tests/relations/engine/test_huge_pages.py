import pytest
import torch

from cirkd.relations.engine import huge_pages as pages


def test_large_memory_can_be_used_like_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "LEAST_BYTES", 1000)
    for count in (10, 1000):  # ordinary memory, large pages
        found = pages.empty(3, count, dtype=torch.float64, device=torch.device("cpu"))
        assert found.shape == (3, count)
        assert found.dtype == torch.float64
        found.copy_(torch.arange(3.0 * count).view(3, count))
        assert found.sum() == 3 * count * (3 * count - 1) / 2
        part = found[1]
        del found
        assert part[0] == count
