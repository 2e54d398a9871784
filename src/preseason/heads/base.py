"""What fitting a head takes: examples with targets, and a way to make a head of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from preseason.arrays.types import Ints
from preseason.errors import UsageError
from preseason.inference.features import Features
from preseason.inference.head import Head
from preseason.recipe import Recipe, setting_fields
from preseason.registry import Registry
from preseason.runtime.progress import Progress, Silent

if TYPE_CHECKING:
    from preseason.backbones.base import Backbone
    from preseason.distributed.data_parallel import SingleProcess
    from preseason.engine.passes import FeatureSpec

Folds = Sequence[tuple[Ints, Ints]]
Config = TypeVar("Config")
SHARED = frozenset(item.name for item in setting_fields())


@dataclass(frozen=True)
class TrainingSet:
    """What a head learns from.

    Attributes:
        features: of n labelled samples.
        targets: int64 [n] in 0..classes-1.
        classes: how many there are, c.
        folds: pairs (train, validation) of positions, never cutting a group; for inner choices.
        seed: of every random draw.
        config: of the head's own kind; None for its usual one.
        spec: what the rows are; None where the head need not know.
        backbone: the network whose rows these are; heads that train its last blocks copy them.
        device: `cpu` or `cuda`, where copies of the network's blocks are trained.
        checkpoint: file in which gradient training keeps its finished epochs; None keeps none.
        progress: told of finished epochs, under the name `stage`.
        team: workers that take each step of gradient training together; None where this one is alone.
        seconds: in which gradient training must end; None for as long as it takes.
        firm: fit also where these are few, in as few epochs as make sense.
    """

    features: Features
    targets: Ints
    classes: int
    folds: Folds
    seed: int
    config: Any = None
    spec: "FeatureSpec | None" = None
    backbone: "Backbone | None" = None
    device: str = "cpu"
    checkpoint: Path | None = None
    progress: Progress = field(default_factory=Silent)
    stage: str = "training"
    team: "SingleProcess | None" = None
    seconds: float | None = None
    firm: bool = False

    def config_as(self, kind: type[Config]) -> Config:
        """The head's settings.

        Raises:
            TypeError: they are another head's.
        """
        config = kind() if self.config is None else self.config
        if not isinstance(config, kind):
            raise TypeError(f"received {config!r}, expected {kind.__name__}")
        return config

    def rows_as(self) -> "FeatureSpec":
        """What the rows are.

        Raises:
            ValueError: that was not told.
        """
        if self.spec is None:
            raise ValueError("this head must know what its rows are: the training set holds no spec")
        return self.spec

    def part(self, chosen: Ints, folds: Folds = ()) -> "TrainingSet":
        """The training set of the samples at positions `chosen` alone."""
        return replace(self, features=self.features.take(chosen), targets=self.targets[chosen], folds=folds)


@dataclass(frozen=True)
class NoConfig:
    """The settings of a head that has none."""


class HeadFactory(Protocol):
    """A way to make heads, registered under its name.

    One that has an attribute `shares_steps` that is true lets its team take each step together.
    """

    @property
    def config(self) -> type[Any]:
        """Frozen dataclass of its settings; a recipe sets the fields that are called as its own."""

    def fit(self, training_set: TrainingSet) -> Head:
        """A head fitted on the whole training set."""


heads = Registry[HeadFactory]("head", "preseason.heads")


def config_of(head: str, recipe: Recipe, **own: Any) -> Any:
    """The settings of a head: its usual ones, `own` in their place, and what the recipe says in theirs."""
    kind = heads.get(head).config
    said = {item.name: getattr(recipe, item.name) for item in fields(kind) if item.name in SHARED}
    return kind(**(own | {name: value for name, value in said.items() if value is not None}))


def reader_of(head: str) -> Any:
    """What reads frames in order in a registered head: a width to a module.

    Raises:
        UsageError: the head does not read frames.
    """
    reader = getattr(heads.get(head), "reader", None)
    if reader is None:
        raise UsageError(f"--head {head} cannot be trained together with blocks: it does not read frames.")
    return reader
