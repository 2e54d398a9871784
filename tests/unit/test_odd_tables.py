"""Tables as programs and accidents leave them: exports of tasks, cut files, repeated headers, open quotes."""

import json
from pathlib import Path

import pytest
from PIL import Image

import tiny_matches
from preseason.data.account import Account
from preseason.data.labelled_videos import holds_actions
from preseason.data.rows import read_table
from preseason.data.split_names import splits_of
from preseason.errors import DataError
from preseason.fitting.fit import look
from preseason.recipe import Recipe

SAID = (("what a goal, and how it was made", "good"), ("that referee was awful", "bad"))
TEXTS = [(f"{said} {number}", label) for number in range(6) for said, label in SAID]


def told(path: Path) -> Account:
    account, refusal = look(path, Recipe())
    assert not refusal
    return account


def pictures(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((20 + number, 20), 90).convert("RGB").save(path)
    return folder


def task(
    data: dict[str, object], *choices: str, question: str = "choice", **more: object
) -> dict[str, object]:
    """A task of Label Studio with an annotation for each of the choices."""
    results = [[{"from_name": question, "type": "choices", "value": {"choices": [each]}}] for each in choices]
    return {"id": 1, "data": data, "annotations": [{"result": result, **more} for result in results]}


def test_photos_of_label_studios_whole_export_are_found_and_labelled(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"images/{number}.png" for number in range(4)))
    tasks = [
        task({"image": f"/data/upload/7/0a1b2c3d-{number}.png"}, "Messi" if number % 2 else "Salah")
        for number in range(4)
    ]
    (tmp_path / "project.json").write_text(json.dumps(tasks), "utf-8")
    for root in (tmp_path, tmp_path / "project.json"):
        assert told(root).labels == {"Messi": 2, "Salah": 2}


def test_texts_of_label_studios_whole_export_bear_what_was_chosen(tmp_path: Path) -> None:
    tasks = [task({"text": text}, label, question="mood") for text, label in TEXTS]
    tasks += [task({"text": "nobody looked at this"}), task({"text": "given up"}, "good", was_cancelled=True)]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks), "utf-8")
    account = told(path)
    assert (account.task, account.labels) == ("texts", {"bad": 6, "good": 6})
    assert "no label" in account.skipped[0].reason


def test_people_who_chose_differently_are_named(tmp_path: Path) -> None:
    tasks = [
        task({"text": text}, *(("good", "bad") if not n else (label,)))
        for n, (text, label) in enumerate(TEXTS)
    ]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks), "utf-8")
    with pytest.raises(DataError, match="row 1: good and bad"):
        look(path, Recipe())


def test_a_file_that_breaks_off_says_so(tmp_path: Path) -> None:
    lines = "".join(f"{text},{label}\n" for text, label in ((t.replace(",", ""), b) for t, b in TEXTS))
    (tmp_path / "a.csv").write_text(f"text,label\n{lines}what a ga", "utf-8")
    assert "breaks off" in read_table(tmp_path / "a.csv").rows[-1].fault
    rows = [json.dumps({"text": text, "label": label}) for text, label in TEXTS]
    (tmp_path / "a.jsonl").write_text("\n".join(rows)[:-9], "utf-8")
    assert "breaks off" in read_table(tmp_path / "a.jsonl").rows[-1].fault
    (tmp_path / "a.json").write_text(f"[{','.join(rows)}"[:-30], "utf-8")
    with pytest.raises(DataError, match="breaks off in the middle"):
        read_table(tmp_path / "a.json")


def test_a_last_line_without_its_end_is_whole(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\na goal,x\nno goal,y\na save,x\na foul,y", "utf-8")
    assert [row.fault for row in read_table(tmp_path / "a.csv").rows] == [""] * 4


def test_a_quote_that_is_never_closed_is_named_with_its_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text,label\na goal,x\nno goal,"y\na save,x\na foul,y\n', "utf-8")
    with pytest.raises(DataError, match=r"row 3 opens a double quote .* the 2 lines below"):
        read_table(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text('text,label\n"a goal\nin two lines",x\n"5"" tall",y\n', "utf-8")
    assert [row.values["label"] for row in read_table(tmp_path / "b.csv").rows] == ["x", "y"]


def test_a_header_that_stands_there_again_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\na goal,x\ntext,label\nno goal,y\n", "utf-8")
    table = read_table(tmp_path / "a.csv")
    assert (len(table.rows), table.notes) == (2, ("Row 3 repeats the header and is no example.",))


def test_the_rule_of_a_markdown_table_is_no_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "| text | label |\n|:---|---|\n| a goal | x |\n| no goal | y |\n", "utf-8"
    )
    assert [row.values["label"].strip() for row in read_table(tmp_path / "a.csv").rows] == ["x", "y"]


def test_a_list_of_pictures_and_labels_is_a_table(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"images/{number}.png" for number in range(6)))
    lines = [f"images/{number}.png {number % 2}" for number in range(6)]
    (tmp_path / "train.txt").write_text("\n".join(lines), "utf-8")
    assert told(tmp_path).labels == {"0": 3, "1": 3}


def test_remarks_beside_a_wrapper_do_not_count(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"default/{label}/{number}.png" for label in "ab" for number in range(3)))
    (tmp_path / "synsets.txt").write_text("a\nb\n", "utf-8")
    assert told(tmp_path).labels == {"a": 3, "b": 3}


@pytest.mark.parametrize("parts", [("players_train", "players_test"), ("CUB-train-v2", "CUB-val-v2")])
def test_parts_are_told_apart_from_the_name_that_they_share(parts: tuple[str, str], tmp_path: Path) -> None:
    pictures(tmp_path, *(f"{p}/{label}/{p}{n}.png" for p in parts for label in "ab" for n in range(3)))
    assert "train" in told(tmp_path).splits
    assert None not in splits_of(parts)


@pytest.mark.parametrize("columns", ["match,time,event", "game_id,minute,label"])
def test_matches_whose_videos_are_elsewhere_are_named(columns: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(f"{columns}\nm1,45+2,goal\nm1,67,foul\nm2,30,goal\n", "utf-8")
    with pytest.raises(DataError, match=r"matches by their names \(m1, m2\), .* put them there \(m1.mp4\)"):
        holds_actions(path)


def test_a_photo_under_several_labels_is_told(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"{number}.png" for number in range(8)))
    rows = [f"{number}.png,{('goal', 'foul')[number % 2]}" for number in range(8)]
    (tmp_path / "list.csv").write_text("\n".join(["path,label", *rows, "0.png,foul", "1.png,FOUL"]), "utf-8")
    (note,) = (note for note in told(tmp_path).notes if "several labels" in note)
    assert note.startswith("1 file stands under several labels, such as goal in row 2 and foul in row 10")


def test_two_labels_at_one_moment_are_both_learnt_and_told(tmp_path: Path) -> None:
    tiny_matches.write(tmp_path / "m.mp4", [(1.0, "jump")], 6.0)
    rows = ["m.mp4,1,card", "m.mp4,1,foul", "m.mp4,2,foul", "m.mp4,3,card", "m.mp4,4,card", "m.mp4,5,foul"]
    (tmp_path / "labels.csv").write_text("\n".join(["video,time,label", *rows]), "utf-8")
    account, _ = look(tmp_path, Recipe())
    assert {"card", "foul"} <= set(account.labels)
    (note,) = (note for note in account.notes if "several labels" in note)
    assert note.startswith("1 moment bears several labels, such as card and foul at 0:01 of m.mp4")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "\n".join(f"__label__{label} {text}" for text, label in TEXTS)),
        ("a.json", json.dumps(dict(TEXTS))),
        ("a.json", json.dumps({"rows": [{"row_idx": 1, "row": {"text": t, "label": b}} for t, b in TEXTS]})),
        (
            "a.jsonl",
            "\n".join(
                json.dumps({"text": text, "_input_hash": 7, "accept": [label], "answer": "accept"})
                for text, label in TEXTS
            )
            + '\n{"text": "skipped by a person", "_input_hash": 7, "accept": ["good"], "answer": "ignore"}',
        ),
    ],
    ids=["fasttext", "texts as keys", "rows with numbers", "prodigy"],
)
def test_labelled_texts_as_tools_write_them(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, "utf-8")
    account = told(tmp_path / name)
    assert (account.task, account.labels) == ("texts", {"bad": 6, "good": 6})


def test_a_column_whose_values_name_parts_is_the_split(tmp_path: Path) -> None:
    rows = [
        f"{text.replace(',', '')},{label},{('TRAINING', 'Testing')[n % 3 == 0]}"
        for n, (text, label) in enumerate(TEXTS)
    ]
    (tmp_path / "a.csv").write_text("\n".join(["text,label,dataset", *rows]), "utf-8")
    account = told(tmp_path / "a.csv")
    assert account.splits == {"train": 8, "test": 4}
    assert any("'dataset' was taken for the split" in note for note in account.notes)


def test_ids_and_times_of_photos_and_texts_are_no_matches(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"img/{number}.png" for number in range(6)))
    rows = [f"{number},12:3{number},{'ab'[number % 2]}" for number in range(6)]
    (tmp_path / "list.csv").write_text("\n".join(["id,time,label", *rows]), "utf-8")
    assert (told(tmp_path).task, told(tmp_path / "list.csv").task) == ("photos", "photos")
    said = [f"{n},12:{n + 10},{text.replace(',', '')},{label}" for n, (text, label) in enumerate(TEXTS)]
    (tmp_path / "said.csv").write_text("\n".join(["match,time,what he said,label", *said]), "utf-8")
    assert told(tmp_path / "said.csv").task == "texts"
