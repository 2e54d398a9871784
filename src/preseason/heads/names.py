"""The names of the labels are examples too: where labels are few, what a class is called says much of it.

SetFit's templates (Tunstall et al. 2022, arXiv 2209.11055) without tuning: each name, plain and in two
sentences, goes through the encoder and joins the labelled texts of a logistic regression on the last layer's
mean. Measured with the linear head, on four kinds of texts at 8 labels a class: 2 to 3.5 points more than
both without the names, at 32 labels up to 1.5, never fewer.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from preseason.arrays.rows import unit_rows
from preseason.arrays.types import Floats
from preseason.backbones.encoders import Encoder, encoder_of
from preseason.backbones.text_blocks import digits
from preseason.engine.tokens import Windows
from preseason.heads.base import TrainingSet, heads
from preseason.heads.linear import logistic_regression
from preseason.inference.heads.names import NamesHead
from preseason.runtime.threads import limit_torch, one_blas_thread

TEMPLATES = ("{}", "This is {}.", "This text is {}.")
STRENGTH = 10.0
"""Inverse penalty on vectors of length 1; from 1 to 10 it hardly matters."""
WEIGHT = 1.0
"""Of one sentence with a name, in labelled texts: the three of a class count as three."""
TOKENS = 32
_MARKS = re.compile(r"[\W_]+")
_WORD = re.compile(r"[^\W\d_]{2}")


@dataclass(frozen=True)
class NamesConfig:
    """What a `NamesHead` is told: the names of the labels and the width of the last layer, or neither."""

    names: Sequence[str] = ()
    width: int | None = None


class Names:
    """Fits `NamesHead`."""

    config = NamesConfig

    def fit(self, training_set: TrainingSet) -> NamesHead:
        """Logistic regression on labelled texts and, where they say something, the names of the labels."""
        rows = training_set.features.whole()
        third = rows.shape[1] // 3
        config = training_set.config_as(NamesConfig)
        width = config.width
        span = (0, rows.shape[1]) if width is None else (third - width, third)
        x, targets = unit_rows(rows[:, slice(*span)]), training_set.targets
        weights = np.ones(len(x), np.float32)
        named = [] if width is None else spoken(config.names)
        if named:
            encoder = encoder_of(training_set.backbone)
            x = np.concatenate([x, unit_rows(vectors_of(named, encoder))])
            own = np.repeat(np.arange(training_set.classes), len(TEMPLATES))
            targets = np.concatenate([targets, own])
            weights = np.concatenate([weights, np.full(len(own), WEIGHT, np.float32)])
        with one_blas_thread():
            weight, bias = logistic_regression(
                x, targets, training_set.classes, STRENGTH / x.shape[1], weights
            )
        return NamesHead(span, weight, bias)


def spoken(names: Sequence[str]) -> list[str]:
    """Labels as words, "money-fx" as "money fx"; none where one of them is a mere number or letter.

    Example:
        >>> spoken(["money-fx", "sci.space"]), spoken(["1", "2"])
        (['money fx', 'sci space'], [])
    """
    words = [_MARKS.sub(" ", name).strip() for name in names]
    return words if all(_WORD.search(name) for name in words) else []


@torch.inference_mode()
def vectors_of(names: Sequence[str], encoder: Encoder) -> Floats:
    """The last layer's mean of every name in every template, float32 [names x templates, d]."""
    limit_torch()
    windows = Windows(encoder, min(TOKENS, encoder.preprocessing.tokens), 1)
    found = windows.of([template.format(name) for name in names for template in TEMPLATES])
    out = []
    for start in range(0, len(found), 64):
        tokens = torch.from_numpy(windows.padded(found[start : start + 64]))
        hidden = encoder.run(digits(tokens))[..., :-1]
        there = (tokens >= 0).unsqueeze(-1)
        out.append(((hidden * there).sum(1) / there.sum(1)).numpy())
    return np.asarray(np.concatenate(out), np.float32)


heads.add("names", Names())
