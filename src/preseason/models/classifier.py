"""What a fit returns: answers, scores, takes classes in and lets them go, and saves itself."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.data.clock import clock
from preseason.data.contradictions import contradictions
from preseason.data.dataset import Dataset, Sample, Skipped
from preseason.data.files import Columns
from preseason.data.given import Inputs, one_by_one
from preseason.data.hugging_face import Named, is_data_set, labelled, unlabelled
from preseason.data.spellings import same_class
from preseason.errors import DataError, UsageError
from preseason.evaluation.choosing import choose
from preseason.inference.answers import BatchPredictions
from preseason.inference.predictor import FeatureExtractors, Predictor
from preseason.models.explanation import Explainer, Explanation, whereabouts
from preseason.models.prediction import predict_batch
from preseason.models.saving import save
from preseason.openset.drift import ReferenceDistribution, drift_of
from preseason.openset.probe import probe
from preseason.openset.reference_set import ReferenceSet, example_of
from preseason.problems.base import Problem, problems
from preseason.results import Adaptation, Drift, Evaluation, FitRecord, Prediction, Predictions, Update
from preseason.runtime.progress import Progress, Silent, Stopwatch
from preseason.runtime.threads import one_blas_thread
from preseason.stores.mirror import inputs_here
from preseason.stores.models import stored_at
from preseason.tasks.base import Task
from preseason.tasks.reading import fingerprinted, has_column, opened, read_inputs, read_labelled
from preseason.trained_model import CLASSIFIES, SPOTS
from preseason.training.adapting import adapted

LABEL_FIRST = 12
"""Inputs of another world that are named as the ones to label first."""


@dataclass(frozen=True)
class Model:
    """A fitted classifier; methods that change it return a new one.

    Attributes:
        predictor: the fitted heads, averaged and calibrated.
        known: feature vectors of the training examples.
        record: the results of the fit.
        reference_distribution: statistics of the training data, to detect drift, or None.
    """

    job: Task
    extractors: FeatureExtractors
    predictor: Predictor
    known: ReferenceSet
    record: FitRecord
    reference_distribution: ReferenceDistribution | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names, in the order of the probabilities."""
        return self.known.labels

    @property
    def task(self) -> str:
        """Name of the task."""
        return self.job.name

    @property
    def problem(self) -> Problem[Any]:
        """What kind of answer it predicts."""
        return problems.get(self.job.problem)

    @property
    def capabilities(self) -> frozenset[str]:
        """What the model can do: it classifies; models of clips can also spot actions in long videos."""
        return frozenset({CLASSIFIES, SPOTS} if self.record.span_s else {CLASSIFIES})

    def predict(
        self,
        *inputs: Inputs,
        progress: Progress | None = None,
        adapt: bool = False,
        text: str | None = None,
        path: str | None = None,
    ) -> Predictions:
        """Predict files, folders and globs, or texts themselves, in the order given.

        Args:
            inputs: one by one or in lists; a table among them stands for the files or texts of its rows. Or a
                single `Dataset` of the library `datasets`.
            progress: receives progress messages.
            adapt: re-centre the features on these examples first.
            text, path: column of the texts or of the files in tables; by default as in the fit, or guessed.

        Raises:
            UsageError: no input was given.
        """
        if len(inputs) == 1 and is_data_set(inputs[0]):
            with unlabelled(inputs[0], self.extractors.cache, text or path) as found:
                return self.predict(found, progress=progress, adapt=adapt)
        named = one_by_one(inputs)
        if not named:
            raise UsageError(f"predict needs {self.job.noun}: name files, folders or patterns of files.")
        samples, skipped = self.samples_of(named, text, path)
        model, change = self.adapted(samples, progress or Silent()) if adapt else (self, None)
        answers, failed = model.answers(samples, progress or Silent())
        predictions = tuple(self.predictions(answers))
        drift = self.drift(answers)
        return Predictions(predictions, skipped + failed, drift, change, self.problem.name)

    def adapted(self, samples: Sequence[Sample], progress: Progress) -> "tuple[Model, Adaptation]":
        """Re-centre the features on samples with fingerprints; returns the new model and what changed.

        Raises:
            UsageError: there are too few samples, or nothing can be re-centred.
        """
        counts = np.full(len(self.record.labels), 1e-6, np.float32)
        known = self.known.targets[self.known.targets < self.known.trained]
        np.add.at(counts, np.array(self.known.columns)[known], 1)
        predictor, change = adapted(self.predictor, samples, self.extractors, counts / counts.sum(), progress)
        return replace(self, predictor=predictor), change

    def drift(self, answers: BatchPredictions) -> Drift | None:
        """Whether the batch differs from the training data; None for models that cannot compare."""
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
        data: Any,
        progress: Progress | None = None,
        *,
        text: str | None = None,
        label: str | None = None,
        path: str | None = None,
        rename: Sequence[str] = (),
        adapt: bool = False,
    ) -> Evaluation:
        """Measure accuracy and related metrics on a labelled folder or table.

        Args:
            data: labelled as for a fit, or a `Dataset` of the library `datasets`.
            progress: receives progress messages.
            text: column of the texts, if `data` is a table of texts; by default as in the fit, or guessed.
            label: column of the labels.
            path: column of the files, where `data` is a table that names them.
            rename: `OLD=NEW` for labels that the model calls otherwise.
            adapt: re-centre the features on these examples first, without their labels.

        Raises:
            DataError: it contains nothing usable.
        """
        if is_data_set(data):
            with labelled(data, self.extractors.cache, Named(text or path, label)) as found:
                return self._evaluated(found, Columns(rename=tuple(rename)), adapt, progress)
        columns = self.columns((data,), text, label, path, rename)
        return self._evaluated(opened(data, self.extractors.cache, columns), columns, adapt, progress)

    def _evaluated(
        self, data: Path | Dataset, columns: Columns, adapt: bool, progress: Progress | None
    ) -> Evaluation:
        watch = Stopwatch()
        with watch.stage("reading files"):
            found, told = read_labelled(self.job, data, columns, self.labels)
            samples, skipped = fingerprinted(found, self.job)
        with watch.stage("answering"):
            model, change = self.adapted(samples, progress or Silent()) if adapt else (self, None)
            answers, failed = model.answers(samples, progress or Silent())
        if len(answers.samples) == 0:
            place = data.root if isinstance(data, Dataset) else data
            raise DataError(f"None of the {self.job.noun} in {place} could be read.")
        metrics = self.problem.measure(answers)
        drift = self.drift(answers)
        learnt = self.has_learnt(answers.samples)
        unseen = self.problem.measure(answers.part(~learnt)) if learnt.any() and not learnt.all() else {}
        warnings = (
            *told,
            *self.flattered(learnt),
            *self._strangers(answers),
            *contradictions(answers.samples),
        )
        if drift is not None and drift.verdict == "other":
            warnings = (*warnings, drift.words.capitalize())
        skipped = skipped + failed
        return Evaluation(
            self.task, answers, metrics, skipped, warnings, watch.seconds, change, self.problem.name,
            int(learnt.sum()), unseen,
        )  # fmt: skip

    def has_learnt(self, samples: Sequence[Sample]) -> NDArray[np.bool_]:
        """Which of n samples with fingerprints the model was trained on, by content; bool [n].

        Of very many training examples a model keeps only some (`MAX_EXAMPLES`), and recognises only these.
        """
        known = {(example.fingerprint, example.span) for example in self.known.examples}
        return np.array([(sample.fingerprint, sample.span) in known for sample in samples], np.bool_)

    def samples_of(
        self, inputs: Iterable[Inputs], text: str | None = None, path: str | None = None
    ) -> tuple[tuple[Sample, ...], tuple[Skipped, ...]]:
        """Unlabelled samples from the inputs of `predict`, with fingerprints, and what could not be read."""
        named = inputs_here(one_by_one(inputs), self.extractors.cache)
        return read_inputs(named, self.job, self.columns(named, text, path=path))

    def answers(
        self, samples: Sequence[Sample], progress: Progress
    ) -> tuple[BatchPredictions, tuple[Skipped, ...]]:
        """Calibrated predictions for samples with fingerprints, and those that could not be read."""
        return predict_batch(self.extractors, self.predictor, self.known, samples, progress)

    def add(self, name: str, *inputs: Inputs) -> "tuple[Model, Update]":
        """Add a class from a few examples; only a linear probe is retrained.

        Raises:
            UsageError: the name is empty or the network was trained on a class of that name.
            DataError: none of the photos can be read.
        """
        if not name.strip():
            raise UsageError("add needs a name for the new class.")
        if (same := same_class(name.strip(), self.labels)) is not None:
            raise UsageError(
                f"The model knows {same!r}, and {name.strip()!r} is the same written in another way: add to "
                f"{same!r}, or choose a name of its own."
            )
        samples, skipped = self.samples_of(inputs)
        raw = self.predictor.answer(samples, self.extractors, Silent())
        if len(raw.kept) == 0:
            raise DataError(f"None of the {self.job.noun} for {name!r} could be read.")
        with one_blas_thread():
            examples = [example_of(samples[i]) for i in raw.kept]
            known = self.known.added(name.strip(), raw.embeddings, probe, examples, raw.part_rows)
            update = self._update(name.strip(), known, len(raw.kept), skipped + raw.skipped)
        return replace(self, known=known), update

    def remove(self, name: str) -> "tuple[Model, Update]":
        """Remove a class: its feature vectors are deleted, and the others share its probability.

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
        """Which words, regions of a photo or moments of a clip a prediction is based on.

        Each is hidden in turn and the model predicts again (occlusion, Zeiler and Fergus 2014, arXiv
        1311.2901); a part that speaks against the prediction has a negative weight. The nearest
        training examples are included.

        Args:
            given: a file, or a text itself.
            data: where the training examples are now, if not where the fit found them.
            progress: receives progress messages.

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
        """Explain samples with fingerprints, in order; see `explain`."""
        run = Explainer(self.job, self.extractors, self.predictor, self.known, self.columns(()), progress)
        found = whereabouts(run, self.extractors.cache, self.record.fingerprint, data)
        for sample in samples:
            yield run.explain(sample, found)

    def save(self, folder: str | Path, pages: Callable[[Path], None] | None = None) -> None:
        """Write the model folder; an existing model is replaced once the new one is complete.

        Args:
            pages: writes card and report into the folder it is given; without it, existing ones are kept.
        """
        with stored_at(folder, self.extractors.cache) as place:
            save(self, place, pages)

    def with_record(self, record: FitRecord) -> "Model":
        """A copy of the model with another record."""
        return replace(self, record=record)

    def columns(
        self,
        inputs: Sequence[str | Path],
        text: str | None = None,
        label: str | None = None,
        path: str | None = None,
        rename: Sequence[str] = (),
    ) -> Columns:
        """The columns given, or else those of the fit if every table among the inputs has them."""
        recipe = self.record.recipe
        before = Columns(recipe.get("text"), recipe.get("label"), path=recipe.get("path"))
        has = partial(has_column, inputs)
        return Columns(
            text or (before.text if has(before.text) else None),
            label or (before.label if has(before.label) else None),
            path=path or (before.path if has(before.path) else None),
            rename=tuple(rename),
        )

    def predictions(self, answers: BatchPredictions) -> Iterator[Prediction]:
        """Predictions in the form shown to users, one per input."""
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

    def _repr_html_(self) -> str:
        """In a notebook: what the fit found."""
        return self.record._repr_html_()

    def flattered(self, learnt: NDArray[np.bool_]) -> tuple[str, ...]:
        """What to say where examples that were learnt from are judged, of which `has_learnt` tells."""
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
