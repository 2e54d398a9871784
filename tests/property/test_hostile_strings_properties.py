"""Labels and names, whatever is in them, stay data: in shells, tables, playlists, pages, names of files."""

import csv
import io
import subprocess
import tempfile
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from preseason.data.action_files import write
from preseason.data.actions import Action, LabelledVideo
from preseason.data.dataset import File, Sample, Text
from preseason.data.files import FORMULAS, label_from
from preseason.data.safe_names import cell, folder_name, label_of
from preseason.formatting import shell_word
from preseason.inference.answers import BatchPredictions
from preseason.report.html import write_report
from preseason.serving.corrections import Corrections
from tiny_records import fit_record

WICKED = st.sampled_from(
    [
        *(
            "../loss",
            "=1+1",
            "-x",
            "a b",
            "$(touch pwned)",
            "`id`",
            "';--",
            '"',
            "\n",
            "\t=1",
            "%2e",
            "con",
            "a|b",
        ),
        *(
            "<script>x</script>",
            "#x",
            "é",
            "e\u0301",
            "🐐",
            "\u202eabc",
            "*",
            "[a",
            "(",
            "\\",
            "~",
            "!x",
            "&amp;",
        ),
        *("", "a" * 300),
    ]
)
TEXTS = st.lists(WICKED | st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=3).map(
    "".join
)
LABELS = TEXTS.map(label_from).filter(bool)


@settings(max_examples=25, deadline=None)
@given(st.lists(TEXTS.filter(lambda text: "\x00" not in text), min_size=1, max_size=20))
def test_a_word_of_a_shell_is_one_word(texts: list[str]) -> None:
    words = " ".join(map(shell_word, texts))
    out = subprocess.run(["bash", "-c", f"printf '%s\\0' {words}"], capture_output=True, check=True).stdout
    assert out.decode("utf-8").split("\0")[:-1] == texts
    assert all(shell_word(text).isprintable() for text in texts)


@settings(max_examples=60, deadline=None)
@given(LABELS)
def test_a_label_in_files_of_actions(label: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        videos = [LabelledVideo(folder / "=m.mp4", (Action(1.0, label),))]
        for suffix in (".csv", ".jsonl", ".vtt", ".m3u", ".txt", ".ffmeta"):
            write(folder / f"actions{suffix}", videos)
        with (folder / "actions.csv").open(encoding="utf-8", newline="") as file:
            (row,) = csv.DictReader(file)
        assert label_from(row["label"]) == label
        assert not row["label"].startswith(FORMULAS)
        assert row["video"] == "./=m.mp4"
        assert len((folder / "actions.m3u").read_text("utf-8").split("\n")) == 6
        assert len(list(folder.iterdir())) == 6


@settings(max_examples=100, deadline=None)
@given(LABELS)
def test_a_label_as_a_name_of_a_file(label: str) -> None:
    name = f"001_00001s_{folder_name(label)}.mp4"
    assert Path(name).name == name
    assert len(name.encode()) < 250
    assert label_of(folder_name(label)) == label or "~" in folder_name(label)


@settings(max_examples=40, deadline=None)
@given(st.lists(LABELS, min_size=1, max_size=4), LABELS)
def test_corrections_stay_in_their_folder(labels: list[str], text: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "kept"
        photo = Path(place) / "photo.bin"
        corrections = Corrections(folder)
        for number, label in enumerate(labels):
            photo.write_bytes(bytes([number]) * 9)
            corrections.keep("model", label, File(photo))
            corrections.keep("model", label, Text(f"{text} {number}"))
        assert {path.name for path in Path(place).iterdir()} == {"kept", "photo.bin"}
        assert [path.name for path in folder.iterdir()] == ["model"]
        rows = list(csv.reader(io.StringIO((folder / "model" / "texts.csv").read_text("utf-8"), newline="")))
        assert [label_from(row[1]) for row in rows[1:]] == [label_from(cell(label)) for label in labels]


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)


@settings(max_examples=8, deadline=None)
@given(LABELS, LABELS)
def test_a_report_holds_no_markup_of_labels(one: str, other: str) -> None:
    labels = tuple(sorted({one, f"{other}2"}))
    samples = tuple(Sample(File(Path(f"{number}<b>.png")), label) for number, label in enumerate(labels))
    targets = np.arange(len(labels))
    rows = np.eye(len(labels), dtype=np.float32) * 0.9 + 0.05
    answers = BatchPredictions(
        samples, labels, targets, rows / rows.sum(1, keepdims=True), np.zeros(len(labels), np.float32)
    )
    record = fit_record(answers, data={"sentence": one, "notes": [other]})
    with tempfile.TemporaryDirectory() as place:
        write_report(record, Path(place) / "report.html")
        page = _Tags()
        page.feed((Path(place) / "report.html").read_text("utf-8"))
    assert "script" not in page.tags
    assert "b" not in page.tags
