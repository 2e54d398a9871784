"""What a fit returns: answers, scores, takes classes in and lets them go, and saves itself."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.data.clock import clock
from preseason.data.dataset import Sample, Skipped
from preseason.data.files import Columns
from preseason.errors import DataError, UsageError
from preseason.evaluation.choosing import choose
from preseason.inference.predictor import FeatureExtractors, Predictor
from preseason.models.explanation import Explainer, Explanation, whereabouts
from preseason.models.prediction import predict_batch
from preseason.models.saving import save
from preseason.openset.drift import ReferenceDistribution, drift_of
from preseason.openset.probe import probe
from preseason.openset.reference_set import ReferenceSet, example_of
from preseason.problems.base import Problem, problems
from preseason.results import (
    Adaptation,
    BatchPredictions,
    Drift,
    Evaluation,
    FitRecord,
    Prediction,
    Predictions,
    Update,
)
from preseason.runtime.progress import Progress, Silent, Stopwatch
from preseason.runtime.threads import one_blas_thread
from preseason.tasks.base import Task
from preseason.tasks.reading import accept_of, fingerprinted, has_column, read_inputs
from preseason.trained_model import CLASSIFIES, SPOTS
from preseason.training.adapting import adapted

LABEL_FIRST = 12
"""Inputs of another world that are named as the ones to label first."""


@dataclass(frozen=True)
class Model:
    """An adapted model; every change gives a new one.

    Attributes:
        predictor: the fitted ways.
        known: the examples it knows, as vectors.
        record: what the fit found.
        reference_distribution: what training data look like, to notice drift, or None.
    """

    job: Task
    extractors: FeatureExtractors
    predictor: Predictor
    known: ReferenceSet
    record: FitRecord
    reference_distribution: ReferenceDistribution | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names, in the order of all probabilities."""
        return self.known.labels

    @property
    def task(self) -> str:
        """Name of the job."""
        return self.job.name

    @property
    def problem(self) -> Problem[Any]:
        """What it predicts of an example."""
        return problems.get(self.job.problem)

    @property
    def capabilities(self) -> frozenset[str]:
        """It classifies; one of clips also spots what happens in long videos."""
        return frozenset({CLASSIFIES, SPOTS} if self.record.span_s else {CLASSIFIES})

    def predict(
        self, *inputs: str | Path, progress: Progress | None = None, adapt: bool = False
    ) -> Predictions:
        """Answers to files, folders and globs, or to texts themselves, in the order asked.

        Args:
            adapt: re-centre the features on these examples first.

        Raises:
            UsageError: nothing was named.
        """
        if not inputs:
            raise UsageError(f"predict needs {self.job.noun}: name files, folders or patterns of files.")
        samples, skipped = self.samples_of(inputs)
        model, change = self.adapted(samples, progress or Silent()) if adapt else (self, None)
        answers, failed = model.answers(samples, progress or Silent())
        predictions = tuple(self.predictions(answers))
        drift = self.drift(answers)
        return Predictions(predictions, skipped + failed, drift, change, self.problem.name)

    def adapted(self, samples: Sequence[Sample], progress: Progress) -> "tuple[Model, Adaptation]":
        """The model with its features re-centred on samples with fingerprints, and what that changed.

        Raises:
            UsageError: there are too few samples, or nothing can be re-centred.
        """
        counts = np.full(len(self.record.labels), 1e-6, np.float32)
        known = self.known.targets[self.known.targets < self.known.trained]
        np.add.at(counts, np.array(self.known.columns)[known], 1)
        predictor, change = adapted(self.predictor, samples, self.extractors, counts / counts.sum(), progress)
        return replace(self, predictor=predictor), change

    def drift(self, answers: BatchPredictions) -> Drift | None:
        """Whether the batch is unlike the examples of training; None of models that cannot compare."""
        if self.reference_distribution is None or answers.plain is None:
            return None
        found = drift_of(
            self.reference_distribution,
            self.reference_distribution.residuals(answers.plain, answers.probabilities, self.labels),
        )
        if found.verdict != "other" or answers.vectors is None:
            return found
        first = choose(answers.probabilities, answers.vectors, LABEL_FIRST)
        return replace(found, label_first=tuple(_named(answers.samples[i]) for i in first))

    def evaluate(
        self,
        data: str | Path,
        progress: Progress | None = None,
        *,
        text: str | None = None,
        label: str | None = None,
        adapt: bool = False,
    ) -> Evaluation:
        """Accuracy and its kin on a labelled folder or table.

        Args:
            data: labelled as for a fit.
            progress: told what happens.
            text: column of the texts, where `data` is a table of them; by default as in the fit, or guessed.
            label: column of the labels.
            adapt: re-centre the features on these examples first, without their labels.

        Raises:
            DataError: nothing usable is there.
        """
        watch = Stopwatch()
        with watch.stage("reading files"):
            columns = self.columns((data,), text, label)
            found = self.job.read(Path(data), accept_of(self.job, columns))
            samples, skipped = fingerprinted(found, self.job)
        with watch.stage("answering"):
            model, change = self.adapted(samples, progress or Silent()) if adapt else (self, None)
            answers, failed = model.answers(samples, progress or Silent())
        if len(answers.samples) == 0:
            raise DataError(f"None of the {self.job.noun} in {data} could be read.")
        metrics = self.problem.measure(answers)
        drift = self.drift(answers)
        learnt = self.has_learnt(answers.samples)
        unseen = self.problem.measure(answers.part(~learnt)) if learnt.any() and not learnt.all() else {}
        warnings = (*self._flattered(learnt), *self._strangers(answers))
        if drift is not None and drift.verdict == "other":
            warnings = (*warnings, drift.words.capitalize())
        skipped = skipped + failed
        return Evaluation(
            self.task, answers, metrics, skipped, warnings, watch.seconds, change, self.problem.name,
            int(learnt.sum()), unseen,
        )  # fmt: skip

    def has_learnt(self, samples: Sequence[Sample]) -> NDArray[np.bool_]:
        """Which of n samples with fingerprints the model has learnt from, told by their content; bool [n].

        Of very many examples of training a model keeps some (`MAX_EXAMPLES`): only these are recognised.
        """
        known = {(example.fingerprint, example.span) for example in self.known.examples}
        return np.array([(sample.fingerprint, sample.span) in known for sample in samples], np.bool_)

    def samples_of(self, inputs: Sequence[str | Path]) -> tuple[tuple[Sample, ...], tuple[Skipped, ...]]:
        """Unlabelled samples of what `predict` takes, with fingerprints, and what could not be read."""
        return read_inputs(tuple(inputs), self.job, self.columns(inputs))

    def answers(
        self, samples: Sequence[Sample], progress: Progress
    ) -> tuple[BatchPredictions, tuple[Skipped, ...]]:
        """Calibrated answers to samples with fingerprints, and those that could not be read."""
        return predict_batch(self.extractors, self.predictor, self.known, samples, progress)

    def add(self, name: str, *inputs: str | Path) -> "tuple[Model, Update]":
        """With a class more, from a few photos of it; nothing is trained again but a linear probe.

        Raises:
            UsageError: the name is empty or the network was trained on a class of that name.
            DataError: none of the photos can be read.
        """
        if not name.strip():
            raise UsageError("add needs a name for the new class.")
        samples, skipped = self.samples_of(inputs)
        raw = self.predictor.answer(samples, self.extractors, Silent())
        if len(raw.kept) == 0:
            raise DataError(f"None of the {self.job.noun} for {name!r} could be read.")
        with one_blas_thread():
            examples = [example_of(samples[i]) for i in raw.kept]
            known = self.known.added(name.strip(), raw.embeddings, probe, examples)
            update = self._update(name.strip(), known, len(raw.kept), skipped + raw.skipped)
        return replace(self, known=known), update

    def remove(self, name: str) -> "tuple[Model, Update]":
        """Without a class: its examples' vectors are deleted, the others share its probability.

        Raises:
            UsageError: there is no such class, or only two are left.
        """
        with one_blas_thread():
            known = self.known.removed(name, probe)
            count = int((self.known.targets == self.labels.index(name)).sum())
            reference_distribution = (
                None if self.reference_distribution is None else self.reference_distribution.without(name)
            )
            return replace(self, known=known, reference_distribution=reference_distribution), self._update(
                name, known, count, ()
            )

    def explain(
        self, given: str | Path, *, data: str | Path | None = None, progress: Progress | None = None
    ) -> Explanation:
        """Which words, which places of a photo or which moments of a clip the answer rests on.

        Each is hidden in turn and the answer asked again (occlusion, Zeiler and Fergus 2014, arXiv
        1311.2901); one that speaks against the answer has a negative weight. The nearest known examples
        stand beside it.

        Args:
            given: a file, or a text itself.
            data: where the labelled examples lie now, if not where the fit found them.
            progress: told how far it is.

        Raises:
            UsageError: a text has no words, or several examples were named.
            DataError: the file cannot be read.

        Example:
            dict(model.explain("What a goal!"))  # {"What": 0.01, "a": 0.0, "goal!": 0.42}
        """
        samples, skipped = self.samples_of((given,))
        if len(samples) > 1:
            raise UsageError(f"{given} holds {len(samples)} {self.job.noun}: explain takes one at a time.")
        if not samples and self.job.modality.typed:
            raise UsageError("explain needs a text with words in it.")
        if not samples:
            raise DataError(f"{given} cannot be read: {skipped[0].reason if skipped else 'nothing there'}.")
        return next(self.explanations(samples, data, progress or Silent()))

    def explanations(
        self, samples: Sequence[Sample], data: str | Path | None, progress: Progress
    ) -> Iterator[Explanation]:
        """Explanations of samples with fingerprints, in order; see `explain`."""
        run = Explainer(self.job, self.extractors, self.predictor, self.known, self.columns(()), progress)
        found = whereabouts(run, self.extractors.cache, self.record.fingerprint, data)
        for sample in samples:
            yield run.explain(sample, found)

    def save(self, folder: str | Path, pages: Callable[[Path], None] | None = None) -> None:
        """Write the model folder; one that is there is replaced when the new one is complete.

        Args:
            pages: writes card and report into the folder it is given; without it those there are kept.
        """
        save(self, Path(folder), pages)

    def with_record(self, record: FitRecord) -> "Model":
        """The same model with another record."""
        return replace(self, record=record)

    def columns(
        self, inputs: Sequence[str | Path], text: str | None = None, label: str | None = None
    ) -> Columns:
        """The columns named, else those of the fit where every table among the inputs has them."""
        before = Columns(self.record.recipe.get("text"), self.record.recipe.get("label"))
        has = partial(has_column, inputs)
        return Columns(
            text or (before.text if has(before.text) else None),
            label or (before.label if has(before.label) else None),
        )

    def predictions(self, answers: BatchPredictions) -> Iterator[Prediction]:
        """Answers as they are shown, an input for each."""
        for sample, row, distance in zip(
            answers.samples, answers.probabilities, answers.distance, strict=True
        ):
            best = int(row.argmax())
            yield Prediction(
                input=str(sample.source),
                label=self.labels[best],
                probability=float(row[best]),
                unknown=bool(distance > self.known.threshold),
                probabilities={name: float(p) for name, p in zip(self.labels, row, strict=True)},
            )

    def _flattered(self, learnt: NDArray[np.bool_]) -> tuple[str, ...]:
        """What to say where examples that were learnt from are judged."""
        if not learnt.any():
            return ()
        which = "all" if learnt.all() else f"{learnt.sum()}"
        return (
            f"The model has learnt from {which} of these {len(learnt)} {self.job.noun}: the figure flatters. "
            "Evaluate on data that it has not seen.",
        )

    def _strangers(self, answers: BatchPredictions) -> tuple[str, ...]:
        strange = sorted(
            {str(s.label) for s, t in zip(answers.samples, answers.targets, strict=True) if t < 0}
        )
        if not strange:
            return ()
        names = ", ".join(strange)
        return (f"The model does not know {names}: every answer to these counts as wrong.",)

    def _update(self, name: str, known: ReferenceSet, examples: int, skipped: tuple[Skipped, ...]) -> Update:
        before, after = self.known.recall(probe), known.recall(probe)
        lost = [n for n in before if n in after and after[n] < before[n] - 0.05]
        warnings = tuple(
            (f"{n} is now recognised in {100 * after[n]:.0f} % of its known examples, "
            f"{100 * before[n]:.0f} % before.") for n in lost
        )  # fmt: skip
        return Update(name, examples, before, after, skipped, warnings)


def _named(sample: Sample) -> str:
    """The input; of a stretch of a video the file's name and the time of its middle."""
    if sample.span is None:
        return str(sample.source)
    return f"{sample.source.name} at {clock(sum(sample.span) / 2)}"
