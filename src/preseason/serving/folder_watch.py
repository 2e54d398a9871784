"""A folder is watched: new files are answered as they come, each once, whatever interrupts it.

The journal beside the answers holds a line for each batch: which files, and the very text that is to be
appended to the answers at which place. It is written and flushed to the disk first, then the answers are. So
a process that dies in between finds in the last line of the journal what its answers still lack.
"""

import csv
import io
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from preseason.data.audit import fingerprint
from preseason.data.dataset import Skipped
from preseason.data.files import readable
from preseason.data.given import Inputs
from preseason.data.litter import is_litter
from preseason.data.rows import is_table
from preseason.data.safe_names import cell
from preseason.errors import DataError, UsageError
from preseason.results import Predictions
from preseason.runtime.progress import Progress, Silent

BATCH = 32
"""Files that are answered together: few, so that the first answers come soon."""
UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".filepart")
"""What programs call a file that they are still writing."""

State = tuple[int, int]
"""Size in bytes and time of the last change in nanoseconds."""


@dataclass
class Seen:
    """How many files were answered and how many could not be read."""

    answered: int = 0
    failed: int = 0


@dataclass
class Done:
    """What is known of a file that was answered: its state then, and the digest of its content."""

    state: State
    fingerprint: str


@dataclass
class Journal:
    """Answers on disk and which files they are of.

    Attributes:
        answers: the table that grows, .csv or .jsonl.
        path: the journal, beside it.
        done: by file, relative to the folder that is watched.
    """

    answers: Path
    path: Path
    done: dict[str, Done] = field(default_factory=dict)

    @classmethod
    def open(cls, answers: Path) -> "Journal":
        """The journal of a table, with the table mended where a process died while it wrote."""
        journal = cls(answers, answers.with_name(f".{answers.name}.journal"))
        try:
            lines = list(journal._lines())
            for line in lines:
                for name, size, changed, seen in line["files"]:
                    journal.done[name] = Done((size, changed), seen)
        except (ValueError, KeyError, TypeError):
            # Its files are answered once more, which is better than never again.
            journal.path.replace(journal.path.with_name(f"{journal.path.name}.damaged"))
            return cls(answers, journal.path)
        if lines:
            journal._complete(lines[-1]["offset"], _encode(lines[-1]["text"]))
        return journal

    def append(self, files: dict[str, Done], text: str) -> None:
        """Add `text` to the answers for `files`."""
        offset = self.answers.stat().st_size if self.answers.exists() else 0
        listed = [[name, *done.state, done.fingerprint] for name, done in files.items()]
        line = json.dumps({"files": listed, "offset": offset, "text": text})
        _append(self.path, f"{line}\n".encode())
        _append(self.answers, _encode(text))
        self.done |= files

    def _lines(self) -> Iterator[dict[str, Any]]:
        """Complete lines; half a line at the end is cut off, its files are done anew."""
        if not self.path.exists():
            return
        whole = 0
        with self.path.open("rb") as file:
            for raw in file:
                if not raw.endswith(b"\n"):
                    break
                whole += len(raw)
                yield json.loads(raw)
        if whole < self.path.stat().st_size:
            os.truncate(self.path, whole)

    def _complete(self, offset: int, text: bytes) -> None:
        """Append what the answers lack of the last text; a table that somebody edited is left as it is."""
        there = self.answers.read_bytes()[offset:] if self.answers.exists() else b""
        torn = len(there) < len(text) and text.startswith(there)
        if torn and (offset == 0 or (self.answers.exists() and self.answers.stat().st_size >= offset)):
            _append(self.answers, text[len(there) :])


class Answering(Protocol):
    """What a watch asks of a model."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names."""

    def predict(self, *inputs: Inputs) -> "Predictions":
        """Answers to files."""


class Watch:
    """One folder and where its answers go.

    Args:
        folder: what is watched, with all folders in it.
        answers: .csv or .jsonl file that grows.
        every_s: pause between two looks.
        settle_s: how long a file must stay the same before it is read.

    Attributes:
        tables: whether a table in the folder stands for the texts in it.

    Raises:
        DataError: there is no such folder.
        UsageError: the answers' file has another suffix.
    """

    def __init__(
        self, folder: str | Path, answers: str | Path, every_s: float = 2.0, settle_s: float = 2.0
    ) -> None:
        self.folder, self.answers = Path(folder), Path(answers)
        self.every_s, self.settle_s = every_s, settle_s
        self.tables = False
        self._waiting: dict[str, tuple[State, float]] = {}
        if not self.folder.is_dir():
            raise DataError(f"There is no folder {folder}: name the folder in which files arrive.")
        if self.answers.suffix.lower() not in (".csv", ".jsonl"):
            raise UsageError(f"{answers} cannot hold the answers: expected a name ending in .csv or .jsonl.")

    def run(self, model: Answering, progress: Progress | None = None, once: bool = False) -> Seen:
        """Answer files until it is stopped; with `once` those that are there.

        Raises:
            UsageError: another watch writes these answers, or they have other columns.
        """
        say, seen = progress or Silent(), Seen()
        self.answers.parent.mkdir(parents=True, exist_ok=True)
        with _alone(self.answers):
            journal = Journal.open(self.answers)
            header = self._header(model)
            say.say(f"Watching {self.folder}: answers go to {self.answers}. Ctrl-C stops it.")
            while True:
                for batch in _batches(self._ready(journal)):
                    self._answer(batch, model, journal, header, seen, say)
                if once and not self._waiting:
                    return seen
                time.sleep(min(self.every_s, max(self.settle_s, 0.05)) if once else self.every_s)

    def _ready(self, journal: Journal) -> list[str]:
        """Files that are new or changed and have settled, in order."""
        now, ready, found = time.monotonic(), [], dict(self._listed())
        for name, state in found.items():
            done = journal.done.get(name)
            if done is not None and done.state == state:
                continue
            before, since = self._waiting.get(name, (None, now))
            since = since if before == state else now
            self._waiting[name] = (state, since)
            if now - since >= self.settle_s:
                ready.append(name)
        self._waiting = {name: value for name, value in self._waiting.items() if name in found}
        return sorted(ready)

    def _listed(self) -> Iterator[tuple[str, State]]:
        own = {self.answers.absolute()}
        for place, folders, names in os.walk(self.folder):
            folders[:] = sorted(folder for folder in folders if not is_litter(folder))
            for name in names:
                path = Path(place, name)
                if is_litter(name) or name.lower().endswith(UNFINISHED) or path.absolute() in own:
                    continue
                with suppress(OSError):  # gone again
                    status = path.stat()
                    yield str(path.relative_to(self.folder)), (status.st_size, status.st_mtime_ns)

    def _answer(
        self,
        names: Sequence[str],
        model: Answering,
        journal: Journal,
        header: list[str],
        seen: Seen,
        progress: Progress,
    ) -> None:
        """Answer a batch and write it down; a file whose content was answered before is only noted."""
        files, fresh = {}, []
        for name in names:
            state, _ = self._waiting.pop(name)
            with suppress(OSError):  # gone again
                files[name] = Done(state, fingerprint(self.folder / name))
                known = journal.done.get(name)
                if known is None or known.fingerprint != files[name].fingerprint:
                    fresh.append(str(self.folder / name))
        if not files:
            return
        text = ""
        if fresh:
            predictions = self._predictions(fresh, model)
            rows = list(_rows(predictions, header))
            text = self._as_text(rows, header)
            seen.answered += len(predictions)
            seen.failed += len(predictions.skipped)
            for row in rows:
                progress.say(_line(row))
        journal.append(files, text)

    def _predictions(self, files: Sequence[str], model: Answering) -> "Predictions":
        """Answers to files; a file that cannot be read never stops the watch.

        A table stands for texts in it where these are examples; files that it names elsewhere are not read.
        """
        tables = [] if self.tables else [name for name in files if is_table(Path(name))]
        skipped = tuple(Skipped(readable(name), "a table, not an example itself") for name in tables)
        others = [name for name in files if name not in tables]
        try:
            found = model.predict(*others) if others else Predictions((), ())
        except DataError as error:
            if len(others) == 1:
                return Predictions((), (Skipped(readable(others[0]), str(error)), *skipped))
            each = [self._predictions([name], model) for name in others]
            found = Predictions(
                tuple(item for part in each for item in part.predictions),
                tuple(item for part in each for item in part.skipped),
            )
        return replace(found, skipped=(*found.skipped, *skipped))

    def _header(self, model: Answering) -> list[str]:
        """The columns; those of a table that is there must be the same.

        Raises:
            UsageError: they are not.
        """
        columns = ["input", "label", "probability", "unknown", "reason", "at"]
        columns += [f"p({label})" for label in model.labels]
        if self.answers.suffix.lower() == ".csv" and self.answers.exists() and self.answers.stat().st_size:
            with self.answers.open(newline="", encoding="utf-8") as file:
                there = next(csv.reader(file), [])
            if there != columns:
                raise UsageError(
                    f"{self.answers} has other columns than this model's answers, which are "
                    f"{', '.join(columns)}. Name another file with -o."
                )
        return columns

    def _as_text(self, rows: Sequence[dict[str, Any]], header: list[str]) -> str:
        if self.answers.suffix.lower() == ".jsonl":
            return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        text = io.StringIO()
        writer = csv.DictWriter(text, header, lineterminator="\n", restval="")
        if not self.answers.exists() or self.answers.stat().st_size == 0:
            writer.writeheader()
        writer.writerows(
            {key: cell(v) if isinstance(v, str) else v for key, v in row.items()} for row in rows
        )
        return text.getvalue()


def _rows(predictions: "Predictions", header: list[str]) -> Iterator[dict[str, Any]]:
    at = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    for item in predictions.predictions:
        chances = {f"p({label})": round(p, 6) for label, p in item.probabilities.items()}
        yield {
            "input": item.input,
            "label": item.label,
            "probability": round(item.probability, 6),
            "unknown": item.unknown,
            "at": at,
            **chances,
        }
    for left in predictions.skipped:
        yield {"input": left.path, "reason": left.reason, "at": at}


def _line(row: dict[str, Any]) -> str:
    if "reason" in row:
        return f"{row['input']}: left out: {row['reason']}"
    return f"{row['input']}: {row['label']} {100 * row['probability']:.0f} %" + (
        " (unknown)" if row["unknown"] else ""
    )


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + BATCH] for start in range(0, len(names), BATCH))


def _encode(text: str) -> bytes:
    """As UTF-8; bytes of a file's name that are none are written as escapes."""
    return text.encode("utf-8", "backslashreplace")


def _append(path: Path, data: bytes) -> None:
    """Add to a file and wait until it is on the disk."""
    with path.open("ab") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _alone(answers: Path) -> Iterator[None]:
    """Hold the answers for one watch; the system lets go of them when the process dies.

    Raises:
        UsageError: another watch holds them.
    """
    with answers.with_name(f".{answers.name}.lock").open("w") as file:
        try:
            import fcntl
        except ImportError:  # Windows: no lock, and two watches are the user's to avoid
            yield
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(
                f"Another watch writes {answers}: stop it, or name another file with -o."
            ) from None
        yield
