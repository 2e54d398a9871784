"""A way to answer: one pass of the frozen network and one kind of head, fitted crosswise.

Cross-fitting gives every labelled example an answer by a member that did not learn from it: these answers
choose between ways, calibrate them and tell the accuracy, while all members together use all examples.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from preseason.arrays.types import Floats, Ints
from preseason.engine.passes import Box, FeatureSpec
from preseason.evaluation.calibration import fit_temperature, softmax
from preseason.heads.base import Folds, TrainingSet
from preseason.inference.features import Features
from preseason.inference.head import Head
from preseason.training.attention_crops import CROPS, windows
from preseason.training.distributed_folds import Team, fit_each


@dataclass(frozen=True)
class Candidate:
    """What is to be fitted.

    Attributes:
        name: shown to the user, e.g. "closer look".
        head: registered kind.
        spec: the pass whose rows the head reads.
        crops_from: name of an earlier way whose attention chooses this one's looks.
        joined: whether the head also reads the rows of `crops_from`, in front of its own.
        settings: for the head.
        fold_models: how many of the folds get a member; the others' examples have no answer from this way.
            With 1, that member judges and the one delivered is fitted on every example.
        always: whether it is fitted however little time is left, as what the user named is.
        caution: what the user must know of it, a sentence for the report; or empty.
        trusted: whether it is kept unless it is worse by more than chance; others must then be better so.
    """

    name: str
    head: str
    spec: FeatureSpec
    crops_from: str | None = None
    joined: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    fold_models: int | None = None
    always: bool = False
    caution: str = ""
    trusted: bool = False


@dataclass(frozen=True)
class Fitted:
    """A way with its members.

    Attributes:
        fold_models: one for each fold that was fitted; their probabilities are averaged.
        temperature: divisor of the members' logits.
    """

    candidate: Candidate
    fold_models: tuple[Head, ...]
    temperature: float

    def probabilities(self, features: Features) -> Floats:
        """Mean over members, float32 [n, c]."""
        each = [softmax(fold_model.logits(features), self.temperature) for fold_model in self.fold_models]
        return _mean(each)

    def attention(self, features: Features) -> Floats | None:
        """Mean attention over members, float32 [n, p]."""
        each = [
            weights
            for fold_model in self.fold_models
            if (weights := fold_model.attention(features)) is not None
        ]
        return _mean(each) if each else None

    def embed(self, features: Features) -> Floats:
        """Mean vector over members, float32 [n, e]; members of attention heads share one space."""
        first, *others = self.fold_models
        total = np.array(first.embed(features), np.float32)
        for fold_model in others:
            total += fold_model.embed(features)
        total /= len(self.fold_models)
        return total


@dataclass(frozen=True)
class CrossValResult:
    """A fitted way with what its members say of examples they have not seen.

    Attributes:
        oof_index: int64 [h], positions of the examples that a fold model has not seen, rising.
        oof_proba: float32 [h, c] of these, calibrated.
        attention: float32 [n, p] attention of every example, by unseeing members where there is one.
        seconds: spent on fitting.
    """

    fitted: Fitted
    oof_index: Ints
    oof_proba: Floats
    attention: Floats | None
    seconds: float


def cross_val_fit(
    candidate: Candidate,
    training_set: TrainingSet,
    checkpoints: Path | None,
    seconds: float | None,
    team: Team | None = None,
    firm: bool = False,
) -> CrossValResult:
    """Fit a member for each of the training set's folds (or the first `candidate.fold_models` of them).

    Args:
        seconds: for all members together; heads that can fit fewer epochs into the time do so.
        team: workers that fit members side by side.
        firm: fit it also where the time is short, in as few epochs as make sense.

    Raises:
        NoTimeError: it does not fit into `seconds`, and neither `firm` nor the way asks for it all the same.
    """
    begin = time.monotonic()
    folds = list(training_set.folds)[: candidate.fold_models]
    refit = candidate.fold_models == 1 and bool(training_set.settings.get("refit", True))
    turns = len(folds) if team is None else team.turns(len(folds), training_set.features)
    share = None if seconds is None else seconds / (turns + refit)
    training_sets = []
    for number, (train, _) in enumerate(folds):
        pace = {"seconds": share, "firm": firm or number > 0 or candidate.always}
        timed = replace(training_set, settings=training_set.settings | candidate.settings | pace)
        named = replace(timed, stage=f"training: {candidate.name}, {number + 1} of {len(folds)}")
        training_sets.append(_fold_training_set(candidate, named, train, number, checkpoints))
    fold_models = (
        fit_each(candidate.head, training_sets) if team is None else team.fit(candidate.head, training_sets)
    )
    oof_index = np.concatenate([validation for _, validation in folds])
    logits = np.concatenate(
        [
            fold_model.logits(training_set.features.take(v))
            for fold_model, (_, v) in zip(fold_models, folds, strict=True)
        ]
    )
    temperature = fit_temperature(logits, training_set.targets[oof_index])
    attention = _oof_attention(fold_models, folds, training_set.features)
    order = np.argsort(oof_index, kind="stable")
    if refit:
        fold_models = [_whole(candidate, training_set, checkpoints, share, team)]
    return CrossValResult(
        Fitted(candidate, tuple(fold_models), temperature),
        oof_index[order],
        softmax(logits[order], temperature),
        attention,
        time.monotonic() - begin,
    )


def crops_for(fingerprints: Sequence[str], attention: Floats, parts: Sequence[Box]) -> list[tuple[Box, ...]]:
    """The closer looks of each example, from its attention [n, p] over `parts`."""
    seeds = [int(hashlib.blake2b(f.encode(), digest_size=4).hexdigest(), 16) for f in fingerprints]
    return [windows(weights, parts, seed) for weights, seed in zip(attention, seeds, strict=True)]


def dynamic_crops() -> int:
    """How many looks `crops_for` gives."""
    return CROPS


def _fold_training_set(
    candidate: Candidate, training_set: TrainingSet, train: Ints, number: int, folder: Path | None
) -> TrainingSet:
    inner = inner_folds(training_set.folds, train)
    checkpoint = None if folder is None else folder / f"{_name(candidate, training_set, train)}.pt"
    return replace(training_set.part(train, inner), seed=training_set.seed + number, checkpoint=checkpoint)


def _whole(
    candidate: Candidate,
    training_set: TrainingSet,
    folder: Path | None,
    seconds: float | None,
    team: Team | None,
) -> Head:
    """The one member on every example, once another has told how well it does."""
    settings = training_set.settings | candidate.settings | {"seconds": seconds, "firm": True}
    named = replace(training_set, settings=settings, stage=f"training: {candidate.name}, on all")
    everything = np.arange(len(training_set.targets))
    training_sets = [_fold_training_set(candidate, named, everything, 0, folder)]
    (fold_model,) = (
        fit_each(candidate.head, training_sets) if team is None else team.fit(candidate.head, training_sets)
    )
    return fold_model


def inner_folds(folds: Folds, train: Ints) -> list[tuple[Ints, Ints]]:
    """The folds seen from inside `train`: positions within it, for choices that must not see the rest."""
    place = {int(position): index for index, position in enumerate(train)}
    inner = []
    for _, validation in folds:
        inside = np.array([place[int(v)] for v in validation if int(v) in place], np.int64)
        if 0 < len(inside) < len(train):
            inner.append((np.setdiff1d(np.arange(len(train)), inside), inside))
    return inner


def _oof_attention(fold_models: list[Head], folds: Folds, features: Features) -> Floats | None:
    """Attention by the member that did not learn from an example; the mean of all where there is none."""
    first = fold_models[0].attention(features.take(np.arange(1)))
    if first is None:
        return None
    out = np.zeros((len(features), first.shape[1]), np.float32)
    seen = np.ones(len(features), bool)
    for fold_model, (_, validation) in zip(fold_models, folds, strict=True):
        weights = fold_model.attention(features.take(validation))
        assert weights is not None
        out[validation], seen[validation] = weights, False
    rest = np.flatnonzero(seen)
    if len(rest):
        each = [fold_model.attention(features.take(rest)) for fold_model in fold_models]
        out[rest] = np.mean([weights for weights in each if weights is not None], axis=0)
    return out


def _mean(each: Sequence[Floats]) -> Floats:
    return np.asarray(np.mean(each, axis=0), np.float32)


def _name(candidate: Candidate, training_set: TrainingSet, train: Ints) -> str:
    """Names a training run by everything that shapes it, so that only the same run is taken up again."""
    settings = {key: value for key, value in training_set.settings.items() if key not in ("seconds", "firm")}
    facts = [
        candidate.name,
        candidate.head,
        repr(candidate.spec),
        settings,
        training_set.seed,
        training_set.classes,
    ]
    digest = hashlib.blake2b(json.dumps(facts, sort_keys=True, default=str).encode(), digest_size=12)
    digest.update(np.ascontiguousarray(training_set.targets[train]).tobytes())
    digest.update(np.ascontiguousarray(training_set.features.index[train]).tobytes())
    if training_set.backbone is not None:
        digest.update(training_set.backbone.weights_id.encode())
    return digest.hexdigest()
