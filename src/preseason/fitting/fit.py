"""The whole road: files, audit, ways tried within the budget, calibration, report, model folder."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from preseason import backbones
from preseason.data.checks import check_trainable
from preseason.data.dataset import shown
from preseason.data.files import Columns
from preseason.data.split import hold_out
from preseason.diagnostics.checks import RANKS, Caution, Judged, check
from preseason.diagnostics.evidence import Evidence
from preseason.engine.networks import device_for
from preseason.engine.upkeep import evict
from preseason.errors import UsageError
from preseason.evaluation.metrics import measure
from preseason.fitting import summary
from preseason.fitting.chat import fit_chat
from preseason.fitting.learner import Learner
from preseason.fitting.worker import assist, open_board
from preseason.language.reading import recognises
from preseason.models.classifier import Model
from preseason.models.loading import load
from preseason.models.saving import save
from preseason.recipe import Recipe, recipe_from
from preseason.report.card import write_card
from preseason.report.html import write_report
from preseason.results import FitRecord
from preseason.runtime.cache_dir import cache_folder, remember_place
from preseason.runtime.launcher import process_info
from preseason.runtime.progress import Progress, Silent, Stopwatch
from preseason.storage import CARD, REPORT
from preseason.tasks.reading import read, task_for
from preseason.training.predictor import FeatureExtractors
from preseason.training.rounds import Clock
from preseason.training.scratch import scratch_accuracy, transfer_warning

if TYPE_CHECKING:
    from preseason.arrays.types import Ints
    from preseason.data.audit import Audit
    from preseason.diagnostics.checks import Caution
    from preseason.distributed.work_queue import Board
    from preseason.fitting.learner import Learner, Learnt
    from preseason.language.hosted_model import HostedModel
    from preseason.language.model import ChatModel
    from preseason.models.classifier import Model
    from preseason.results import BatchPredictions, FitRecord
    from preseason.tasks.base import Task
    from preseason.training.candidates import Candidate
    from preseason.training.predictor import FeatureExtractors, Predictor
    from preseason.training.rounds import Clock, Trials

REFIT_SHARE = 0.45
"""Share of the time for fitting once more, on everything, after a held-out part has been tested."""

ONE_PART = 0.2
"""Share held out where every example lies in a part for testing, so that none is left to learn from."""


def fit(
    data: str | Path,
    output: str | Path | None = None,
    *,
    recipe: Recipe | None = None,
    config: str | Path | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> "Model | ChatModel | HostedModel":
    """Adapt a pretrained network to labelled examples.

    Args:
        data: folder with one folder per label, or a CSV, TSV, JSON Lines or Parquet table; dialogues or texts
            without labels give a model that talks.
        output: model folder to write; None keeps the model in memory.
        recipe: settings to start from; single ones may be given as keywords, e.g. `budget_s="5m"`.
        config: TOML file with settings; keywords overrule it.
        progress: told what happens.

    Raises:
        UsageError: a setting cannot be used.
        DataError: nothing can be learnt from the data.
        WeightsError: the backbone's weights are not on this machine.
        CacheError: the feature bank cannot be written.

    Example:
        model = preseason.fit("photos/", "players")
        model.predict("new.jpg")[0].label
    """
    chosen = recipe_from(recipe, Path(config) if config else None, settings)
    root, folder = Path(data), None if output is None else Path(output)
    here = process_info()
    if here.size == 1:
        return _fitted(root, folder, chosen, progress or Silent())
    board = open_board(here, cache_folder(chosen.cache))
    if here.rank == 0:
        with board.led():
            return _fitted(root, folder, chosen, progress or Silent(), board)
    return _helped(root, folder, chosen, board)


def _fitted(
    root: Path, folder: Path | None, recipe: Recipe, progress: Progress, board: "Board | None" = None
) -> "Model | ChatModel | HostedModel":
    if recognises(root):
        return fit_chat(root, folder, recipe, progress, board)
    return Fit(recipe, progress, board).run(root, folder)


def _helped(
    root: Path, folder: Path | None, recipe: Recipe, board: "Board"
) -> "Model | ChatModel | HostedModel":
    """Help the worker that leads, and load what it wrote."""
    if folder is None:
        raise UsageError("A fit by several workers needs a folder to write: name it (output, or -o).")
    columns = Columns(recipe.text, recipe.label, recipe.group)
    assist(board, recipe, lambda: Fit(recipe, Silent())._extractors_for(task_for(root, columns)))
    return load(folder, device=recipe.device, cache=recipe.cache)


@dataclass(frozen=True)
class _Sides:
    """Which samples are learnt from and which are only tested on (empty: each is tested in turn)."""

    learn: "Ints"
    test: "Ints"


class Fit:
    """One fit; `run` does the whole of it."""

    def __init__(self, recipe: Recipe, progress: Progress, board: "Board | None" = None) -> None:
        self.recipe, self.progress, self.board = recipe, progress, board
        self.watch = Stopwatch()
        self.cautions: list[Caution] = []

    def run(self, root: Path, output: Path | None) -> "Model":
        """Read, learn, judge, save."""
        columns = Columns(self.recipe.text, self.recipe.label, self.recipe.group)
        task = task_for(root, columns)
        self._check_head(task)
        with self.watch.stage("reading and auditing files"):
            audit = read(root, self.progress, columns)
        self._warn("classes", check_trainable(audit.dataset, task.noun))
        self._warn("scenes", summary.scene_warnings(audit, task.noun))
        with self.watch.stage("loading the network"):
            extractors = self._extractors_for(task)
        self._announce(task, audit, extractors)
        checkpoints = extractors.cache / "fits" / self._run_id(audit)
        model, trials = self._learn(task, audit, extractors, checkpoints)
        model = replace(model, record=self._finish(model.record, task, extractors, trials, audit))
        if output is not None:
            self._save(model, output, task)
        remember_place(extractors.cache, model.record.fingerprint, root)
        shutil.rmtree(checkpoints, ignore_errors=True)
        self._evict(extractors)
        return model

    def _warn(self, kind: str, texts: "Iterable[str]") -> None:
        self.cautions += [Caution(RANKS[kind], text) for text in texts]

    def _warnings(self) -> tuple[str, ...]:
        """All warnings, the worst first, each once."""
        return tuple(dict.fromkeys(text for _, text in sorted(self.cautions, key=lambda each: each.rank)))

    def _check_head(self, task: "Task") -> None:
        known, head = ("auto", *task.heads), self.recipe.head
        if head not in known:
            near = get_close_matches(head, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise UsageError(f"--head {head} is not for {task.noun}: expected {', '.join(known)}.{hint}")

    def _extractors_for(self, task: "Task") -> "FeatureExtractors":
        name = task.backbone if self.recipe.backbone == "auto" else self.recipe.backbone
        backbone = backbones.load(name, self.recipe.weights)
        if self.recipe.frames is not None and backbone.preprocessing.frames:
            backbone = backbone.with_frames(self.recipe.frames)
        cache = cache_folder(self.recipe.cache)
        device = device_for(self.recipe.device)
        return FeatureExtractors(backbone, task.decoder(backbone), cache, device, self.board)

    def _learn(
        self, task: "Task", audit: "Audit", extractors: "FeatureExtractors", checkpoints: Path
    ) -> "tuple[Model, Trials]":
        candidates = task.candidates(self.recipe, extractors.backbone, audit.dataset.samples)
        self._warn("way", dict.fromkeys(candidate.caution for candidate in candidates if candidate.caution))
        sides = self._sides(audit)
        trying = 1 - REFIT_SHARE if self._refits(audit) else 1.0
        clock = Clock(self._budget(task, audit) * trying, len(candidates) > 1, self.watch)
        learner = Learner(task, audit, extractors, self.recipe, self.progress, checkpoints)
        trials = learner.trials(sides.learn, candidates, clock)
        found = learner.predictor(sides.learn, trials)
        if len(sides.test) == 0:
            answers = found.answers
            single = any(fitted.candidate.fold_models == 1 for fitted in found.predictor.candidates)
            by = "held-out part" if single else f"cross-fitting in {self.recipe.folds} folds"
        else:
            answers = learner.tested(sides.test, found.predictor, found.known)
            by = "held-out part"
            self._warn("leak", summary.leak_warnings(audit, sides.learn, sides.test, task.noun))
            if self.recipe.refit:
                found = self._refit(learner, candidates, found.predictor, clock)
        record = self._record(task, audit, extractors, trials, answers, sides, by)
        record = replace(
            record,
            temperature=found.predictor.temperature,
            unknown_threshold=found.choice.threshold,
            unknown_auroc=found.choice.auroc,
            boxes=summary.boxes(task, found.predictor),
            trust=self._checked(task, audit, learner, found, record),
        )
        distribution = learner.reference_distribution(found.chosen, found.answers)
        return Model(task, extractors, found.predictor, found.known, record, distribution), trials

    def _checked(
        self, task: "Task", audit: "Audit", learner: "Learner", found: "Learnt", record: "FitRecord"
    ) -> dict[str, Any]:
        """What the checks of trust find, and their warnings among the others."""
        chosen = found.chosen
        evidence = Evidence(
            noun=task.noun,
            samples=tuple(learner.samples[i] for i in chosen),
            labels=learner.labels,
            targets=learner.targets[chosen],
            groups=learner.groups[chosen],
            folds=learner.folds(chosen),
            held=found.held,
            said=found.answers.probabilities,
            trials=found.trials,
            backbone=learner.extractors.backbone,
        )
        budget = self.recipe.strangers_share()
        with self.watch.stage("checks of trust"):
            checked = check(Judged(evidence, audit, record.answers, record.metrics, found.choice, budget))
        self.cautions += checked.cautions
        return checked.values

    def _refit(
        self, learner: "Learner", candidates: "Sequence[Candidate]", predictor: "Predictor", clock: "Clock"
    ) -> "Learnt":
        """The same ways on every labelled example."""
        everything = np.arange(len(learner.samples))
        names = [fitted.candidate.name for fitted in predictor.candidates]
        free = Clock(clock.budget_s, strict=False, watch=self.watch)
        trials = learner.trials(
            everything, [candidate for candidate in candidates if candidate.name in names], free
        )
        return learner.predictor(everything, trials, keep=predictor.kept)

    def _sides(self, audit: "Audit") -> _Sides:
        fraction = self._fraction(audit)
        if fraction == 0:
            return _Sides(np.arange(len(audit.dataset.samples)), np.zeros(0, np.int64))
        return _Sides(*hold_out(audit.dataset, fraction or 0.0, self.recipe.seed))

    def _fraction(self, audit: "Audit") -> float | None:
        """Share of the examples that is held out; None where the data itself says which."""
        parts = {sample.split for sample in audit.dataset.samples}
        declared = parts & {"test", "validation"}
        if declared and len(parts) > 1:
            return None
        usual = ONE_PART if declared else 0.0
        return usual if self.recipe.test_fraction is None else self.recipe.test_fraction

    def _record(
        self,
        task: "Task",
        audit: "Audit",
        extractors: "FeatureExtractors",
        trials: "Trials",
        answers: "BatchPredictions",
        sides: _Sides,
        by: str,
    ) -> "FitRecord":
        samples = audit.dataset.samples
        counts = Counter(str(sample.label) for sample in samples)
        kept = [candidate.name for candidate in trials.candidates if candidate.kept]
        groups = len({s.group or s.fingerprint for s in samples})
        return FitRecord(
            task=task.name,
            backbone=extractors.backbone.name,
            head=" + ".join(kept),
            recipe=self.recipe.as_dict() | {"cache": None, "weights": None},
            labels=audit.dataset.labels,
            counts={label: counts[label] for label in audit.dataset.labels},
            answers=answers,
            metrics=measure(answers.probabilities, answers.targets),
            baselines=summary.baselines(answers, trials),
            candidates=tuple(trials.candidates),
            boxes=None,
            skipped=audit.dataset.skipped,
            duplicates=tuple(tuple(shown(samples[i].source) for i in cluster) for cluster in audit.clusters),
            split={
                "by": by,
                "train": len(sides.learn),
                "test": len(answers.samples),
                "groups": groups,
                "seed": self.recipe.seed,
            },
            warnings=(),
            temperature=1.0,
            unknown_threshold=0.0,
            unknown_auroc=None,
            seconds=dict(self.watch.seconds),
            versions=summary.versions(),
            licence=extractors.backbone.licence,
            fingerprint=self._run_id(audit),
            span_s=task.span_s(samples),
            words=summary.deciding_words(trials, audit.dataset.labels),
        )

    def _finish(
        self,
        record: "FitRecord",
        task: "Task",
        extractors: "FeatureExtractors",
        trials: "Trials",
        audit: "Audit",
    ) -> "FitRecord":
        """The scratch baseline, where the budget allows it, and what follows from it."""
        with self.watch.stage("baseline with random weights"):
            scratch = scratch_accuracy(
                task, extractors, audit.dataset, self.recipe,
                self._budget(task, audit) - self.watch.elapsed(),
                self.progress,
            )  # fmt: skip
        if scratch is None:
            self._warn("time", ["No time was left to try the same network with random weights (--budget)."])
            baselines = record.baselines
        else:
            self._warn("transfer", transfer_warning(record.metrics, scratch))
            baselines = record.baselines | {"scratch": scratch}
        seconds = dict(self.watch.seconds)
        return replace(record, baselines=baselines, warnings=self._warnings(), seconds=seconds)

    def _save(self, model: "Model", output: Path, task: "Task") -> None:
        def pages(part: Path) -> None:
            write_card(model.record, part / CARD, output.name)
            write_report(model.record, part / REPORT, task.picture)

        with self.watch.stage("report and saving"):
            save(model, output, pages)
        model.record.seconds.update(self.watch.seconds)

    def _announce(self, task: "Task", audit: "Audit", extractors: "FeatureExtractors") -> None:
        say, dataset = self.progress.say, audit.dataset
        counts = Counter(str(sample.label) for sample in dataset.samples)
        listed = ", ".join(f"{label} {counts[label]}" for label in dataset.labels[:8])
        more = f" and {len(dataset.labels) - 8} more" if len(dataset.labels) > 8 else ""
        say(f"Found {len(dataset.samples)} {task.noun} of {len(dataset.labels)} classes: {listed}{more}.")
        for skipped in dataset.skipped[:5]:
            say(f"Left out {skipped.path}: {skipped.reason}.")
        if len(dataset.skipped) > 5:
            say(f"Left out {len(dataset.skipped) - 5} more; the report names them.")
        if audit.clusters:
            say(f"{_sets(len(audit.clusters))} of copies or near-copies: kept on one side of every split.")
        say(self._intention(task, extractors, self._budget(task, audit)))

    def _intention(self, task: "Task", extractors: "FeatureExtractors", budget_s: float) -> str:
        recipe = self.recipe
        if recipe.head == "auto" and recipe.unfreeze == "auto" and recipe.name == "default":
            return f"Plan, within {budget_s:.0f} s: {task.describe(recipe, extractors.backbone)}."
        asked = f"head {recipe.head}, unfreeze {recipe.unfreeze}"
        return f"Plan: {recipe.name} recipe, {extractors.backbone.name}, {asked}."

    def _budget(self, task: "Task", audit: "Audit") -> float:
        """The time named, else the task's, with more of it where everything is fitted twice."""
        found = self.recipe.budget_for(len(audit.dataset.samples), task.seconds_each)
        if self.recipe.budget_s is None and self._refits(audit):
            found /= 1 - REFIT_SHARE
        return found

    def _refits(self, audit: "Audit") -> bool:
        """Whether a part is held out first and learnt from afterwards."""
        return self._fraction(audit) != 0 and self.recipe.refit

    def _run_id(self, audit: "Audit") -> str:
        digest = hashlib.blake2b(digest_size=12)
        for sample in audit.dataset.samples:
            digest.update(f"{sample.fingerprint} {sample.label}\n".encode())
        settings = {k: v for k, v in self.recipe.as_dict().items() if k not in ("cache", "cache_limit_gb")}
        digest.update(repr(sorted(settings.items())).encode())
        return digest.hexdigest()

    def _evict(self, extractors: "FeatureExtractors") -> None:
        freed = evict(extractors.cache, self.recipe.cache_limit_gb * 2**30, extractors.shelf_names())
        if freed:
            self.progress.say(f"{freed / 2**20:.0f} MiB of old features were evicted (--cache-limit-gb).")


def _sets(count: int) -> str:
    return "1 set" if count == 1 else f"{count} sets"
