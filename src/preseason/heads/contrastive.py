"""Few labels: the tail learns which examples belong together before a linear classifier is put on it.

SetFit's idea (Tunstall et al. 2022, arXiv 2209.11055): n examples give n squared pairs. Here the pairs are
all those within a batch, drawn anew in each epoch, so that memory does not grow with n squared.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from preseason.heads.base import TrainingSet, heads
from preseason.heads.tail import Tail, TailHead, TailKind, random_view, start_at_head_only
from preseason.heads.trainer import Trainer, TrainingConfig
from preseason.inference.head import restorers

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


@dataclass(frozen=True)
class ContrastiveConfig:
    """How a tail is tuned by pairs; `epochs` None takes as many as `STEPS` steps need."""

    epochs: int | None = None
    batch_size: int = 32
    learning_rate: float = RATE


class Contrastive(TailKind):
    """Fits a `TailHead` by pairs, then by logistic regression on the tuned vectors."""

    kind = "contrastive"
    config = ContrastiveConfig
    # Its loss is of pairs: parts of a batch do not add up to it.
    shares_steps = False

    def fit(self, training_set: TrainingSet) -> TailHead:
        """Pairs for a fixed number of steps; nothing is held out, for few labels are too many to lose."""
        if training_set.backbone is None:
            raise ValueError("a tail is made of a backbone's blocks: the training set holds none")
        torch.manual_seed(training_set.seed)
        tail = Tail(training_set.backbone, training_set.rows_as().cut, training_set.classes)
        tail = tail.placed(training_set.device).eval()
        config = _config(tail, training_set)
        batch = random_view(training_set.features)
        trainer = Trainer(Together(tail), training_set.targets, batch, config, loss=pairs_loss)
        outcome = trainer.run(training_set.checkpoint, training_set.progress, training_set.stage)
        start_at_head_only(tail, training_set)
        return self.head(tail.eval(), outcome.epochs)


def _config(tail: Tail, training_set: TrainingSet) -> TrainingConfig:
    own = training_set.config_as(ContrastiveConfig)
    size = own.batch_size
    enough = int(np.clip(STEPS * size // len(training_set.targets), 2, MAX_EPOCHS))
    epochs = enough if own.epochs is None else own.epochs
    groups: list[dict[str, Any]] = tail.groups(own.learning_rate)[1:]
    return TrainingConfig(
        groups,
        epochs,
        size,
        training_set.seed,
        weight_decay=1e-2,
        patience=epochs,
        seconds=training_set.seconds,
        firm=training_set.firm,
        run=training_set.checkpoint,
    )


heads.add("contrastive", Contrastive())
restorers.add("contrastive", Contrastive().restore)
