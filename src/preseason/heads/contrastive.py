"""Few labels: the tail learns which examples belong together before a linear classifier is put on it.

SetFit's idea (Tunstall et al. 2022, arXiv 2209.11055): n examples give n squared pairs. Here the pairs are
all those within a batch, drawn anew in each epoch, so that memory does not grow with n squared.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from preseason.heads.base import Lesson, kinds
from preseason.heads.tail import Tail, TailHead, TailKind, random_view, start_at_head_only
from preseason.heads.trainer import Trainer, TrainingConfig

RATE = 1e-4
STEPS, MAX_EPOCHS = 60, 40


class Together(nn.Module):
    """Vectors of a tail, without its classifier."""

    def __init__(self, tail: Tail) -> None:
        super().__init__()
        self.tail = tail

    def forward(self, maps: Tensor) -> Tensor:
        """Maps at the cut [n, ...] to vectors [n, d] of length 1."""
        return functional.normalize(self.tail.embed(maps), dim=1)


def pairs_loss(vectors: Tensor, targets: Tensor) -> Tensor:
    """Mean squared difference of cosine similarities of vectors [n, d] from 1 within a class and 0 between.

    Every pair of the batch counts; an example is no pair with itself.
    """
    wanted = (targets[:, None] == targets[None]).to(vectors.dtype)
    pairs = ~torch.eye(len(targets), dtype=torch.bool, device=vectors.device)
    off = ((vectors @ vectors.T - wanted) ** 2)[pairs]
    return off.mean() if len(off) else (0 * vectors).sum()


class Contrastive(TailKind):
    """Fits a `TailHead` by pairs, then by logistic regression on the tuned vectors."""

    kind = "contrastive"
    rate = RATE
    # Its loss is of pairs: parts of a batch do not add up to it.
    shares_steps = False

    def fit(self, lesson: Lesson) -> TailHead:
        """Pairs for a fixed number of steps; nothing is held out, for few labels are too many to lose."""
        if lesson.backbone is None:
            raise ValueError("a tail is made of a backbone's blocks: the lesson holds none")
        torch.manual_seed(lesson.seed)
        tail = Tail(lesson.backbone, lesson.settings["cut"], lesson.classes).placed().eval()
        config = _config(tail, lesson)
        batch = random_view(lesson.features)
        trainer = Trainer(Together(tail), lesson.targets, batch, config, loss=pairs_loss)
        outcome = trainer.run(lesson.checkpoint, lesson.progress, lesson.stage)
        start_at_head_only(tail, lesson)
        return self.head(tail.eval(), outcome.epochs)


def _config(tail: Tail, lesson: Lesson) -> TrainingConfig:
    size = int(lesson.settings.get("batch_size", 32))
    epochs = int(np.clip(STEPS * size // len(lesson.targets), 2, MAX_EPOCHS))
    groups: list[dict[str, Any]] = tail.groups(lesson.settings.get("learning_rate") or Contrastive.rate)[1:]
    return TrainingConfig(
        groups,
        min(epochs, lesson.settings.get("epochs", epochs)),
        size,
        lesson.seed,
        weight_decay=1e-2,
        patience=epochs,
        seconds=lesson.settings.get("seconds"),
        firm=lesson.settings.get("firm", False),
    )


kinds.add("contrastive", Contrastive())
