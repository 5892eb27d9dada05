"""Which backend is taken: by device, type and size; what can't be built or is wrong is left aside."""

import pytest
import torch

from cirkd.relations.engine import select
from cirkd.relations.engine.select import is_right

CPU = torch.device("cpu")
RIGHT = [torch.tensor([3.0, 4.0]), torch.tensor(1.0)]


@pytest.mark.parametrize("error", [1e-4, 1e-2, float("nan")])
def test_results_may_differ_by_a_share_of_their_norm(error: float) -> None:
    near = [RIGHT[0] + torch.tensor([0.0, 5 * error]), RIGHT[1]]
    if error < 1e-3:
        assert is_right(lambda: near, lambda: RIGHT, CPU, tolerance=1e-3)
        return
    with pytest.warns(UserWarning, match="without all kernels on cpu: their results are wrong$"):
        assert not is_right(lambda: near, lambda: RIGHT, CPU, tolerance=1e-3)


def test_what_cannot_be_built_is_left_aside_with_a_warning() -> None:
    def broken() -> list[torch.Tensor]:
        raise RuntimeError("no compiler\nand a long story")

    with pytest.warns(UserWarning, match="without all kernels on cpu: no compiler$"):
        assert not is_right(broken, lambda: RIGHT, CPU, tolerance=1e-3)


def test_wrong_relations_are_found_out_and_right_ones_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(select, "TRIAL", (2, 9, 4, 6))

    def wrong(*given: object) -> torch.Tensor:
        return torch.ones(18, 2)

    with pytest.warns(UserWarning, match="their results are wrong"):
        assert not select._relates_rightly(wrong, CPU, "float32")
    streamed = pytest.importorskip("cirkd.relations.engine.triton_streamed", reason="PyTorch came without Triton")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")  # where Triton interprets
    assert select._relates_rightly(streamed.relate, device, "float32")
