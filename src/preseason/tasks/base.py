"""What a task is: the glue between files of one kind and the road they all walk."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from preseason.backbones.facts import BackboneSource
from preseason.data.audit import Signature
from preseason.data.dataset import Dataset, Sample
from preseason.data.files import Accept
from preseason.engine.extract import Decoder
from preseason.engine.passes import Box, FeatureSpec
from preseason.errors import UsageError
from preseason.inference.candidates import Candidate
from preseason.modalities.base import Modality
from preseason.recipe import Recipe
from preseason.registry import Registry

if TYPE_CHECKING:
    from preseason.backbones.base import Backbone


class Task(Protocol):
    """One job; a file in `preseason.tasks` registers it.

    Attributes:
        name: as in the model folder.
        noun, singular: what its examples are called, several and one.
        modality: what its examples are.
        problem: what is predicted of an example, a name in `preseason.problems`.
        rank: tasks are asked in rising order whether they recognise what lies there.
        heads: what `--head` may name.
        seconds_each: what an example adds to the time spent where the user names none.
        backbone: the pretrained network where the user names none.
        networks: modalities of the networks that its examples can be fed to.
        scouted: those of them that `preseason scout` compares.
    """

    name: str
    noun: str
    singular: str
    modality: Modality
    problem: str
    rank: int
    heads: tuple[str, ...]
    seconds_each: float
    backbone: str
    networks: tuple[str, ...]
    scouted: tuple[str, ...]

    @property
    def accept(self) -> Accept:
        """Which files are examples."""

    def read(self, root: Path, accept: Accept) -> Dataset:
        """The labelled examples at `root`; `accept` is the task's, with columns that the user named.

        Raises:
            DataError: nothing usable is there.
        """

    def signature(self, sample: Sample) -> Signature:
        """One reading of a sample, for the audit."""

    def fingerprint(self, sample: Sample) -> str:
        """Digest of the content, as in `signature`, without decoding.

        Raises:
            OSError: the file cannot be read.
        """

    def recognises(self, root: Path) -> bool:
        """Whether `root` holds this task's kind of examples."""

    def decoder(self, backbone: BackboneSource) -> Decoder:
        """How a sample becomes inputs of `backbone`."""

    def candidates(
        self, recipe: Recipe, backbone: "Backbone", samples: Sequence[Sample] = ()
    ) -> tuple[Candidate, ...]:
        """The ways to try, in order: cheap ones first, a way after the one it takes its looks from.

        Args:
            samples: what is to be learnt from, where the passes depend on it.
        """

    def describe(self, recipe: Recipe, backbone: "Backbone") -> str:
        """What `candidates` will try, in a sentence for the user."""

    def baseline(self, backbone: "Backbone") -> Candidate:
        """The cheap way that is also tried with random weights, to show what transfer brings."""

    def picture(self, sample: Sample) -> bytes | None:
        """A JPEG that shows the sample in a report; None where there is nothing to see, as of texts."""

    def span_s(self, samples: Sequence[Sample]) -> float | None:
        """How many seconds of a video an example usually shows; None where time plays no part."""

    def boxes(self, spec: FeatureSpec) -> tuple[Box, ...]:
        """Where each part of a pooled row of `spec` lies in `picture`."""


def refuse_photo_recipe(recipe: Recipe, noun: str) -> None:
    """Raise UsageError where a textbook recipe of photos is asked for."""
    if recipe.name != "default":
        raise UsageError(f"--recipe {recipe.name} is a recipe for photos; leave it out for {noun}.")


tasks = Registry[Task]("task", "preseason.tasks")
