"""Folders and tables as sites, annotation tools and spreadsheets leave them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from zlib import crc32

import pytest
from PIL import Image

import preseason
from preseason.data.spellings import copy_of
from preseason.errors import DataError

DRIVE = "players-20240101T100000Z-00"


def photos(root: Path, *folders: str, names: Sequence[str] = ("0.png", "1.png")) -> None:
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            value = crc32(f"{folder}/{name}".encode())
            Image.new("RGB", (9, 8), (value & 255, value >> 8 & 255, value >> 16 & 255)).save(
                root / folder / name
            )


def read(root: Path) -> tuple[dict[str, int], dict[str, int], str]:
    account = preseason.read(root).account
    return account.labels, account.splits, " ".join((account.sentence, *account.notes))


LABELS = ("Messi", "Salah")


@pytest.mark.parametrize(
    ("parts", "aside"),
    [
        (("seg_train/seg_train", "seg_test/seg_test"), "seg_pred/seg_pred"),
        (("Training", "Validierung"), "Bilder"),
        (("entraînement", "essai"), "models"),
        (("entrenamiento", "prueba"), "runs"),
        (("学習", "検証"), "unlabelled"),
        (("1_train", "2_val"), "New folder"),
    ],
)
def test_parts_in_more_spellings(parts: tuple[str, str], aside: str, tmp_path: Path) -> None:
    photos(tmp_path, *(f"{part}/{label}" for part in parts for label in LABELS), aside)
    labels, splits, _ = read(tmp_path)
    assert (labels, len(splits), splits["train"]) == ({"Messi": 4, "Salah": 4}, 2, 4)


def test_a_file_beside_the_labels_of_a_part_does_not_cost_the_part(tmp_path: Path) -> None:
    photos(tmp_path, *(f"{part}/{label}" for part in ("train", "test") for label in LABELS))
    photos(tmp_path, "train", names=["cover.png"])
    (tmp_path / "test" / "list.txt").write_text("Messi/0.png\n")
    assert read(tmp_path)[1] == {"train": 4, "test": 4}


def test_a_part_whose_one_folder_is_called_images_has_no_labels(tmp_path: Path) -> None:
    photos(tmp_path, "train/n01/images", "train/n02/images", "test/images")
    (tmp_path / "val" / "images").mkdir(parents=True)
    photos(tmp_path, "val", "val/images")
    assert read(tmp_path)[0] == {"n01": 2, "n02": 2}


def test_flat_parts_are_refused_and_the_labels_in_names_proposed(tmp_path: Path) -> None:
    photos(tmp_path, "train", names=[f"{label}.{n}.png" for label in ("cat", "dog") for n in range(3)])
    photos(tmp_path, "train/small", "test1")
    (tmp_path / "sampleSubmission.csv").write_text("id,label\n0,0\n1,0\n")
    with pytest.raises(DataError, match=r"not of labels.*\(cat 3, dog 3\), say so with --layout names"):
        preseason.read(tmp_path)


def test_folders_that_repeat_a_part_s_labels_are_told(tmp_path: Path) -> None:
    photos(tmp_path, *(f"{part}/{label}" for part in ("train", "test", "extra") for label in LABELS))
    assert "extra/ holds folders of the same names" in read(tmp_path)[2]


def test_parts_inside_classes_beside_loose_photos(tmp_path: Path) -> None:
    photos(tmp_path, "Messi", "Messi/val", "Salah", "Salah/val")
    labels, splits, said = read(tmp_path)
    assert (labels, splits) == ({"Messi": 4, "Salah": 4}, {"train": 4, "validation": 4})
    assert "photos beside them are for training" in said


@pytest.mark.parametrize("zips", [("1", "2"), ("1",)])
def test_a_download_in_pieces_is_put_together(zips: Sequence[str], tmp_path: Path) -> None:
    for number in zips:
        photos(tmp_path, *(f"{DRIVE}{number}/players/{label}" for label in LABELS))
    if len(zips) == 1:  # the second piece holds what did not fit into the first
        photos(tmp_path, f"{DRIVE}2/players/Son")
    assert list(read(tmp_path)[0]) == [*LABELS, "Son"][: 4 - len(zips)]


def test_batches_inside_labels_are_told(tmp_path: Path) -> None:
    photos(tmp_path, "query/0001", "query/0002", "gallery/0001", "gallery/0002")
    assert "repeat in gallery/, query/: these are the labels; --layout batches" in read(tmp_path)[2]


@pytest.mark.parametrize(
    "name", ["Messi (1)", "Messi - Kopie", "Messi copy 2", "Copy of Messi", "Messi (Ann's conflicted copy)"]
)
def test_a_copy_of_a_class_folder_is_that_class(name: str, tmp_path: Path) -> None:
    photos(tmp_path, "Messi", "Salah", name)
    labels, _, said = read(tmp_path)
    assert labels == {"Messi": 4, "Salah": 2}
    assert "the name says it is a copy" in said


@pytest.mark.parametrize("name", ["Messi", "Copycat", "4-4-2", "copy", "(1)"])
def test_other_names_are_no_copies(name: str) -> None:
    assert copy_of(name) is None


def test_backslashes_in_names_are_explained(tmp_path: Path) -> None:
    photos(tmp_path, ".", names=[f"{label}\\{n}.png" for label in LABELS for n in range(2)])
    with pytest.raises(DataError, match=r"packed on Windows.*unzip"):
        preseason.read(tmp_path)


@pytest.mark.parametrize("folder", [".", "meta"])
def test_lists_beside_class_folders_are_the_split(folder: str, tmp_path: Path) -> None:
    photos(tmp_path, "images/Messi", "images/Salah")
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / "train.txt").write_text("Messi/0\nSalah/0\n")
    (tmp_path / folder / "test.txt").write_text("images/Messi/1.png\nimages/Salah/1.png\n")
    labels, splits, said = read(tmp_path)
    assert (labels, splits) == ({"Messi": 2, "Salah": 2}, {"train": 2, "test": 2})
    assert "The split is that of the lists test.txt, train.txt." in said


NUMBERED = [f"{n:05}.png" for n in range(4)]
IMAGES = [f"img/{name}" for name in NUMBERED]
BOTH = ["Messi", "Salah", "Messi", "Salah"]


@pytest.mark.parametrize(
    ("rows", "splits"),
    [
        ([f"TRAIN,gs://bucket/{p},{label}" for p, label in zip(IMAGES, BOTH, strict=True)], {}),
        (
            [
                f"{p},{label},{part}"
                for p, label, part in zip(IMAGES, BOTH, ["train", "train", "test", "test"], strict=True)
            ],
            {"train": 2, "test": 2},
        ),
        (["id,label", *(f"{n},{label}" for n, label in enumerate(BOTH))], {}),
        (["id,label", *(f"{n}.0,{label}" for n, label in enumerate(BOTH))], {}),
        (["path,label", *(f"{p[:-3]}JPG,{label}" for p, label in zip(IMAGES, BOTH, strict=True))], {}),
        (["path,label", *(f"Z:\\me\\{p},{label}" for p, label in zip(IMAGES, BOTH, strict=True))], {}),
        (
            [
                "filename,file_size,file_attributes,region_count",
                *(f'{p},9,"{{""player"":""{label}""}}",0' for p, label in zip(NUMBERED, BOTH, strict=True)),
            ],
            {},
        ),
    ],
    ids=["Vertex", "no header", "lost zeros", "decimals", "another format", "another machine", "VIA"],
)
def test_tables_as_exporters_and_spreadsheets_leave_them(
    rows: list[str], splits: Mapping[str, int], tmp_path: Path
) -> None:
    photos(tmp_path, "img", names=NUMBERED)
    (tmp_path / "table.csv").write_text("\n".join(rows) + "\n")
    assert read(tmp_path)[:2] == ({"Messi": 2, "Salah": 2}, splits)


@pytest.mark.parametrize(
    ("value", "splits"),
    [
        ({"Messi": [IMAGES[0], IMAGES[2]], "Salah": [IMAGES[1], IMAGES[3]]}, {}),
        (
            {
                "train": [
                    {"image": p, "label": label} for p, label in zip(IMAGES[:2], BOTH[:2], strict=True)
                ],
                "test": [{"image": p, "label": label} for p, label in zip(IMAGES[2:], BOTH[2:], strict=True)],
            },
            {"train": 2, "test": 2},
        ),
    ],
    ids=["files by label", "rows by part"],
)
def test_json_by_label_and_by_part(value: object, splits: Mapping[str, int], tmp_path: Path) -> None:
    photos(tmp_path, "img", names=NUMBERED)
    (tmp_path / "labels.json").write_text(json.dumps(value))
    assert read(tmp_path)[:2] == ({"Messi": 2, "Salah": 2}, splits)


@pytest.mark.parametrize(
    "rows",
    [
        ["file,messi,salah", *(f"{p},0.9,0.1" for p in IMAGES)],
        ["id,label", *(f"{n}. Jan,{label}" for n, label in enumerate(BOTH))],
        ["id,label", *(f"1.23457E+14,{label}" for label in BOTH)],
        ["messi,salah", f"{IMAGES[0]},{IMAGES[1]}", f"{IMAGES[2]},{IMAGES[3]}"],
    ],
    ids=["probabilities", "dates by a spreadsheet", "numbers by a spreadsheet", "a column a label"],
)
def test_a_table_that_cannot_serve_is_not_passed_over(rows: list[str], tmp_path: Path) -> None:
    photos(tmp_path, "img", names=NUMBERED)
    (tmp_path / "table.csv").write_text("\n".join(rows) + "\n")
    with pytest.raises(DataError, match=r"The table .*cannot be read for its labels.*one label only"):
        preseason.read(tmp_path)


def test_a_table_beside_class_folders_that_is_not_read_is_told(tmp_path: Path) -> None:
    photos(tmp_path, "Messi", "Salah")
    (tmp_path / "sizes.csv").write_text("path,width\nMessi/0.png,9\nSalah/0.png,9\n")
    labels, _, said = read(tmp_path)
    assert labels == {"Messi": 2, "Salah": 2}
    assert "sizes.csv was not read" in said


def test_letters_of_an_old_mac(tmp_path: Path) -> None:
    photos(tmp_path, "img", names=NUMBERED)
    rows = ["path;label", *(f"{p};{label}é" for p, label in zip(IMAGES, BOTH, strict=True))]
    (tmp_path / "table.csv").write_bytes("\r".join(rows).encode("mac_roman"))
    assert list(read(tmp_path)[0]) == ["Messié", "Salahé"]


@pytest.mark.parametrize("suffix", [".txt", ""])
def test_collections_of_texts(suffix: str, tmp_path: Path) -> None:
    for part in ("train", "test"):
        for label in ("neg", "pos"):
            folder = tmp_path / "reviews" / f"imdb-{part}" / label
            folder.mkdir(parents=True)
            for number in range(5):
                (folder / f"{number}{suffix}").write_text(f"{label} film {number} of {part}")
    unlabelled = tmp_path / "reviews" / "imdb-train" / "unsup"
    unlabelled.mkdir()
    (unlabelled / f"0{suffix}").write_text("nobody knows")
    (tmp_path / "reviews" / "imdb-train" / "labeledBow.feat").write_text("9 0:1\n")
    (tmp_path / "reviews" / "README").write_text("about")
    audit = preseason.read(tmp_path)
    assert (audit.account.task, audit.account.splits) == ("texts", {"train": 10, "test": 10})
    assert list(audit.account.labels) == ["neg", "pos"]
