"""The learning rate over a run."""


def polynomial_rate(step: int, *, base: float, steps: int, power: float = 0.9, warmup: int = 0) -> float:
    """Learning rate of a step: linear rise over `warmup` steps, then `base * (1 - step / steps) ** power`.

    Args:
        step: From 0; the step about to be taken.
        base: The rate that the polynomial starts from.
        steps: Length of the run.
        power: 0.9 in the DeepLab papers and in CIRKD.
        warmup: Steps of linear rise; 0 for none.
    """
    rise = min(1.0, (step + 1) / (warmup + 1)) if warmup else 1.0
    return base * rise * (1 - step / steps) ** power
