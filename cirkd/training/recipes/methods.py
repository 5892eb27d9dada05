"""What each method adds to the task, at the weights of its published form."""

from dataclasses import replace

from cirkd.losses.objective import Objective

_KD = replace(Objective.task_only(), kd=1.0)

# Every rival is trained with logit distillation as well, as the authors of CIRKD trained them.
METHODS: dict[str, Objective] = {
    "kd": _KD,
    "skd": replace(_KD, structured=10.0),
    "ifvd": replace(_KD, variation=20.0),
    "cwd": replace(_KD, channel_wise_embedding=50.0, channel_wise_logits=3.0),
    "at": replace(_KD, attention=10_000.0),
    "fitnet": replace(_KD, hint=10.0),
    "dsd": replace(_KD, pixel_similarity=1_000.0, category_similarity=10.0),
    "cirkd": Objective(),
    "cirkd-plus": Objective(channel_wise_embedding=50.0, channel_wise_logits=3.0),
    "cirkdv2": Objective(minibatch_channel=1.0, memory_channel=0.1, channel_difference=100.0, hint=1.0, context=True),
}
"""Objectives by method. SKD has an option: `--objective.adversarial 0.001 --objective.discriminator 0.1`."""
