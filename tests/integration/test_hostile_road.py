"""Labels, texts and file names that mean something to pages or spreadsheets, from a fit to a server."""

import csv
import io
import json
import os
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

import preseason
from photo_fits import asked, some_photo
from preseason.cli.main import run
from preseason.data.safe_names import cell, label_of
from preseason.errors import UsageError
from preseason.models.loading import classifier
from preseason.serving.app import Settings
from serving_tools import serving

pytestmark = pytest.mark.slow

LABELS = (
    "<script>alert(1)</script>",
    "../loss",
    "=cmd|'/c calc'!A1",
    "\u202egoal",
    "win/draw",
    "a\r\nx-evil: 1",
)
SAID = "great goal", "awful referee", "brilliant save", "sad loss", "fine draw", "odd line"


class Tags(HTMLParser):
    """The elements of a page, and whether one has a handler of events."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.handlers: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


@pytest.fixture(scope="module")
def wicked(encoder_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of texts whose labels are `LABELS`; one of its texts holds half a character."""
    place = tmp_path_factory.mktemp("wicked")
    rows = [
        {"text": f"{said} {number}", "label": label}
        for said, label in zip(SAID, LABELS, strict=True)
        for number in range(6)
    ]
    lines = [json.dumps(row) for row in rows]
    lines[0] = lines[0].replace("great goal 0", "great goal \\ud83d 0")
    (place / "said.jsonl").write_text("\n".join(lines), "utf-8")
    preseason.fit(place / "said.jsonl", place / "model", head="tfidf", backbone=str(encoder_folder))
    assert sorted(path.name for path in place.iterdir()) == ["model", "said.jsonl"]
    return place / "model"


def test_the_report_and_the_card_hold_labels_as_text(wicked: Path) -> None:
    page = Tags((wicked / "report.html").read_text("utf-8"))
    assert "script" not in page.seen
    assert not page.handlers
    assert set(preseason.load(wicked).labels) == set(LABELS)


def test_a_table_of_answers_runs_nothing_and_is_read_back(
    wicked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "next.csv"
    asked(capsys, "next", wicked, "great goal now", "=1+1 brilliant save", "sad loss", "-o", table)
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["label"] for row in rows} <= {cell(label) for label in LABELS}
    assert not any(row[name].startswith(("=", "+", "-", "@")) for row in rows for name in ("text", "label"))
    evaluated = preseason.load(wicked).evaluate(table)
    assert "=1+1 brilliant save" in [sample.source.read() for sample in evaluated.answers.samples]
    assert len(evaluated.answers.samples) == len(rows)
    assert not [warning for warning in evaluated.warnings if "does not know" in warning]


def test_a_server_sends_labels_as_data(wicked: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with serving({"said": wicked}, Settings(corrections=kept)) as client:
        replies = [client.get("/"), client.get("/v1/models"), client.get("/v1/models/said")]
        body = '{"model": "said", "inputs": [{"text": "great goal \\ud83d"}, {"text": "sad loss"}]}'
        answered = client.post("/v1/predict", content=body, headers={"content-type": "application/json"})
        assert answered.status_code == 200, answered.text
        for answer in answered.json()["predictions"]:
            assert set(answer["probabilities"]) == set(LABELS)
        replies += [answered, *(corrected(client, label) for label in LABELS)]
        counts = replies[-1].json()["counts"]
    assert all(reply.status_code == 200 for reply in replies)
    assert not any("x-evil" in reply.headers for reply in replies)
    assert counts == dict.fromkeys(LABELS, 1)
    assert [path.name for path in kept.iterdir()] == ["said"]
    with (kept / "said" / "texts.csv").open(encoding="utf-8", newline="") as file:
        assert not any(row["label"].startswith("=") for row in csv.DictReader(file))


def corrected(client: httpx.Client, label: str) -> httpx.Response:
    body = {"model": "said", "label": label, "inputs": [{"text": f"it was {LABELS.index(label)}"}]}
    return client.post("/v1/corrections", json=body)


def test_file_names_that_are_no_text_go_all_the_way(
    photos: Path, quick: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    for label, game in (("<marquee>Müller", "pong"), ("%2E.%2Floss", "tennis")):
        (data / label).mkdir(parents=True)
        for number, path in enumerate(sorted((photos / game).iterdir())):
            name = os.fsencode(data / label) + b"/M\xfcller <video> %d\r\n.png" % number
            Path(os.fsdecode(name)).write_bytes(path.read_bytes())
    model = tmp_path / "model"
    asked(capsys, "fit", data, "-o", model, *quick)
    page = Tags((model / "report.html").read_text("utf-8"))
    assert not page.seen & {"script", "video", "marquee"}
    assert {label_of(path.name) for path in data.iterdir()} == set(preseason.load(model).labels)
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/=\xff.png")
    Path(odd).write_bytes(some_photo(photos).read_bytes())
    told = asked(capsys, "predict", model, odd)
    assert len(told["predictions"]) == 1
    capsys.readouterr()
    assert run(["predict", str(model), odd, "--format", "csv", "-q"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert not row["label"].startswith("=")
    with serving({"m": model}) as client:
        files = [("file", ("=\r\nx: y<script>.png", Path(odd).read_bytes()))]
        answered = client.post("/v1/predict", files=files)
    assert answered.status_code == 200, answered.text
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["data", "model"]


def test_a_class_that_the_model_knows_by_another_spelling_is_not_added(
    wicked: Path, mood_folder: Path
) -> None:
    model = classifier(preseason.load(mood_folder), "add")
    for name in ("GOOD", "good\u200b", "ｇｏｏｄ"):
        with pytest.raises(UsageError, match="the same written in another way: add to 'good'"):
            model.add(name, "great goal indeed")
    with pytest.raises(UsageError):
        model.add("  ", "great goal indeed")
    added, update = classifier(preseason.load(wicked), "add").add(
        "@SUM(1)", "odd half \ud83d", "odd line two"
    )
    assert (update.examples, "@SUM(1)" in added.labels) == (2, True)


def test_contradicted_examples_leave_the_score_and_are_told(mood_folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "new.csv"
    rows = [
        "great goal x,good",
        "awful referee x,bad",
        "a fine match,good",
        "a fine match,bad",
        "a fine match,good",
    ]
    table.write_text("text,label\n" + "\n".join(rows), "utf-8")
    found = preseason.load(mood_folder).evaluate(table)
    assert found.metrics["accuracy"].n == 2
    assert any("3 examples are there several times under different labels" in each for each in found.warnings)
