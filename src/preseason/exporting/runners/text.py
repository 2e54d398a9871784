"""Export of models of texts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from preseason.backbones.base import Backbone
from preseason.backbones.encoders import encoder_of
from preseason.backbones.tokenizers import TOKENIZER
from preseason.data.dataset import Sample
from preseason.engine.passes import FeatureSpec
from preseason.exporting.runners.base import runners

SENTENCES = tuple(
    f"{who} {what}{when}"
    for who, when in (("The goalkeeper", "."), ("Nobody in this town", " until the last minute!"))
    for what in (
        "saved everything",
        "is late again",
        "could not have asked for more",
        "lost the ball, and the match",
        "wants to know when the tickets go on sale",
        "thanks all of you for a great evening",
        "paid far too much for the third shirt",
        "said nothing worth repeating",
    )
)


class TextRunner:
    """Windows of one text, tokens int64 [windows, l], -1 behind the end of a window."""

    program = "run_texts"
    needs = "tokenizers"
    made = "made-up sentences"
    input_name = "tokens"
    transformer = True
    companions: Mapping[str, str] = {}

    def examples(self, folder: Path) -> Sequence[str | Path]:
        """Sentences."""
        return SENTENCES

    def content(self, sample: Sample) -> str:
        """The text."""
        return sample.source.read()

    def trial(self, backbone: Backbone, spec: FeatureSpec) -> Tensor:
        """Drawn tokens with some padding."""
        words = int(backbone.network.config.vocab_size)  # type: ignore[union-attr,arg-type]
        tokens = torch.randint(0, words, (spec.count(), max(spec.size // 2, 4)))
        tokens[-1, spec.size // 4 :] = -1
        return tokens

    def free(self) -> dict[int, Any]:
        """How many tokens a window has."""
        return {1: torch.export.Dim("l", min=3)}

    def rows(self, frozen: nn.Module, given: Tensor, spec: FeatureSpec) -> Tensor:
        """The windows of the text; in front of several goes the whole."""
        rows: Tensor = frozen(given)
        if spec.kept == "pooled" and spec.count() > 1:
            mean, largest, first = rows.chunk(3, dim=1)
            whole = torch.cat([mean.mean(0), largest.amax(0), first.mean(0)])
            rows = torch.cat([whole[None], rows])
        return rows[None]

    def files(self, backbone: Backbone) -> dict[str, str]:
        """The tokenizer."""
        return {TOKENIZER: encoder_of(backbone).tokenizer.to_str()}


runners.add("text", TextRunner())
