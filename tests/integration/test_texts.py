"""The whole road on texts, through the command line and from Python."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import preseason
from preseason.cli.main import run
from preseason.errors import DataError, UsageError
from preseason.results import CandidateResult
from preseason.training.rounds import Clock

transformers = pytest.importorskip("transformers")
GOOD, BAD = (
    ("great goal", "great win", "what a great team"),
    ("awful match", "lose the ball", "the referee was awful"),
)
PLACES = ("in the cup", "at home", "away", "on sunday", "in may", "again", "at last", "tonight")


def rows() -> list[tuple[str, str]]:
    """Texts of two moods that a word tells apart, and retweets of some."""
    found = [(f"{said} {place}", "good") for said in GOOD for place in PLACES]
    found += [(f"{said} {place}", "bad") for said in BAD for place in PLACES]
    return found + [
        (f"RT @fan: {text.upper()} https://t.co/{n}", mood) for n, (text, mood) in enumerate(found[:4])
    ]


def write(
    path: Path, content: list[tuple[str, str]], header: tuple[str, str] = ("Tweet", "Sentiment")
) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *content, *[("", "")] * 30])
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("data") / "tweets.csv", rows())


@pytest.fixture(scope="module")
def mood(table: Path, encoder_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of these texts; copy it before changing it."""
    folder = tmp_path_factory.mktemp("models") / "mood"
    assert run(["fit", str(table), "-o", str(folder), *quick(encoder_folder), "--quiet"]) == 0
    return folder


def quick(encoder_folder: Path) -> list[str]:
    return ["--backbone", str(encoder_folder), "--unfreeze", "0"]


def asked(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> dict[str, Any]:
    """The JSON object of a verb."""
    capsys.readouterr()
    found = run([*map(str, arguments), "--json", "--quiet"])
    shown = capsys.readouterr()
    assert found == code, shown.err
    answer: dict[str, Any] = json.loads(shown.out)
    return answer


def test_fit_tells_how_good_it_is_and_counted_words_beside_it(
    table: Path, encoder_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = asked(capsys, "fit", table, "-o", tmp_path / "mood", *quick(encoder_folder), "--text", "Tweet")
    assert (told["task"], told["labels"], told["backbone"]) == ("texts", ["bad", "good"], encoder_folder.name)
    assert told["counts"] == {"bad": 24, "good": 28}
    assert told["metrics"]["accuracy"] > 0.8
    assert told["baselines"]["tfidf"] > 0.8
    assert {item["name"] for item in told["candidates"]} >= {"linear", "tfidf"}
    assert [item["reason"] for item in told["skipped"]] == ["30 blank rows"]
    assert len(told["duplicates"]) == 4
    assert told["split"]["groups"] == 48


def test_counted_words_are_tried_however_short_the_time(
    table: Path, encoder_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Clock, "left", lambda self: -1.0)
    record = preseason.fit(table, backbone=str(encoder_folder)).record
    assert candidate(record.candidates, "tfidf").accuracy is not None
    assert candidate(record.candidates, "contrastive").accuracy is None
    assert record.baselines["tfidf"] == candidate(record.candidates, "tfidf").accuracy


def test_predict_takes_texts_files_and_tables_in_order(
    mood: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text("awful referee", "utf-8")
    told = asked(capsys, "predict", mood, "What a great goal!", tmp_path / "a.txt", table, "gone.txt")
    found = told["predictions"]
    assert [item["input"] for item in found[:2]] == ["What a great goal!", str(tmp_path / "a.txt")]
    assert [item["label"] for item in found[:2]] == ["good", "bad"]
    assert len(found) == 2 + len(rows())
    assert [item["path"] for item in told["skipped"]][:1] == [str(table)] or told["skipped"]
    assert sum(found[0]["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_evaluate_needs_no_columns_that_the_fit_knew(
    mood: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = write(tmp_path / "new.csv", [("great goal by salah", "good"), ("awful awful match", "bad")])
    told = asked(capsys, "evaluate", mood, new)
    assert (told["metrics"]["n"], told["metrics"]["accuracy"]) == (2, 1.0)
    other = write(tmp_path / "other.csv", [("great goal by salah", "good")], ("said", "mood"))
    assert asked(capsys, "evaluate", mood, other, "--text", "said", "--label", "mood")["metrics"]["n"] == 1
    assert "--text" in asked(capsys, "evaluate", mood, other, code=3)["error"]["message"]


def test_a_label_comes_and_goes(mood: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tickets = ("tickets on sale now", "sale of tickets at the stadium", "tickets tickets tickets")
    told = asked(capsys, "add", mood, "advert", *tickets, "-o", tmp_path / "three")
    assert told["labels"] == ["bad", "good", "advert"]
    assert set(told["after"]) == {"bad", "good", "advert"}
    found = asked(capsys, "predict", tmp_path / "three", tickets[0])["predictions"][0]
    assert found["probabilities"]["advert"] > 1 / 3
    told = asked(capsys, "remove", tmp_path / "three", "advert")
    assert told["labels"] == ["bad", "good"]


def test_the_folder_is_complete_in_itself(mood: Path, tmp_path: Path) -> None:
    shutil.copytree(mood, tmp_path / "moved")
    here, there = preseason.load(mood), preseason.load(tmp_path / "moved")
    one, other = (model.predict("a great win", "the ball")[0].probabilities for model in (here, there))
    assert one == other
    opened = transformers.AutoModel.from_pretrained(tmp_path / "moved" / "backbone", local_files_only=True)
    assert sum(p.numel() for p in opened.parameters()) > 0
    manifest = (mood / "preseason.json").read_text("utf-8")
    assert "great goal in the cup" not in manifest
    assert str(mood.parent) not in manifest


def test_the_report_quotes_mistakes_and_compares_with_counted_words(
    encoder_folder: Path, tmp_path: Path
) -> None:
    wrong = [(text, "bad" if n % 7 == 3 else mood) for n, (text, mood) in enumerate(rows())]
    table = write(tmp_path / "tweets.csv", wrong)
    preseason.fit(table, tmp_path / "mood", backbone=str(encoder_folder), unfreeze=0)
    page = (tmp_path / "mood" / "report.html").read_text("utf-8")
    assert "Counted words alone (TF-IDF)" in page
    assert '<p class="quote">“' in page
    assert "words that speak for it" in page
    assert "awful" in page.split("words that speak for it")[1].split("</table>")[0]
    assert "preseason predict mood" in (tmp_path / "mood" / "README.md").read_text("utf-8")


def test_it_explains_an_answer_by_its_words(mood: Path) -> None:
    model = preseason.load(mood)
    weights = dict(model.explain("the goal was awful"))
    assert list(weights) == ["the", "goal", "was", "awful"]
    assert max(weights, key=weights.__getitem__) == "awful"
    with pytest.raises(UsageError, match="explain needs a text with words in it"):
        model.explain("  ")


def test_folders_of_files_are_read_as_well(encoder_folder: Path, tmp_path: Path) -> None:
    for number, (text, label) in enumerate(rows()):
        (tmp_path / "texts" / label).mkdir(parents=True, exist_ok=True)
        (tmp_path / "texts" / label / f"{number}.txt").write_text(text, "utf-8")
    model = preseason.fit(tmp_path / "texts", tmp_path / "m", backbone=str(encoder_folder), unfreeze=0)
    assert model.task == "texts"
    assert model.record.score.value > 0.8
    answer = model.predict(tmp_path / "texts" / "good")
    assert Path(answer[0].input).suffix == ".txt"


def test_long_texts_are_windows_and_none_is_cut_in_silence(encoder_folder: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    plain = ["the ball", "a team", "was the match", "what"]
    long = []
    for number in range(32):
        filler = [plain[i] for i in rng.integers(0, 4, 130)]
        filler[int(rng.integers(0, 130))] = "great goal " * 3 if number % 2 else "awful referee " * 3
        long.append((" ".join(filler), "good" if number % 2 else "bad"))
    long.append(("the ball " * 2000, "good"))
    record = preseason.fit(
        write(tmp_path / "long.csv", long), backbone=str(encoder_folder), head="attention"
    ).record
    tried = {item.name: item for item in record.candidates}
    assert tried["attention"].accuracy is not None
    cautions = [line for line in record.warnings if "longer than" in line]
    assert len(cautions) == 1
    assert "1 of 33 texts" in cautions[0]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"unfreeze": "1"}, "last 1 layers"),
        ({"unfreeze": "all"}, "whole network"),
        ({"head": "lora"}, "lora, last 3 layers"),
        ({"head": "contrastive", "unfreeze": "2"}, "contrastive, last 2 layers"),
    ],
)
def test_layers_are_tuned_on_request(
    table: Path, encoder_folder: Path, tmp_path: Path, settings: dict[str, str], name: str
) -> None:
    model = preseason.fit(
        table, tmp_path / "mood", backbone=str(encoder_folder), epochs=4, learning_rate=3e-3, **settings
    )
    tuned = candidate(model.record.candidates, name)
    assert tuned.accuracy is not None
    assert tuned.accuracy > 0.6
    again = preseason.load(tmp_path / "mood")
    one, other = (m.predict("a great win")[0].probabilities for m in (model, again))
    assert one == pytest.approx(other, abs=1e-4)


def candidate(tried: tuple[CandidateResult, ...], name: str) -> CandidateResult:
    return next(item for item in tried if item.name == name)


def test_a_tuned_network_is_saved_for_transformers(table: Path, encoder_folder: Path, tmp_path: Path) -> None:
    model = preseason.fit(
        table, tmp_path / "mood", backbone=str(encoder_folder), head="lora", epochs=4, learning_rate=1e-2
    )
    if any(name.startswith("lora") for name in model.predictor.kept):
        places = [tmp_path / "mood" / each for each in ("backbone", "finetuned")]
        frozen, tuned = (transformers.AutoModel.from_pretrained(p, local_files_only=True) for p in places)
        assert set(frozen.state_dict()) == set(tuned.state_dict())
        name = "encoder.layer.1.attention.self.query.weight"
        assert not torch.equal(frozen.state_dict()[name], tuned.state_dict()[name])


def test_what_cannot_be_used_is_said(table: Path, tmp_path: Path, encoder_folder: Path) -> None:
    with pytest.raises(UsageError, match="efficientnet_lite0 takes image input, but these are texts"):
        preseason.fit(table, backbone="efficientnet_lite0")
    with pytest.raises(UsageError, match=r"--text Tweat: .* Did you mean 'Tweet'"):
        preseason.fit(table, text="Tweat")
    empty = write(tmp_path / "empty.csv", [])
    with pytest.raises(DataError, match="holds no usable texts"):
        preseason.fit(empty, backbone=str(encoder_folder))


def test_long_texts_of_several_windows(tmp_path: Path) -> None:
    """From the fit to an answer, with attention over the windows tried as well."""
    rows = [f'"{f"{words} in match {n}. " * 40}",{mood}' for n in range(16) for mood, words in SAID.items()]
    table = tmp_path / "long.csv"
    table.write_text("\n".join(["text,label", *rows]))
    model = preseason.fit(
        table, tmp_path / "long", folds=2, unfreeze="0", budget_s="10m", cache=str(tmp_path / "c")
    )
    assert isinstance(model, preseason.Model)
    assert "attention" in [each.name for each in model.record.candidates]
    again = preseason.load(tmp_path / "long", cache=str(tmp_path / "c"))
    assert isinstance(again, preseason.Model)
    assert again.predict("what a lovely goal, we are so happy. " * 60)[0].label == "glad"


SAID = {"glad": "what a lovely goal, we are so happy", "sad": "a poor match, we lost and are tired"}
