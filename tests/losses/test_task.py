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


def test_a_class_counts_by_its_weight() -> None:
    """Pixel by pixel: minus the log of the labelled class's probability, times its weight, over all labelled pixels."""
    logits = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    labels = torch.randint(0, 3, (2, 4, 5))
    labels[0, :2] = 255
    weights, total, count = (0.5, 3.0, 0.0), 0.0, 0
    for image, row, column in (labels != 255).nonzero().tolist():
        label = int(labels[image, row, column])
        probabilities = logits[image, :, row, column].exp()
        total -= weights[label] * float((probabilities[label] / probabilities.sum()).log())
        count += 1
    assert segmentation_cross_entropy(logits, labels, 255, weights).item() == pytest.approx(total / count)
    alike = segmentation_cross_entropy(logits, labels, 255, (1.0, 1.0, 1.0))
    torch.testing.assert_close(alike, segmentation_cross_entropy(logits, labels))


@pytest.mark.usefixtures("as_shipped")
def test_as_many_weights_as_classes() -> None:
    labels = torch.zeros(2, 4, 4, dtype=torch.int64)
    with pytest.raises(ValueError, match="2 class weights for 3 classes: give one for each"):
        segmentation_cross_entropy(torch.zeros(2, 3, 4, 4), labels, class_weights=(1.0, 2.0))
