"""What a kind of data is asked: does a file hold it, what does it cost, how is it shown and taken apart."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from preseason.arrays.types import Floats
from preseason.data.dataset import Sample, Source
from preseason.engine.hiding import Cover
from preseason.registry import Registry


@dataclass(frozen=True)
class Cost:
    """What reading an example costs, told without decoding it; what does not apply is 0.

    Attributes:
        height, width: in pixels.
        duration_s: length in seconds.
        letters: of a text.
    """

    height: int = 0
    width: int = 0
    duration_s: float = 0.0
    letters: int = 0


@dataclass(frozen=True)
class Units:
    """An example taken apart, to ask a model again without each of its parts.

    Attributes:
        kind: how they are drawn: "places" on the picture, "moments" under a sheet of frames, or "words".
        names: of the parts: words as they stand, places in words, times in percent of the whole.
        forms: the example itself, then for each part the example without it.
        covers: what is hidden in forms of equal content, by their `variant`.
        boxes: float32 [p, 4] of places, x0 y0 x1 y1 in 0..1; None of other parts.
    """

    kind: str
    names: tuple[str, ...]
    forms: tuple[Sample, ...]
    covers: dict[str, Cover] = field(default_factory=dict)
    boxes: Floats | None = None


class Modality(Protocol):
    """One kind of data; a file in `preseason.modalities` registers it.

    Attributes:
        name: as `preseason models` and manifests have it.
        viewer: how the page of `preseason serve` shows an example: "image", "video", "sound", "text", "file".
        hub_task: pipeline of the Hugging Face hub that classifies it.
        file_name: of an example, in the commands of a model card.
        package: what pip installs to use a model of it.
        typed: whether an example may be written into a form, and lie in a cell of a table.
        timed: whether the parts of a row are moments one after the other, not places.
        hides_words: whether an answer is explained at once by leaving out words, not by attention.
    """

    name: str
    viewer: str
    hub_task: str
    file_name: str
    package: str
    typed: bool
    timed: bool
    hides_words: bool

    def check(self, path: Path) -> str | None:
        """None where the content of a file, whatever it is called, is an example; else why it is none."""

    def source(self, path: Path) -> Source:
        """The example in a file that was checked.

        Raises:
            MediaError: it cannot be read.
        """

    def cost(self, source: Source) -> Cost:
        """What reading the example costs.

        Raises:
            MediaError: it is damaged.
        """

    def quote(self, sample: Sample) -> str | None:
        """What to print of an example beside others; None where its picture is shown.

        Raises:
            MediaError: it cannot be read.
        """

    def units(self, sample: Sample) -> Units:
        """The example taken apart.

        Raises:
            MediaError: it cannot be read.
            UsageError: there is nothing in it to take apart.
        """


modalities = Registry[Modality]("modality", "preseason.modalities")
