"""Which column is what, where the files are, and what the cells of labels mean."""

from pathlib import Path

import pytest

from preseason.data.dataset import Dataset
from preseason.data.files import Accept, Columns
from preseason.data.layouts.table import fits, matches, read
from preseason.data.layouts.texts import read as read_texts
from preseason.data.whereabouts import Finder
from preseason.errors import DataError, UsageError

ANY = Accept(lambda path: None if path.suffix == ".jpg" else "no photo", "photos")


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    for name in ("img/0.jpg", "img/1.jpg", "img/2.jpg", "img/3.jpg", "more/3.jpg", "img/0.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def table(desk: Path, text: str, columns: Columns = Columns()) -> Dataset:  # noqa: B008
    (desk / "labels.csv").write_text(text, "utf-8")
    return read(desk / "labels.csv", Accept(ANY.file, "photos", columns=columns))


def pairs(found: Dataset) -> list[tuple[str, str | None]]:
    return [(sample.path.name, sample.label) for sample in found.samples]


EXPECTED = [("0.jpg", "a"), ("1.jpg", "b"), ("2.jpg", "a")]


@pytest.mark.parametrize(
    "text",
    [
        "image,choice\nimg/0.jpg,a\nimg/1.jpg,b\nimg/2.jpg,a\n",  # Label Studio
        "id,label\n0,a\n1,b\n2,a\n",  # Kaggle
        "photo of,who\nimg/0.jpg,a\nimg/1.jpg,b\nimg/2.jpg,a\n",
        ",file,n,who\n0,img/0.jpg,7.5,a\n1,img/1.jpg,2.5,b\n2,img/2.jpg,9,a\n",
        "img/0.jpg,a\nimg/1.jpg,b\nimg/2.jpg,a\n",
        "filename, a, b\n0.jpg,1,0\n1.jpg,0,1\n2.jpg,1,0\n",  # Roboflow
        "filename,a,b\n0.jpg,True,False\n1.jpg,False,True\n2.jpg,True,False\n",
        "name,file,label\n0,img/0.jpg,a\n1,img/1.jpg,b\n2,img/2.jpg,a\n",
        "image,file_name,label\n17,img/0.jpg,a\n18,img/1.jpg,b\n19,img/2.jpg,a\n",
    ],
)
def test_columns_are_told_by_names_and_values(desk: Path, text: str) -> None:
    found = table(desk, text)
    assert pairs(found) == EXPECTED
    assert any("Columns read" in note or "column that holds the 1" in note for note in found.notes)
    assert fits(desk / "labels.csv")
    assert matches(desk)


@pytest.mark.parametrize(
    "path",
    [
        "{}.jpg",
        "{}",
        "IMG/{}.JPG",
        "./img/{}.jpg",
        "old/photos/img/{}.jpg",
        "../elsewhere/{}.jpg",
        "C:\\Users\\me\\photos\\img\\{}.jpg",
        "img\\{}.jpg",
        "/home/me/img/{}.jpg",
        "file:///home/me/img/{}.jpg",
        "/data/upload/3/1a2b3c4d-{}.jpg",
        "/data/local-files/?d=photos/img/{}.jpg",
        "/data/local-files/?d=photos%2Fimg%2F{}.jpg",
        "http://localhost:8080/data/upload/3/1a2b3c4d-{}.jpg",
    ],
)
def test_files_are_found_by_the_end_of_their_path(desk: Path, path: str) -> None:
    rows = "".join(f"{path.format(at)},{label}\n" for at, label in enumerate("aba"))
    found = table(desk, f"image,label\n{rows}")
    assert pairs(found) == EXPECTED
    if path not in ("./img/{}.jpg", "img\\{}.jpg"):
        assert "3 of 3 files of labels.csv were found by their names, under img." in found.notes


def test_what_is_ambiguous_absent_or_an_address_is_named(desk: Path) -> None:
    found = table(desk, "image,label\n3.jpg,a\nmore/3.jpg,a\nx/img/3.jpg,b\n9.jpg,b\nhttps://a.b/9.jpg,b\n")
    assert [sample.path.parent.name for sample in found.samples] == ["more", "img"]
    assert [item.reason.split(": ", 1)[1] for item in found.skipped] == [
        "2 files may be meant (img/3.jpg, more/3.jpg): name its folder too",
        "there is no such file",
        "an address, and nothing is fetched: download the files and put them beside the table",
    ]


def test_columns_that_are_named_go_before_every_guess(desk: Path) -> None:
    text = "image,copy,label,who\nimg/0.jpg,img/1.jpg,x,a\nimg/2.jpg,img/3.jpg,y,b\n"
    found = table(desk, text, Columns(path="copy", label="Who"))
    assert pairs(found) == [("1.jpg", "a"), ("3.jpg", "b")]
    with pytest.raises(UsageError, match=r"--path cpy: .* no such column\. Did you mean 'copy'"):
        table(desk, text, Columns(path="cpy"))
    with pytest.raises(UsageError, match=r"--split who: its values \(a, b\) are none of train"):
        table(desk, text, Columns(split="who"))


def test_an_unclear_table_lists_its_guesses(desk: Path) -> None:
    with pytest.raises(DataError, match=r"no column for the label\. Found .* Guessed: path 'image'.*--label"):
        table(desk, "image,age,club\nimg/0.jpg,3,x\nimg/1.jpg,3,x\nimg/2.jpg,4,y\nmore/3.jpg,4,y\n")


@pytest.mark.parametrize(
    "header",
    ["filename,label,label", "filename,label,Label", "filename,class,class", "filename,label,label "],
)
def test_a_column_twice_names_both(desk: Path, header: str) -> None:
    with pytest.raises(DataError, match=r"2 columns for the label: .*column 2\) and .*column 3\)"):
        table(desk, f"{header}\nimg/0.jpg,a,b\nimg/1.jpg,b,a\n")


def splits(found: Dataset) -> list[str | None]:
    return [sample.split for sample in found.samples]


@pytest.mark.parametrize(
    ("column", "cells", "expected", "told"),
    [
        ("split", ("train", "Test", "VALID"), ["train", "test", "validation"], ""),
        ("set", ("1", "2", "3"), [None] * 3, "The column 'set' is no split: its values (1, 2, 3)"),
        ("", ("0", "1", "2"), [None] * 3, ""),
        ("Unnamed: 0", ("train", "1", "2"), [None] * 3, ""),
        ("is_test", ("False", "True", "False"), ["train", "test", "train"], "taken for the split"),
        ("is_valid", ("0", "1", ""), ["train", "validation", "train"], "taken for the split"),
        ("is_train", ("1", "0", "1"), ["train", "test", "train"], "taken for the split"),
        ("fold", ("0", "1", "2"), [None] * 3, "The column 'fold' is no split"),
        ("subset", ("training", "holdout", "dev"), ["train", "test", "validation"], ""),
    ],
)
def test_a_column_is_a_split_where_its_values_are(
    desk: Path, column: str, cells: tuple[str, ...], expected: list[str | None], told: str
) -> None:
    rows = "".join(f"img/{at}.jpg,{label},{cells[at]}\n" for at, label in enumerate("aba"))
    found = table(desk, f"image,label,{column}\n{rows}")
    assert splits(found) == expected
    assert any(told in note for note in found.notes)


def test_a_group_that_is_the_same_everywhere_is_none(desk: Path) -> None:
    (desk / "t.csv").write_text("text,label,author\nWhat a goal,good,me\nAwful,bad,me\nNice,good,me\n")
    found = read_texts(desk / "t.csv", Accept(lambda path: None, "texts", cells=True))
    assert {sample.group for sample in found.samples} == {None}
    assert any("'author' has one value everywhere" in note for note in found.notes)
    named = Accept(lambda path: None, "texts", cells=True, group="author")
    assert {sample.group for sample in read_texts(desk / "t.csv", named).samples} == {"me"}


@pytest.mark.parametrize("word", ["none", "None", "N/A", "null", "nan", "NA", "-"])
def test_words_are_labels_and_told_once(desk: Path, word: str) -> None:
    found = table(desk, f"image,label\nimg/0.jpg,goal\nimg/1.jpg,{word}\nimg/2.jpg,{word}\nmore/3.jpg,\n")
    assert [sample.label for sample in found.samples] == ["goal", word, word]
    assert [note for note in found.notes if f"{word!r} (2)" in note]
    assert [item.reason for item in found.skipped] == ["row 5 of labels.csv: no label"]


def test_nan_among_numbers_is_missing(desk: Path) -> None:
    found = table(desk, "image,label\nimg/0.jpg,1.0\nimg/1.jpg,nan\nimg/2.jpg,2.0\n")
    assert [sample.label for sample in found.samples] == ["1.0", "2.0"]


@pytest.mark.parametrize(
    "cells",
    [
        ("Messi;captain", "Salah;captain", "Messi"),
        ("a|b", "b|c", "a|c"),
        ("a,b", "b", "a"),
        ("['a', 'b']", "['a']", "['b']"),
        ('["a", "b"]', '["a"]', '["b"]'),
    ],
)
def test_several_labels_in_a_cell_are_refused(desk: Path, cells: tuple[str, ...]) -> None:
    rows = "".join(f'img/{at}.jpg;"{cell.replace(chr(34), chr(34) * 2)}"\n' for at, cell in enumerate(cells))
    with pytest.raises(
        DataError, match=r"hold several labels, such as row 2: .* can have only one label here.*--label"
    ):
        table(desk, f"image;label\n{rows}")


@pytest.mark.parametrize(
    "cells", [("Smith, John", "Doe, Jane", "Roe, John"), ("win;home", "win;home", "loss;away")]
)
def test_separators_in_names_are_no_lists(desk: Path, cells: tuple[str, ...]) -> None:
    rows = "".join(f'img/{at}.jpg|"{cell}"\n' for at, cell in enumerate(cells))
    assert [sample.label for sample in table(desk, f"image|label\n{rows}").samples] == list(cells)


def test_lists_of_one_are_that_one(desk: Path) -> None:
    found = table(desk, 'image;label\nimg/0.jpg;[\'a\']\nimg/1.jpg;[b]\nimg/2.jpg;"[""c""]"\n')
    assert [sample.label for sample in found.samples] == ["a", "[b]", "c"]


def test_columns_of_0_and_1_with_several_or_none_are_refused(desk: Path) -> None:
    with pytest.raises(DataError, match=r"a, b, c hold 0 and 1 .* row 3 has a, c .*--label COLUMN"):
        table(desk, "filename,a,b,c\n0.jpg,1,0,0\n1.jpg,1,0,1\n2.jpg,0,1,0\n")
    with pytest.raises(DataError, match="row 4 has none"):
        table(desk, "filename,a,b\n0.jpg,1,0\n1.jpg,1,0\n2.jpg,0,0\nmore/3.jpg,0,1\n")
    found = table(desk, "filename,a,b\n0.jpg,1,0\n1.jpg,1,1\n", Columns(label="b"))
    assert [sample.label for sample in found.samples] == ["0", "1"]


def test_a_row_for_each_label_is_refused(desk: Path) -> None:
    with pytest.raises(DataError, match=r"2 of 3 files bear several, such as 'a' in row 2 and 'b' in row 3"):
        table(desk, "image,label\nimg/0.jpg,a\nimg/0.jpg,b\nimg/1.jpg,b\nimg/1.jpg,c\nimg/2.jpg,a\n")


@pytest.mark.parametrize(
    "text",
    [
        "review,stars\n{0},1\n{1},5\n{2},1\n{3},5\n",
        "what they said,mood\n{0},bad\n{1},good\n{2},bad\n{3},good\n",
        ",said,n,mood\n0,{0},7,bad\n1,{1},8,good\n2,{2},9,bad\n3,{3},10,good\n",
        "text;good;bad\n{0};0;1\n{1};1;0\n{2};0;1\n{3};1;0\n",
    ],
)
def test_of_two_columns_the_one_beside_the_texts_is_the_label(desk: Path, text: str) -> None:
    said = (
        "The keeper let it through",
        "What a goal that was",
        "Nobody ran back today",
        "They never gave up hope",
    )
    (desk / "t.csv").write_text(text.format(*said))
    from preseason.data.layouts.texts import matches as of_texts

    assert of_texts(desk / "t.csv")
    found = read_texts(desk / "t.csv", Accept(lambda path: None, "texts", cells=True))
    assert [str(sample.source) for sample in found.samples] == list(said)
    assert [sample.label for sample in found.samples] in (["1", "5"] * 2, ["bad", "good"] * 2)


def test_of_two_files_of_one_name_the_table_s_own_part_counts(tmp_path: Path) -> None:
    for folder in ("train_images", "test_images"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "7.jpg").write_bytes(b"x")
    for stem, folder in (("train", "train_images"), ("Test_labels", "test_images")):
        assert Finder(tmp_path / f"{stem}.csv").find("7").path == tmp_path / folder / "7.jpg"
    assert "2 files may be meant" in Finder(tmp_path / "labels.csv").find("7").fault


def test_whose_a_file_is_is_never_its_label(desk: Path) -> None:
    (desk / "LICENCES.tsv").write_text("file\tlicence\n0.jpg\tCC0\n1.jpg\tCC-BY\n2.jpg\tCC0\n", "utf-8")
    with pytest.raises(DataError, match="label"):
        read(desk / "LICENCES.tsv", ANY)
