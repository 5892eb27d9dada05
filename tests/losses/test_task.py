import pytest
import torch

from cirkd.losses import segmentation_cross_entropy


def test_nothing_labelled_is_zero() -> None:
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    value = segmentation_cross_entropy(logits, torch.full((2, 8, 8), 255, dtype=torch.uint8))
    value.backward()
    assert value.item() == 0 and logits.grad is not None and not logits.grad.any()


@pytest.mark.usefixtures("as_shipped")
def test_other_images_are_refused() -> None:
    with pytest.raises(ValueError, match="must be the same images"):
        segmentation_cross_entropy(torch.zeros(2, 3, 4, 4), torch.zeros(1, 4, 4, dtype=torch.int64))
