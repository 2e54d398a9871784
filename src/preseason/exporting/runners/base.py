"""What a modality must say so that its models are exported as graphs with a program that runs them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from preseason.backbones.base import Backbone
from preseason.data.dataset import Sample
from preseason.engine.passes import FeatureSpec
from preseason.registry import Registry


class ExportRunner(Protocol):
    """Export of one modality; a file in `preseason.exporting.runners` registers it by that name.

    Attributes:
        program: module in `preseason.exporting` that is copied into the folder as run.py.
        needs: packages that it needs besides numpy and an engine, a line for each.
        made: what `examples` gives, in words.
        input_name: of the graphs' first input.
        transformer: whether networks are transformers, which int8 treats in their own way.
        companions: networks beside the first that the program runs itself, and the package each needs.
    """

    program: str
    needs: str
    made: str
    input_name: str
    transformer: bool
    companions: Mapping[str, str]

    def examples(self, folder: Path) -> Sequence[str | Path]:
        """Examples made to compare export and model with, always the same; files lie in `folder`."""

    def content(self, sample: Sample) -> Any:
        """What the exported program is given of an example."""

    def trial(self, backbone: Backbone, spec: FeatureSpec) -> Tensor:
        """Input of a pass to trace its graph with."""

    def free(self) -> dict[int, Any]:
        """Dimensions of the input that may differ in use, as `torch.export.Dim`."""

    def rows(self, frozen: nn.Module, given: Tensor, spec: FeatureSpec) -> Tensor:
        """Rows of the examples as the feature bank has them, by the frozen network of a pass."""

    def files(self, backbone: Backbone) -> dict[str, str]:
        """Names and content of files that the program reads."""


class LookRunner:
    """What runners share whose examples are several looks, windows or frames of one shape [n, looks, ...]."""

    transformer = False
    companions: Mapping[str, str] = {}

    def free(self) -> dict[int, Any]:
        """How many examples there are."""
        return {0: torch.export.Dim("examples", min=1)}

    def rows(self, frozen: nn.Module, given: Tensor, spec: FeatureSpec) -> Tensor:
        """The looks of an example side by side."""
        rows: Tensor = frozen(given.flatten(0, 1))
        if spec.kept == "pooled":
            return rows.reshape(-1, given.shape[1] * rows.shape[1], rows.shape[2])
        return rows.reshape(-1, given.shape[1], *rows.shape[1:])

    def files(self, backbone: Backbone) -> dict[str, str]:
        """None."""
        return {}


runners = Registry[ExportRunner]("export", "preseason.exporting.runners")
