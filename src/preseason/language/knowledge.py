"""Facts by lookup: passages of one's own files, found by the words they share with the question (BM25)."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from preseason.data.dataset import Skipped
from preseason.data.files import Accept, readable, walk
from preseason.data.rows import read_records
from preseason.errors import DataError
from preseason.language.reading import TABLES, is_filled
from preseason.media.text import SUFFIXES as PROSE
from preseason.media.text import read_text

WORDS_A_PASSAGE = 120
WORD = re.compile(r"[^\W_]+", re.UNICODE)
COMMON = frozenset(
    """
    a about an and any are as at be been but by can did do does for from give had has have he her him his how
    i in
    is it its many me more most much my no not of on or our said say she so tell than that the their them
    there
    they this to us was we were what when where which who whom whose why will with would you your please
    """.split()  # noqa: SIM905  a word list reads better as words
)
ENOUGH = 0.55
"""Part of the question's information that a passage must hold to count as an answer's source."""


@dataclass(frozen=True)
class Passage:
    """A piece of the user's files; `source` names file and place."""

    text: str
    source: str


@dataclass(frozen=True)
class Hit:
    """A passage found; `covered` (0..1) is the part of the question's information that it holds."""

    passage: Passage
    score: float
    covered: float


class Retriever(Protocol):
    """What finds passages; an encoder's similarity can stand beside the words'."""

    def find(self, question: str, most: int) -> list[Hit]:
        """The passages that are good enough, the best first; none where none is."""


def words_of(text: str) -> list[str]:
    """Words that carry meaning, in lower case, plurals and possessives without their s.

    Example:
        >>> words_of("Who are Salah's keepers, and who scored?")
        ['salah', 'keeper', 'scor']
    """
    found = (word.lower() for word in WORD.findall(text))
    return [_stem(word) for word in found if word not in COMMON and (len(word) > 1 or word.isdigit())]


def names_of(text: str) -> list[str]:
    """Stems of words that stand for one person, place or year: capitals within the sentence, and numbers.

    Example:
        >>> names_of("Did Kane score in 2015?")
        ['kan', '2015']
    """
    found = [word for word in WORD.findall(text) if word.lower() not in COMMON]
    start = text.lstrip().split(" ", 1)[0].strip("?!.,'\"")
    return [
        _stem(word.lower()) for word in found if word[0].isdigit() or (word[0].isupper() and word != start)
    ]


def _stem(word: str) -> str:
    """The word without the endings of plurals, possessives and verbs; it only has to be the same twice."""
    for ending in ("ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            return word[: -len(ending)]
    return word


class Bm25:
    """Okapi BM25 over passages (Robertson and Zaragoza 2009), k1 = 1.2, b = 0.75."""

    def __init__(self, passages: Sequence[Passage], enough: float = ENOUGH) -> None:
        from scipy.sparse import csr_matrix

        self.passages, self.enough = tuple(passages), enough
        counts = [Counter(words_of(passage.text)) for passage in passages]
        self.words = {
            word: at for at, word in enumerate(sorted({word for count in counts for word in count}))
        }
        lengths = np.array([max(count.total(), 1) for count in counts], np.float64)
        rows = np.repeat(np.arange(len(counts)), [len(count) for count in counts])
        columns = np.array([self.words[word] for count in counts for word in count], np.int64)
        values = np.array([n for count in counts for n in count.values()], np.float64)
        shape = (len(counts), max(len(self.words), 1))
        there = csr_matrix((np.ones_like(values), (rows, columns)), shape)
        frequent = np.asarray(there.sum(axis=0)).ravel()
        self.weights = np.log1p((len(counts) - frequent + 0.5) / (frequent + 0.5))
        norm = 1.2 * (0.25 + 0.75 * lengths / lengths.mean())
        saturated = values * 2.2 / (values + norm[rows]) * self.weights[columns]
        self.scores = csr_matrix((saturated, (rows, columns)), shape).tocsc()
        self.there = there.tocsc()

    def find(self, question: str, most: int = 3) -> list[Hit]:
        """The best passages that hold enough of the question's information.

        A word that occurs nowhere counts as much as the rarest, and a name or number that occurs nowhere
        ends the search: about a player who is in no file the files tell nothing.
        """
        asked = list(dict.fromkeys(words_of(question)))
        known = [self.words[word] for word in asked if word in self.words]
        if not known or any(name not in self.words for name in names_of(question)):
            return []
        rarest = float(self.weights.max())
        whole = sum(float(self.weights[at]) for at in known) + rarest * (len(asked) - len(known))
        scores = np.asarray(self.scores[:, known].sum(axis=1)).ravel()
        covered = np.asarray(self.there[:, known] @ self.weights[known]).ravel() / max(whole, 1e-9)
        best = np.argsort(-scores, kind="stable")[: most * 4]
        hits = [Hit(self.passages[at], float(scores[at]), float(covered[at])) for at in best]
        return [hit for hit in hits if hit.covered >= self.enough][:most]


def read_passages(root: Path) -> tuple[tuple[Passage, ...], tuple[Skipped, ...]]:
    """Passages of a file or of all text files below a folder.

    Raises:
        DataError: nothing is there, or nothing of it is text.
    """
    if not root.exists():
        raise DataError(
            f"There is no {root}. Name a folder or file of .txt, .md, .csv or .jsonl with --knowledge."
        )
    accept = Accept(
        lambda path: None if path.suffix.lower() in PROSE | TABLES else "no .txt, .md, .csv or .jsonl file"
    )
    found = walk(root, accept) if root.is_dir() else None
    paths = [root] if found is None else found.paths
    skipped = [] if found is None else list(found.skipped)
    passages: list[Passage] = []
    for path in paths:
        name = readable(path.name if path == root else path.relative_to(root).as_posix())
        try:
            passages += _passages(path, name)
        except DataError as error:
            skipped.append(Skipped(name, str(error)))
    if not passages:
        raise DataError(
            f"{root} holds no text to look facts up in. Expected .txt, .md, .csv or .jsonl files."
        )
    return tuple(passages), tuple(skipped)


def _passages(path: Path, name: str) -> Iterator[Passage]:
    if path.suffix.lower() in PROSE:
        yield from _of_prose(read_text(path, max_bytes=None), name)
        return
    for record in read_records(path):
        text = _sentence(record.values) if is_filled(record) else ""
        if text:
            yield Passage(text, f"{name}, row {record.number}")


def _sentence(row: Any) -> str:
    cells = {str(key): value for key, value in row.items() if str(value).strip() and value is not None}
    if set(cells) == {"text"}:
        return str(cells["text"])
    return "; ".join(f"{key}: {value}" for key, value in cells.items())


def _of_prose(text: str, name: str) -> Iterator[Passage]:
    """Paragraphs, short ones joined up to the length of a passage, each under the heading it stands below."""
    heading, held = "", ""
    number = 0
    for paragraph in re.split(r"\n\s*\n", text):
        block = paragraph.strip()
        if block.startswith("#"):
            title, _, rest = block.partition("\n")
            if held:
                number += 1
                yield Passage(held, f"{name}, passage {number}")
            heading, held, block = title.lstrip("# ").strip(), "", rest.strip()
        for part in _parts(block):
            if held and len((held + " " + part).split()) > WORDS_A_PASSAGE:
                number += 1
                yield Passage(held, f"{name}, passage {number}")
                held = ""
            held = f"{held}\n{part}" if held else f"{heading}: {part}" if heading else part
    if held:
        yield Passage(held, f"{name}, passage {number + 1}")


def _parts(block: str) -> list[str]:
    """A paragraph whole, or in sentences where it is longer than a passage."""
    if len(block.split()) <= WORDS_A_PASSAGE:
        return [block] if block else []
    return [part for part in re.split(r"(?<=[.!?])\s+", block) if part]
