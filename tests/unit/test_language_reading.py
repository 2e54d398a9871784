"""Dialogues and texts from disk: what is recognised, read, skipped with a reason, and held out."""

import json
from pathlib import Path
from typing import Any

import pytest

from preseason.errors import DataError
from preseason.language.questions import asked, quiz_of
from preseason.language.reading import read_corpus, recognises
from preseason.language.samples import Corpus, Example, Message, Quiz
from preseason.language.split import divide


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), "utf-8")
    return path


def turns(*contents: str) -> dict[str, Any]:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[at % 2], "content": text} for at, text in enumerate(contents)]}


def test_messages_are_read_and_faulty_rows_are_named(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "talks.jsonl",
        turns("Who?", "Salah."),
        "{broken",
        turns("Nobody answers"),
        turns("Who?", ""),
        {"messages": [{"role": "referee", "content": "Foul"}]},
        {"messages": [{"role": "assistant", "content": "I begin"}]},
        {"messages": []},
    )
    corpus = read_corpus(path)
    assert [example.messages[1] for example in corpus.examples] == [Message("assistant", "Salah.")]
    assert {item.path.split()[-1]: item.reason for item in corpus.skipped} == {
        "2": "no JSON",
        "3": "no turn of the assistant to learn from",
        "4": "a turn of the assistant is empty",
        "5": "a turn has the role 'referee': expected one of system, user, assistant, tool",
        "6": "no turn of the assistant to learn from",
        "7": "messages is no list of turns",
    }


def test_a_turn_of_weight_0_is_not_learnt(tmp_path: Path) -> None:
    row = turns("A?", "Wrong.", "B?", "Right.")
    row["messages"][1]["weight"] = 0
    (example,) = read_corpus(lines(tmp_path / "a.jsonl", row)).examples
    assert [message.learn for message in example.messages] == [True, False, True, True]


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Who?", "response": "Salah."},
        {"Question": "Who?", "Answer": "Salah."},
        {"instruction": "Who?", "output": "Salah."},
        {"conversations": [{"from": "human", "value": "Who?"}, {"from": "gpt", "value": "Salah."}]},
    ],
)
def test_other_names_for_prompt_and_response(row: dict[str, Any], tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", row)
    assert recognises(path)
    (example,) = read_corpus(path).examples
    assert [(turn.role, turn.content) for turn in example.messages] == [
        ("user", "Who?"),
        ("assistant", "Salah."),
    ]


def test_segments_of_a_match_and_half_are_joined_in_order(tmp_path: Path) -> None:
    rows = [
        {"match": match, "half": half, "start_s": start, "text": f"{match}{half}{start}"}
        for match, half, start in (("A", 1, 5.0), ("A", 1, 2.0), ("A", 2, 0.0), ("B", 1, 0.0))
    ]
    corpus = read_corpus(lines(tmp_path / "a.jsonl", *rows))
    assert [example.text for example in corpus.examples] == ["A12.0\nA15.0", "A20.0", "B10.0"]
    assert corpus.groups == ("A", "B")
    assert corpus.style == "text"


def test_multiple_choice_becomes_a_dialogue_with_the_answer_in_words(tmp_path: Path) -> None:
    path = tmp_path / "q.json"
    rows = [
        {"Question": "Who won?\nA) Salah\nB) Son", "Answer": "B"},
        {"Question": "Who won?\nA) Salah\nB) Son", "Answer": "E"},
        {"Question": "Which of the following?\nA) One\nB) Two", "Answer": "A"},
    ]
    path.write_text(json.dumps(rows))
    assert recognises(path)
    corpus = read_corpus(path)
    assert corpus.examples[0].messages == (Message("user", "Who won?"), Message("assistant", "Son"))
    assert corpus.examples[0].quiz == Quiz("Who won?", ("Salah", "Son"), 1)
    assert corpus.examples[1].messages[0].content == "Which of the following? (One; Two)"
    assert [item.reason for item in corpus.skipped] == ["the answer 'E' names none of the options A, B"]


def test_options_are_told_apart_from_prose() -> None:
    assert quiz_of("Is plan A) good?", "yes") is None
    assert quiz_of("Which?\nA) x\nC) y", "A") == "options lettered A, C: expected A, B, C, ..."
    assert asked(Quiz("Who is not fit?", ("x", "y"), 0)) == "Who is not fit?"


def test_labelled_data_is_left_to_others(tmp_path: Path) -> None:
    assert not recognises(lines(tmp_path / "a.jsonl", {"text": "good", "label": "positive"}))
    assert not recognises(lines(tmp_path / "b.jsonl", {"path": "a.jpg", "label": "messi"}))
    (tmp_path / "c.csv").write_text("text,label\ngood,positive\n")
    assert not recognises(tmp_path / "c.csv")
    classes = tmp_path / "classes"
    (classes / "positive").mkdir(parents=True)
    (classes / "positive" / "1.txt").write_text("good")
    assert not recognises(classes)
    assert not recognises(tmp_path / "absent")


def test_prose_files_are_texts_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One match.")
    (tmp_path / "b.md").write_text("\ufeffAnother.", "utf-8")
    (tmp_path / "c.txt").write_bytes(bytes(range(256)))
    (tmp_path / "d.txt").write_text("  ")
    assert recognises(tmp_path)
    corpus = read_corpus(tmp_path)
    assert [(example.group, example.text) for example in corpus.examples] == [
        ("a.txt", "One match."),
        ("b.md", "Another."),
    ]
    assert [(item.path, item.reason) for item in corpus.skipped] == [
        ("c.txt", "no text but binary data"),
        ("d.txt", "an empty text"),
    ]


ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "cp1252")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv"])
def test_tables_of_any_program_are_read(suffix: str, encoding: str, tmp_path: Path) -> None:
    row = {"prompt": "Who scored?", "response": "Müller"}
    written = {
        ".jsonl": json.dumps(row, ensure_ascii=False) + "\r\n\r\n",
        ".json": json.dumps({"rows": [row]}, ensure_ascii=False),
        ".csv": "prompt;response\r\nWho scored?;Müller\r\n",
    }
    path = tmp_path / f"talks{suffix}"
    path.write_bytes(written[suffix].encode(encoding))
    assert recognises(path)
    corpus = read_corpus(path)
    assert [example.messages[1].content for example in corpus.examples] == ["Müller"]
    assert not corpus.skipped


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_prose_of_any_program_is_read(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("Müller scored.".encode(encoding))
    assert [example.text for example in read_corpus(tmp_path).examples] == ["Müller scored."]


def test_nothing_to_learn_from_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no .*absent"):
        read_corpus(tmp_path / "absent")
    with pytest.raises(DataError, match=r"First fault: a\.jsonl, row 1: no JSON"):
        read_corpus(lines(tmp_path / "a.jsonl", "nothing"))


def test_whole_groups_are_held_out_the_same_ones_every_time() -> None:
    examples = tuple(Example(f"match {at % 10}", text="word " * 50) for at in range(40))
    split = divide(Corpus(examples), 0.2, seed=3)
    held = {example.group for example in split.held}
    assert not held & {example.group for example in split.learn}
    assert len(held) == 2
    assert divide(Corpus(examples[::-1]), 0.2, seed=3).held[0].group in held
    assert {example.group for example in divide(Corpus(examples), 0.2, seed=4).held} != held


def test_one_text_is_held_out_at_its_end() -> None:
    text = "".join(f"w{at} " for at in range(300)).strip()
    split = divide(Corpus((Example("a", text=text),)), 0.1, seed=0)
    assert split.learn[0].text + split.held[0].text == text
    assert 0.05 < len(split.held[0].text) / len(text) < 0.15


def test_one_dialogue_cannot_be_held_out() -> None:
    one = Example("who?", messages=(Message("user", "Who?"), Message("assistant", "Me.")))
    with pytest.raises(DataError, match="only one group"):
        divide(Corpus((one,)), 0.1, seed=0)


def test_files_that_declare_themselves_are_held_out_without_their_copies(tmp_path: Path) -> None:
    rows = [json.dumps({"prompt": f"Who won match {at}?", "response": "We."}) for at in range(6)]
    (tmp_path / "train.jsonl").write_text("\n".join(rows))
    (tmp_path / "valid.jsonl").write_text("\n".join(rows[4:]))
    split = divide(read_corpus(tmp_path), 0.1, 0)
    assert (len(split.learn), len(split.held)) == (4, 2)
    assert split.by == "valid.jsonl held out"
    (tmp_path / "train.jsonl").rename(tmp_path / "more.jsonl")
    assert not any(example.held for example in read_corpus(tmp_path).examples)


def said(path: Path) -> list[list[tuple[str, str, bool]]]:
    found = read_corpus(path)
    assert found.skipped == ()
    return [[(turn.role, turn.content, turn.learn) for turn in one.messages] for one in found.examples]


USER, SYSTEM, TOLD = (
    ("user", "Who won?", True),
    ("system", "Be brief.", True),
    ("assistant", "Salah's side.", True),
)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([("user", "Who"), ("user", "won?"), ("assistant", "a"), ("assistant", "b")],
         [("user", "Who\n\nwon?", True), ("assistant", "a\n\nb", True)]),
        ([("developer", "Be brief."), ("user", "Who won?"), ("assistant", "Salah's side.")],
         [SYSTEM, USER, TOLD]),
        ([("user", "Who won?"), ("system", "Be brief."), ("assistant", "Salah's side.")],
         [SYSTEM, USER, TOLD]),
        ([("assistant", "Hello!"), ("user", "Who won?"), ("assistant", "Salah's side.")],
         [("system", "The assistant has said: Hello!", True), USER, TOLD]),
        ([("user", [{"type": "text", "text": "Who won?"}]),
          ("assistant", [{"type": "text", "text": "Salah's side."}])], [USER, TOLD]),
        ([("user", [{"type": "text", "text": "Who?"}, {"type": "image_url", "image_url": {"url": "x"}}]),
          ("assistant", "Salah's side.")], [("user", "Who?\n[picture]", True), TOLD]),
        ([("human", "Who won?"), ("gpt", "Salah's side.")], [USER, TOLD]),
    ],
)  # fmt: skip
def test_dialogues_as_services_write_them(row: Any, expected: Any, tmp_path: Path) -> None:
    turns_of = [{"role": role, "content": content} for role, content in row]
    assert said(lines(tmp_path / "a.jsonl", {"messages": turns_of})) == [expected]


def test_calls_of_tools_are_passed_over_and_their_results_are_context(tmp_path: Path) -> None:
    row = {
        "messages": [
            {"role": "user", "content": "Who won?"},
            {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "score"}}]},
            {"role": "tool", "name": "score", "content": "2-1"},
            {"role": "assistant", "content": "Salah's side."},
        ],
        "tools": [],
    }
    assert said(lines(tmp_path / "a.jsonl", row)) == [
        [("user", "Who won?\n\nResult of score: 2-1", True), TOLD]
    ]


ASKED, ANSWERED = (
    [{"role": "user", "content": "Who won?"}],
    [{"role": "assistant", "content": "Salah's side."}],
)


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": ASKED, "completion": ANSWERED},
        {"prompt": ASKED, "completion": "Salah's side."},
        {"prompt": "Who won?", "chosen": "Salah's side.", "rejected": "Nobody."},
        {"prompt": ASKED, "chosen": ANSWERED, "rejected": ANSWERED},
        {"chosen": [*ASKED, *ANSWERED], "rejected": ASKED},
        {"conversation": [*ASKED, *ANSWERED]},
    ],
)
def test_prompts_completions_and_preferences(row: dict[str, Any], tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", row)
    assert recognises(path)
    assert said(path) == [[USER, TOLD]]
    assert bool(read_corpus(path).notes) == ("rejected" in row)


def test_dialogues_in_every_form_of_table(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        'messages\n"' + json.dumps([*ASKED, *ANSWERED]).replace('"', '""') + '"\n'
    )
    (tmp_path / "b.json").write_text(
        json.dumps({"data": [{"messages": [*ASKED, *ANSWERED]}]})[:-1] + ",} // end"
    )
    (tmp_path / "c.csv").write_text("sep=;\nprompt;response\nWho won?;Salah's side.\n")
    for name in ("a.csv", "b.json", "c.csv"):
        assert recognises(tmp_path / name)
        assert said(tmp_path / name) == [[USER, TOLD]]


def test_half_a_character_is_read_as_the_sign_for_one(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "Who \\ud83d won?", "response": "We \\ud83d\\ude00 did"}\n')
    (example,) = read_corpus(path).examples
    assert [turn.content for turn in example.messages] == ["Who \ufffd won?", "We \U0001f600 did"]
