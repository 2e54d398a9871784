"""A watched folder: each file is answered once, whenever the process is killed, and only when complete."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from preseason.data.dataset import Skipped
from preseason.errors import DataError, UsageError
from preseason.results import Prediction, Predictions
from preseason.serving.folder_watch import Seen, Watch


class Lengths:
    """Answers with the length of the file; an empty one cannot be read."""

    labels = ("even", "odd")

    def __init__(self) -> None:
        self.asked: list[str] = []

    def predict(self, *inputs: str | Path) -> Predictions:
        self.asked += [Path(path).name for path in inputs]
        sizes = {str(path): Path(path).stat().st_size for path in inputs}
        answers = tuple(
            Prediction(path, self.labels[size % 2], 0.75, size > 1000, {"even": 0.75, "odd": 0.25})
            for path, size in sizes.items()
            if size
        )
        return Predictions(
            answers, tuple(Skipped(path, "the file is empty") for path, s in sizes.items() if not s)
        )


def rows_of(answers: Path) -> list[dict[str, str]]:
    with answers.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def watch(folder: Path, model: Lengths, name: str = "answers.csv") -> Seen:
    return Watch(folder, folder.parent / name, every_s=0.05, settle_s=0.0).run(model, once=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "upload"
    (place / "deeper").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg", "deeper/c.jpg"):
        (place / name).write_bytes(name.encode())
    (place / "empty.jpg").touch()
    (place / ".hidden.jpg").write_bytes(b"x")
    (place / "coming.jpg.part").write_bytes(b"x")
    return place


def test_every_file_is_answered_once_also_after_a_restart(folder: Path) -> None:
    model = Lengths()
    assert watch(folder, model) == Seen(3, 1)
    (folder / "new.jpg").write_bytes(b"four")
    (folder / "a.jpg").touch()
    assert watch(folder, model) == Seen(1, 0)
    assert sorted(model.asked) == ["a.jpg", "b.jpg", "c.jpg", "empty.jpg", "new.jpg"]
    rows = rows_of(folder.parent / "answers.csv")
    assert [Path(row["input"]).name for row in rows] == ["a.jpg", "b.jpg", "c.jpg", "empty.jpg", "new.jpg"]
    assert [row["reason"] for row in rows if row["reason"]] == ["the file is empty"]
    assert rows[-1]["label"] == "even"


def test_a_file_whose_content_changed_is_answered_again(folder: Path) -> None:
    model = Lengths()
    watch(folder, model, "answers.jsonl")
    (folder / "a.jpg").write_bytes(b"another photo")
    watch(folder, model, "answers.jsonl")
    lines = [json.loads(line) for line in (folder.parent / "answers.jsonl").read_text().splitlines()]
    assert [Path(line["input"]).name for line in lines].count("a.jpg") == 2
    assert len(lines) == 5


def test_a_file_that_is_still_written_is_waited_for(folder: Path) -> None:
    model, sizes = Lengths(), []
    original = model.predict
    model.predict = lambda *inputs: sizes.extend(Path(p).stat().st_size for p in inputs) or original(*inputs)  # type: ignore[method-assign]

    def write() -> None:
        with (folder / "slow.jpg").open("wb") as file:
            for _ in range(12):
                file.write(b"x" * 100)
                file.flush()
                time.sleep(0.05)

    writer = threading.Thread(target=write)
    writer.start()
    Watch(folder, folder.parent / "answers.csv", every_s=0.05, settle_s=0.4).run(model, once=True)
    writer.join()
    assert 1200 in sizes
    assert not {size for size in sizes if 100 <= size < 1200}


def test_half_a_line_of_either_file_is_mended(folder: Path) -> None:
    model, answers = Lengths(), folder.parent / "answers.csv"
    watch(folder, model)
    whole = answers.read_bytes()
    answers.write_bytes(whole[:-20])
    journal = answers.with_name(".answers.csv.journal")
    with journal.open("ab") as file:
        file.write(b'{"files": [["torn')
    assert watch(folder, model) == Seen()
    assert answers.read_bytes() == whole


def test_a_table_that_somebody_edited_is_left_as_it_is(folder: Path) -> None:
    model, answers = Lengths(), folder.parent / "answers.csv"
    watch(folder, model)
    edited = answers.read_bytes().replace(b",even,", b",EVEN,")[:-30] + b"\n"
    answers.write_bytes(edited)
    (folder / "new.jpg").write_bytes(b"12")
    watch(folder, model)
    assert answers.read_bytes().startswith(edited)
    assert rows_of(answers)[-1]["input"].endswith("new.jpg")


def test_what_cannot_be_watched_is_named(folder: Path) -> None:
    with pytest.raises(DataError, match="There is no folder"):
        Watch(folder / "nowhere", "answers.csv")
    with pytest.raises(UsageError, match=r"ending in \.csv or \.jsonl"):
        Watch(folder, "answers.txt")
    (folder.parent / "answers.csv").write_text("a,b\n")
    with pytest.raises(UsageError, match="has other columns"):
        watch(folder, Lengths())


PROGRAM = """
    import sys, time
    sys.path[:0] = {paths!r}
    from test_watching import Lengths
    from preseason.serving.folder_watch import Watch
    Watch({folder!r}, {answers!r}, every_s=0.01, settle_s=0.0).run(Lengths())
"""


def started(folder: Path, answers: Path) -> "subprocess.Popen[bytes]":
    paths = [str(Path(__file__).parent), *sys.path]
    code = textwrap.dedent(PROGRAM).format(paths=paths, folder=str(folder), answers=str(answers))
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)


def test_killed_at_random_moments_it_answers_every_file_once(tmp_path: Path) -> None:
    folder, answers = tmp_path / "upload", tmp_path / "answers.csv"
    folder.mkdir()
    draw = random.Random(0)
    for turn in range(6):
        running = started(folder, answers)
        for number in range(60):
            (folder / f"{turn}-{number}.jpg").write_bytes(b"x" * (number + 1))
        begin = time.monotonic()
        while not answers.exists() and time.monotonic() - begin < 20:
            time.sleep(0.01)
        time.sleep(draw.uniform(0.0, 0.1))
        running.send_signal(signal.SIGKILL)
        running.wait()
    watch(folder, Lengths())
    names = [Path(row["input"]).name for row in rows_of(answers)]
    assert len(names) == len(set(names)) == 360


def test_two_watches_never_write_one_table(folder: Path) -> None:
    pytest.importorskip("fcntl")
    running = started(folder, folder.parent / "answers.csv")
    try:
        begin = time.monotonic()
        while not (folder.parent / "answers.csv").exists() and time.monotonic() - begin < 20:
            time.sleep(0.02)
        with pytest.raises(UsageError, match="Another watch writes"):
            watch(folder, Lengths())
    finally:
        running.kill()
        running.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize("answers", ["answers.csv", "answers.jsonl"])
def test_a_name_that_is_no_text_is_answered_and_remembered(folder: Path, answers: str) -> None:
    model = Lengths()
    Path(os.fsdecode(os.fsencode(folder) + b"/M\xfcller.jpg")).write_bytes(b"four")
    assert watch(folder, model, answers) == Seen(4, 1)
    assert "M\\udcfcller.jpg" in (folder.parent / answers).read_text("utf-8")
    assert watch(folder, model, answers) == Seen(0, 0)


def test_a_damaged_journal_is_set_aside(folder: Path) -> None:
    model = Lengths()
    watch(folder, model)
    journal = folder.parent / ".answers.csv.journal"
    journal.write_text("{broken}\n")
    assert watch(folder, model) == Seen(3, 1)
    assert journal.with_name(f"{journal.name}.damaged").read_text() == "{broken}\n"


def test_no_answer_is_a_formula(folder: Path) -> None:
    class Formula(Lengths):
        labels = ("=1+1", "odd")

        def predict(self, *inputs: str | Path) -> Predictions:
            found = super().predict(*inputs)
            chances = {"=1+1": 0.75, "odd": 0.25}
            named = (replace(each, label="=1+1", probabilities=chances) for each in found.predictions)
            return replace(found, predictions=tuple(named))

    watch(folder, Formula())
    assert {row["label"] for row in rows_of(folder.parent / "answers.csv")} == {"'=1+1", ""}
