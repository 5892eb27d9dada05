"""What to train and how: a network, a teacher, an objective, data and a schedule."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro
from typing_extensions import Doc

from cirkd.data.transforms import Augmentation
from cirkd.losses.memory import Enqueue, Initial, Overflow, Slots
from cirkd.losses.objective import Objective
from cirkd.losses.pixel_choice import Indexing
from cirkd.models.answers import Answers
from cirkd.models.build import ARCHITECTURES

Precision = Literal["float64", "float32", "bf16", "fp16"]
TeacherPrecision = Literal["auto", "float64", "float32", "bf16", "fp16"]
Optimizer = Literal["sgd", "adamw"]
Tracker = Literal["tensorboard", "wandb"]

STREETS_CROPS = Augmentation(crop=(128, 256), scale=(0.75, 1.5))


@dataclass(frozen=True)
class Network:
    """A network to build.

    Args:
        encoder: An encoder of segmentation-models-pytorch; tu-NAME for any timm model.
        output_stride: 8 or 16; 4 for segformer.
        embedding_channels: Width of the pixel embedding.
        atrous_rates: Dilations of DeepLabV3's pyramid, in positions of the embedding map.
        auxiliary: Train an auxiliary head as well.
        pretrained: Start the encoder from ImageNet weights.
        input_scale: Input size divided by image size, per side; 0.5 halves the image, in training and ever after.
        layout: cirkd, or published for the network of CIRKD's authors: a deep stem, dropout of 0.5 after DeepLabV3's
            pyramid and of 0.1 before the classifiers, input in BGR from 0 to 255, at stride 8.
        pyramid_dropout: In training, after DeepLabV3's pyramid; None for 0.1, and for 0.5 in a published network.
        encoder_weights: File of ImageNet weights to start a published encoder from, as its authors offer them.
    """

    architecture: Annotated[str, Doc(f"One of: {', '.join(ARCHITECTURES)}.")] = "deeplabv3"
    encoder: str = "tu-mobilenetv3_small_050"
    output_stride: Literal[4, 8, 16] = 8
    embedding_channels: int = 64
    atrous_rates: tuple[int, int, int] = (6, 12, 18)
    auxiliary: bool = False
    pretrained: bool = False
    input_scale: float = 1.0
    layout: Literal["cirkd", "published"] = "cirkd"
    pyramid_dropout: float | None = None
    encoder_weights: Path | None = None


@dataclass(frozen=True)
class Memory:
    """Sizes of the memory bank, in embeddings.

    Args:
        pixel_queue_size: Teacher pixels kept of each class.
        region_queue_size: Teacher regions kept of each class.
        pixel_contrast: Pixel keys drawn a step, all classes together.
        region_contrast: Region keys drawn a step, all classes together.
        pixels_per_class: Pixels enqueued of each class in each image.
        channel_queue_size: Teacher channels kept, where the objective compares with them.
        channel_contrast: Channel keys drawn a step.
        channels_enqueued: Channels enqueued a step.
        indexing: own stores pixels of each class; published what lies first in the image, as the published code does.
        enqueue: A batch is stored after keys were drawn, or before, as in the published code.
        initial: Keys of queues not yet full: none, or noise, as in the published code.
        overflow: A full pixel queue wraps, over its oldest rows, or jumps, over its newest, as in the published code.
        slots: Of keys: each class draws its own, or one shared draw serves all, as in the published code.
    """

    pixel_queue_size: int = 1_000
    region_queue_size: int = 200
    pixel_contrast: int = 1_024
    region_contrast: int = 256
    pixels_per_class: int = 16
    channel_queue_size: int = 2_000
    channel_contrast: int = 512
    channels_enqueued: int = 256
    indexing: Indexing = "own"
    enqueue: Enqueue = "after"
    initial: Initial = "none"
    overflow: Overflow = "wrap"
    slots: Slots = "each"


@dataclass(frozen=True)
class Recipe:
    """A training run, whole.

    Args:
        name: Names the run's folder.
        data: A data set of `cirkd.data.catalog`.
        root: Where the data set lies; the bundled streets need none.
        train_split, val_split: What is trained on, and what is evaluated on. Of a folder also a list, as `mine.txt`,
            or a share of its images in an order drawn from their names, as `0-80%` and `80-100%`.
        labelled_share: Share of the training images whose labels are used, evenly spread over the split. With a
            teacher the others are seen as well, without labels; without one they are left out.
        network: What is trained.
        teacher: Checkpoint of the teacher; None trains without one.
        told: What the teacher's file does not tell, where another project wrote it.
        objective: Weights of the loss terms.
        memory: Sizes of the memory bank, where the objective uses one.
        augmentation: How a training crop is drawn.
        steps: Length of the run in optimiser steps.
        batch_size: Images a step, over all processes.
        accumulate: Parts that a process's share of a batch is computed in, one after the other, where memory is short.
            Relations of the mini-batch and batch statistics are then those within a part, and a later part's keys of
            the memory hold an earlier part's rows.
        optimizer: sgd or adamw.
        learning_rate, momentum, weight_decay, power, warmup: Of the optimiser, with polynomial decay.
        average: Decay of the exponential moving average of the weights, which is then what is evaluated, shown and
            saved; 0 for the last step's weights.
        sync_batch_norm: Batch statistics over all processes.
        precision: Arithmetic of the student's forward pass; float64, of weights and memory as well, is for comparing
            runs number by number, at several times the time.
        teacher_precision: Arithmetic of the teacher's; auto is bf16 where the device has it, else float32.
        teacher_outputs: A folder where the teacher's outputs are kept, for runs with the same teacher, seed and crops;
            what is there already is not computed again. One run of 3,000 steps on the streets leaves 4.1 GB, which may
            be deleted; delete it when images have changed.
        seed: Of initial weights, data order, augmentation and memory draws.
        evaluate_every, snapshot_every, save_every, journal_every: Intervals in steps; 0 for only at the end.
        keep_weights: Keep the student's weights of each evaluation and of the end in the run's `weights/`, so that
            `--students` and the run's folder show it over time.
        probe_images: Images of the probe whose embeddings are kept at each snapshot.
        workers: Processes that prepare batches; 0 prepares them in the main one.
        output: Where the checkpoint goes.
        runs: The folder of run folders: journal, state, snapshots, weights that are kept.
        trackers: Where the run is followed beside its journal: tensorboard (in the run's folder), wandb, both or none.
    """

    name: str
    data: str = "streets"
    root: Path | None = None
    train_split: str = "train"
    val_split: str = "val"
    labelled_share: float = 1.0
    network: Network = field(default_factory=Network)
    teacher: Path | None = None
    told: tyro.conf.OmitArgPrefixes[Answers] = field(default_factory=Answers)
    objective: Objective = field(default_factory=Objective.task_only)
    memory: Memory = field(default_factory=Memory)
    augmentation: Augmentation = STREETS_CROPS
    steps: int = 600
    batch_size: int = 8
    accumulate: int = 1
    optimizer: Optimizer = "sgd"
    learning_rate: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 1e-4
    power: float = 0.9
    warmup: int = 50
    average: float = 0.0
    sync_batch_norm: bool = False
    precision: Precision = "float32"
    teacher_precision: TeacherPrecision = "auto"
    teacher_outputs: Path | None = None
    seed: int = 0
    evaluate_every: int = 200
    snapshot_every: int = 50
    save_every: int = 100
    journal_every: int = 10
    keep_weights: bool = False
    probe_images: int = 4
    workers: int = 1
    output: Path | None = None
    runs: Path = Path("runs")
    trackers: tuple[Tracker, ...] = ()

    @property
    def run_folder(self) -> Path:
        return self.runs / self.name

    @property
    def checkpoint(self) -> Path:
        return self.output if self.output is not None else self.run_folder / f"{self.name}.safetensors"
