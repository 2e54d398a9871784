"""`preseason.export`: a model folder becomes a folder that other programs run, or other libraries open."""

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from preseason import __version__
from preseason.backbones.facts import BackboneSource
from preseason.data.dataset import Sample
from preseason.errors import ExportError, ModelFolderError
from preseason.errors.packages import require
from preseason.exporting import checking, finders, libraries
from preseason.exporting.answers import Runner
from preseason.exporting.checking import MAX_DIFFERENCE, Check
from preseason.exporting.counts import write_counts
from preseason.exporting.files import write_onnx, write_openvino
from preseason.exporting.graphs import Stage, stages_of
from preseason.exporting.int8 import MAX_EXAMPLES, inputs_of, quantise
from preseason.exporting.parts import write_runner
from preseason.exporting.runners.base import ExportRunner, runners
from preseason.models.classifier import Model
from preseason.models.detector import Detector
from preseason.models.loading import classifies, finds, load
from preseason.runtime.files import folder_beside
from preseason.runtime.progress import Progress, Silent

FORMAT = 1
SETTINGS, KNOWN = "exported.json", "known.npz"
LIBRARIES = ("timm", "transformers")
TARGETS = {
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "openvino": ("onnx", "onnxscript"),
    "onnx-int8": ("onnx", "onnxscript", "onnxruntime", "nncf"),
    "openvino-int8": ("onnx", "onnxscript", "nncf"),
    "timm": (),
    "transformers": ("transformers",),
}
"""The targets, and what each needs besides the packages that come with every install."""


@dataclass(frozen=True)
class Export:
    """What was written.

    Attributes:
        folder: where it lies.
        to: one of `TARGETS`.
        task: of the model.
        files: names in the folder.
        bytes: their size together.
        check: how it compares with the model; None for a network without a classifier.
        left: what of the model's answer stayed behind, in words.
        made: what was compared where no examples were named, in words.
    """

    folder: Path
    to: str
    task: str
    files: tuple[str, ...]
    bytes: int
    check: Check | finders.BoxCheck | None
    left: tuple[str, ...] = ()
    made: str = ""


def export(
    model: "str | Path | Model | Detector",
    folder: str | Path,
    *,
    to: str = "onnx",
    data: Sequence[str | Path] = (),
    allow_difference: bool = False,
    progress: Progress | None = None,
    cache: str | None = None,
) -> Export:
    """Export a model to another engine, with a program that runs it, and check that predictions agree.

    A model that finds things is compared box by box: the same class, every edge within half a pixel.

    For "timm" and "transformers", only the adapted network is written, in the format of that library.

    Args:
        model: a model folder, or a model.
        folder: folder to write; an existing export is replaced.
        to: "onnx", "openvino", or the same with "-int8"; "timm" or "transformers". Models that find things
            know the first two.
        data: examples to check with, ideally labelled and not seen by the model; half of them set the ranges
            of int8. Without any, synthetic ones are compared.
        allow_difference: keep an export that differs from the model by more than half a point, or leaves a
            part of its answer out.

    Raises:
        MissingPackageError: the target needs a package that is not installed.
        ExportError: this model or its network cannot be exported, or the export differs too much.
        ModelFolderError: the model cannot be read, or the folder cannot be written.
    """
    say = progress or Silent()
    _check_target(to, data)
    loaded = _loaded(model, to, say, cache)
    _refuse_several(loaded)
    place = Path(folder).absolute()
    _refuse_other(place)
    left: tuple[str, ...] = ()
    check: Check | finders.BoxCheck | None
    try:
        with folder_beside(place) as part:
            if isinstance(loaded, Detector):
                check = _fill_finder(part, loaded, to, data, say)
            elif to in LIBRARIES:
                check, left = _fill_network(part, loaded, to, data, allow_difference, say)
            else:
                check = _fill(part, loaded, to, data, say)
            if check is not None:
                refuse_different(check, allow_difference)
            write_settings(part, {"check": asdict(check) if check else None})
            shutil.rmtree(place, ignore_errors=True)
            part.rename(place)
    except OSError as error:
        raise ModelFolderError(
            f"The export cannot be written to {place}: {error.strerror or error}. Free some space, or name "
            "another folder with -o."
        ) from error
    files = sorted(path.name for path in place.iterdir())
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    made = runners.get(loaded.job.modality.name).made if loaded.job.modality.name in runners else ""
    return Export(place, to, loaded.task, tuple(files), size, check, left, made)


def _loaded(
    model: "str | Path | Model | Detector", to: str, progress: Progress, cache: str | None
) -> "Model | Detector":
    loaded: Any = model
    if isinstance(model, str | Path):
        loaded = load(model, progress=progress, device="cpu", cache=cache)
    if finds(loaded):
        finders.refuse_target(to)
        finders.heads_of(loaded)
        return loaded
    if not classifies(loaded) or (loaded.job.modality.name not in runners and to not in LIBRARIES):
        names = list(runners)
        raise ExportError(
            f"This is a model for {loaded.task}: {to} is offered for {', '.join(names[:-1])} and {names[-1]} "
            f"models only. `preseason serve` answers {loaded.task} over HTTP."
        )
    return loaded


def _check_target(to: str, data: Sequence[str | Path]) -> None:
    if to not in TARGETS:
        raise ExportError(f"--to {to} is unknown: expected one of {', '.join(TARGETS)}.")
    if to.endswith("int8") and not data:
        raise ExportError(
            f"--to {to} needs examples that set the ranges of numbers: name a folder of them with --data."
        )
    require(f"--to {to}", *TARGETS[to])


def _refuse_other(place: Path) -> None:
    """Never replace what is no exported model."""
    if place.exists() and not (place / SETTINGS).is_file() and (place.is_file() or any(place.iterdir())):
        raise ModelFolderError(
            (
                f"{place} exists but is not an exported model (it holds no {SETTINGS}): it will not "
                "be replaced. Name a new folder with -o."
            ),
            code="PS-M04",
        )


def _fill(part: Path, model: "Model", to: str, data: Sequence[str | Path], progress: Progress) -> Check:
    """Write everything but the check's result."""
    with tempfile.TemporaryDirectory() as beside:
        chosen = data or runner_of(model).examples(Path(beside))
        samples = checking.samples_of(model, chosen)
        if not samples:
            raise ExportError(f"None of the {model.job.noun} named with --data could be read.")
        calibration, asked = (samples[::2], samples[1::2]) if to.endswith("int8") else ([], samples)
        write_known(part, model)
        _write_pages(part, model, to)
        _write_graphs(part, model, to, calibration, progress)
        return checking.compare(model, program(part, model), asked or samples, not data, progress)


def _fill_finder(
    part: Path, model: Detector, to: str, data: Sequence[str | Path], progress: Progress
) -> finders.BoxCheck:
    """Write everything of a model that finds things but the check's result."""
    write_settings(part, _common(model, to))
    write_settings(part, finders.write_graph(part, model, to, progress))
    _write_needs(part, "pillow", to)
    return finders.compare(part, model, data, progress)


def _fill_network(
    part: Path, model: "Model", to: str, data: Sequence[str | Path], allowed: bool, progress: Progress
) -> tuple[Check | None, tuple[str, ...]]:
    """Write the network alone; where it has a classifier, compare the answers, else the vectors."""
    written = libraries.write(part, model, to)
    libraries.refuse_uncarried(written.left, to, allowed, model.job.modality.name in runners)
    libraries.check_vectors(part, model, to)
    facts = {"format": FORMAT, "to": to, "task": model.task, "labels": list(written.labels)}
    write_settings(part, facts | {"left": list(written.left)})
    if not written.labels:
        return None, written.left
    with tempfile.TemporaryDirectory() as beside:
        samples = checking.samples_of(model, data or runner_of(model).examples(Path(beside)))
        if not samples:
            raise ExportError(f"None of the {model.job.noun} named with --data could be read.")
        columns = tuple(model.known.columns)
        opened = libraries.Judge(libraries.opened(part, to), columns, len(model.labels))
        return checking.compare(model, opened, samples, not data, progress), written.left


def _write_graphs(
    part: Path, model: "Model", to: str, calibration: "Sequence[Sample]", progress: Progress
) -> None:
    stages = stages_of(model.predictor)
    found: dict[str, Any] = {}
    progress.start("writing graphs", len(stages))
    names = []
    for stage in stages:
        path = part / f"stage-{stage.number}.{'npz' if stage.counts else 'onnx'}"
        if stage.counts:
            write_counts(stage, path)
        else:
            found |= write_onnx(model.extractors.backbone.loaded(), stage, found, path, runner_of(model))
        names.append(path.name)
        progress.advance()
    progress.finish()
    write_settings(part, settings_of(model, to, stages, names))
    if to.endswith("int8"):
        _quantise(part, model, names, calibration, progress)
    if to.startswith("openvino"):
        for name in (name for name in names if name.endswith("onnx")):
            write_openvino(part / name, (part / name).with_suffix(".xml"))
            (part / name).unlink()
        names = [name.replace(".onnx", ".xml") for name in names]
        write_settings(part, settings_of(model, to, stages, names))


def _quantise(
    part: Path, model: "Model", names: Sequence[str], examples: "Sequence[Sample]", progress: Progress
) -> None:
    """Replace the graphs by ones in 8 bits, with ranges from examples that can be read."""
    progress.start("8 bits", len(names))
    own = runner_of(model)
    chosen = [own.content(sample) for sample in examples[:: -(-len(examples) // MAX_EXAMPLES)]]
    for name, calibration in zip(names, inputs_of(program(part, model), chosen), strict=True):
        if name.endswith("onnx"):
            quantise(part / name, calibration, own.transformer)
        progress.advance()
    progress.finish()


def runner_of(model: "Model") -> ExportRunner:
    """How models of this one's modality are exported."""
    return runners.get(model.job.modality.name)


def program(folder: Path, model: "Model") -> "Runner":
    """The program of an exported model, as it runs in its folder."""
    module: Any = import_module(f"preseason.exporting.{runner_of(model).program}")
    found: Runner = module.Exported(folder)
    return found


def _refuse_several(model: "Model | Detector") -> None:
    """Raise ExportError where the model reads more networks than one and those that the program runs."""
    read = (
        {fitted.candidate.network for fitted in model.predictor.candidates}
        if isinstance(model, Model)
        else ()
    )
    run = runner_of(model).companions if isinstance(model, Model) else {}
    others = [name for name in model.extractors.others if name in read and name not in run]
    if others:
        first = model.extractors.backbone.name
        raise ExportError(
            f"This model reads several networks ({', '.join([first, *others])}), and an export holds one. "
            f"Fit with --backbone {first} for a model that can be exported, or use `preseason serve`."
        )


def settings_of(model: "Model", to: str, stages: "Sequence[Stage]", files: Sequence[str]) -> dict[str, Any]:
    """What exported.json holds."""
    predictor, known = model.predictor, model.known
    numbers = {fitted.candidate.name: number for number, fitted in enumerate(predictor.candidates)}
    return _common(model, to) | {
        "stages": [stage.settings(file) for stage, file in zip(stages, files, strict=True)],
        "kept": [f"probabilities_{numbers[name]}" for name in predictor.kept],
        "weights": list(predictor.weights),
        "temperature": predictor.temperature,
        "columns": list(known.columns),
        "score": known.scorer.kind,
        "threshold": known.threshold,
    }


def _common(model: "Model | Detector", to: str) -> dict[str, Any]:
    """What exported.json says of every model."""
    return {
        "format": FORMAT,
        "made_by": f"preseason {__version__}",
        "to": to,
        "task": model.task,
        "labels": list(model.labels),
        "backbone": _facts_of(model.extractors.backbone),
    }


def _facts_of(backbone: BackboneSource) -> dict[str, Any]:
    return {
        "name": backbone.name,
        "licence": backbone.licence,
        "reads": backbone.modality,
        "any_length": backbone.preprocessing.resizable,
        "frames": backbone.preprocessing.frames,
    }


def write_settings(part: Path, values: dict[str, Any]) -> None:
    """Add to exported.json, or replace there."""
    path = part / SETTINGS
    before = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    text = json.dumps(before | values, indent=1, ensure_ascii=False)
    path.write_bytes(text.encode("utf-8", "backslashreplace"))


def write_known(part: Path, model: "Model") -> None:
    """What tells strangers, and the probe for added classes; the known examples' own vectors stay behind."""
    known = model.known
    arrays = {name: getattr(known, name) for name in ("centre", "directions", "weight", "bias")}
    arrays |= {f"scorer.{name}": array for name, array in known.scorer.arrays.items()}
    plain: dict[str, Any] = {name: np.asarray(array, np.float32) for name, array in arrays.items()}
    np.savez(part / KNOWN, **plain)


def _write_pages(part: Path, model: "Model", to: str) -> None:
    own = runner_of(model)
    stages = stages_of(model.predictor)
    write_runner(part, own.program, {reader for stage in stages if (reader := stage.reader)})
    for name, content in own.files(model.extractors.backbone.loaded()).items():
        (part / name).write_text(content, "utf-8")
    read = {fitted.candidate.network for fitted in model.predictor.candidates}
    companions = [needs for name, needs in own.companions.items() if name in read]
    _write_needs(part, "\n".join([own.needs, *companions]), to)


def _write_needs(part: Path, needs: str, to: str) -> None:
    engine = "openvino" if to.startswith("openvino") else "onnxruntime"
    (part / "requirements.txt").write_text(f"numpy\n{needs}\n{engine}\n", "utf-8")


def refuse_different(check: Check | finders.BoxCheck, allowed: bool) -> None:
    """Raise ExportError where the export differs by more than half a point and that is not allowed."""
    if check.points <= MAX_DIFFERENCE or allowed:
        return
    if isinstance(check, finders.BoxCheck):
        what, where = "boxes", f"{check.n} pictures"
    else:
        what, where = "labels" if check.accuracy is None else "accuracy", f"{check.n} examples"
    raise ExportError(
        (
            f"The export differs from the model by {check.points:.1f} points of {what} on {where}, and at "
            f"most {MAX_DIFFERENCE:g} is allowed: nothing was written. Name more examples with --data, "
            "export without int8, or keep it with --no-strict."
        ),
        code="PS-E02",
    )
