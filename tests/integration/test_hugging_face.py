"""Data sets of the library `datasets`: pictures, sounds and texts, in memory, by path and streamed."""

import io
import os
import platform
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import preseason
import tiny_pitches
from photo_fits import GAMES
from preseason.data.dataset import Dataset, Text
from preseason.data.hugging_face import Named, is_data_set, labelled, unlabelled
from preseason.errors import DataError, UsageError
from preseason.models.classifier import Model

datasets = pytest.importorskip("datasets", reason="needs preseason[datasets]")


@pytest.fixture(scope="module")
def rows(photos: Path) -> Any:
    """Pictures as bytes, as a data set from the hub holds them; one row has no label."""
    paths = [path for game in GAMES for path in sorted((photos / game).iterdir())]
    pictures = [{"bytes": path.read_bytes(), "path": path.name} for path in paths]
    labels = [GAMES.index(path.parent.name) for path in paths]
    features = datasets.Features(
        picture=datasets.Image(), game=datasets.ClassLabel(names=list(GAMES)), match=datasets.Value("string")
    )
    columns = {
        "picture": [*pictures, pictures[0]],
        "game": [*labels, -1],
        "match": [str(n // 2) for n in range(len(paths) + 1)],
    }
    return datasets.Dataset.from_dict(columns, features)


@pytest.mark.slow
def test_a_fit_takes_it_and_leaves_no_file_behind(rows: Any, weights: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"backbone": "test_resnet", "weights": str(weights), "image_size": 96}
    model = preseason.fit(rows, head="linear", unfreeze="0", cache=str(tmp_path), group="match", **settings)
    assert isinstance(model, Model)
    assert model.labels == GAMES
    assert model.record.split["groups"] == 15
    assert [item.reason for item in model.record.skipped] == ["it has no label"]
    assert model.evaluate(rows).metrics["accuracy"].n == 30
    found = model.predict(rows.select([3, 12]))
    assert [Path(each.input).name for each in found] == ["0.png", "1.png"]
    by_path = model.predict(*(each["path"] for each in _written(rows.select([3, 12]), tmp_path)))
    assert [each.probabilities for each in found] == [each.probabilities for each in by_path]
    assert not list(tmp_path.glob("rows-*"))


def _written(rows: Any, folder: Path) -> list[dict[str, Any]]:
    undecoded = list(rows.cast_column("picture", datasets.Image(decode=False)))
    for number, row in enumerate(undecoded):
        row["path"] = folder / f"{number}.png"
        row["path"].write_bytes(row["picture"]["bytes"])
    return undecoded


def test_parts_become_splits_and_a_streamed_one_is_read_alike(rows: Any, tmp_path: Path) -> None:
    parts = datasets.DatasetDict(train=rows.select(range(0, 30, 2)), test=rows.select(range(1, 30, 2)))
    streamed = datasets.IterableDatasetDict(
        {name: part.to_iterable_dataset() for name, part in parts.items()}
    )
    assert is_data_set(parts)
    assert is_data_set(streamed)
    with labelled(parts, tmp_path) as one, labelled(streamed, tmp_path) as other:
        told = [
            [(s.label, s.split, s.path.name, s.source.content()) for s in each.samples]
            for each in (one, other)
        ]
    assert told[0] == told[1]
    assert {split for _, split, _, _ in told[0]} == {"train", "test"}
    assert len(told[0]) == 30


def test_a_file_named_by_its_path_is_read_where_it_lies(photos: Path, tmp_path: Path) -> None:
    path = next((photos / GAMES[0]).iterdir())
    rows = datasets.Dataset.from_dict({"image": [str(path)], "label": ["boxing"]}).cast_column(
        "image", datasets.Image()
    )
    with labelled(rows, tmp_path) as found:
        assert found.samples[0].path == path
        assert found.labels == ("boxing",)


def test_sounds_are_not_decoded_on_the_way(tones: Path, tmp_path: Path) -> None:
    paths = sorted((tones / "kinds").glob("*/*.wav"))[:4]
    columns = {"audio": [{"bytes": path.read_bytes(), "path": ""} for path in paths], "label": list("abab")}
    rows = datasets.Dataset.from_dict(columns).cast_column("audio", datasets.Audio())
    with labelled(rows, tmp_path) as found:
        assert [sample.path.suffix for sample in found.samples] == [".wav"] * 4
        assert found.samples[2].source.content() == paths[2].read_bytes()


def test_texts_come_with_the_likeliest_columns(tmp_path: Path) -> None:
    columns = {"id": ["a", "b"], "tweet": ["What a goal!", "Awful."], "sentiment": ["good", "bad"]}
    rows = datasets.Dataset.from_dict(columns)
    with labelled(rows, tmp_path) as found, unlabelled(rows, tmp_path) as texts:
        assert [(s.source, s.label) for s in found.samples] == [
            (Text("What a goal!"), "good"),
            (Text("Awful."), "bad"),
        ]
        assert texts == columns["tweet"]


@pytest.mark.parametrize(
    ("columns", "named", "message"),
    [
        ({"one": ["a"], "two": ["b"], "label": ["x"]}, Named(), r"column holds the examples \(one, two\)"),
        ({"text": ["a"], "mood": ["x"]}, Named(), "None of the columns text, mood is a label"),
        ({"text": ["a"], "label": ["x"]}, Named(label="lable"), "no column 'lable'. Did you mean 'label'"),
    ],
)
def test_unclear_columns_are_asked_for(
    columns: dict[str, list[str]], named: Named, message: str, tmp_path: Path
) -> None:
    rows = datasets.Dataset.from_dict(columns)
    with pytest.raises(UsageError, match=message), labelled(rows, tmp_path, named):
        pass


def test_what_is_not_of_the_library_is_not_taken_for_it(tmp_path: Path) -> None:
    assert not any(is_data_set(each) for each in (tmp_path, "photos", {"train": 1}, np.zeros(3)))
    assert not is_data_set(Dataset(tmp_path, "given", (), ()))


@pytest.mark.parametrize(
    ("host", "process", "stays"), [("", 2**22 + 1, False), ("", None, True), ("else", 1, True)]
)
def test_rows_of_a_killed_process_go_with_the_next(
    host: str, process: int | None, stays: bool, tmp_path: Path
) -> None:
    left = tmp_path / f"rows-{host or platform.node()}-{process or os.getpid()}-abc"
    left.mkdir()
    with unlabelled(datasets.Dataset.from_dict({"text": ["a"]}), tmp_path):
        assert left.exists() is stays


def test_predict_takes_one_part_and_no_empty_row(rows: Any, tmp_path: Path) -> None:
    parts = datasets.DatasetDict(train=rows, test=rows)
    with (
        pytest.raises(UsageError, match="has the parts train, test: hand over one"),
        unlabelled(parts, tmp_path),
    ):
        pass
    empty = datasets.Dataset.from_dict({"text": ["a", None]})
    with pytest.raises(UsageError, match="Row 1 of the data set is empty"), unlabelled(empty, tmp_path):
        pass


def pitches(count: int, form: str = "xywh", first: int = 0) -> Any:
    """Drawn pitches with boxes in COCO's form or as corners, in pixels; in fractions for capitals."""
    pictures, objects = [], []
    for seed in range(first, first + count):
        picture, things = tiny_pitches.pitch(seed)
        content = io.BytesIO()
        picture.save(content, "PNG")
        pictures.append({"bytes": content.getvalue(), "path": None})
        size = np.array([*tiny_pitches.SIZE, *tiny_pitches.SIZE]) if form.isupper() else np.ones(4)
        boxes = [np.array(edges) / size for _, *edges in things]
        if form.lower() == "xywh":
            boxes = [np.array([*box[:2], *(box[2:] - box[:2])]) for box in boxes]
        objects.append({"bbox": [box.tolist() for box in boxes], "category": [each[0] for each in things]})
    labels = datasets.ClassLabel(names=list(tiny_pitches.LABELS))
    structure = {
        "bbox": datasets.List(datasets.List(datasets.Value("float32"))),
        "category": datasets.List(labels),
    }
    features = datasets.Features(image=datasets.Image(), objects=structure)
    return datasets.Dataset.from_dict({"image": pictures, "objects": objects}, features)


def boxes_of(rows: Any, cache: Path) -> list[list[tuple[str, int, int, int, int]]]:
    with labelled(rows, cache) as found:
        return [
            sorted(
                (b.label, *(round(160 * edge) for edge in (b.x0, b.y0, b.x1, b.y1))) for b in s.boxes or ()
            )
            for s in found.samples
        ]


@pytest.mark.parametrize("form", ["xyxy", "XYWH", "XYXY"])
def test_boxes_in_every_form_are_the_same(form: str, tmp_path: Path) -> None:
    usual = boxes_of(pitches(8), tmp_path)
    assert [len(each) for each in usual] == [4] * 8
    assert {each[0] for each in usual[0]} == {"ball", "player"}
    assert boxes_of(pitches(8, form), tmp_path) == usual


def test_boxes_as_a_list_of_objects_and_as_columns_are_read_alike(tmp_path: Path) -> None:
    rows = pitches(4)
    listed = [
        [{"bbox": box, "category": label} for box, label in zip(o["bbox"], o["category"], strict=True)]
        for o in rows["objects"]
    ]
    label = datasets.ClassLabel(names=list(tiny_pitches.LABELS))
    inner = datasets.List({"bbox": datasets.List(datasets.Value("float32")), "category": label})
    undecoded = rows.cast_column("image", datasets.Image(decode=False))["image"]
    features = datasets.Features(image=datasets.Image(), objects=inner)
    one = datasets.Dataset.from_dict({"image": list(undecoded), "objects": listed}, features)
    parts = {
        "boxes": [o["bbox"] for o in rows["objects"]],
        "labels": [o["category"] for o in rows["objects"]],
    }
    features = datasets.Features(
        image=datasets.Image(), boxes=rows.features["objects"]["bbox"], labels=datasets.List(label)
    )
    other = datasets.Dataset.from_dict({"image": list(undecoded), **parts}, features)
    assert boxes_of(one, tmp_path) == boxes_of(other, tmp_path) == boxes_of(rows, tmp_path)


def test_boxes_that_may_be_read_in_two_ways_are_refused_until_the_name_tells(tmp_path: Path) -> None:
    rows = pitches(1)
    row = {"bbox": [[10.0, 10.0, 20.0, 20.0]], "category": [0]}
    undecoded = list(rows.cast_column("image", datasets.Image(decode=False))["image"])
    one = datasets.Dataset.from_dict({"image": undecoded, "objects": [row]}, rows.features)
    with pytest.raises(DataError, match=r"both fit every row.*bbox_xywh or bbox_xyxy"):
        boxes_of(one, tmp_path)
    named = datasets.Features(
        image=datasets.Image(),
        objects={
            "bbox_xyxy": datasets.List(datasets.List(datasets.Value("float32"))),
            "category": datasets.List(datasets.Value("string")),
        },
    )
    told = {"bbox_xyxy": row["bbox"], "category": ["ball"]}
    (found,) = boxes_of(datasets.Dataset.from_dict({"image": undecoded, "objects": [told]}, named), tmp_path)
    assert found == [("ball", 10, 13, 20, 27)]


def test_an_empty_list_shows_nothing_and_a_bad_box_is_named(tmp_path: Path) -> None:
    rows = pitches(3)
    objects = list(rows["objects"])
    objects[0] = {"bbox": [], "category": []}
    objects[1] = {"bbox": [*objects[1]["bbox"], [1.0, 2.0]], "category": [*objects[1]["category"], 0]}
    undecoded = list(rows.cast_column("image", datasets.Image(decode=False))["image"])
    changed = datasets.Dataset.from_dict({"image": undecoded, "objects": objects}, rows.features)
    with labelled(changed, tmp_path) as found:
        assert [len(sample.boxes or ()) for sample in found.samples] == [0, 4, 4]
        assert [(item.path, item.reason[:21]) for item in found.skipped] == [
            ("row 1", "one of its boxes was ")
        ]
        assert "left, top, width, height in pixels" in found.notes[-1]


@pytest.mark.slow
def test_a_finder_is_fitted_and_judged_on_such_a_data_set(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings: dict[str, Any] = {
        "backbone": "test_resnet",
        "weights": str(weights),
        "cache": str(tmp_path / "c"),
    }
    finder = preseason.fit(pitches(6), folds=2, epochs=1, budget_s=5.0, image_size=160, **settings)
    assert finder.task == "detection"
    assert finder.evaluate(pitches(2, first=20)).metrics["ap"].n == 2
    found = finder.predict(pitches(2, first=20)).predictions
    assert [(Path(each.input).name, each.width) for each in found] == [("0.png", 160), ("1.png", 160)]
