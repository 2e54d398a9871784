"""A detector as a model folder: JSON and safetensors, never code."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from preseason.models.manifest import record_values
from preseason.storage import BACKBONE, CARD, FORMAT, HEADS, MANIFEST, REPORT, replace_folder

if TYPE_CHECKING:
    from preseason.models.detector import Detector


def save(model: "Detector", folder: Path, pages: Callable[[Path], None] | None = None) -> None:
    """Write `model` to `folder`; what was there is replaced when the new one is complete.

    Args:
        pages: writes card and report into the folder it is given; without it those there are kept.

    Raises:
        ModelFolderError: the folder cannot be written, or holds something that is no model.
    """

    def write(part: Path) -> None:
        if pages is not None:
            pages(part)
        else:
            _keep_pages(folder, part)
        _write(model, part)

    replace_folder(folder, write)


def _write(model: "Detector", part: Path) -> None:
    from safetensors.numpy import save_file

    finder = model.finder
    backbone = finder.extractors.backbone
    backbone.save(part / BACKBONE)
    curves = {f"calibration.{name}": array for name, array in model.calibration.state().items()}
    save_file(finder.tensors() | curves, part / HEADS)
    manifest = {
        "format": FORMAT,
        "kind": finder.kind,
        "task": model.task,
        "labels": list(model.labels),
        "backbone": backbone.facts(),
        "detector": finder.values(),
        "record": record_values(model.record),
        "metrics": model.problem.values(model.record.metrics),
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False)
    (part / MANIFEST).write_text(text, "utf-8")


def _keep_pages(old: Path, new: Path) -> None:
    for name in (CARD, REPORT):
        if (old / name).is_file():
            shutil.copy2(old / name, new / name)
