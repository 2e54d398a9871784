"""Tables and files of texts as people have them: blank rows, retweets, odd encodings, unclear columns."""

import csv
import json
from pathlib import Path

import pytest

from preseason.data import layouts
from preseason.data.audit import Audit, audit
from preseason.data.checks import check_trainable
from preseason.data.dataset import Dataset, Text
from preseason.data.files import Accept, Columns
from preseason.data.layouts.inputs import collect
from preseason.data.split import folds, group_numbers
from preseason.errors import DataError, MediaError, UsageError
from preseason.media.text import check, decoded, essence, read_text
from preseason.tasks import reading
from preseason.tasks.base import tasks

ROWS = [("What a goal!", "positive"), ("Awful referee", "negative"), ("Kick-off at three", "neutral")]


def write(path: Path, rows: list[tuple[str, ...]], header: tuple[str, ...] = ("Tweet", "Sentiment")) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def read(path: Path, text: str | None = None, label: str | None = None) -> Dataset:
    return layouts.read(path, Accept(check, "texts", columns=Columns(text, label), cells=True))


def audited(path: Path) -> Audit:
    return audit(read(path), tasks.get("texts").signature)


class TestTables:
    def test_texts_are_the_samples(self, tmp_path: Path) -> None:
        found = read(write(tmp_path / "a.csv", ROWS))
        assert [(str(s.source), s.label) for s in found.samples] == ROWS
        assert found.labels == ("negative", "neutral", "positive")

    def test_blank_rows_are_counted_in_one_line(self, tmp_path: Path) -> None:
        found = read(
            write(tmp_path / "a.csv", [*ROWS, *[("", "")] * 1200, ("", "neutral"), ("Offside", " ")])
        )
        assert len(found.samples) == 3
        reasons = [item.reason for item in found.skipped]
        assert reasons == ["1,200 blank rows", "row 1205 of a.csv: no text", "row 1206 of a.csv: no label"]

    def test_many_rows_with_one_fault_are_one_line(self, tmp_path: Path) -> None:
        found = read(write(tmp_path / "a.csv", [*ROWS, *[("Offside", "")] * 40]))
        assert [item.reason for item in found.skipped] == ["40 rows, the first of them row 5: no label"]

    def test_json_lines_and_parquet_say_the_same(self, tmp_path: Path) -> None:
        parquet = pytest.importorskip("pyarrow.parquet")
        import pyarrow

        lines = "\n".join(json.dumps({"text": text, "topic": label}) for text, label in ROWS)
        (tmp_path / "a.jsonl").write_text(lines, "utf-8")
        columns = {"text": [text for text, _ in ROWS], "topic": [label for _, label in ROWS]}
        parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
        assert read(tmp_path / "a.parquet").samples == read(tmp_path / "a.jsonl").samples
        assert len(read(tmp_path / "a.parquet").samples) == 3

    def test_a_damaged_parquet_file_is_named(self, tmp_path: Path) -> None:
        pytest.importorskip("pyarrow")
        (tmp_path / "a.parquet").write_bytes(b"PAR1 nothing")
        with pytest.raises(DataError, match=r"a\.parquet cannot be read"):
            read(tmp_path / "a.parquet", "text", "label")

    def test_unclear_columns_are_asked_for_by_name(self, tmp_path: Path) -> None:
        table = write(tmp_path / "a.csv", ROWS, ("said", "mood"))
        with pytest.raises(DataError, match=r"Found the columns said, mood.*--text COLUMN --label COLUMN"):
            reading.read(table)
        assert len(read(table, "said", "mood").samples) == 3
        table = write(tmp_path / "b.csv", ROWS, ("Tweet", "mood"))
        with pytest.raises(DataError, match=r"holds the label\? .* Tweet, mood\. Say so with --label"):
            reading.read(table)

    def test_a_column_that_is_not_there_suggests_the_nearest(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"--text Twet: .* Did you mean 'Tweet'\? Found .* Tweet, S"):
            read(write(tmp_path / "a.csv", ROWS), text="Twet")
        with pytest.raises(UsageError, match="both name the column 'Tweet'"):
            read(tmp_path / "a.csv", text="Tweet", label="tweet")

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
    def test_every_usual_encoding_is_read(self, tmp_path: Path, encoding: str) -> None:
        text = "Tweet,Sentiment\nMüller schießt ein Tor – 1:0,positive\n"
        (tmp_path / "a.csv").write_bytes(text.encode(encoding))
        assert read(tmp_path / "a.csv").samples[0].source.read() == "Müller schießt ein Tor – 1:0"

    @pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
    def test_separators_and_quoted_lines(self, tmp_path: Path, separator: str) -> None:
        rows = [(f'{text}\r\n"second", line{separator}', label) for text, label in ROWS]
        with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=separator).writerows([("Tweet", "Sentiment"), *rows])
        assert [(str(s.source), s.label) for s in read(tmp_path / "a.csv").samples] == [
            (text.strip(), label) for text, label in rows
        ]

    def test_a_separator_without_quotes_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("text,label\nWhat, a goal,good\nAwful,bad\nFine,good,,\n", "utf-8")
        found = read(tmp_path / "a.csv")
        assert [str(sample.source) for sample in found.samples] == ["Awful", "Fine"]
        assert "row 2 of a.csv: more than 2 cells: put cells that hold the" in found.skipped[0].reason

    def test_a_table_without_a_header_is_read_and_told(self, tmp_path: Path) -> None:
        rows = [(f"What a goal it was {number}", mood) for number in range(3) for mood in ("good", "bad")]
        (tmp_path / "a.csv").write_text("".join(f"{text},{mood}\n" for text, mood in rows), "utf-8")
        found = reading.read(tmp_path / "a.csv").dataset
        assert [(str(sample.source), sample.label) for sample in found.samples] == rows
        assert "The first line names no columns, so it is an example" in found.notes[0]

    def test_a_huge_cell_is_one_text(self, tmp_path: Path) -> None:
        found = read(write(tmp_path / "a.csv", [*ROWS, ("word " * 400_000, "neutral")]))
        assert len(str(found.samples[-1].source)) == 5 * 400_000 - 1

    def test_numbers_as_labels(self, tmp_path: Path) -> None:
        table = write(
            tmp_path / "a.csv", [(f"{text} {n}", str(n % 3 - 1)) for n, (text, _) in enumerate(ROWS * 5)]
        )
        found = read(table)
        assert found.labels == ("-1", "0", "1")
        assert check_trainable(found, "texts") == ()
        measured = read(write(tmp_path / "b.csv", [(f"a {n}", f"{n / 7:.3f}") for n in range(20)]))
        with pytest.raises(DataError, match=r"are 20 different numbers \(0\.000, .* low, middle and high"):
            check_trainable(measured, "texts")


class TestRetweets:
    ROWS = (
        *ROWS,
        ("RT @fifa: What a GOAL! https://t.co/x", "positive"),
        ("@you what a goal", "negative"),
        ("Awful referee", "neutral"),
        ("https://t.co/a", "neutral"),
        ("https://t.co/b", "positive"),
    )

    def test_what_says_the_same_is_one_group(self, tmp_path: Path) -> None:
        samples = audited(write(tmp_path / "a.csv", list(self.ROWS))).dataset.samples
        groups = [sample.group for sample in samples]
        assert groups[0] == groups[3] == groups[4] is not None
        assert groups[1] == groups[5] is not None
        assert groups[1] != groups[0]
        assert groups[2] is groups[6] is groups[7] is None

    def test_labels_that_disagree_are_named(self, tmp_path: Path) -> None:
        found = audited(write(tmp_path / "a.csv", list(self.ROWS)))
        assert found.conflicts == ((1, 5),)
        assert found.mixed == ((0, 3, 4), (1, 5))

    def test_a_text_that_makes_up_its_class_stays_in_one_group(self, tmp_path: Path) -> None:
        many = [(f"RT @a{i}: What a goal", "positive") for i in range(20)]
        found = audited(write(tmp_path / "a.csv", [*ROWS, *many]))
        assert found.scenes == ()
        assert len({sample.group for sample in found.dataset.samples[3:]}) == 1

    def test_no_fold_cuts_a_group(self, tmp_path: Path) -> None:
        rows = [(f"{text} {number}", label) for number in range(12) for text, label in ROWS]
        rows += [(f"RT @x: {text}", label) for text, label in rows]
        samples = audited(write(tmp_path / "a.csv", rows)).dataset.samples
        groups = group_numbers(samples)
        labels = [("negative", "neutral", "positive").index(str(s.label)) for s in samples]
        import numpy as np

        for train, validation in folds(np.array(labels), groups, 4, 0):
            assert not set(groups[train]) & set(groups[validation])


class TestFiles:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for number, (text, label) in enumerate(ROWS * 2):
            (tmp_path / "mood" / label).mkdir(parents=True, exist_ok=True)
            (tmp_path / "mood" / label / f"{number}.txt").write_text(text, "utf-8")
        return tmp_path / "mood"

    def test_a_folder_for_each_class(self, folder: Path) -> None:
        (folder / "neutral" / "empty.txt").write_text("  \n")
        (folder / "neutral" / "music.txt").write_bytes(b"ID3\x03music")
        found = reading.read(folder)
        assert found.dataset.labels == ("negative", "neutral", "positive")
        assert len(found.dataset.samples) == 6
        assert {item.reason for item in found.dataset.skipped} == {
            "an empty file",
            "a MP3 sound saved as .txt, not a text",
        }

    def test_it_is_recognised_and_photos_are_not(self, folder: Path, tmp_path: Path) -> None:
        task = tasks.get("texts")
        assert reading.task_for(folder) is task
        (folder / "neutral" / "1.jpg").write_bytes(b"\xff\xd8\xff")
        assert not task.recognises(folder)

    @pytest.mark.parametrize(
        ("name", "content", "recognised"),
        [
            ("a.csv", "Tweet,Sentiment\na,b\n", True),
            ("a.csv", "review;topic\na;b\n", True),
            ("a.csv", "path,label\na.jpg,b\n", False),
            ("a.csv", "said,mood\na,b\n", False),
            ("a.jsonl", '{"text": "a", "label": "b"}', True),
            ("a.jsonl", '{"text": "a", "match": "b"}', False),
            ("a.jsonl", '{"messages": []}', False),
        ],
    )
    def test_only_tables_of_texts_are_recognised(
        self, tmp_path: Path, name: str, content: str, recognised: bool
    ) -> None:
        (tmp_path / name).write_text(content, "utf-8")
        assert tasks.get("texts").recognises(tmp_path / name) == recognised

    def test_a_folder_with_one_table_is_that_table(self, tmp_path: Path) -> None:
        write(tmp_path / "tweets.csv", ROWS)
        assert len(reading.read(tmp_path).dataset.samples) == 3


class TestLoose:
    def collected(self, *inputs: str | Path) -> Dataset:
        return collect(inputs, Accept(check, "texts", cells=True))

    def test_texts_files_and_tables_in_the_order_given(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_text("Offside", "utf-8")
        write(tmp_path / "b.csv", ROWS)
        found = self.collected("What a goal?", tmp_path / "a.txt", str(tmp_path / "b.csv"), "x" * 5000)
        sources = [str(sample.source) for sample in found.samples]
        assert sources == ["What a goal?", str(tmp_path / "a.txt"), *(text for text, _ in ROWS), "x" * 5000]
        assert all(sample.label in (None, "positive", "negative", "neutral") for sample in found.samples)

    def test_what_looks_like_a_file_and_is_none_is_named(self, tmp_path: Path) -> None:
        found = self.collected("new.txt", tmp_path / "b.csv", " ")
        assert [item.reason for item in found.skipped] == [
            "there is no such file",
            "there is no such file",
            "an empty text",
        ]
        assert not found.samples


class TestDecoding:
    def test_a_few_broken_bytes_do_not_change_the_encoding(self) -> None:
        assert (
            decoded("Müller, Özil, Gündoğan, Sané".encode() + b" \xff!") == "Müller, Özil, Gündoğan, Sané �!"
        )

    def test_binary_data_is_no_text(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_bytes(bytes(range(256)))
        with pytest.raises(MediaError, match="no text but binary data"):
            read_text(tmp_path / "a.txt")
        assert check(tmp_path / "a.txt") == "no text but binary data"
        assert "no text file" in str(check(tmp_path / "a.jpg"))

    def test_essence_is_empty_where_nothing_is_said(self) -> None:
        assert essence("@a https://t.co/x !!!") == ""
        assert essence("Tor für Köln") == essence("RT @x TOR, für Köln!")

    def test_a_sample_is_shown_on_one_line(self) -> None:
        assert Text("a\nb " * 100).shown() == "“" + "a b " * 19 + "a b…”"


def test_columns_of_texts_are_refused_where_none_are_read() -> None:
    with pytest.raises(UsageError, match="--text: photos are read from files"):
        reading.accept_of(tasks.get("photos"), Columns("tweet", "mood"))
    assert reading.accept_of(tasks.get("texts"), Columns("tweet", "mood")).columns == Columns("tweet", "mood")
