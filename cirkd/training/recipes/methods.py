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
    "the published script adds an adversarial term: "
    "--objective.adversarial 0.001 --objective.discriminator 0.1, its discriminator without attention layers"
)
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
    "dist": Method("DIST", replace(_TASK, inter_class=1.0, intra_class=1.0), "correlation of class probabilities"),
    "mgd": Method(
        "MGD",
        replace(_TASK, generation=0.16384),  # 0.00002 a position, times the published 8,192
        "the teacher's embedding, generated from a quarter of the student's positions",
        "mean over positions where the published code adds them up, weighted to act alike on 8,192 of them; Af-DCD is "
        "--objective.kd 1 --objective.generation 0.32768 --objective.dense-contrast 0.001",
    ),
    "bpkd": Method(
        "BPKD",
        replace(_TASK, boundary=1.0, body=3.0),
        "class probabilities at boundaries and inside regions apart",
        "no training script is published: boundary weighs as KD does, body as CWD's logits do; boundaries are those of "
        "the labels on the map of the logits",
    ),
    "cirkd": Method("CIRKD", Objective(), "relations between the pixels of several images and of a memory bank"),
    "cirkd-plus": Method(
        "CIRKD plus", Objective(**_CWD), "CIRKD and CWD together", "our own addition to the method, which no paper has"
    ),
    "cirkdv2": Method(
        "CIRKDv2",
        Objective(minibatch_channel=1.0, memory_channel=0.1, channel_difference=100.0, hint=1.0, context=True),
        "CIRKD, relations between channels, and a context module before a FitNet term",
        "trained on the schedule of the other methods instead of its own",
    ),
}
