"""Boxes of what words describe, from a network that was not trained on it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from preseason.arrays.types import Floats
from preseason.backbones.zero_shot import ZeroShot
from preseason.errors import UsageError
from preseason.inference.detection.finder import Pixels
from preseason.inference.detection.peaks import MOST, Found, without_doubles

PROMPT = "a photo of a {}"
"""How OWL's authors ask for a class (Minderer et al. 2022, arXiv 2205.06230)."""
SPACE = " "


@dataclass(frozen=True)
class PromptedFinder:
    """Finds things of classes that are named in words.

    Attributes:
        classes: in the order of the labels of what it finds.
        least: a box with a lower score is left out.
        device: "cpu" or "cuda".
    """

    detector: ZeroShot
    classes: tuple[str, ...]
    least: float
    device: str

    def find(self, picture: Pixels) -> Found:
        """Boxes of a picture uint8 [h, w, 3], in 0..1 of it, the surest first.

        Raises:
            UsageError: the names of the classes are longer than the network can read.
        """
        fed = self.detector.processor.image_processor(
            images=picture, return_tensors="pt", input_data_format="channels_last"
        )
        with torch.inference_mode():
            network = self.detector.network.to(self.device)
            found = network(**{key: value.to(self.device) for key, value in (fed | self._words).items()})
        scores = self._by_class(found.logits[0].sigmoid().float().cpu()).numpy()
        return _best(scores, self._edges(found.pred_boxes[0].float().cpu().numpy(), picture), self.least)

    @cached_property
    def _words(self) -> dict[str, Tensor]:
        """What the network reads of the classes."""
        prompted = self.detector.kind.name == "owlv2"
        tokenizer = self.detector.processor.tokenizer
        if prompted:
            texts = [PROMPT.format(each) for each in self.classes]
            longest = int(self.detector.network.config.text_config.max_position_embeddings)
            told = tokenizer(texts, padding="max_length", max_length=longest, return_tensors="pt")
        else:
            longest = int(self.detector.network.config.max_text_len)
            told = tokenizer(self._caption, return_tensors="pt", return_token_type_ids=True)
        count = int(told["input_ids"].shape[1])
        if count > longest:
            which = "one name has" if prompted else "all names together have"
            raise UsageError(
                f"--classes: {which} {count} word pieces, {self.detector.name} reads {longest}. Use shorter "
                "names" + ("." if prompted else ", or name the classes in several runs.")
            )
        return dict(told)

    @property
    def _caption(self) -> str:
        """All classes as one text, each closed by a full stop, as Grounding DINO was trained."""
        return SPACE.join(f"{_plain(each)}." for each in self.classes)

    def _by_class(self, scores: Tensor) -> Tensor:
        """Scores of each class float32 [q, c], from those of each query [q, c] or each word piece [q, t].

        A class of several word pieces scores their mean, as in the authors' evaluation on COCO.
        """
        if self.detector.kind.name == "owlv2":
            return scores
        told: Any = self.detector.processor.tokenizer(self._caption)
        start, means = 0, []
        for each in self.classes:
            end = start + len(_plain(each))
            pieces = sorted(
                {piece for at in range(start, end) if (piece := told.char_to_token(at)) is not None}
            )
            means.append(scores[:, pieces].mean(1) if pieces else torch.zeros(len(scores)))
            start = end + len(f".{SPACE}")
        return torch.stack(means, 1)

    def _edges(self, boxes: Floats, picture: Pixels) -> Floats:
        """Boxes x y w h [q, 4] of what was fed as edges in 0..1 of the picture.

        OWLv2 pads a picture to a square at its right and lower edge; Grounding DINO does not pad one alone.
        """
        middle, half = boxes[:, :2], boxes[:, 2:] / 2
        edges = np.concatenate([middle - half, middle + half], 1)
        if self.detector.kind.name == "owlv2":
            high, wide = picture.shape[:2]
            edges = edges * (max(high, wide) / np.array([wide, high, wide, high], np.float32))
        return edges.clip(0, 1).astype(np.float32)


def _plain(name: str) -> str:
    """A class's name as it stands in the caption: a full stop would end it."""
    return SPACE.join(name.lower().replace(".", SPACE).split()) or name


def _best(scores: Floats, edges: Floats, least: float) -> Found:
    """Each query's best class where it reaches `least`, without doubles, the surest first."""
    labels = scores.argmax(1)
    best = scores.max(1)
    there = (edges[:, 2] > edges[:, 0]) & (edges[:, 3] > edges[:, 1]) & (best >= least)
    places = np.flatnonzero(there)
    places = places[np.argsort(-best[places], kind="stable")]
    found = Found(edges[places], best[places].astype(np.float32), labels[places].astype(np.int64))
    return found.take(without_doubles(found)[:MOST])
