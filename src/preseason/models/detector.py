"""A fitted model that finds things on pictures."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from preseason.data.boxes import FoundBox
from preseason.data.dataset import Dataset, Sample, Skipped
from preseason.data.given import Inputs, one_by_one
from preseason.data.hugging_face import is_data_set, labelled, unlabelled
from preseason.errors import DataError, MediaError, UsageError
from preseason.inference.answers import BoxPredictions
from preseason.inference.detection.base import BoxFinder
from preseason.inference.detection.finder import Located
from preseason.inference.detection.peaks import Found
from preseason.inference.detection.scores import Calibration
from preseason.inference.predictor import FeatureExtractors
from preseason.models.box_explanation import BoxExplanation, explain_boxes
from preseason.models.detector_folder import save
from preseason.problems.base import Problem, problems
from preseason.results import Evaluation, FitRecord, PictureBoxes, Predictions, Update
from preseason.runtime.progress import Progress, Silent, Stopwatch
from preseason.stores.mirror import here, inputs_here
from preseason.stores.models import stored_at
from preseason.tasks.base import Task
from preseason.tasks.reading import fingerprinted, read_inputs
from preseason.trained_model import FINDS, TrainedModel


@dataclass(frozen=True)
class Detector:
    """A network that finds things, with what its scores are worth.

    Attributes:
        finder: heads on the maps of a frozen network, or a whole detector.
        labels: class names, in the order of all arrays.
        record: what the fit found.
    """

    job: Task
    finder: BoxFinder
    labels: tuple[str, ...]
    calibration: Calibration
    record: FitRecord

    @property
    def extractors(self) -> FeatureExtractors:
        """The network."""
        return self.finder.extractors

    @property
    def task(self) -> str:
        """Name of the job."""
        return self.job.name

    @property
    def problem(self) -> Problem[Any]:
        """What it predicts of a picture."""
        return problems.get(self.job.problem)

    @property
    def capabilities(self) -> frozenset[str]:
        """It finds things."""
        return frozenset({FINDS})

    def predict(self, *inputs: Inputs, progress: Progress | None = None, adapt: bool = False) -> Predictions:
        """What is where in pictures, in the order asked: files, folders and patterns, or a `Dataset` of the
        library `datasets`.

        Raises:
            UsageError: nothing was named, or it is to adapt.
        """
        if len(inputs) == 1 and is_data_set(inputs[0]):
            with unlabelled(inputs[0], self.finder.extractors.cache) as found:
                return self.predict(found, progress=progress, adapt=adapt)
        named = inputs_here(one_by_one(inputs), self.finder.extractors.cache)
        if not named:
            raise UsageError("predict needs pictures: name files, folders or patterns of files.")
        if adapt:
            raise UsageError("--adapt re-centres features of models of labels; leave it out for detection.")
        samples, skipped = read_inputs(named, self.job)
        answers, failed = [], []
        for sample, each in zip(samples, self.answer_each(samples, progress or Silent()), strict=True):
            if isinstance(each, str):
                failed.append(Skipped(str(sample.source), each))
            else:
                answers.append(each)
        return Predictions(tuple(answers), (*skipped, *failed), problem=self.problem.name)

    def answer_each(self, samples: Sequence[Sample], progress: Progress) -> Iterator[PictureBoxes | str]:
        """What counts as found on each sample, in order, or why it cannot be read."""
        for sample, each in self._located(samples, progress):
            if isinstance(each, MediaError):
                yield str(each)
            else:
                boxes = self.counted(self.named(each.found))
                yield PictureBoxes(str(sample.source), each.size[1], each.size[0], boxes)

    def evaluate(
        self,
        data: Any,
        progress: Progress | None = None,
        *,
        text: str | None = None,
        label: str | None = None,
        path: str | None = None,
        rename: Sequence[str] = (),
        adapt: bool = False,
    ) -> Evaluation:
        """Average precision and its kin on labelled pictures.

        Args:
            data: as for a fit: a folder, a file, or a `Dataset` of the library `datasets`.

        Raises:
            UsageError: columns of texts are named, or it is to adapt.
            DataError: nothing usable is there.
        """
        if text or label or path or rename or adapt:
            raise UsageError(
                "--text, --label, --path, --rename and --adapt are for models of labels: leave them out."
            )
        if is_data_set(data):
            with labelled(data, self.finder.extractors.cache) as found:
                return self._evaluated(found, "the data set", progress)
        read = self.job.read(here(data, self.finder.extractors.cache), self.job.accept)
        return self._evaluated(read, str(data), progress)

    def _evaluated(self, data: Dataset, name: str, progress: Progress | None) -> Evaluation:
        watch = Stopwatch()
        with watch.stage("reading files"):
            samples, skipped = fingerprinted(data, self.job)
            known = tuple(sample for sample in samples if sample.boxes is not None)
        with watch.stage("answering"):
            answers, failed = self.answers(known, progress or Silent())
        if len(answers.samples) == 0:
            raise DataError(f"None of the labelled {self.job.noun} in {name} could be read.")
        metrics = self.problem.measure(answers)
        return Evaluation(
            self.task, answers, metrics, skipped + failed, self._strangers(known), watch.seconds,
            problem=self.problem.name,
        )  # fmt: skip

    def answers(
        self, samples: Sequence[Sample], progress: Progress
    ) -> tuple[BoxPredictions, tuple[Skipped, ...]]:
        """Everything found on samples, calibrated, and those that could not be read."""
        kept, found, sizes, failed = [], [], [], []
        for sample, each in self._located(samples, progress):
            if isinstance(each, MediaError):
                failed.append(Skipped(str(sample.source), str(each)))
            else:
                kept.append(sample)
                found.append(self.named(each.found))
                sizes.append(each.size)
        thresholds = tuple(float(t) for t in self.calibration.thresholds)
        answers = BoxPredictions(tuple(kept), self.labels, tuple(found), thresholds, tuple(sizes))
        return answers, tuple(failed)

    def named(self, found: Found) -> tuple[FoundBox, ...]:
        """Boxes with the names of their classes and calibrated scores, the surest first."""
        return named(found, self.labels, self.calibration)

    def counted(self, boxes: Sequence[FoundBox]) -> tuple[FoundBox, ...]:
        """Those whose score reaches the threshold of their class."""
        least = dict(zip(self.labels, self.calibration.thresholds.tolist(), strict=True))
        return tuple(box for box in boxes if box.score >= least[box.label])

    def explain(self, *inputs: Inputs, progress: Progress | None = None) -> list[BoxExplanation]:
        """Why the surest boxes of each picture were found; none of pictures on which nothing was.

        Raises:
            UsageError: nothing was named.
            DataError: a picture cannot be read.
        """
        named = inputs_here(one_by_one(inputs), self.finder.extractors.cache)
        if not named:
            raise UsageError("explain needs pictures: name files, folders or patterns of files.")
        samples, skipped = read_inputs(named, self.job)
        if skipped:
            raise DataError(f"{skipped[0].path} cannot be read: {skipped[0].reason}.")
        return self.explanations(samples, progress or Silent())

    def explanations(self, samples: Sequence[Sample], progress: Progress) -> list[BoxExplanation]:
        """The same, of samples."""
        found: list[BoxExplanation] = []
        for sample, each in zip(samples, self.finder.find_in(samples), strict=True):
            if isinstance(each, MediaError):
                raise DataError(f"{sample.source} cannot be read: {each}.")
            boxes = self.counted(self.named(each.found))
            found += explain_boxes(self.finder, self.calibration, self.labels, sample, boxes, progress)
        return found

    def add(self, name: str, *inputs: Inputs) -> "tuple[TrainedModel, Update]":
        """Refused: a class of things is learnt from boxes, in a fit."""
        self._refuse("add")

    def remove(self, name: str) -> "tuple[TrainedModel, Update]":
        """Refused: what a detector finds is chosen in a fit."""
        self._refuse("remove")

    def save(self, folder: str | Path, pages: Callable[[Path], None] | None = None) -> None:
        """Write the model folder; one that is there is replaced when the new one is complete."""
        with stored_at(folder, self.finder.extractors.cache) as place:
            save(self, place, pages)

    def with_record(self, record: FitRecord) -> "Detector":
        """The same model with another record."""
        return replace(self, record=record)

    def _repr_html_(self) -> str:
        """In a notebook: what the fit found."""
        return self.record._repr_html_()

    def _located(
        self, samples: Sequence[Sample], progress: Progress
    ) -> Iterator[tuple[Sample, Located | MediaError]]:
        progress.start("answering", len(samples))
        for sample, each in zip(samples, self.finder.find_in(samples), strict=True):
            progress.advance()
            yield sample, each
        progress.finish()

    def _strangers(self, samples: Sequence[Sample]) -> tuple[str, ...]:
        strange = sorted({label for sample in samples for label in sample.classes} - set(self.labels))
        if not strange:
            return ()
        return (f"The model does not know {', '.join(strange)}: these boxes are not counted as missed.",)

    def _refuse(self, verb: str) -> NoReturn:
        raise UsageError(
            f"{verb} is for models of labelled examples; what this model finds is learnt from boxes: label "
            "them and fit again."
        )


def named(found: Found, labels: Sequence[str], calibration: Calibration) -> tuple[FoundBox, ...]:
    """Boxes with the names of their classes and calibrated scores, the surest first."""
    scores = calibration.apply(found.scores, found.labels)
    return tuple(
        FoundBox(labels[found.labels[i]], float(scores[i]), *(float(v) for v in found.boxes[i]))
        for i in np.argsort(-scores, kind="stable")
    )
