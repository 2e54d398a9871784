"""Generation, streaming, bounded history, and facts by lookup."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tiny_language as tiny
from preseason.errors import DataError
from preseason.language.conversation import NOT_KNOWN, Conversation
from preseason.language.decoding import GenerationConfig, Logits, TorchDecoder, continued, draw, spoken
from preseason.language.generation import Generation, Prompt, generate_locally
from preseason.language.knowledge import Bm25, Passage, read_passages, words_of
from preseason.language.template import prepare
from preseason.runtime.progress import Silent

GREEDY = GenerationConfig(temperature=0, repetition=1.0, max_new_tokens=12)


class Parrot:
    """A decoder that says a given text and then ends; it remembers what it was asked."""

    name = "parrot"

    def __init__(self, tokens: Sequence[int], end: int, size: int = 500) -> None:
        self.said, self.size = [*tokens, end], size
        self.prompts: list[list[int]] = []

    def start(self, tokens: Sequence[int]) -> Logits:
        self.prompts.append(list(tokens))
        self.at = 0
        return self._logits()

    def step(self, token: int) -> Logits:
        self.at += 1
        return self._logits()

    def _logits(self) -> Logits:
        logits = np.zeros(self.size, np.float32)
        logits[self.said[self.at]] = 50
        return logits


class ChatSession:
    """As much of a model as a conversation needs."""

    def __init__(self, answer: str, style: str = "dialogue") -> None:
        self.tokenizer: Any = prepare(tiny.tokenizer())
        self.decoder = Parrot(self.tokenizer(answer)["input_ids"], self.tokenizer.eos_token_id)
        self.context, self.style = 512, style
        self.ends = frozenset([int(self.tokenizer.eos_token_id)])

    def generate(self, turns: Prompt, style: GenerationConfig, context: int) -> Generation:
        return generate_locally(self, turns, style, context)

    @property
    def asked(self) -> str:
        return str(self.tokenizer.decode(self.decoder.prompts[-1]))


@pytest.mark.parametrize("family", list(tiny.FAMILIES))
def test_our_decoding_is_that_of_transformers(family: str) -> None:
    network = tiny.FAMILIES[family](500)
    prompt = [0, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50]
    ours = list(continued(TorchDecoder(network), prompt, frozenset(), GREEDY, 99))
    network.generation_config.eos_token_id = None
    theirs = network.generate(
        torch.tensor([prompt]), do_sample=False, max_new_tokens=12, attention_mask=torch.ones(1, len(prompt))
    )
    assert ours == theirs[0, len(prompt) :].tolist()


@pytest.mark.parametrize("family", list(tiny.FAMILIES))
@pytest.mark.parametrize(("bits", "tolerance"), [(32, 1e-5), (8, 0.03)])
def test_openvino_decodes_like_transformers(family: str, bits: int, tolerance: float) -> None:
    """The prompt is longer than the tiny Gemma's window, so a mask that forgets it would be noticed."""
    from preseason.language.openvino_decoder import OpenVinoDecoder

    network = tiny.FAMILIES[family](500)
    one, other = TorchDecoder(network), OpenVinoDecoder(network, bits)
    for start in (20, 60):
        prompt = [0, *range(start, start + 20)]
        assert np.abs(one.start(prompt) - other.start(prompt)).max() < tolerance
        for token in (7, 8, 9):
            assert np.abs(one.step(token) - other.step(token)).max() < tolerance


class Lines(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def test_the_converted_model_is_kept_and_refused_where_its_answers_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from preseason.language import engines

    network, said = tiny.gemma3(500), Lines()
    first = engines.decoder_for(network, "key", tmp_path, said)
    assert first.name == "OpenVINO, 8 bits"
    assert said.lines == ["Converting the model for faster answers (once) ..."]
    monkeypatch.setattr("preseason.language.openvino_decoder._converted", None)
    again = engines.decoder_for(network, "key", tmp_path, said)
    assert np.allclose(first.start([3, 4, 5]), again.start([3, 4, 5]), atol=1e-5)
    assert len(said.lines) == 1
    monkeypatch.setattr(engines, "TOLERANCE", -1.0)
    assert engines.decoder_for(network, "key", tmp_path, said).name == "transformers"
    assert "its answers would change" in said.lines[-1]
    (tmp_path / "blocked").write_text("")
    assert engines.decoder_for(network, "other", tmp_path / "blocked", said).name == "transformers"
    assert "OpenVINO cannot run this model" in said.lines[-1]


def test_drawing_keeps_to_the_likeliest_and_avoids_repeating() -> None:
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))
    rng = np.random.default_rng(0)
    drawn = {
        draw(logits, [], GenerationConfig(temperature=1, top_p=0.7, repetition=1.0), rng) for _ in range(200)
    }
    assert drawn == {0, 1}
    rates = [
        draw(logits, [], GenerationConfig(temperature=1, top_p=1, repetition=1.0), rng) for _ in range(4000)
    ]
    assert np.allclose(np.bincount(rates) / 4000, [0.5, 0.3, 0.15, 0.05], atol=0.03)
    assert (
        draw(np.array([5.0, 4.0], np.float32), [0], GenerationConfig(temperature=0, repetition=2.0), rng) == 1
    )


def test_characters_and_stops_are_shown_when_they_are_whole() -> None:
    pieces = ["G", "ö", "\nQues", "tion: more"]
    raw = "".join(pieces).encode()

    def decode(ids: list[int]) -> str:
        return bytes(ids).decode("utf-8", "replace")

    shown = list(spoken(iter(raw), decode, ("\nQuestion:",)))
    assert "".join(shown) == "Gö"
    assert all("\ufffd" not in piece for piece in shown)
    assert "".join(spoken(iter(b"end\nQ"), decode, ("\nQuestion:",))) == "end\nQ"


def test_an_answer_comes_in_pieces_and_is_remembered() -> None:
    model = ChatSession(" Salah scored twice.")
    talk = Conversation(model, style=GREEDY)
    pieces = list(talk.say("Who scored?"))
    assert len(pieces) > 3
    assert "".join(pieces) == talk.last.text == "Salah scored twice."
    talk.ask("And then?")
    assert model.asked == (
        "<bos>Question: Who scored?\nAnswer: Salah scored twice.<eos>\nQuestion: And then?\nAnswer:"
    )
    talk.reset()
    talk.ask("Who?")
    assert model.asked == "<bos>Question: Who?\nAnswer:"


def test_stopping_an_answer_keeps_what_was_said() -> None:
    talk = Conversation(ChatSession(" Salah scored twice."), style=GREEDY)
    pieces = talk.say("Who?")
    first = next(pieces)
    pieces.close()
    assert [turn.content for turn in talk.history] == ["Who?", first.rstrip()]


def test_the_history_is_bounded_by_tokens() -> None:
    model = ChatSession(" Yes.")
    talk = Conversation(model, style=GREEDY, context=128)
    for at in range(12):
        talk.ask(f"Is it number {at}?")
        assert len(model.decoder.prompts[-1]) <= 116
    assert "number 11" in model.asked
    assert "number 10" in model.asked
    assert "number 0?" not in model.asked
    talk.ask("why " * 200)
    assert len(model.decoder.prompts[-1]) <= 116
    assert model.asked.endswith("Answer:")


def test_a_model_of_texts_goes_on_with_what_was_written() -> None:
    model = ChatSession(" over the bar.", style="text")
    talk = Conversation(model, style=GREEDY)
    talk.ask("The header goes")
    talk.ask("And now")
    assert model.asked == "<bos>The header goes over the bar. And now"


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    folder = tmp_path / "reports"
    (folder / "2024").mkdir(parents=True)
    (folder / "derby.md").write_text("# Derby\n\nSalah scored twice against Everton.\n\nThe crowd sang.")
    (folder / "2024" / "goals.csv").write_text("player,goals\nKane,30\nSon,17\n")
    (folder / "notes.jsonl").write_text('{"text": "Messi rested his knee in March."}\n{broken\n')
    (folder / "logo.png").write_bytes(b"\x89PNG")
    return folder


def test_passages_name_their_place(reports: Path) -> None:
    passages, skipped = read_passages(reports)
    assert {passage.source: passage.text for passage in passages} == {
        "2024/goals.csv, row 2": "player: Kane; goals: 30",
        "2024/goals.csv, row 3": "player: Son; goals: 17",
        "derby.md, passage 1": "Derby: Salah scored twice against Everton.\nThe crowd sang.",
        "notes.jsonl, row 1": "Messi rested his knee in March.",
    }
    assert [item.path.rsplit("/", 1)[-1] for item in skipped] == ["logo.png"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_facts_are_read_whatever_program_wrote_them(encoding: str, tmp_path: Path) -> None:
    for name, text in (
        ("a.md", "Müller scored."),
        ("b.jsonl", '{"text": "Müller rested."}'),
        ("c.csv", "player;goals\nMüller;30"),
    ):
        (tmp_path / name).write_bytes(text.encode(encoding))
    passages, skipped = read_passages(tmp_path)
    assert not skipped
    assert [passage.text for passage in passages] == [
        "Müller scored.",
        "Müller rested.",
        "player: Müller; goals: 30",
    ]


@pytest.mark.parametrize(
    ("question", "source"),
    [
        ("How many goals did Kane score?", "2024/goals.csv, row 2"),
        ("Who scored against Everton?", "derby.md, passage 1"),
        ("What did Messi rest?", "notes.jsonl, row 1"),
        ("How many goals did Ronaldo score?", None),
        ("Did Kane score in 2011?", None),
        ("What is the capital of France?", None),
        ("And?", None),
    ],
)
def test_the_right_passage_or_none(question: str, source: str | None, reports: Path) -> None:
    hits = Bm25(read_passages(reports)[0]).find(question)
    assert (hits[0].passage.source if hits else None) == source


def test_scores_are_those_of_the_formula() -> None:
    texts = ("kane kane goal", "son goal", "corner flag")
    found = Bm25([Passage(text, text) for text in texts], enough=0.0).find("kane goal")
    average = 7 / 3

    def part(count: int, length: int, documents: int) -> float:
        weight = np.log(1 + (3 - documents + 0.5) / (documents + 0.5))
        return float(weight * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * length / average)))

    assert found[0].score == pytest.approx(part(2, 3, 1) + part(1, 3, 2))
    assert found[1].score == pytest.approx(part(1, 2, 2))


def test_what_was_found_goes_into_the_prompt_and_is_shown(reports: Path) -> None:
    model = ChatSession(" Thirty.")
    talk = Conversation(model, reports, GREEDY)
    answer = talk.ask("How many goals did Kane score?")
    assert "player: Kane; goals: 30" in model.asked
    assert answer.known
    assert answer.sources[0].source == "2024/goals.csv, row 2"


def test_what_is_in_no_file_is_not_known(reports: Path) -> None:
    model = ChatSession(" Ninety.")
    talk = Conversation(model, reports, GREEDY)
    answer = talk.ask("How many goals did Ronaldo score?")
    assert (answer.text, answer.known, answer.sources) == (NOT_KNOWN, False, ())
    assert model.decoder.prompts == []


def test_a_place_without_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no text to look facts up in"):
        read_passages(tmp_path)
    with pytest.raises(DataError, match="There is no"):
        read_passages(tmp_path / "absent")


def test_words_carry_meaning() -> None:
    assert words_of("Is the keeper's glove, in 2024, a glove?") == ["keeper", "glov", "2024", "glov"]


def test_knowledge_is_read_in_every_encoding_and_what_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("Müller scored in minute 12.".encode("utf-16"))
    (tmp_path / "b.md").write_bytes("\ufeff# Keeper\nCasillas saved twice.".encode())
    (tmp_path / "c.csv").write_bytes("player;goals\nMüller;3\n".encode("cp1252"))
    (tmp_path / "d.jsonl").write_text('{"text": "Half a sign \\ud83d here."}\n', "utf-8")
    (tmp_path / "e.txt").write_bytes(bytes(range(256)) * 4)
    (tmp_path / "f.txt").touch()
    (tmp_path / "g.csv").write_bytes(b"PK\x03\x04" + bytes(60))
    passages, skipped = read_passages(tmp_path)
    texts = [passage.text for passage in passages]
    assert texts[:3] == [
        "Müller scored in minute 12.",
        "Keeper: Casillas saved twice.",
        "player: Müller; goals: 3",
    ]
    assert texts[3].encode()
    assert {item.path for item in skipped} == {"e.txt", "f.txt", "g.csv"}
