"""Why an answer: parts are hidden one at a time and the answer is asked again, and what known is near.

Occlusion (Zeiler and Fergus 2014, arXiv 1311.2901) asks the whole model, whatever ways it is made of, and its
figures are probabilities: hiding this costs the answer so much. d width of the known vectors.
"""

from dataclasses import dataclass
from pathlib import Path

from preseason.arrays.rows import nearest_rows
from preseason.arrays.types import Floats
from preseason.data.dataset import Dataset, Sample
from preseason.data.files import Columns
from preseason.engine.hiding import Cover, Hiding
from preseason.errors import DataError, PreseasonError
from preseason.formatting import percent
from preseason.inference.answers import BatchPredictions, CountedParts
from preseason.inference.predictor import FeatureExtractors, Predictor
from preseason.modalities.base import Units
from preseason.models.prediction import predict_batch
from preseason.models.weighed_parts import WeighedParts
from preseason.openset.reference_set import Example, ReferenceSet
from preseason.runtime import notebook
from preseason.runtime.cache_dir import recall_place
from preseason.runtime.progress import Progress, Silent
from preseason.stores.mirror import here
from preseason.tasks.base import Task
from preseason.tasks.companions import companions
from preseason.tasks.reading import accept_of, fingerprinted

NEAREST = 4
MOST_SHOWN = 8
"""Parts that a notebook shows."""

Found = dict[str, Sample]


@dataclass(frozen=True)
class Near:
    """A known example close to what was asked.

    Attributes:
        label: of the known example.
        likeness: cosine of the two vectors, -1 to 1.
        name: of its file; empty for a text.
        path: where it lies, None where it was not found there any more.
        text: of a text that was found.
    """

    label: str
    likeness: float
    name: str
    path: str | None = None
    text: str | None = None


@dataclass(frozen=True)
class Seen:
    """What a network beside the first found and answered from.

    Attributes:
        thing: such as `face`.
        box: where, x0 y0 x1 y1 in 0..1; None where none was found.
    """

    thing: str
    box: tuple[float, float, float, float] | None

    def said(self) -> str:
        """In a sentence."""
        if self.box is None:
            return f"No {self.thing} was found: the answer is from the whole picture."
        x0, y0, x1, y1 = (round(100 * side) for side in self.box)
        return (
            f"The {self.thing} that counted lies at {x0} to {x1} % of the width and "
            f"{y0} to {y1} % of the height."
        )


@dataclass(frozen=True)
class Explanation(WeighedParts):
    """Why an answer; iterating gives pairs of part and weight.

    Attributes:
        input: what was asked.
        label, probability, unknown: the answer.
        kind: `words`, `places` or `moments`.
        parts: names of the parts: words as they stand, places in words, times in percent of the clip.
        weights: for each part, by how much the answer's probability falls when it is hidden.
        boxes: float32 [p, 4] of the places, x0 y0 x1 y1 in 0..1; None of words and moments.
        neighbours: the nearest known examples, the nearest first.
        sample: what was asked, for its picture.
        seen: what a network beside the first answered from, such as a face; None without such a network.
    """

    input: str
    label: str
    probability: float
    unknown: bool
    kind: str
    parts: tuple[str, ...]
    weights: tuple[float, ...]
    boxes: Floats | None
    neighbours: tuple[Near, ...]
    sample: Sample
    seen: Seen | None = None

    def _repr_html_(self) -> str:
        """In a notebook: the answer, and the parts that count most for or against it."""
        unknown = " (unknown)" if self.unknown else ""
        heading = f"{self.label}{unknown}, {percent(self.probability)}: {self.sample.source.shown()}"
        strongest = sorted(self, key=lambda part: -abs(part[1]))[:MOST_SHOWN]
        largest = max((abs(weight) for _, weight in strongest), default=0.0) or 1.0
        rows = [
            (name, f"{100 * weight:+.0f} points", notebook.bar(abs(weight) / largest))
            for name, weight in strongest
        ]
        header = (self.kind, "what hiding it costs", "")
        return notebook.block(notebook.paragraph(heading), notebook.table(header, rows))


class Explainer:
    """Explains answers of one model; the network stays compiled between examples."""

    def __init__(
        self,
        job: Task,
        extractors: FeatureExtractors,
        predictor: Predictor,
        known: ReferenceSet,
        columns: Columns,
        progress: Progress,
    ) -> None:
        self.job, self.predictor, self.known = job, predictor, known
        self.columns, self.progress = columns, progress
        self.covers: dict[str, Cover] = {}
        self.extractors = extractors.decoding(lambda decoder: Hiding(decoder, self.covers))

    def explain(self, sample: Sample, found: Found) -> Explanation:
        """Why the answer to `sample`, a sample with its fingerprint.

        Args:
            found: known examples that were found again, by fingerprint.

        Raises:
            DataError: it cannot be read.
            UsageError: there is nothing in it to take apart.
        """
        units = self.job.modality.units(sample)
        self.covers.clear()
        self.covers.update(units.covers)
        return self._told(sample, units, found)

    def _told(self, sample: Sample, units: Units, found: Found) -> Explanation:
        """What the answers to the forms, the first of which hides nothing, say of the parts."""
        answers, failed = predict_batch(self.extractors, self.predictor, self.known, units.forms, Silent())
        if failed or not answers.samples:
            raise DataError(f"{sample.source} cannot be read: {failed[0].reason}.")
        best = int(answers.probabilities[0].argmax())
        gains = answers.probabilities[0, best] - answers.probabilities[1:, best]
        self.progress.advance()
        return Explanation(
            input=str(sample.source),
            label=self.known.labels[best],
            probability=float(answers.probabilities[0, best]),
            unknown=bool(answers.distance[0] > self.known.threshold),
            kind=units.kind,
            parts=units.names,
            weights=tuple(float(gain) for gain in gains),
            boxes=units.boxes,
            neighbours=self._near(answers, found),
            sample=sample,
            seen=_seen(answers.counted),
        )

    def _near(self, answers: BatchPredictions, found: Found) -> tuple[Near, ...]:
        assert answers.vectors is not None
        nearest, similarity = nearest_rows(self.known.vectors, answers.vectors[0], NEAREST)
        return tuple(
            self._one_near(int(place), float(alike), found)
            for place, alike in zip(nearest, similarity, strict=True)
        )

    def _one_near(self, place: int, likeness: float, found: Found) -> Near:
        label = self.known.labels[int(self.known.targets[place])]
        if not self.known.examples:
            return Near(label, likeness, "")
        example: Example = self.known.examples[place]
        there = found.get(_key(example.fingerprint, example.span))
        if there is None:
            return Near(label, likeness, example.name)
        text = self.job.modality.quote(there)
        return Near(label, likeness, example.name, str(there.source) if text is None else None, text)


def _seen(counted: CountedParts | None) -> Seen | None:
    """Of the first example, which hides nothing."""
    if counted is None:
        return None
    thing = companions.get(counted.network).thing.removeprefix("a ")
    x0, y0, x1, y1 = (float(side) for side in counted.places[0])
    return Seen(thing, (x0, y0, x1, y1) if counted.rows[0].any() else None)


def whereabouts(run: Explainer, cache: Path, fit: str, data: str | Path | None) -> Found:
    """Known examples that still lie where the fit found them, or at `data`, by content.

    Args:
        run: whose known examples are looked for.
        cache: remembers where the data of fits on this machine lay.
        fit: fingerprint of the fit.
        data: where to look instead.

    Raises:
        DataError: `data` was named and nothing usable is there.
    """
    root = here(data, cache) if data is not None else recall_place(cache, fit)
    if root is None or not run.known.examples:
        return {}
    try:
        samples = run.job.read(root, accept_of(run.job, run.columns)).samples
    except PreseasonError:
        if data is not None:
            raise
        return {}
    wanted = {example.name for example in run.known.examples}
    named = tuple(s for s in samples if s.source.name in wanted)
    there, _ = fingerprinted(Dataset(root, "", named, ()), run.job)
    return {_key(sample.fingerprint, sample.span): sample for sample in there}


def _key(fingerprint: str, span: tuple[float, float] | None) -> str:
    return f"{fingerprint} {span}"
