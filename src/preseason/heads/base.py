"""What fitting a head takes: examples with targets, and a way to make a head of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from preseason.arrays.types import Ints
from preseason.inference.features import Features
from preseason.inference.head import Head
from preseason.registry import Registry
from preseason.runtime.progress import Progress, Silent

if TYPE_CHECKING:
    from preseason.backbones.base import Backbone
    from preseason.distributed.data_parallel import SingleProcess

Folds = Sequence[tuple[Ints, Ints]]


@dataclass(frozen=True)
class TrainingSet:
    """What a head learns from.

    Attributes:
        features: of n labelled samples.
        targets: int64 [n] in 0..classes-1.
        classes: how many there are, c.
        folds: pairs (train, validation) of positions, never cutting a group; for inner choices.
        seed: of every random draw.
        settings: the recipe's values that this head reads.
        backbone: the network whose rows these are; heads that train its last blocks copy them.
        device: `cpu` or `cuda`, where copies of the network's blocks are trained.
        checkpoint: file in which gradient training keeps its finished epochs; None keeps none.
        progress: told of finished epochs, under the name `stage`.
        team: workers that take each step of gradient training together; None where this one is alone.
    """

    features: Features
    targets: Ints
    classes: int
    folds: Folds
    seed: int
    settings: dict[str, Any] = field(default_factory=dict)
    backbone: "Backbone | None" = None
    device: str = "cpu"
    checkpoint: Path | None = None
    progress: Progress = field(default_factory=Silent)
    stage: str = "training"
    team: "SingleProcess | None" = None

    def part(self, chosen: Ints, folds: Folds = ()) -> "TrainingSet":
        """The training set of the samples at positions `chosen` alone."""
        return replace(self, features=self.features.take(chosen), targets=self.targets[chosen], folds=folds)


class HeadFactory(Protocol):
    """A way to make heads, registered under its name.

    One that has an attribute `shares_steps` that is true lets its team take each step together.
    """

    def fit(self, training_set: TrainingSet) -> Head:
        """A head fitted on the whole training set."""


heads = Registry[HeadFactory]("head", "preseason.heads")
