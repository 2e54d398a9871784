"""What was taken for what when data were read: one sentence for people, plain values for programs."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from preseason.data.dataset import Dataset, Skipped


@dataclass(frozen=True)
class Account:
    """How a data set was read.

    Attributes:
        task: what would be learnt, by name.
        noun: what the examples are called.
        layout: how they lie, by name.
        examples: how many there are.
        labels: examples of each label; none where nothing is labelled.
        splits: examples of each part, as far as the data name parts.
        groups: how many groups there are of what is never parted.
        notes: sentences on what was taken for what.
        ignored: files and folders that are none of the data.
        skipped: what was left out, each with its reason.
    """

    task: str
    noun: str
    layout: str
    examples: int
    labels: dict[str, int]
    splits: dict[str, int]
    groups: int
    notes: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    @property
    def sentence(self) -> str:
        """The whole reading in a line, e.g. `2 splits (train, test), 5 labels, 412 photos; runs/ ignored.`"""
        found = [_several(len(self.splits), "split") + f" ({', '.join(self.splits)})"] if self.splits else []
        found += [_several(len(self.labels), "label")] if self.labels else []
        found.append(f"{self.examples:,} {self.noun}")
        left = f"; {', '.join(self.ignored)} ignored" if self.ignored else ""
        return f"{', '.join(found)}{left}."

    def values(self) -> dict[str, Any]:
        """What a record keeps of it, without paths."""
        return {
            "layout": self.layout,
            "sentence": self.sentence,
            "notes": list(self.notes),
            "splits": self.splits,
            "groups": self.groups,
            "ignored": list(self.ignored),
        }


def account_of(dataset: Dataset, task: str, noun: str) -> Account:
    """How `dataset` was read."""
    labels = Counter(label for sample in dataset.samples for label in sample.classes)
    splits = Counter(sample.split for sample in dataset.samples if sample.split is not None)
    return Account(
        task=task,
        noun=noun,
        layout=dataset.layout,
        examples=len(dataset.samples),
        labels={label: labels[label] for label in dataset.labels},
        splits={part: splits[part] for part in ("train", "validation", "test") if part in splits},
        groups=len({sample.group or sample.fingerprint or str(sample.source) for sample in dataset.samples}),
        notes=dataset.notes,
        ignored=dataset.ignored,
        skipped=dataset.skipped,
    )


def _several(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"
