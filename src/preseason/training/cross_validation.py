"""A candidate fitted crosswise: a head for each fold.

Cross-fitting gives every labelled example an answer by a member that did not learn from it: these answers
choose between ways, calibrate them and tell the accuracy, while all members together use all examples.
"""

import hashlib
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from preseason.arrays.types import Floats, Ints
from preseason.evaluation.calibration import fit_temperature
from preseason.heads.base import Folds, TrainingSet
from preseason.inference.candidates import Candidate, Fitted
from preseason.inference.features import Features
from preseason.inference.head import Head
from preseason.inference.probabilities import softmax
from preseason.training.distributed_folds import RayTeam, Team, fit_each


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
    team: Team | RayTeam | None = None,
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
    refit = candidate.fold_models == 1 and candidate.refit
    turns = len(folds) if team is None else team.turns(len(folds), training_set.features)
    share = None if seconds is None else seconds / (turns + refit)
    training_sets = []
    for number, (train, _) in enumerate(folds):
        named = replace(
            training_set,
            config=candidate.config,
            spec=candidate.spec,
            seconds=share,
            firm=firm or number > 0 or candidate.always,
            stage=f"training: {candidate.name}, {number + 1} of {len(folds)}",
        )
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
    team: Team | RayTeam | None,
) -> Head:
    """The one member on every example, once another has told how well it does."""
    named = replace(
        training_set,
        config=candidate.config,
        spec=candidate.spec,
        seconds=seconds,
        firm=True,
        stage=f"training: {candidate.name}, on all",
    )
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


def _name(candidate: Candidate, training_set: TrainingSet, train: Ints) -> str:
    """Names a training run by everything that shapes it, so that only the same run is taken up again."""
    facts = [
        candidate.name,
        candidate.head,
        repr(candidate.spec),
        repr(candidate.config),
        training_set.seed,
        training_set.classes,
    ]
    digest = hashlib.blake2b(json.dumps(facts, sort_keys=True, default=str).encode(), digest_size=12)
    digest.update(np.ascontiguousarray(training_set.targets[train]).tobytes())
    digest.update(np.ascontiguousarray(training_set.features.index[train]).tobytes())
    if training_set.backbone is not None:
        digest.update(training_set.backbone.weights_id.encode())
    return digest.hexdigest()
