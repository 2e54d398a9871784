"""Labels in the names of files: asked for, never guessed; proposed where nothing else says them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from preseason.data.files import Columns
from preseason.errors import DataError, UsageError
from preseason.tasks.reading import read


def draw(folder: Path, *names: str) -> Path:
    rng = np.random.default_rng(len(names))
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (24, 24, 3), np.uint8)).save(folder / name)
    return folder


def labels_of(root: Path, **named: str) -> dict[str, str | None]:
    found = read(root, columns=Columns(**named)).dataset
    return {sample.path.name: sample.label for sample in found.samples}


def test_the_word_before_the_number_is_the_label(tmp_path: Path) -> None:
    draw(tmp_path, "cat.0.png", "cat.1.png", "lionel messi (2).png", "Müller_07.png", "12.png")
    found = read(tmp_path, columns=Columns(layout="names"))
    labels = {sample.path.name: sample.label for sample in found.dataset.samples}
    assert labels == {
        "cat.0.png": "cat",
        "cat.1.png": "cat",
        "lionel messi (2).png": "lionel messi",
        "Müller_07.png": "Müller",
    }
    assert [skipped.reason for skipped in found.dataset.skipped] == ["its name holds no label"]


def test_the_number_of_a_suffix_is_none_of_the_name(tmp_path: Path) -> None:
    found = read(draw(tmp_path, "goal.jp2", "goal_3.jp2"), columns=Columns(layout="names")).dataset
    assert [(sample.path.name, sample.label) for sample in found.samples] == [("goal_3.jp2", "goal")]
    assert [Path(skipped.path).name for skipped in found.skipped] == ["goal.jp2"]


def test_a_regular_expression_finds_the_label_and_folders_the_part(tmp_path: Path) -> None:
    draw(
        tmp_path, *(f"{part}/{n}_{who}_x.png" for part in ("train", "test") for who in "ab" for n in range(3))
    )
    found = read(tmp_path, columns=Columns(label="_([ab])_")).dataset
    assert found.layout == "names"
    assert {(s.path.parent.name, s.split) for s in found.samples} == {("train", "train"), ("test", "test")}
    assert found.labels == ("a", "b")


def test_where_nothing_says_the_labels_those_in_names_are_proposed(tmp_path: Path) -> None:
    draw(tmp_path, *(f"{who}.{n}.png" for who in ("cat", "dog") for n in range(3)))
    with pytest.raises(DataError, match=r"\(cat 3, dog 3\), say so with --layout names"):
        read(tmp_path)


@pytest.mark.parametrize("names", [["IMG_1.png", "IMG_2.png"], ["a.png", "b.png"], ["1.png", "2.png"]])
def test_names_that_tell_nothing_are_not_proposed(names: list[str], tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(draw(tmp_path, *names))
    assert "--layout names" not in str(caught.value)


def test_an_expression_that_cannot_serve_is_refused(tmp_path: Path) -> None:
    draw(tmp_path, "cat.0.png", "dog.1.png")
    with pytest.raises(UsageError, match=r"None of 2 file names, e\.g\. cat\.0\.png, fits --label"):
        read(tmp_path, columns=Columns(label="^([0-9])$"))
    with pytest.raises(UsageError, match="expected a regular expression"):
        read(tmp_path, columns=Columns(label="cat", layout="names"))


def test_a_column_of_a_table_is_one_whatever_its_signs(tmp_path: Path) -> None:
    draw(tmp_path, "x1.png", "x2.png")
    (tmp_path / "t.csv").write_text("path,who (short)\nx1.png,a\nx2.png,b\n", "utf-8")
    assert labels_of(tmp_path, label="who (short)") == {"x1.png": "a", "x2.png": "b"}
