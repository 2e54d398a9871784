"""Folders are read as their owner meant them, or refused with both readings spelled out."""

from pathlib import Path

import pytest
from PIL import Image

from preseason.data.dataset import Dataset
from preseason.data.files import Accept
from preseason.data.layouts import read
from preseason.data.litter import is_litter
from preseason.data.safe_names import folder_name, label_of
from preseason.data.split_names import split_from
from preseason.errors import DataError
from preseason.media import image

PHOTOS = Accept(image.check, "photos")


def make(root: Path, *folders: str) -> Path:
    """A photo in each of the folders, and one file for each name with a dot in its last part."""
    for number, each in enumerate(folders):
        path = root / each
        path = path if path.suffix else path / "1.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (12, 9), (number, 80, 120)).save(path)
    return root


def told(root: Path, *folders: str) -> Dataset:
    return read(make(root / "all", *folders), PHOTOS)


def splits(dataset: Dataset) -> list[str | None]:
    return sorted({str(sample.split) for sample in dataset.samples})


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("TRN", "train"),
        ("train2017", "train"),
        ("01_Training-Set", "train"),
        ("TrainImages", "train"),
        ("images_train", "train"),
        ("trainset", "train"),
        ("VALID-photos", "validation"),
        ("dev", "validation"),
        ("Validation Data", "validation"),
        ("Hold-Out", "test"),
        ("hold_out_set", "test"),
        ("testing_data_2", "test"),
        ("Eval", "test"),
    ],
)
def test_names_of_parts(name: str, part: str) -> None:
    assert split_from(name) == part
    assert label_of(folder_name(name)) == name


@pytest.mark.parametrize(
    "name", ["Val Kilmer", "test match", "train station", "data", "images", "", "trainer"]
)
def test_names_that_are_no_parts(name: str) -> None:
    assert split_from(name) is None


@pytest.mark.parametrize("beside", ["runs/exp", "unlabelled", "models/v1", "Extra pictures"])
@pytest.mark.parametrize("names", [("train", "valid"), ("TRN_images", "Hold-Out"), ("train2017", "val2017")])
def test_parts_beside_other_folders(tmp_path: Path, names: tuple[str, str], beside: str) -> None:
    dataset = told(tmp_path, *(f"{part}/{label}" for part in names for label in ("Messi", "Salah")), beside)
    assert dataset.labels == ("Messi", "Salah")
    assert len(splits(dataset)) == 2
    assert dataset.ignored == (f"{beside.split('/', maxsplit=1)[0]}/",)
    assert names[0] in dataset.notes[0]


def test_only_a_part_for_training(tmp_path: Path) -> None:
    dataset = told(tmp_path, "train/Messi", "train/Salah")
    assert dataset.labels == ("Messi", "Salah")
    assert splits(dataset) == ["train"]


def test_a_folder_between_the_part_and_its_classes(tmp_path: Path) -> None:
    dataset = told(tmp_path, *(f"{part}/images/{label}" for part in ("train", "test") for label in "ab"))
    assert dataset.labels == ("a", "b")
    assert splits(dataset) == ["test", "train"]


@pytest.mark.parametrize("flat", ["test", "test/images", "test/test", "Test_photos"])
def test_a_part_without_labels_is_left_for_predictions(tmp_path: Path, flat: str) -> None:
    dataset = told(tmp_path, "train/Messi", "train/Salah", flat)
    assert dataset.labels == ("Messi", "Salah")
    assert any("left for next and predict" in item.reason for item in dataset.skipped)


def test_parts_inside_the_classes(tmp_path: Path) -> None:
    dataset = told(
        tmp_path, *(f"{label}/{part}" for label in ("Messi", "Salah") for part in ("train", "Test"))
    )
    assert dataset.labels == ("Messi", "Salah")
    assert splits(dataset) == ["test", "train"]


@pytest.mark.parametrize("outer", [("2022", "2023"), ("match 1", "match 2"), ("cam_01", "cam_02b")])
def test_batches_above_the_classes(tmp_path: Path, outer: tuple[str, str]) -> None:
    dataset = told(tmp_path, *(f"{batch}/{label}" for batch in outer for label in ("Messi", "Salah")))
    assert dataset.labels == ("Messi", "Salah")
    assert "repeat in" in dataset.notes[0]


def test_matches_inside_the_classes(tmp_path: Path) -> None:
    dataset = told(tmp_path, *(f"{label}/match{n}" for n in (1, 2) for label in ("Messi", "Salah")))
    assert dataset.labels == ("Messi", "Salah")


def test_two_plausible_levels_are_refused_with_both(tmp_path: Path) -> None:
    folders = [f"{outer}/{inner}" for outer in ("home", "away") for inner in ("Messi", "Salah")]
    with pytest.raises(
        DataError, match=r"two ways.*--layout folders.*away, home.*--layout batches.*Messi, Salah"
    ):
        told(tmp_path, *folders)
    root = tmp_path / "all"
    assert read(root, PHOTOS, layout="folders").labels == ("away", "home")
    assert read(root, PHOTOS, layout="batches").labels == ("Messi", "Salah")


def test_a_part_or_a_class_is_refused_with_both(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"two ways.*--layout parts.*--layout folders.*train, bus"):
        told(tmp_path, "train/steam", "train/diesel", "bus")
    root = tmp_path / "all"
    assert read(root, PHOTOS, layout="folders").labels == ("bus", "train")
    assert read(root, PHOTOS, layout="parts").labels == ("diesel", "steam")


def test_parts_without_any_label_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"names of parts, not of labels.*--layout folders"):
        told(tmp_path, "train", "Test", "runs/exp")
    assert read(tmp_path / "all", PHOTOS, layout="folders").labels == ("Test", "runs", "train")


def test_parts_in_batches_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="each with parts of its own"):
        told(tmp_path, *(f"{y}/{p}/{c}" for y in ("one", "two") for p in ("train", "test") for c in "ab"))


@pytest.mark.parametrize("wrapper", ["data", "export", "data/images", "My Export (2)/data/all"])
def test_wrappers_are_gone_through_and_told(tmp_path: Path, wrapper: str) -> None:
    dataset = told(tmp_path, f"{wrapper}/Messi", f"{wrapper}/Salah")
    assert dataset.labels == ("Messi", "Salah")
    assert f"all/{wrapper}/" in dataset.notes[0]
    for part in ("train", "valid"):
        make(tmp_path / "split", f"{wrapper}/{part}/Messi", f"{wrapper}/{part}/Salah")
    assert splits(read(tmp_path / "split", PHOTOS)) == ["train", "validation"]


def test_one_class_is_no_wrapper(tmp_path: Path) -> None:
    assert told(tmp_path, "Messi").labels == ("Messi",)


def test_a_folder_of_the_unlabelled_is_no_class(tmp_path: Path) -> None:
    dataset = told(tmp_path, "Messi", "Salah", "un-labelled", "runs/exp1")
    assert dataset.labels == ("Messi", "Salah")
    assert dataset.ignored == ("un-labelled/", "runs/")
    # in cricket, with pictures of its own, it is a class
    assert told(tmp_path / "cricket", "wickets", "runs").labels == ("runs", "wickets")


def test_litter_is_counted_in_one_line(tmp_path: Path) -> None:
    litter = ("Messi/@eaDir/1.png", "@eaDir/x.png", "__MACOSX/Messi/1.png", "Cat Previews.lrdata/a/1.png")
    make(
        tmp_path / "all",
        *litter,
        "Messi/.ipynb_checkpoints/1.png",
        "Messi/.thumbnails/1.png",
        "env2/lib/1.png",
    )
    (tmp_path / "all" / "env2" / "pyvenv.cfg").touch()
    (tmp_path / "all" / "Messi" / "Thumbs.db").touch()
    dataset = told(tmp_path, "Messi", "Salah")
    assert dataset.labels == ("Messi", "Salah")
    assert len(dataset.samples) == 2
    assert dataset.notes[0].startswith("8 files and folders of other programs left out by name: @eaDir (2), ")


@pytest.mark.parametrize("name", ["@messi", "#10", "thumbs", "~x", "Recycle", "Icon", "lrdata"])
def test_names_of_labels_are_no_litter(name: str) -> None:
    assert not is_litter(name)
