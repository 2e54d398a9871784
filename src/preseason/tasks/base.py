"""What a task is: the glue between files of one kind and the road they all walk."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from preseason.backbones.base import Backbone
from preseason.data.audit import Signature
from preseason.data.dataset import Sample
from preseason.data.files import Accept
from preseason.engine.extract import Source
from preseason.recipe import Recipe
from preseason.registry import Registry
from preseason.training.ways import Way


class Task(Protocol):
    """One job; a file in `preseason.tasks` registers it.

    Attributes:
        name: as in the model folder.
        noun: what its examples are called in messages, in the plural.
        rank: tasks are asked in rising order whether they recognise what lies there.
        seconds_each: what an example adds to the time spent where the user names none.
        backbone: the pretrained network where the user names none.
    """

    name: str
    noun: str
    rank: int
    seconds_each: float
    backbone: str

    @property
    def accept(self) -> Accept:
        """Which files are examples."""

    def signature(self, sample: Sample) -> Signature:
        """One reading of a sample, for the audit."""

    def recognises(self, root: Path) -> bool:
        """Whether `root` holds this task's kind of examples."""

    def source(self) -> Source:
        """How a sample becomes network inputs."""

    def ways(self, recipe: Recipe, backbone: Backbone, samples: Sequence[Sample] = ()) -> tuple[Way, ...]:
        """The ways to try, in order: cheap ones first, a way after the one it takes its looks from.

        Args:
            samples: what is to be learnt from, where the passes depend on it.
        """

    def plan(self, recipe: Recipe, backbone: Backbone) -> str:
        """What `ways` will try, in a sentence for the user."""

    def baseline(self, backbone: Backbone) -> Way:
        """The cheap way that is also tried with random weights, to show what transfer brings."""

    def picture(self, sample: Sample) -> bytes | None:
        """A JPEG that shows the sample in a report; None where there is nothing to see, as of texts."""


tasks = Registry[Task]("task", "preseason.tasks")
