import os
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from preseason.data.checks import check_trainable, look_alike_labels
from preseason.data.dataset import Dataset, File, Sample
from preseason.data.files import Accept, walk
from preseason.data.layouts import find, read
from preseason.data.layouts.inputs import collect as collect_texts
from preseason.data.layouts.unlabelled import collect
from preseason.data.safe_names import folder_names
from preseason.errors import DataError, UsageError
from preseason.media import image, text

PHOTOS = Accept(image.check, "photos")
FOOTBALLERS = Path(__file__).resolve().parents[3] / "shared" / "data" / "footballers"


def photo(path: Path, shade: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (12, 9), (shade, 80, 120)).save(path, "PNG")
    return path


def reasons(dataset: Dataset) -> dict[str, str]:
    return {Path(item.path).name: item.reason for item in dataset.skipped}


@pytest.mark.skipif(not FOOTBALLERS.is_dir(), reason="../shared/data/footballers is not there")
def test_footballers() -> None:
    dataset = read(FOOTBALLERS, PHOTOS)
    assert dataset.layout == "folders"
    assert len(dataset.samples) == 492
    assert dataset.labels == ("lionel-messi", "mbappe", "mo-salah", "ronaldo", "son-heung-min")
    assert reasons(dataset) == dict.fromkeys(("065.html", "066.html", "070.html"), "a web page, not an image")
    assert check_trainable(dataset) == ()


def test_parts_are_told_from_classes_with_such_names(tmp_path: Path) -> None:
    for name in ("test", "odi", "t20"):
        photo(tmp_path / "cricket" / name / "1.png")
    for part in ("Training", "VALID"):
        photo(tmp_path / "split" / part / "a" / "1.png")
    photo(tmp_path / "cricket" / "train" / "1.png")
    assert find(tmp_path / "cricket") == "folders"
    assert find(tmp_path / "split" / "Training") == "folders"
    assert find(tmp_path / "split") == "parts"
    assert [sample.split for sample in read(tmp_path / "split", PHOTOS).samples] == ["train", "validation"]


@pytest.mark.parametrize("names", [("train", "valid"), ("TRAIN", "Test_images"), ("training-set", "dev")])
def test_parts_are_told_beside_other_folders(tmp_path: Path, names: tuple[str, str]) -> None:
    for part in names:
        for label in ("Messi", "Salah"):
            photo(tmp_path / part / label / "1.png")
    photo(tmp_path / "runs" / "exp1" / "plot.png")
    dataset = read(tmp_path, PHOTOS)
    assert dataset.labels == ("Messi", "Salah")
    assert {sample.split for sample in dataset.samples} in ({"train", "validation"}, {"train", "test"})
    assert reasons(dataset) == {"runs": "lies beside the parts, so it has no label"}


def test_a_folder_that_was_written_for_a_label_is_read_as_that_label(tmp_path: Path) -> None:
    labels = ("win/draw", "../loss", "train", "messi", "Messi", "50 %")
    for name in folder_names(labels).values():
        photo(tmp_path / "data" / name / "1.png")
    assert read(tmp_path / "data", PHOTOS).labels == tuple(sorted(labels))
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_flat_folder_names_what_was_found_and_the_fix(tmp_path: Path) -> None:
    photo(tmp_path / "a.png")
    photo(tmp_path / "b.png")
    with pytest.raises(DataError, match=r"holds 2 files \(a.png, ...\) but no folders.*one folder per class"):
        read(tmp_path, PHOTOS)
    with pytest.raises(DataError, match="There is no file or folder"):
        read(tmp_path / "none", PHOTOS)
    with pytest.raises(DataError, match="is one file without labels"):
        read(tmp_path / "a.png", PHOTOS)
    with pytest.raises(UsageError, match="Did you mean 'folders'"):
        read(tmp_path, PHOTOS, layout="folder")


def test_folders_without_usable_files(tmp_path: Path) -> None:
    (tmp_path / "messi").mkdir()
    (tmp_path / "messi" / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match=r"holds no usable photos\. Left out 2: .*a text file, not an image"):
        read(tmp_path, PHOTOS)


def test_odd_labels(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "Müller")
    for name in (decomposed, " spaced  ", "-dash", "v1.2", "⚽", "Messi", "messi"):
        photo(tmp_path / name / "1.png")
    dataset = read(tmp_path, PHOTOS)
    assert dataset.labels == tuple(sorted(["Müller", "spaced", "-dash", "v1.2", "⚽", "Messi", "messi"]))
    assert look_alike_labels(dataset.labels) == (("Messi", "messi"),)


def test_system_files_are_passed_over_and_others_named(tmp_path: Path) -> None:
    photo(tmp_path / "messi" / "1.png")
    photo(tmp_path / "__MACOSX" / "messi" / "1.png")
    photo(tmp_path / "messi" / ".ipynb_checkpoints" / "1.png")
    (tmp_path / "messi" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "messi" / "list.txt").write_text("1.png")
    photo(tmp_path / "loose.png")
    (tmp_path / "empty").mkdir()
    dataset = read(tmp_path, PHOTOS)
    assert len(dataset.samples) == 1
    assert reasons(dataset) == {
        "loose.png": "lies beside the class folders, so it has no label",
        "empty": "a class folder without usable photos",
        "list.txt": "a text file, not an image",
    }


def test_links_and_pipes(tmp_path: Path) -> None:
    photo(tmp_path / "messi" / "1.png")
    (tmp_path / "messi" / "loop").symlink_to(tmp_path / "messi")
    (tmp_path / "messi" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(tmp_path / "messi" / "pipe.png")
    dataset = read(tmp_path, PHOTOS)
    assert len(dataset.samples) == 1
    assert reasons(dataset) == {
        "loop": "a link to a folder that was read already",
        "gone.png": "a link to a file that is not there",
        "pipe.png": "a pipe, socket or device, not a file",
    }


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_files_and_folders(tmp_path: Path) -> None:
    photo(tmp_path / "messi" / "1.png")
    photo(tmp_path / "messi" / "2.png").chmod(0)
    (tmp_path / "messi" / "shut").mkdir(mode=0)
    found = reasons(read(tmp_path, PHOTOS))
    assert found["2.png"] == "cannot be opened: permission denied"
    assert found["shut"].startswith("a folder that cannot be opened")


def test_undecodable_names_can_be_printed(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    Path(os.fsdecode(folder)).mkdir()
    photo(Path(os.fsdecode(folder + b"/1.png")))
    Path(os.fsdecode(folder + b"/\xff.txt")).write_text("x")
    dataset = read(tmp_path, PHOTOS)
    assert dataset.labels[0].encode("utf-8")
    assert dataset.skipped[0].path.encode("utf-8")


def test_folders_of_frames_are_examples(tmp_path: Path) -> None:
    photo(tmp_path / "pass" / "clip1" / "1.png")
    photo(tmp_path / "pass" / "clip2" / "1.png")
    clips = Accept(image.check, "clips", folder=lambda path: path.name.startswith("clip"))
    assert [path.name for path in walk(tmp_path, clips).paths] == ["clip1", "clip2"]


def table(folder: Path, content: bytes, name: str = "labels.csv") -> Path:
    folder.mkdir(exist_ok=True)
    for number in (1, 2, 3):
        photo(folder / "photos" / f"{number}.png", number)
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize(
    ("name", "text", "encoding"),
    [
        ("a.csv", "path,label\nphotos/1.png,Müller\nphotos/2.png,x\n", "utf-8"),
        ("a.csv", "path,label\r\nphotos/1.png,Müller\r\nphotos/2.png,x\r\n", "utf-8-sig"),
        ("a.csv", "Image File;Player\nphotos\\1.png;Müller\nphotos\\2.png;x\n", "cp1252"),
        ("a.csv", "label\tfile-name\nMüller\tphotos/1.png\nx\tphotos/2.png\n", "utf-16"),
        ("a.tsv", "filename\tclass\nphotos/1.png\tMüller\nphotos/2.png\tx\n", "utf-8"),
        ("a.csv", '"path"|"label"\n"photos/1.png"|"Müller "\n"photos/2.png"|x\n', "utf-8"),
        (
            "a.jsonl",
            '{"path": "photos/1.png", "label": "Müller"}\n{"path": "photos/2.png", "label": "x"}',
            "utf-8",
        ),
    ],
)
def test_tables_of_many_makers(tmp_path: Path, name: str, text: str, encoding: str) -> None:
    dataset = read(table(tmp_path, text.encode(encoding), name), PHOTOS)
    assert dataset.layout == "table"
    assert [(s.source.name, s.label) for s in dataset.samples] == [("1.png", "Müller"), ("2.png", "x")]
    assert dataset.skipped == ()


def test_a_table_with_everything_in_it(tmp_path: Path) -> None:
    rows = (
        b"path,label,match,split,start,end\n"
        b"photos/1.png,a,m1,train,,\n"
        b"photos/1.png,a,m1,train,,\n"
        b",,,,,\n"
        b"photos/9.png,a,m1,train,,\n"
        b"photos/2.png,,m1,train,,\n"
        b"photos/2.png,b,m2,val,0.5,2\n"
        b"photos/2.png,b,m2,val,2,3.5\n"
        b"photos/3.png,b,m2,tomorrow,,\n"
        b"photos/3.png,b,m2,test,5,1\n"
        b"photos,b,m2,test,,\n"
    )
    dataset = read(table(tmp_path, rows), PHOTOS)
    assert [(s.label, s.group, s.split, s.span) for s in dataset.samples] == [
        ("a", "m1", "train", None),
        ("b", "m2", "validation", (0.5, 2.0)),
        ("b", "m2", "validation", (2.0, 3.5)),
    ]
    assert [item.reason for item in dataset.skipped] == [
        "row 3 of labels.csv: listed before in row 2",
        "row 5 of labels.csv: there is no such file",
        "row 6 of labels.csv: no label",
        "row 9 of labels.csv: part 'tomorrow' is none of train, validation, test",
        "row 10 of labels.csv: start and end are no seconds with start before end",
        "row 11 of labels.csv: a folder, not a file",
        "1 blank row",
    ]


def test_a_folder_with_a_table_in_it(tmp_path: Path) -> None:
    table(tmp_path, b"path,label\nphotos/1.png,a\nphotos/2.png,b\n")
    assert read(tmp_path, PHOTOS).labels == ("a", "b")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"photo,age\nphotos/1.png,3\n", "has no column for the label. Found the columns photo, age"),
        (b"", "is empty"),
        (b"PK\x03\x04\x00\x00", "is a ZIP archive, not a table. Save the table as CSV"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(table(tmp_path, content), PHOTOS)


def test_collecting_for_prediction_keeps_the_order_asked(tmp_path: Path) -> None:
    for name in ("b.png", "a.png", "x/c.png", "odd[1].png"):
        photo(tmp_path / name)
    inputs = [tmp_path / "b.png", tmp_path / "x", str(tmp_path / "*.png"), tmp_path / "odd[1].png"]
    dataset = collect([*inputs, tmp_path / "none.png", str(tmp_path / "*.bmp")], PHOTOS)
    assert [s.source.name for s in dataset.samples] == ["b.png", "c.png", "a.png", "odd[1].png"]
    assert reasons(dataset) == {
        "none.png": "there is no such file",
        "*.bmp": "nothing matches this pattern",
    }


def test_one_answer_or_one_skip_for_each_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.png", "b.png"):
        photo(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    dataset = collect(["a.png", "", "b.png", " ", "a.png", "none*.png"], PHOTOS)
    assert [s.source.name for s in dataset.samples] == ["a.png", "b.png", "a.png"]
    assert [(item.path, item.reason) for item in dataset.skipped] == [
        ("''", "an empty name"),
        ("' '", "an empty name"),
        ("none*.png", "nothing matches this pattern"),
    ]


def test_texts_are_texts_also_where_a_folder_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "goal").mkdir()
    (tmp_path / "goal" / "a.txt").write_text("from a file")
    (tmp_path / "README").write_text("no text")
    monkeypatch.chdir(tmp_path)
    accept = Accept(text.check, "texts", cells=True)
    given = ["goal", ".", "*", "", "..", "README", "goal?", "[a-z]*", "What a goal."]
    dataset = collect_texts(given, accept)
    assert [s.source.read() for s in dataset.samples] == [each for each in given if each]
    assert [item.reason for item in dataset.skipped] == ["an empty text"]
    named = collect_texts(["goal/", Path("goal"), "goal/*.txt", "goal/none.txt"], accept)
    assert [s.source.read() for s in named.samples] == ["from a file"] * 3
    assert [item.reason for item in named.skipped] == ["there is no such file"]


def sample_set(labels: str, groups: dict[int, str] | None = None) -> Dataset:
    named = groups or {}
    samples = tuple(Sample(File(Path(f"{i}.png")), label, named.get(i)) for i, label in enumerate(labels))
    return Dataset(Path("photos"), "folders", samples, tuple(sorted(set(labels))))


def test_what_cannot_be_learnt_is_an_error() -> None:
    with pytest.raises(DataError, match="photos has only one class \\('a'\\)"):
        check_trainable(sample_set("aaa"))
    with pytest.raises(DataError, match="holds no usable photos"):
        check_trainable(sample_set(""))
    with pytest.raises(DataError, match="Every class of photos has fewer than 2 different photos"):
        check_trainable(sample_set("abc"))


def test_what_is_learnt_badly_is_a_warning() -> None:
    few = check_trainable(sample_set("a" * 9 + "b" + "cc"))
    assert few == (
        "Class 'b' has only one of the photos: it is learnt but cannot be tested.",
        "Class 'c' has only 2 photos: its score says little.",
    )
    several = check_trainable(sample_set("a" * 9 + "bb" + "ccc" + "dd" + "ee"))
    assert several == (
        "4 classes have few photos, so their scores say little: b 2, c 3, d 2 and 1 more. "
        "5 or more of each are enough to tell.",
    )
    together = check_trainable(sample_set("a" * 9 + "b" * 6, dict.fromkeys(range(9, 15), "burst")))
    assert together == (
        "Class 'b' has only 6 photos that belong together: it is learnt but cannot be tested.",
    )
