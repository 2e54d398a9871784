"""The road of scouting: each network on this machine reads the examples once, and its features are judged."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from preseason import backbones
from preseason.arrays.types import Floats, Ints
from preseason.backbones.base import Backbone
from preseason.data.audit import Audit
from preseason.data.checks import check_trainable
from preseason.data.dataset import Dataset, Sample
from preseason.data.files import Columns
from preseason.data.hugging_face import Named, is_data_set, labelled
from preseason.data.labels import targets_of
from preseason.data.split import folds, group_numbers
from preseason.engine.networks import device_for
from preseason.engine.passes import FeatureSpec
from preseason.errors import DataError, PreseasonError, UsageError
from preseason.evaluation.learning_curve import Curve, learning_curve
from preseason.evaluation.metrics import measure
from preseason.formatting import percent
from preseason.heads.base import TrainingSet
from preseason.inference.features import Features
from preseason.inference.frames import summarised
from preseason.inference.predictor import FeatureExtractors, orders_for
from preseason.openset.detection import thin
from preseason.recipe import Recipe
from preseason.runtime import notebook
from preseason.runtime.cache_dir import cache_folder
from preseason.runtime.progress import Progress, Silent, Stopwatch
from preseason.stores.mirror import here
from preseason.tasks.base import Task
from preseason.tasks.reading import read_for, task_for
from preseason.training.cross_validation import cross_val_fit
from preseason.training.scratch import scratch_accuracy
from preseason.transferability.measures import h_score, logme, neighbour_accuracy
from preseason.transferability.shift import domain_shift

MAX_EXAMPLES = 2000
"""Examples that are looked at; of larger data sets a part, evenly over the classes."""
BUDGET_S, SECONDS_EACH = 60.0, 0.1


@dataclass(frozen=True)
class Scouted:
    """One network on this data.

    Attributes:
        name: of the network.
        linear, low, high: cross-validated accuracy of a linear head, with its Wilson interval at 95 %.
        neighbours: cross-validated accuracy of the nearest neighbours.
        logme, h_score: measures without cross-validation; comparable between networks, not between data sets.
        shift: distance of the data to the pretraining data, 0 to about 1; None where nothing tells it.
        seconds: reading all examples, and the measures.
        note: why the network was left out, with no figures then.
    """

    name: str
    linear: float | None = None
    low: float | None = None
    high: float | None = None
    neighbours: float | None = None
    logme: float | None = None
    h_score: float | None = None
    shift: float | None = None
    seconds: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class Report:
    """What scouting found, the best network first.

    Attributes:
        task: name of the task that the data is for.
        noun: what its examples are called.
        examples, looked_at: how many there are, and how many were read.
        scratch: accuracy of a linear head on the best network with random weights; None without the time.
        curve: of the best network.
        counts: examples of each class.
    """

    task: str
    noun: str
    examples: int
    looked_at: int
    counts: dict[str, int]
    networks: tuple[Scouted, ...]
    scratch: float | None
    curve: Curve
    warnings: tuple[str, ...]
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def best(self) -> Scouted:
        """The network to take."""
        return self.networks[0]

    def _repr_html_(self) -> str:
        """In a notebook: the networks, the best first."""
        rows = [
            (item.name, item.note, "")
            if item.linear is None
            else (item.name, percent(item.linear, 1), notebook.bar(item.linear))
            for item in self.networks
        ]
        warned = (notebook.paragraph(f"Warning: {text}") for text in self.warnings)
        return notebook.block(notebook.table(("network", "accuracy of a linear head", ""), rows), *warned)


def scout(
    data: Any,
    backbones: Sequence[str] = (),
    *,
    budget_s: float | str | None = None,
    text: str | None = None,
    label: str | None = None,
    path: str | None = None,
    rename: Sequence[str] = (),
    seed: int = 0,
    device: str = "auto",
    cache: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """Estimate which pretrained network suits the data, whether transfer helps, and what more labels bring.

    Args:
        data: labelled as for `fit`; also a `Dataset` of the library `datasets`.
        backbones: networks to compare; by default those of the task with weights on this machine.
        budget_s: seconds, or e.g. `2m`; by default a minute plus 0.1 s per example and network.
        text, label, path: columns of a table: of texts, labels, files.
        rename: `OLD=NEW` for labels that are to be called otherwise.

    Raises:
        DataError: nothing can be learned from the data.
        UsageError: a network does not exist or is one of other data.
        WeightsError: weights of a network that was named are not on this machine.

    Example:
        preseason.scout("photos/").best.name
    """
    settings = {"text": text, "label": label, "path": path, "cache": cache, "budget_s": budget_s}
    given = {name: value for name, value in settings.items() if value is not None}
    recipe = Recipe().with_settings(seed=seed, device=device, rename=tuple(rename), **given)
    if is_data_set(data):
        columns = Named(path or text, label)
        recipe = replace(recipe, text=None, path=None, label=None)
        with labelled(data, cache_folder(cache), columns) as found:
            return Scout(recipe, progress or Silent()).run(found, tuple(backbones))
    return Scout(recipe, progress or Silent()).run(here(data, cache_folder(cache)), tuple(backbones))


class Scout:
    """One scouting; `run` does the whole of it."""

    def __init__(self, recipe: Recipe, progress: Progress) -> None:
        self.recipe, self.progress = recipe, progress
        self.watch = Stopwatch()

    def run(self, root: Path | Dataset, names: tuple[str, ...]) -> Report:
        """Read, compare, look ahead."""
        columns = Columns(
            self.recipe.text, self.recipe.label, path=self.recipe.path, rename=self.recipe.rename
        )
        task = task_for(root, columns)
        if not task.scouted:
            raise UsageError(
                f"scout compares networks by how well they tell labels apart, and {root} holds {task.noun} "
                f"for {task.name}: fit it at once, preseason fit {root}"
            )
        with self.watch.stage("reading and auditing files"):
            audit = read_for(task, root, self.progress, columns)
        told = check_trainable(audit.dataset, task.noun)
        chosen = _evenly(audit, self.recipe.seed)
        budget = self.recipe.budget_s
        if budget is None:
            budget = BUDGET_S + SECONDS_EACH * len(chosen) * max(len(names), 1)
        found, tried = self._networks(task, audit, chosen, names, budget)
        found.sort(key=lambda each: -1.0 if each.linear is None else -each.linear - 1)
        if found[0].linear is None:
            raise DataError(f"No network could be tried: {found[0].note}.")
        extractors, rows = tried[found[0].name]
        scratch = self._scratch(task, audit, chosen, extractors, budget)
        with self.watch.stage("learning curve"):
            curve = self._curve(audit, chosen, rows)
        counts = {name: sum(s.label == name for s in audit.dataset.samples) for name in audit.dataset.labels}
        return Report(
            task.name, task.noun, len(audit.dataset.samples), len(chosen), counts, tuple(found), scratch,
            curve, tuple(told), dict(self.watch.seconds),
        )  # fmt: skip

    def _networks(
        self, task: "Task", audit: "Audit", chosen: "Ints", names: tuple[str, ...], budget: float
    ) -> "tuple[list[Scouted], dict[str, tuple[FeatureExtractors, Floats]]]":
        """Every network's figures, and the rows of those that were tried."""
        found: list[Scouted] = []
        tried = {}
        for number, name in enumerate(names or _here(task)):
            if number and self.watch.elapsed() > budget * 0.7:
                found.append(Scouted(name, note="left out: no time was left (--budget)"))
                continue
            try:
                with self.watch.stage(f"trying {Path(name).name}"):
                    backbone = backbones.load(name)
                    extractors, rows, figures = self._try(task, audit, chosen, backbone)
            except PreseasonError as error:
                if names or not number:
                    raise
                found.append(Scouted(name, note=f"left out: {error}"))
                continue
            found.append(figures)
            tried[figures.name] = (extractors, rows)
        return found, tried

    def _try(
        self, task: "Task", audit: "Audit", chosen: "Ints", backbone: "Backbone"
    ) -> "tuple[FeatureExtractors, Floats, Scouted]":
        """Read through one network in the first pass of a fit, and judge what it gives."""
        watch = Stopwatch()
        samples = [audit.dataset.samples[i] for i in chosen]
        targets = targets_of(samples, audit.dataset.labels)
        extractors = FeatureExtractors(
            backbone, task.decoder(backbone), cache_folder(self.recipe.cache), device_for(self.recipe.device)
        )
        candidate = task.candidates(self.recipe, backbone, audit.dataset.samples)[0]
        candidate = replace(candidate, name=backbone.name)
        extracted = extractors.extractor(candidate.spec).extract(
            orders_for(candidate, samples, None, ()), self.progress, f"reading: {backbone.name}"
        )
        if extracted.failed:
            raise DataError(f"{extracted.failed[0].path} cannot be read any more. Run the command again.")
        features = Features.of([extracted.rows])
        pairs = folds(targets, group_numbers(samples), self.recipe.folds, self.recipe.seed)
        training_set = TrainingSet(features, targets, len(audit.dataset.labels), pairs, self.recipe.seed)
        training_set = replace(training_set, backbone=backbone, progress=self.progress)
        fit = cross_val_fit(candidate, training_set, None, None)
        accuracy = measure(fit.oof_proba, targets[fit.oof_index])["accuracy"]
        rows = (
            summarised(features, candidate.spec.frames).whole()
            if candidate.head == "statistics"
            else features.whole()
        )
        return extractors, rows, Scouted(
            backbone.name, accuracy.value, *accuracy.interval,
            neighbour_accuracy(rows, targets, pairs), logme(rows, targets), h_score(rows, targets),
            _shift(task, extractors, samples, candidate.spec), watch.elapsed(),
        )  # fmt: skip

    def _scratch(
        self, task: "Task", audit: "Audit", chosen: "Ints", extractors: "FeatureExtractors", budget: float
    ) -> float | None:
        part = replace(audit.dataset, samples=tuple(audit.dataset.samples[i] for i in chosen))
        with self.watch.stage("random weights"):
            left = budget - self.watch.elapsed()
            return scratch_accuracy(task, extractors, part, self.recipe, left, self.progress)

    def _curve(self, audit: "Audit", chosen: "Ints", rows: "Floats") -> Curve:
        samples = [audit.dataset.samples[i] for i in chosen]
        targets = targets_of(samples, audit.dataset.labels)
        return learning_curve(rows, targets, group_numbers(samples), audit.dataset.labels)


def _shift(
    task: "Task", extractors: "FeatureExtractors", samples: Sequence[Sample], spec: FeatureSpec
) -> float | None:
    """Distance to the pretraining data; None for sounds, whose pictures are no photographs."""
    if getattr(task.modality, "listened", False):
        return None
    return domain_shift(extractors.backbone.loaded(), extractors.decoder, samples, 1 if spec.frames else 0)


def _here(task: "Task") -> list[str]:
    """Networks of the task's kind whose weights are on this machine, the task's own first.

    Raises:
        UsageError: none is.
    """
    names = [info.name for info in backbones.listing() if info.available and info.modality in task.scouted]
    if not names:
        raise UsageError("No network's weights are on this machine: name one with --backbone.")
    return sorted(names, key=lambda name: name != task.backbone)


def _evenly(audit: "Audit", seed: int) -> "Ints":
    """Positions of at most `MAX_EXAMPLES` examples, the evenly over the classes."""
    targets = targets_of(audit.dataset.samples, audit.dataset.labels)
    order = np.random.default_rng(seed).permutation(len(targets))
    return np.sort(order[thin(targets[order], MAX_EXAMPLES)])
