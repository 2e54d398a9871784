"""One class written in several ways: case, width, invisible signs, spaces, the form of a number."""

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from preseason.data.dataset import Dataset, Sample
from preseason.data.folder_shapes import OF_FOLDERS
from preseason.errors import UsageError
from preseason.formatting import did_you_mean, shell_word

_COPY = re.compile(
    r"(?:copy of|kopie von|copie de|copia d[ei])\s+(?P<first>.+)|"
    r"(?P<of>.+?)(?:\s*\(\d{1,2}\)|\s*\(.*conflicted copy.*\)|"
    r"[\s_-]+(?:copy|copia|copie|kopie|kopia|kopi|コピー|副本)(?:\s*\(?\d{1,2}\)?)?)",
    re.IGNORECASE,
)
"""Names that systems and shared folders give to a second folder of one name."""
_NUMBER = re.compile(r"[+-]?(?:0|[1-9][0-9]*)(?:[.,][0-9]+)?")


def spelling_key(label: str) -> str:
    """Equal for labels that are one class written in different ways; single letters keep their case.

    Numbers count by their value, codes with zeros in front as they are written.

    Example:
        >>> spelling_key("Messi") == spelling_key("mESSI\\u200b"), spelling_key("1") == spelling_key("1.0")
        (True, True)
        >>> spelling_key("01") == spelling_key("1"), spelling_key("a") == spelling_key("A")
        (False, False)
    """
    seen = "".join(sign for sign in unicodedata.normalize("NFKC", label) if not _is_invisible(sign))
    plain = " ".join(seen.split())
    if _NUMBER.fullmatch(plain):
        value = float(plain.replace(",", "."))
        return f"{value:.17g}" if math.isfinite(value) and value else "0"
    return plain if len(plain) < 2 else unicodedata.normalize("NFKC", plain.casefold())


def copy_of(label: str) -> str | None:
    """The name of which a folder's name says that it is a copy; None for other names.

    Example:
        >>> copy_of("Messi (1)"), copy_of("Messi - Kopie"), copy_of("Messi")
        ('Messi', 'Messi', None)
    """
    match = _COPY.fullmatch(label)
    return (match["first"] or match["of"]) if match else None


def joined(dataset: Dataset, known: Sequence[str] = (), rename: Sequence[str] = ()) -> Dataset:
    """The dataset with each class under one name, and a note for every name that was changed.

    Of several spellings that of `known` counts, else the commonest. A class folder that is called as a copy
    of another (`Messi (1)`) is that one. A label that is renamed to itself is meant as it is written and
    never joined.

    Args:
        dataset: as a layout read it.
        known: labels of a model.
        rename: `OLD=NEW` for labels that are to be called otherwise.

    Raises:
        UsageError: one renames a label that does not occur.
    """
    counts = Counter(label for sample in dataset.samples for label in sample.classes)
    asked = renames(rename, (*counts, *known))
    counts = Counter[str]()
    for sample in dataset.samples:
        counts.update(asked.get(label, label) for label in sample.classes)
    meant = {old for old, new in asked.items() if old == new}
    names = _one_name(counts, known, meant)
    if dataset.layout in OF_FOLDERS:
        names |= _copies(names, meant)
    changes = {
        label: names.get(asked.get(label, label), asked.get(label, label)) for label in _labels(dataset)
    }
    changes = {old: new for old, new in changes.items() if old != new}
    if not changes:
        return dataset
    samples = tuple(_renamed(sample, changes) for sample in dataset.samples)
    labels = tuple(sorted({label for sample in samples for label in sample.classes}))
    notes = _told({old: new for old, new in changes.items() if asked.get(old) != new})
    return replace(dataset, samples=samples, labels=labels, notes=(*dataset.notes, *notes))


def same_class(label: str, known: Iterable[str]) -> str | None:
    """The label among `known` that is `label` written in another way; None where there is none."""
    return next((name for name in known if name != label and spelling_key(name) == spelling_key(label)), None)


def renames(pairs: Sequence[str], labels: Iterable[str] = ()) -> dict[str, str]:
    """New names by old ones, from texts such as `mo-salah=Salah`.

    Args:
        pairs: a label may hold `=` itself; then the old name is the one that occurs.
        labels: that occur; none where that is not known.

    Raises:
        UsageError: a text names no two labels, or the old one does not occur.
    """
    known = set(labels)
    found: dict[str, str] = {}
    for pair in pairs:
        cuts = [at for at, sign in enumerate(pair) if sign == "="]
        ways = [(pair[:at].strip(), pair[at + 1 :].strip()) for at in cuts]
        ways = [(old, new) for old, new in ways if old and new]
        if not ways:
            raise UsageError(f"--rename {pair}: expected OLD=NEW, e.g. --rename mo-salah=Salah.")
        fitting = [way for way in ways if way[0] in known]
        if known and not fitting:
            old = ways[0][0]
            raise UsageError(
                f"--rename {pair}: no label is called {old!r}.{did_you_mean(old, sorted(known))}"
            )
        old, new = (fitting or ways)[0]
        found[old] = new
    return found


def _labels(dataset: Dataset) -> list[str]:
    return list(dict.fromkeys(label for sample in dataset.samples for label in sample.classes))


def _one_name(counts: Mapping[str, int], known: Sequence[str], meant: set[str]) -> dict[str, str]:
    """The name that stands for each label: a known one, else the commonest, of equals the first by letter."""
    ways: defaultdict[str, list[str]] = defaultdict(list)
    for label in sorted({*counts, *known}):
        if label not in meant:
            ways[spelling_key(label)].append(label)
    order = {
        label: (label not in known, -counts.get(label, 0)) for labels in ways.values() for label in labels
    }
    best = {key: min(labels, key=lambda label: order[label]) for key, labels in ways.items()}
    return {label: label if label in known else best[key] for key, labels in ways.items() for label in labels}


def _copies(names: Mapping[str, str], meant: set[str]) -> dict[str, str]:
    """The name for each label that is called as a copy of another one."""
    keys = {spelling_key(label): name for label, name in names.items() if copy_of(label) is None}
    originals = {label: copy_of(label) for label in names if label not in meant}
    return {
        label: keys[key]
        for label, of in originals.items()
        if of is not None and (key := spelling_key(of)) in keys
    }


def _renamed(sample: Sample, changes: Mapping[str, str]) -> Sample:
    label = sample.label if sample.label is None else changes.get(sample.label, sample.label)
    boxes = sample.boxes
    if boxes is not None:
        boxes = tuple(replace(box, label=changes.get(box.label, box.label)) for box in boxes)
    return replace(sample, label=label, boxes=boxes)


def _told(changes: Mapping[str, str]) -> list[str]:
    """One sentence for each name that others were joined to."""
    ways: defaultdict[str, list[str]] = defaultdict(list)
    for old, new in changes.items():
        ways[new].append(old)
    return [
        f"{' and '.join(ascii(old) if _hides(old) else repr(old) for old in olds)} "
        f"{'is' if len(olds) == 1 else 'are'} read as {new!r}, {_why(olds)}; "
        f"--rename {shell_word(f'{olds[0]}={olds[0]}')} keeps it apart."
        for new, olds in ways.items()
    ]


def _why(olds: Sequence[str]) -> str:
    if all(map(copy_of, olds)):
        return "of which the name says it is a copy"
    return "which is written almost the same"


def _hides(label: str) -> bool:
    """Whether a label looks the same as another because of signs that nobody sees."""
    return any(_is_invisible(sign) for sign in label) or unicodedata.normalize("NFKC", label) != label


def _is_invisible(sign: str) -> bool:
    return unicodedata.category(sign) in ("Cf", "Cc") and not sign.isspace()
