"""From what a user names to an audited dataset."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from preseason.data.dataset import Dataset, Sample, Skipped
from preseason.data.layouts import unlabelled
from preseason.errors import DataError
from preseason.progress import Progress, Silent

if TYPE_CHECKING:
    from preseason.data.audit import Audit
    from preseason.tasks.base import Task


def task_for(root: Path) -> "Task":
    """The task that recognises what lies at `root`.

    Raises:
        DataError: nothing is there.
    """
    from preseason.tasks.base import tasks

    if not root.exists():
        raise DataError(f"There is no {root}. Expected a folder with one folder of photos for each label.")
    ranked = sorted((tasks.get(name) for name in tasks), key=lambda task: task.rank)
    return next(task for task in ranked if task.recognises(root))


def read(data: str | Path, progress: Progress | None = None) -> "Audit":
    """Read labelled data: samples, skipped files, copies and conflicts.

    Raises:
        DataError: nothing usable is there.
    """
    from preseason.data.audit import audit

    root = Path(data)
    task = task_for(root)
    return audit(task.read(root), task.signature, progress or Silent())


def read_inputs(
    inputs: "tuple[str | Path, ...]", task: "Task"
) -> tuple[tuple[Sample, ...], tuple[Skipped, ...]]:
    """Unlabelled samples with fingerprints, in the order asked, and what could not be read."""
    found = unlabelled.collect(inputs, task.accept)
    return fingerprinted(found, task)


def fingerprinted(found: Dataset, task: "Task") -> tuple[tuple[Sample, ...], tuple[Skipped, ...]]:
    """The samples with the fingerprint of their content; unreadable files are skipped."""
    from preseason.media.content import opening_failure

    samples, skipped = [], list(found.skipped)
    for sample in found.samples:
        try:
            samples.append(replace(sample, fingerprint=task.fingerprint(sample)))
        except OSError as error:
            skipped.append(Skipped(str(sample.source), opening_failure(error)))
    return tuple(samples), tuple(skipped)
