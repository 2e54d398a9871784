"""A way to answer: one pass of the frozen network and one kind of head, and what fitting made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from preseason.arrays.types import Floats
from preseason.engine.passes import FeatureSpec
from preseason.inference.answers import CountedParts
from preseason.inference.attention_crops import CROPS
from preseason.inference.features import Features
from preseason.inference.head import Head
from preseason.inference.heads.best_part import BestPartHead, counted_rows
from preseason.inference.probabilities import softmax


@dataclass(frozen=True)
class Candidate:
    """What is to be fitted.

    Attributes:
        name: shown to the user, e.g. "closer look".
        head: registered kind.
        spec: the pass whose rows the head reads.
        crops_from: name of an earlier way whose attention chooses this one's looks.
        joined: whether the head also reads the rows of `crops_from`, in front of its own.
        beside: name of an earlier way whose rows the head also reads, in front of its own.
        network: name of the further network whose rows these are; empty for the fit's first one.
        partial: whether it says nothing of some examples, as where no face is seen: logits of zero.
        config: of the head's own kind; None for its usual one, and where it was fitted long ago.
        fold_models: how many of the folds get a member; the others' examples have no answer from this way.
            With 1, that member judges and the one delivered is fitted on every example, unless `refit` is
            False.
        always: whether it is fitted however little time is left, as what the user named is.
        caution: what the user must know of it, a sentence for the report; or empty.
        trusted: whether it is kept unless it is worse by more than chance; others must then be better so.
    """

    name: str
    head: str
    spec: FeatureSpec
    crops_from: str | None = None
    joined: bool = False
    config: Any = None
    fold_models: int | None = None
    always: bool = False
    caution: str = ""
    trusted: bool = False
    refit: bool = True
    beside: str | None = None
    network: str = ""
    partial: bool = False

    @property
    def before(self) -> str | None:
        """Name of the earlier way whose rows, with those before them, stand in front of this one's own."""
        return self.crops_from if self.joined else self.beside

    @property
    def origins(self) -> tuple[str, ...]:
        """Names of the earlier ways without which this one cannot be."""
        return tuple(dict.fromkeys(name for name in (self.crops_from, self.before) if name is not None))


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


def counted_of(fitted: Sequence[Fitted], features: Mapping[str, Features]) -> CountedParts | None:
    """Of the first way that reads parts which may be missing, the part that counts; None without such a way.

    Args:
        features: of n examples, by way.
    """
    for each in fitted:
        heads = [head for head in each.fold_models if isinstance(head, BestPartHead)]
        if heads:
            rows = counted_rows(heads, features[each.candidate.name])
            width = rows.shape[1] - heads[0].places
            return CountedParts(each.candidate.network or "", rows[:, :width], rows[:, width:])
    return None


def dynamic_crops() -> int:
    """How many looks `crops_for` gives."""
    return CROPS


def _mean(each: Sequence[Floats]) -> Floats:
    return np.asarray(np.mean(each, axis=0), np.float32)
