"""Every loss and its gradient against the published code's numbers."""

import pytest
import torch
import torch.nn.functional as F

from cirkd import losses
from cirkd.relations import resize_labels
from tests.losses.reference import FILES, Reference


@pytest.fixture(scope="module", params=FILES)
def reference(request: pytest.FixtureRequest) -> Reference:
    return Reference(request.param)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_minibatch_pixel(reference: Reference, temperature: float) -> None:
    teacher = reference["teacher_embedding"]
    reference.check(
        lambda x: losses.minibatch_pixel_relation(x, teacher, temperature),
        "student_embedding",
        f"minibatch_pixel/tau{temperature}/value",
    )


@pytest.mark.parametrize("kind", ["pixel", "region"])
def test_memory(reference: Reference, kind: str) -> None:
    teacher, head = reference["teacher_embedding"], reference.projection("memory/projection/")
    kept = resize_labels(reference["labels"], (teacher.shape[2], teacher.shape[3])) >= 0
    keys = reference[f"memory/{kind}_keys"]

    def loss(x: torch.Tensor) -> torch.Tensor:
        return losses.memory_relation(head(x).permute(0, 2, 3, 1)[kept], teacher.permute(0, 2, 3, 1)[kept], keys)

    reference.check(loss, "student_embedding", f"memory/{kind}_value")


@pytest.mark.parametrize("temperature", [1, 4])
def test_logit_distillation(reference: Reference, temperature: int) -> None:
    teacher = reference["teacher_logits"]
    reference.check(
        lambda x: losses.logit_distillation(x, teacher, temperature), "student_logits", f"kd/T{temperature}/value"
    )


def test_task(reference: Reference) -> None:
    labels = reference["labels"]
    reference.check(
        lambda x: losses.segmentation_cross_entropy(x, labels, -1), "student_logits", "task_cross_entropy/value"
    )


def test_structured_pairwise(reference: Reference) -> None:
    teacher = reference["teacher_embedding"]
    reference.check(lambda x: losses.structured_pairwise(x, teacher), "student_embedding", "skd_pairwise/value")


def test_intra_class_variation(reference: Reference) -> None:
    teacher, labels = reference["teacher_embedding"], reference["labels"]
    reference.check(
        lambda x: losses.intra_class_variation(x, teacher, labels, reference.num_classes),
        "student_embedding_same_width",
        "ifvd/value",
    )


@pytest.mark.parametrize(
    "student, teacher, name",
    [
        ("student_embedding_same_width", "teacher_embedding", "cwd_feature/T4"),
        ("student_logits", "teacher_logits", "cwd_logit/T4"),
    ],
)
def test_channel_wise(reference: Reference, student: str, teacher: str, name: str) -> None:
    reference.check(lambda x: losses.channel_wise(x, reference[teacher]), student, f"{name}/value")


def test_attention_transfer(reference: Reference) -> None:
    teacher = reference["teacher_embedding"]
    reference.check(lambda x: losses.attention_transfer(x, teacher), "student_embedding", "attention_transfer/value")


def test_hint(reference: Reference) -> None:
    teacher, weight = reference["teacher_embedding"], reference["fitnet/projection_weight"]
    reference.check(lambda x: losses.hint(F.conv2d(x, weight), teacher), "student_embedding", "fitnet/value")


def test_pixel_similarity(reference: Reference) -> None:
    student, teacher = (
        [reference[f"dsd_pixel/{side}_stage{stage}"] for stage in range(3)] for side in ("student", "teacher")
    )
    reference.check(
        lambda x: losses.pixel_similarity([student[0], x, student[2]], teacher),
        "dsd_pixel/student_stage1",
        "dsd_pixel/value",
        "dsd_pixel/grad_stage1",
    )


def test_category_similarity(reference: Reference) -> None:
    teacher = reference["teacher_logits"]
    reference.check(lambda x: losses.category_similarity(x, teacher), "student_logits", "dsd_category/value")


def test_context(reference: Reference) -> None:
    embedding = reference["student_embedding"]
    module = losses.ContextModule(embedding.shape[1]).to(embedding.device)
    names = {"node_q": "query", "node_k": "key", "node_v": "value", "conv1": "widen", "out_conv": "merge"}
    prefix = "context_gcn/state/"
    state = {}
    for key in reference.arrays:
        if key.startswith(prefix):
            first, _, rest = key.removeprefix(prefix).partition(".")
            state[f"{names[first]}.{rest}"] = reference[key]
    module.load_state_dict(state)
    wanted = reference["context_gcn/output"]
    assert (module(embedding) - wanted).abs().max() <= 1e-5 * wanted.abs().max()


@pytest.mark.parametrize("kind", ["minibatch", "memory", "mse"])
def test_channel(reference: Reference, kind: str) -> None:
    head = reference.projection("channel/projection/")
    teacher = losses.channel_pool(reference["channel/teacher_embedding"]).flatten(2)
    keys = reference["channel/memory_keys"]

    def loss(x: torch.Tensor) -> torch.Tensor:
        student = head(losses.channel_pool(x)).flatten(2)
        if kind == "minibatch":
            return losses.minibatch_channel_relation(student, teacher)
        if kind == "memory":
            return losses.memory_channel_relation(student, teacher, keys)
        return losses.channel_difference(student, teacher)

    reference.check(loss, "channel/student_embedding", f"channel/{kind}_value")
