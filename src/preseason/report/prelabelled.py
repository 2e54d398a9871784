"""Pictures with boxes that a network guessed, as a data set for a person to correct and a fit to read."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from preseason.backbones.zero_shot import load_zero_shot
from preseason.data.boxes import FoundBox
from preseason.data.dataset import Sample, Skipped
from preseason.data.given import Inputs, one_by_one
from preseason.data.safe_names import cell
from preseason.engine.networks import device_for
from preseason.errors import DataError, MediaError, UsageError
from preseason.inference.detection.finder import Pixels, decoded
from preseason.inference.detection.zero_shot import PromptedFinder
from preseason.report.box_files import QUALITY, yolo_line
from preseason.runtime.cache_dir import cache_folder
from preseason.runtime.files import write_text
from preseason.runtime.progress import Progress, Silent
from preseason.stores.mirror import inputs_here
from preseason.tasks.base import tasks
from preseason.tasks.reading import read_inputs

JOURNAL = "prelabel.jsonl"
"""What was asked for, then a line for each picture, written before its files."""
SCORES = "scores.csv"
HEADER = ("picture", "label", "score")


@dataclass(frozen=True)
class Guessed:
    """A picture of the data set.

    Attributes:
        fingerprint: of the content of the file that it was made of.
        name: of picture and label file, without their endings.
        boxes: what was found, the surest first.
    """

    fingerprint: str
    name: str
    boxes: tuple[FoundBox, ...]


@dataclass(frozen=True)
class Prelabelled:
    """What lies in the data set.

    Attributes:
        pictures: all of them.
        before: pictures that an earlier run had done; they are left as they are.
        copies: pictures left out because another one has the same content.
        boxes: how many of each class were found.
        empty: pictures on which nothing was found.
    """

    folder: Path
    pictures: int
    before: int
    copies: int
    boxes: dict[str, int]
    empty: int
    skipped: tuple[Skipped, ...]


def prelabel(
    *inputs: Inputs,
    output: str | Path,
    classes: Sequence[str],
    backbone: str = "owlv2",
    weights: str | None = None,
    threshold: float | None = None,
    device: str = "auto",
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> Prelabelled:
    """Have a network draw first boxes on pictures, from the names of the classes alone; you correct them.

    Writes a data set in YOLO's layout: `images/`, `labels/`, `data.yaml`, and `scores.csv` with the score of
    every box, the least sure first. Pictures that are done are not touched again, so a run that was stopped
    goes on, and further pictures can be added to a folder that is partly corrected.

    Args:
        inputs: files, folders and patterns of pictures.
        output: a new folder, or that of an earlier run with the same classes and network.
        classes: what to look for, in plain English words.
        backbone: `owlv2`, `grounding-dino`, a name on the hub, or a folder.
        weights: a folder to take the network from instead.
        threshold: least score of a box, 0..1; that of the network's authors where it is None.
        device: `auto`, `cpu` or `cuda`.
        cache: where pictures of object stores are kept.
        progress: receives progress messages.

    Raises:
        UsageError: no pictures or classes are named, or the folder holds something else.
        DataError: no picture can be read.
        WeightsError: the network's weights are not on this machine.
    """
    named, report = inputs_here(one_by_one(inputs), cache_folder(cache)), progress or Silent()
    wanted = _checked(classes, threshold)
    if not named:
        raise UsageError("prelabel needs pictures: name files, folders or patterns of files.")
    asked = {"backbone": backbone, "weights": weights, "classes": list(wanted), "threshold": threshold}
    folder = Path(output)
    done = _begun(folder, asked)
    samples, skipped = read_inputs(named, tasks.get("detection"))
    once = list({sample.fingerprint: sample for sample in reversed(samples)}.values())[::-1]
    new = [sample for sample in once if sample.fingerprint not in {each.fingerprint for each in done}]
    failed: list[Skipped] = []
    if new:
        detector = load_zero_shot(backbone, weights)
        least = detector.kind.least if threshold is None else threshold
        finder = PromptedFinder(detector, wanted, least, device_for(device))
        _prepare(folder, asked, wanted)
        made, failed = _guess(finder, new, folder, report)
        done += made
        _append(folder, {"ended": len(done)})
    if not done:
        reasons = "; ".join(f"{each.path}: {each.reason}" for each in [*skipped, *failed][:3])
        raise DataError(f"None of the pictures could be read: {reasons or 'none was found'}.")
    _write_scores(folder, done)
    counts = Counter(box.label for each in done for box in each.boxes)
    return Prelabelled(
        folder, len(done), len(once) - len(new), len(samples) - len(once),
        {label: counts[label] for label in wanted}, sum(not each.boxes for each in done),
        (*skipped, *failed),
    )  # fmt: skip


def _checked(classes: Sequence[str], threshold: float | None) -> tuple[str, ...]:
    """The names of the classes without spaces around."""
    wanted = tuple(each.strip() for each in classes)
    if not wanted or not all(wanted):
        raise UsageError('--classes: expected names divided by commas, e.g. "player,ball,goal post".')
    twice = [name for name, count in Counter(wanted).items() if count > 1]
    if twice:
        raise UsageError(f"--classes: {twice[0]} stands there twice.")
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(f"--threshold {threshold}: expected a score from 0 to 1.")
    return wanted


def _begun(folder: Path, asked: dict[str, Any]) -> list[Guessed]:
    """What an earlier run left in the folder, without the picture during which it was stopped.

    Raises:
        UsageError: the folder holds something else, or what was asked for then differs.
    """
    journal = folder / JOURNAL
    if not journal.is_file():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{folder} holds something already: name a new folder for the data set.")
        return []
    lines = journal.read_text("utf-8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    before = json.loads(whole[0]) if whole else asked
    differing = [f"--{key} {before.get(key)}" for key in asked if before.get(key) != asked[key]]
    if differing:
        raise UsageError(
            f"{folder} was begun with {', '.join(differing)}: ask for the same to go on there, or name a new "
            "folder."
        )
    if len(whole) < len(lines):  # the process was killed while it wrote the last line
        write_text(journal, "".join(whole))
    done = {each.fingerprint: each for line in whole[1:] if (each := _guessed(json.loads(line)))}
    last = list(done.values())[-1:]
    stopped = len(whole) > 1 and "ended" not in json.loads(whole[-1])
    if stopped and last and not _label(folder, last[0].name).is_file():
        (folder / "images" / f"{last[0].name}.jpg").unlink(missing_ok=True)
        return list(done.values())[:-1]
    return list(done.values())


def _guessed(values: dict[str, Any]) -> Guessed | None:
    """The picture of a line; None for the line that ends a run."""
    if "ended" in values:
        return None
    boxes = tuple(FoundBox(**box) for box in values["boxes"])
    return Guessed(values["fingerprint"], values["name"], boxes)


def _prepare(folder: Path, asked: dict[str, Any], classes: tuple[str, ...]) -> None:
    """The folders, the names of the classes, and the beginning of the journal."""
    try:
        for name in ("images", "labels"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        matter = {"path": ".", "train": "images", "names": dict(enumerate(classes))}
        write_text(folder / "data.yaml", yaml.safe_dump(matter, sort_keys=False, allow_unicode=True))
        if not (folder / JOURNAL).is_file() or not (folder / JOURNAL).stat().st_size:
            write_text(folder / JOURNAL, f"{json.dumps(asked)}\n")
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror or error}.") from error


def _guess(
    finder: PromptedFinder, samples: Sequence[Sample], folder: Path, report: Progress
) -> tuple[list[Guessed], list[Skipped]]:
    """Look at each picture and write it down at once."""
    made: list[Guessed] = []
    failed: list[Skipped] = []
    names = {path.stem for place in ("images", "labels") for path in (folder / place).iterdir()}
    report.start("looking", len(samples))
    for sample, picture in zip(samples, decoded(samples), strict=True):
        report.advance()
        if isinstance(picture, MediaError):
            failed.append(Skipped(str(sample.source), str(picture)))
            continue
        found = finder.find(picture)
        boxes = tuple(
            FoundBox(finder.classes[label], float(score), *(float(edge) for edge in edges))
            for label, score, edges in zip(found.labels, found.scores, found.boxes, strict=True)
        )
        each = Guessed(str(sample.fingerprint), next(_free(sample.path.stem, names)), boxes)
        names.add(each.name)
        _write(each, picture, finder.classes, folder)
        made.append(each)
    report.finish()
    return made, failed


def _free(stem: str, names: set[str]) -> Iterator[str]:
    """Names for a picture that no other has."""
    if stem not in names:
        yield stem
    yield from (f"{stem}-{n}" for n in range(2, len(names) + 3) if f"{stem}-{n}" not in names)


def _write(each: Guessed, picture: Pixels, classes: Sequence[str], folder: Path) -> None:
    """A line of the journal, the picture, and its label file last."""
    try:
        _append(folder, asdict(each))
        Image.fromarray(picture).save(folder / "images" / f"{each.name}.jpg", "JPEG", quality=QUALITY)
        lines = (yolo_line(box, classes, scored=False) for box in each.boxes)
        write_text(_label(folder, each.name), "".join(lines))
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror or error}.") from error


def _append(folder: Path, values: dict[str, Any]) -> None:
    with (folder / JOURNAL).open("a", encoding="utf-8") as journal:
        journal.write(f"{json.dumps(values)}\n")


def _label(folder: Path, name: str) -> Path:
    return folder / "labels" / f"{name}.txt"


def _write_scores(folder: Path, done: Sequence[Guessed]) -> None:
    """The score of every box as it was drawn, the least sure first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    rows = [(f"images/{each.name}.jpg", box.label, box.score) for each in done for box in each.boxes]
    for name, label, score in sorted(rows, key=lambda row: row[2]):
        writer.writerow([cell(name), cell(label), f"{score:.4f}"])
    try:
        write_text(folder / SCORES, text.getvalue())
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror or error}.") from error
