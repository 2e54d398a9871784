"""Fine-tuning the last blocks from the bank: the map at the cut goes in, the frozen trunk never runs again.

The new classifier starts at the head-only solution (LP-FT, Kumar et al. 2022, arXiv 2202.10054) and lower
blocks get smaller learning rates. With the cut before the first block the whole network is trained.
"""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from preseason.backbones.base import Backbone
from preseason.backbones.families.chains import parameters_of
from preseason.heads.base import Features, Lesson, State, kinds
from preseason.heads.descent import Descent, Plan
from preseason.heads.linear import logistic_regression
from preseason.heads.scaling import rotation_of, scale_of
from preseason.record import Floats, Ints

CLASSIFIER_RATE = 1e-3
TAIL_RATE = 2e-4
RATE_DECAY = 0.7
"""Each block further down learns this much more slowly (discriminative rates, Howard and Ruder 2018)."""
STRENGTH = 1e-2


class Tail(nn.Module):
    """Blocks from `cut` on, the embedding and a new classifier.

    Forward: maps at the cut [n, ...] to logits [n, c].
    """

    def __init__(self, backbone: Backbone, cut: int, classes: int) -> None:
        super().__init__()
        copied = copy.deepcopy(backbone)
        self.cut = cut
        self.network = copied.network.requires_grad_(True)
        self._backbone = (copied,)
        self.classifier = nn.Linear(copied.width(), classes)

    @property
    def backbone(self) -> Backbone:
        """The copied network; its blocks below the cut are never run by this module."""
        return self._backbone[0]

    def embed(self, maps: Tensor) -> Tensor:
        """Vectors [n, d] before the classifier."""
        maps = self.backbone.trimmed(maps, self.cut)
        vectors: Tensor = self.backbone.split.embed(self.backbone.run(maps, start=self.cut))
        return vectors

    def forward(self, maps: Tensor) -> Tensor:
        """Logits."""
        logits: Tensor = self.classifier(self.embed(maps))
        return logits

    def groups(self, rate: float) -> list[dict[str, Any]]:
        """Parameter groups: the classifier, then the blocks from the last to the cut, ever more slowly."""
        groups = [{"params": list(self.classifier.parameters()), "lr": CLASSIFIER_RATE}]
        seen = {id(parameter) for parameter in self.classifier.parameters()}
        above = [self.backbone.split.embed, *reversed(self.backbone.split.blocks[self.cut :])]
        for depth, block in enumerate(above):
            own = [p for p in parameters_of(block) if id(p) not in seen]
            seen.update(id(p) for p in own)
            if own:
                groups.append({"params": own, "lr": rate * RATE_DECAY ** max(depth - 1, 0)})
        return groups


@dataclass(frozen=True)
class TailHead:
    """A fine-tuned tail; answers are averaged over the views of each example."""

    tail: Tail
    epochs: int
    kind: str = "tail"

    def logits(self, features: Features) -> Floats:
        """Log of the mean probability over views, float32 [n, c]."""
        return np.concatenate([self._mean_logits(features, chunk) for chunk in features.chunks(16)])

    def embed(self, features: Features) -> Floats:
        """Mean vector over views, float32 [n, d]."""
        return np.concatenate([self._mean_vectors(features, chunk) for chunk in features.chunks(16)])

    def focus(self, features: Features) -> None:
        """Views are not parts."""

    def state(self) -> State:
        """Plain values: the fine-tuned tensors; the frozen ones are the backbone's."""
        own = {id(p) for group in self.tail.groups(TAIL_RATE) for p in group["params"]}
        named = self.tail.network.named_parameters()
        tensors = {f"network.{k}": v.detach().cpu().numpy() for k, v in named if id(v) in own}
        tensors |= {f"classifier.{k}": v.cpu().numpy() for k, v in self.tail.classifier.state_dict().items()}
        return State(self.kind, tensors, {"cut": self.tail.cut, "epochs": self.epochs})

    def timm_tensors(self) -> dict[str, Tensor]:
        """Tensors of the fine-tuned network under its library's names, timm's with the new classifier."""
        return self.named(self.tail.network)

    def named(self, network: nn.Module) -> dict[str, Tensor]:
        """Tensors of `network` and, where its library has a name for it, of the classifier."""
        tensors = dict(network.state_dict())
        if self.tail.backbone.reads == "texts":
            return tensors
        prefix = str(self.tail.network.pretrained_cfg["classifier"])  # type: ignore[index]
        return tensors | {f"{prefix}.{k}": v for k, v in self.tail.classifier.state_dict().items()}

    @torch.inference_mode()
    def _mean_logits(self, features: Features, chunk: Ints) -> Floats:
        rows = torch.from_numpy(features.rows(0, chunk))
        logits = self.tail.eval()(rows.flatten(0, 1)).view(*rows.shape[:2], -1)
        mean = logits.log_softmax(-1).logsumexp(1) - float(np.log(rows.shape[1]))
        return np.asarray(mean.numpy(), np.float32)

    @torch.inference_mode()
    def _mean_vectors(self, features: Features, chunk: Ints) -> Floats:
        rows = torch.from_numpy(features.rows(0, chunk))
        vectors = self.tail.eval().embed(rows.flatten(0, 1))
        return np.asarray(vectors.view(*rows.shape[:2], -1).mean(1).numpy(), np.float32)


class TailKind:
    """Fits `TailHead`; its lesson's first source holds maps at the cut of every view.

    Attributes:
        kind: the name it is registered under.
        rate: peak learning rate of the last block, where the recipe names none.
    """

    kind = "tail"
    rate = TAIL_RATE

    def make(self, backbone: Backbone, cut: int, classes: int) -> Tail:
        """What is trained."""
        return Tail(backbone, cut, classes)

    def head(self, tail: Tail, epochs: int) -> TailHead:
        """The fitted head."""
        return TailHead(tail, epochs, self.kind)

    def fit(self, lesson: Lesson) -> TailHead:
        """Head first, then the blocks; the number of epochs is found on the first fold, then all is used."""
        epochs = lesson.settings.get("epochs", 20)
        if lesson.folds and not lesson.settings.get("fixed_epochs"):
            epochs = self._descend(lesson, epochs, lesson.folds[0][1])[1]
        return self._descend(lesson, epochs, None)[0]

    def restore(self, state: State, backbone: Backbone) -> TailHead:
        """The head that gave `state`."""
        tail = self.make(backbone, state.settings["cut"], len(state.arrays["classifier.bias"]))
        tensors = {key: torch.from_numpy(value) for key, value in state.arrays.items()}
        unknown = tail.load_state_dict(tensors, strict=False).unexpected_keys
        if unknown:
            raise ValueError(f"{unknown[0]} is no part of {backbone.name}")
        return self.head(tail.eval(), state.settings["epochs"])

    def _descend(self, lesson: Lesson, epochs: int, validation: Ints | None) -> tuple[TailHead, int]:
        if lesson.backbone is None:
            raise ValueError("a tail is made of a backbone's blocks: the lesson holds none")
        torch.manual_seed(lesson.seed)
        tail = self.make(lesson.backbone, lesson.settings["cut"], lesson.classes).eval()
        start_at_head_only(tail, lesson)
        plan = Plan(
            tail.groups(lesson.settings.get("learning_rate") or self.rate),
            epochs,
            lesson.settings.get("batch_size", 32),
            lesson.seed,
            seconds=lesson.settings.get("seconds"),
            firm=lesson.settings.get("firm", False),
        )
        checkpoint = lesson.checkpoint
        if checkpoint is not None and validation is None:
            checkpoint = checkpoint.with_name(f"all-{checkpoint.name}")
        outcome = Descent(tail, lesson.targets, random_view(lesson.features), plan, validation).run(
            checkpoint, lesson.progress, lesson.stage
        )
        return self.head(tail.eval(), outcome.best_epoch), outcome.best_epoch


def random_view(features: Features) -> Any:
    """Batches of one view, drawn at random, of each example."""

    def batch(chosen: Ints, rng: np.random.Generator) -> Tensor:
        rows = features.rows(0, chosen)
        views = rng.integers(rows.shape[1], size=len(rows))
        return torch.from_numpy(np.ascontiguousarray(rows[np.arange(len(rows)), views]))

    return batch


def start_at_head_only(tail: Tail, lesson: Lesson) -> None:
    """Set the classifier to the logistic regression on the frozen tail's vectors."""
    vectors = TailHead(tail, 0).embed(lesson.features)
    scale = scale_of(vectors)
    scaled = scale(vectors) / np.sqrt(np.float32(vectors.shape[1]))
    rotation = rotation_of(scaled, lesson.seed)
    weight, bias = logistic_regression(scaled @ rotation, lesson.targets, lesson.classes, STRENGTH)
    weight = (rotation @ weight) / np.sqrt(np.float32(vectors.shape[1])) / scale.deviation[:, None]
    with torch.no_grad():
        tail.classifier.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight.T)))
        tail.classifier.bias.copy_(torch.from_numpy(bias - scale.mean @ weight))


kinds.add("tail", TailKind())
