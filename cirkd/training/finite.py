"""A run that has diverged stops, and says what is not finite and since when."""

from collections.abc import Mapping

import torch
from torch import nn

from cirkd.data.errors import TrainingError
from cirkd.losses.objective import Terms


def broken_weight(module: nn.Module) -> str | None:
    """The first parameter that holds NaN or infinity."""
    return next((name for name, value in module.named_parameters() if not torch.isfinite(value).all()), None)


def diverged(name: str, step: int, terms: Terms, before: Mapping[str, float], module: nn.Module) -> TrainingError:
    """The error of a run whose loss is not finite.

    Args:
        name: of the run.
        step: steps done when it was found.
        terms: as they are now.
        before: as they were a step ago, as far as there was one.
        module: what is trained, to see whether its weights are to blame.
    """
    broken = [term for term, value in terms.items() if not torch.isfinite(value)] or ["their sum"]
    known = [f"{term} {before[term]:.4g}" for term in broken if term in before]
    since = f" (a step before: {', '.join(known)})" if known else ""
    weight = broken_weight(module)
    weights = "" if weight is None else f", and the weights {weight} are not either"
    return TrainingError(
        f"{name}: {', '.join(broken)} not finite since step {step}{since}{weights}; train anew with a lower "
        "--learning-rate, or with --precision float32"
    )


def require_finite_weights(name: str, step: int, module: nn.Module) -> None:
    """Before a state is saved: what has diverged does not replace the last good one.

    Raises:
        TrainingError: a weight is not finite.
    """
    weight = broken_weight(module)
    if weight is not None:
        raise TrainingError(
            f"{name}: the weights {weight} are not finite since step {step}; the state saved before is untouched; "
            "train anew with a lower --learning-rate"
        )
