"""A predictor as graphs: one for each pass over an example, with the heads of all its ways and members.

Ways that share a pass share a graph, so the frozen network runs once. A graph of photos takes looks uint8
[n, looks, side, side, 3] and, where a head also reads the rows of an earlier pass, these rows `before`; one
of texts takes the windows of a text, tokens int64 [windows, l], -1 behind the end of a window. It gives
`probabilities_W` [n, c] for each kept way number W, `focus_W` where later looks are chosen by it,
`known_vector` where strangers are told by it, and `rows_S` where a later graph reads them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from preseason.backbones.base import Backbone
from preseason.engine.feeds.base import feed_for
from preseason.engine.passes import Box, FeatureSpec
from preseason.exporting.heads import module_of
from preseason.exporting.runners.base import ExportRunner
from preseason.inference.candidates import Fitted
from preseason.inference.predictor import Predictor

HALF = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Stage:
    """One pass with its ways.

    Attributes:
        number: of the stage, from 0.
        spec: the pass.
        candidates: number and way of each that reads it.
        crops_from: output that chooses the looks; None where they are the pass's own.
        parts: the regions of the example that this output weighs.
        before: output whose rows stand in front of the pass's own; None where there is none.
        outputs: names of what the graph gives, in order.
        embedding: name of the way whose embedding is among them, if any.
    """

    number: int
    spec: FeatureSpec
    candidates: tuple[tuple[int, Fitted], ...]
    crops_from: str | None
    parts: tuple[Box, ...]
    before: str | None
    outputs: tuple[str, ...]
    embedding: str

    @property
    def counts(self) -> bool:
        """Whether it is no graph: ways that count words, and those that the program has a reader for."""
        return self.spec.kept == "raw" or self.reader is not None

    @property
    def reader(self) -> str | None:
        """Module of `preseason.exporting` that reads examples for ways of another network than the first."""
        network = self.candidates[0][1].candidate.network
        return f"read_{network}" if network else None

    def settings(self, file: str) -> dict[str, Any]:
        """What the runner must know of it."""
        return {
            "file": file,
            "size": self.spec.size,
            "height": self.spec.height,
            "frames": self.spec.frames,
            "rate": self.spec.rate,
            "middle": self.spec.middle,
            "frame": self.spec.frame,
            "white": self.spec.white,
            "ranges": list(self.spec.ranges),
            "looks": [list(box) for box in self.spec.crops],
            "looks_from": self.crops_from,
            "parts": [list(box) for box in self.parts],
            "before": self.before,
            "outputs": list(self.outputs),
            "windows": self.spec.count(),
            "reader": self.reader,
        }


def stages_of(predictor: Predictor) -> list[Stage]:
    """The predictor's passes in the order in which they are run."""
    numbers = {fitted.candidate.name: number for number, fitted in enumerate(predictor.candidates)}
    groups: list[list[Fitted]] = []
    for fitted in predictor.candidates:
        same = [g for g in groups if _place(g[0]) == _place(fitted)]
        if same:
            same[0].append(fitted)
        else:
            groups.append([fitted])
    homes = {fitted.candidate.name: index for index, group in enumerate(groups) for fitted in group}
    return [_stage(index, group, predictor, numbers, homes) for index, group in enumerate(groups)]


def _place(fitted: Fitted) -> tuple[FeatureSpec, str | None, str | None, str]:
    way = fitted.candidate
    return way.spec, way.crops_from, way.before, way.network


def _stage(
    index: int, group: Sequence[Fitted], predictor: Predictor, numbers: dict[str, int], homes: dict[str, int]
) -> Stage:
    first = group[0].candidate
    candidates = tuple((numbers[fitted.candidate.name], fitted) for fitted in group)
    asked = {fitted.candidate.crops_from for fitted in predictor.candidates}
    read = {homes[f.candidate.before] for f in predictor.candidates if f.candidate.before is not None}
    outputs = [f"probabilities_{n}" for n, f in candidates if f.candidate.name in predictor.kept]
    outputs += [f"focus_{n}" for n, f in candidates if f.candidate.name in asked]
    outputs += ["known_vector" for _, f in candidates if f.candidate.name == predictor.embedding]
    outputs += [f"rows_{index}"] if index in read else []
    origin = first.crops_from
    return Stage(
        index,
        first.spec,
        candidates,
        None if origin is None else f"focus_{numbers[origin]}",
        () if origin is None else predictor.candidates[numbers[origin]].candidate.spec.parts(),
        None if first.before is None else f"rows_{homes[first.before]}",
        tuple(outputs),
        predictor.embedding,
    )


class StageGraph(nn.Module):
    """The computation of a stage."""

    def __init__(self, backbone: Backbone, stage: Stage, runner: ExportRunner) -> None:
        super().__init__()
        self.frozen = feed_for(backbone, stage.spec).module.eval().requires_grad_(False)
        self.runner = runner
        self.stage = stage
        self.fold_models = nn.ModuleList(
            nn.ModuleList(module_of(fold_model) for fold_model in fitted.fold_models)
            for _, fitted in stage.candidates
        )

    def forward(self, given: Tensor, before: Tensor | None = None) -> tuple[Tensor, ...]:
        """The outputs that the stage names, in order."""
        own = _kept(self.runner.rows(self.frozen, given, self.stage.spec))
        rows = own if before is None else torch.cat([before, own], dim=1)
        found = {f"rows_{self.stage.number}": rows}
        for (number, fitted), fold_models in zip(self.stage.candidates, self.fold_models, strict=True):
            said = [fold_model(rows) for fold_model in cast(nn.ModuleList, fold_models)]
            chances = [(logits / fitted.temperature).softmax(1) for logits, _, _ in said]
            found[f"probabilities_{number}"] = torch.stack(chances).mean(0)
            if said[0][2] is not None:
                found[f"focus_{number}"] = torch.stack([attention for _, _, attention in said]).mean(0)
            if fitted.candidate.name == self.stage.embedding:
                found["known_vector"] = torch.stack([vector for _, vector, _ in said]).mean(0)
        return tuple(found[name] for name in self.stage.outputs)


def _kept(rows: Tensor) -> Tensor:
    """As the feature bank keeps them: float16, clipped to its range."""
    return rows.clamp(-HALF, HALF).half().float()
