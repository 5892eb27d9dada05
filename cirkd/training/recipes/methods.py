"""What each method adds to the task, at the weights of its published form: one entry each."""

from dataclasses import dataclass, replace

from cirkd.losses.objective import Objective


@dataclass(frozen=True)
class Method:
    """A way to distil.

    Attributes:
        title: its name for people.
        objective: weights and settings.
        adds: to the task, in words.
        differs: from the published script, in words: what is left out, or scaled, and the flags of an option.
    """

    title: str
    objective: Objective
    adds: str
    differs: str = ""


_TASK = Objective.task_only()
_KD = replace(_TASK, kd=1.0)
_CWD = {"channel_wise_embedding": 50.0, "channel_wise_logits": 3.0}
_ADVERSARIAL = (
    "the published script adds an adversarial term: --objective.adversarial 0.001 --objective.discriminator 0.1; its "
    "discriminator has four strided 4x4 convolutions, attention after the last two, and Adam; the one here has three "
    "of 3x3, no attention, and the student's optimiser"
)
_CELLS = "relations are between means over 16x16 pixels instead of single positions"
_POSITIONS = "scaled by positions / 8,192, so that the published weight acts alike on maps of any size"

# SKD, IFVD, CWD, AT and FitNet are trained with logit distillation as well, as the authors of CIRKD trained them.
METHODS: dict[str, Method] = {
    "kd": Method("KD", _KD, "class probabilities"),
    "skd": Method("SKD", replace(_KD, structured=10.0), "the structure within each image", _ADVERSARIAL),
    "ifvd": Method("IFVD", replace(_KD, variation=20.0), "the variation of features within each class", _ADVERSARIAL),
    "cwd": Method(
        "CWD", replace(_KD, **_CWD), "each channel's distribution over positions, of embedding and logits", _ADVERSARIAL
    ),
    "at": Method("AT", replace(_KD, attention=10_000.0), "attention maps of the embedding", _POSITIONS),
    "fitnet": Method("FitNet", replace(_KD, hint=10.0), "the teacher's embedding itself, through a trained projection"),
    "dsd": Method(
        "DSD",
        replace(_TASK, pixel_similarity=1_000.0, category_similarity=10.0),
        "similarities between stages and between classes",
        f"pixel term {_POSITIONS}; without KD, as its script",
    ),
    "dist": Method(
        "DIST",
        replace(_TASK, inter_class=1.0, intra_class=1.0),
        "correlation of class probabilities",
        "the published script adds 0.4 times the same of the auxiliary heads, and has a weight decay of 0.0005 and a "
        "learning rate that ends at 0.0001 instead of 0",
    ),
    "mgd": Method(
        "MGD",
        replace(_TASK, generation=0.08192),  # 0.00002 a position, times the 4,096 of the published maps
        "the teacher's embedding, generated from a quarter of the student's positions",
        "the published script takes the backbone's last map instead of the embedding, and adds CWD of the logits: "
        "--objective.channel-wise-logits 3; it adds up the 4,096 positions of its maps where a mean is taken here that "
        "acts alike on maps of any size; Af-DCD's for Cityscapes takes that map, too, "
        "and clips the generator's gradient at a norm of 15, and is otherwise --objective.kd 1 "
        "--objective.generation 0.016384 --objective.dense-contrast 0.005",
    ),
    "bpkd": Method(
        "BPKD",
        replace(_TASK, boundary=1.0, body=3.0),
        "class probabilities at boundaries and inside regions apart",
        "no training script is published: boundary weighs as KD does, body as CWD's logits do; boundaries are those of "
        "the labels on the map of the logits",
    ),
    "cirkd": Method(
        "CIRKD",
        Objective(),
        "relations between the pixels of several images and of a memory bank",
        f"{_CELLS}; what else differs is on [a page of its own](published.md)",
    ),
    "cirkd-plus": Method(
        "CIRKD plus", Objective(**_CWD), "CIRKD and CWD together", f"our own addition, which no paper has; {_CELLS}"
    ),
    "cirkdv2": Method(
        "CIRKDv2",
        Objective(minibatch_channel=1.0, memory_channel=0.1, channel_difference=100.0, hint=1.0, context=True),
        "CIRKD, relations between channels, and a context module before a FitNet term",
        f"as in CIRKD, {_CELLS}; the published script takes the output of the context module in all relations, not in "
        "FitNet's term alone; its queue of channels starts as noise, takes in a batch before keys are drawn, and when "
        "full writes over its newest rows; trained on the schedule of the other methods instead of its own",
    ),
}
