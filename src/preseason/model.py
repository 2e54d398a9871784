"""What a fit returns: answers, scores, takes classes in and lets them go, and saves itself."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from preseason.answering import answers_of, probe
from preseason.data.dataset import Dataset, Sample, Skipped
from preseason.data.files import Columns
from preseason.errors import DataError, UsageError
from preseason.evaluation.known import Known, example_of
from preseason.evaluation.metrics import measure
from preseason.progress import Progress, Silent, Stopwatch
from preseason.reading import NOT_NAMED, accept_of, fingerprinted, has_column, read_inputs
from preseason.record import (
    Answers,
    Evaluation,
    FitRecord,
    Prediction,
    Predictions,
    Update,
)
from preseason.tasks.base import Task
from preseason.threads import one_blas_thread
from preseason.training.predictor import Bench, Predictor


@dataclass(frozen=True)
class Model:
    """An adapted model; every change gives a new one.

    Attributes:
        predictor: the fitted ways.
        known: the examples it knows, as vectors.
        record: what the fit found.
    """

    job: Task
    bench: Bench
    predictor: Predictor
    known: Known
    record: FitRecord

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names, in the order of all probabilities."""
        return self.known.labels

    @property
    def task(self) -> str:
        """Name of the job."""
        return self.job.name

    def predict(self, *inputs: str | Path, progress: Progress | None = None) -> Predictions:
        """Answers to files, folders and globs, or to texts themselves, in the order asked.

        Raises:
            UsageError: nothing was named.
        """
        if not inputs:
            raise UsageError(f"predict needs {self.job.noun}: name files, folders or patterns of files.")
        samples, skipped = self.samples_of(inputs)
        answers, failed = self.answers(samples, progress or Silent())
        return Predictions(tuple(self._predictions(answers)), skipped + failed)

    def evaluate(
        self,
        data: str | Path,
        progress: Progress | None = None,
        *,
        text: str | None = None,
        label: str | None = None,
    ) -> Evaluation:
        """Accuracy and its kin on a labelled folder or table.

        Args:
            data: labelled as for a fit.
            progress: told what happens.
            text: column of the texts, where `data` is a table of them; by default as in the fit, or guessed.
            label: column of the labels.

        Raises:
            DataError: nothing usable is there.
        """
        watch = Stopwatch()
        with watch.stage("reading files"):
            columns = self._columns((data,), Columns(text, label))
            found = self.job.read(Path(data), accept_of(self.job, columns))
            samples, skipped = fingerprinted(found, self.job)
        with watch.stage("answering"):
            answers, failed = self.answers(samples, progress or Silent())
        if len(answers.samples) == 0:
            raise DataError(f"None of the {self.job.noun} in {data} could be read.")
        metrics = measure(answers.probabilities, answers.targets)
        return Evaluation(
            self.task, answers, metrics, skipped + failed, self._strangers(answers), watch.seconds
        )

    def samples_of(self, inputs: Sequence[str | Path]) -> tuple[tuple[Sample, ...], tuple[Skipped, ...]]:
        """Unlabelled samples of what `predict` takes, with fingerprints, and what could not be read."""
        return read_inputs(tuple(inputs), self.job, self._columns(inputs))

    def answers(self, samples: Sequence[Sample], progress: Progress) -> tuple[Answers, tuple[Skipped, ...]]:
        """Calibrated answers to samples with fingerprints, and those that could not be read."""
        return answers_of(self.bench, self.predictor, self.known, samples, progress)

    def add(self, name: str, *inputs: str | Path) -> "tuple[Model, Update]":
        """With a class more, from a few photos of it; nothing is trained again but a linear probe.

        Raises:
            UsageError: the name is empty or the network was trained on a class of that name.
            DataError: none of the photos can be read.
        """
        if not name.strip():
            raise UsageError("add needs a name for the new class.")
        samples, skipped = self.samples_of(inputs)
        raw = self.predictor.answer(samples, self.bench, Silent())
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
            return replace(self, known=known), self._update(name, known, count, ())

    def explain(self, text: str) -> tuple[tuple[str, float], ...]:
        """What each word of a text adds to the probability of its answer, by leaving the word out.

        Occlusion (Zeiler and Fergus 2014, arXiv 1311.2901) of one word at a time; a word that speaks against
        the answer has a negative weight.

        Raises:
            UsageError: this is no model of texts, or the text has no words.

        Example:
            model.explain("What a goal!")  # (("What", 0.01), ("a", 0.0), ("goal!", 0.42))
        """
        words = text.split()
        if self.bench.backbone.reads != "texts" or not words:
            raise UsageError("explain needs a text with words in it, and a model of texts.")
        without = [" ".join(words[:place] + words[place + 1 :]) or "." for place in range(len(words))]
        samples = tuple(Sample(each) for each in (" ".join(words), *without))
        named, _ = fingerprinted(Dataset(Path(), "loose", samples, ()), self.job)
        chances = self.answers(named, Silent())[0].probabilities
        gained = chances[0, chances[0].argmax()] - chances[1:, chances[0].argmax()]
        return tuple((word, float(gain)) for word, gain in zip(words, gained, strict=True))

    def save(self, folder: str | Path) -> None:
        """Write the model folder; one that is there is replaced when the new one is complete."""
        from preseason.model_folder import save

        save(self, Path(folder))

    def _columns(self, inputs: Sequence[str | Path], named: Columns = NOT_NAMED) -> Columns:
        """The columns named, else those of the fit where every table among the inputs has them."""
        before = Columns(self.record.recipe.get("text"), self.record.recipe.get("label"))
        has = partial(has_column, inputs)
        return Columns(
            named.text or (before.text if has(before.text) else None),
            named.label or (before.label if has(before.label) else None),
        )

    def _predictions(self, answers: Answers) -> Iterator[Prediction]:
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

    def _strangers(self, answers: Answers) -> tuple[str, ...]:
        strange = sorted(
            {str(s.label) for s, t in zip(answers.samples, answers.targets, strict=True) if t < 0}
        )
        if not strange:
            return ()
        names = ", ".join(strange)
        return (f"The model does not know {names}: every answer to these counts as wrong.",)

    def _update(self, name: str, known: Known, examples: int, skipped: tuple[Skipped, ...]) -> Update:
        before, after = self.known.recall(probe), known.recall(probe)
        lost = [n for n in before if n in after and after[n] < before[n] - 0.05]
        warnings = tuple(
            f"{n} is now recognised in {100 * after[n]:.0f} % of its known examples, {100 * before[n]:.0f} % "
            "before." for n in lost
        )  # fmt: skip
        return Update(name, examples, before, after, skipped, warnings)
