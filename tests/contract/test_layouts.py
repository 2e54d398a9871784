"""What holds for every registered layout, tried on real folders made for each."""

import json
import os
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from preseason.data.dataset import Dataset
from preseason.data.files import Accept
from preseason.data.layouts.base import layouts
from preseason.media import image, text

PHOTOS = Accept(image.check, "photos", member=image.check_head)
TEXTS = Accept(text.check, "texts", cells=True, member=text.check_head)
CLASSES = ("messi", "Müller", "🐐 -.x")


def photo(path: Path, shade: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (12, 9), (shade, 80, 120)).save(path, "PNG")
    return path


def make_folders(root: Path) -> Path:
    for shade, name in enumerate(CLASSES):
        photo(root / name / "b.jpg", shade)
        photo(root / name / "deep" / "a.png", shade + 50)
    (root / "messi" / "page.jpg").write_text("<html></html>")
    (root / "messi" / ".DS_Store").write_bytes(b"x")
    return root


def make_parts(root: Path) -> Path:
    for part in ("train", "val", "test"):
        make_folders(root / part)
    return root


def make_inner_parts(root: Path) -> Path:
    for name in CLASSES:
        for part in ("Train", "valid"):
            photo(root / name / part / "b.jpg", 1)
    (root / "messi" / "valid" / "page.jpg").write_text("<html></html>")
    return root


def make_batches(root: Path) -> Path:
    for batch in ("2023", "match 4"):
        for name in CLASSES:
            photo(root / batch / name / "b.jpg", 1)
    (root / "2023" / "messi" / "page.jpg").write_text("<html></html>")
    return root


def make_table(root: Path) -> Path:
    make_folders(root)
    rows = [{"path": f"{name}/b.jpg", "label": name} for name in CLASSES]
    rows += [{"path": f"{name}/deep/a.png", "label": name} for name in CLASSES]
    rows += [{"path": "messi/page.jpg", "label": "messi"}]
    (root / "labels.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return root / "labels.jsonl"


def make_texts(root: Path) -> Path:
    rows = [{"text": f"{part} {name}", "label": name} for part in ("a", "b") for name in CLASSES]
    rows += [{"text": "<html></html>", "label": ""}]
    (root / "labels.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return root / "labels.jsonl"


def make_recordings(root: Path) -> list[tuple[str, str]]:
    """Names and labels of six files and of one that is none."""
    named = [(f"{place}-{each}.png", CLASSES[each]) for place in "ab" for each in range(3)]
    for shade, (name, _) in enumerate(named):
        photo(root / name, shade)
    (root / "page.jpg").write_text("<html></html>")
    return [*named, ("page.jpg", CLASSES[0])]


def make_audacity(root: Path) -> Path:
    for name, label in make_recordings(root):
        (root / name).with_suffix(".txt").write_text(f"0.5\t1.5\t{label}\n", "utf-8")
    return root


def make_raven(root: Path) -> Path:
    head = "Selection\tBegin Time (s)\tEnd Time (s)\tBegin File\tAnnotation"
    rows = [f"1\t0.5\t1.5\t{name}\t{label}" for name, label in make_recordings(root)]
    (root / "selections.txt").write_text("\n".join([head, *rows]), "utf-8")
    return root


def make_folds(root: Path) -> Path:
    named = make_recordings(root / "audio")
    (root / "meta").mkdir()
    rows = [f"{name},{number % 3},{label}" for number, (name, label) in enumerate(named)]
    (root / "meta" / "all.csv").write_text("\n".join(["filename,fold,category", *rows]), "utf-8")
    return root


def make_names(root: Path) -> Path:
    for name in CLASSES:
        for number in range(2):
            photo(root / f"{name}_{number}.png", number)
    (root / "messi_9.jpg").write_text("<html></html>")
    return root


def make_tables(root: Path) -> Path:
    for part in ("train", "test"):
        for number in range(len(CLASSES)):
            photo(root / part / f"{number}.jpg", number)
        rows = [f'{{"file_name": "{number}.jpg", "label": "{name}"}}' for number, name in enumerate(CLASSES)]
        (root / part / "metadata.jsonl").write_text("\n".join(rows), "utf-8")
    (root / "test" / "page.jpg").write_text("<html></html>")
    with (root / "test" / "metadata.jsonl").open("a", encoding="utf-8") as file:
        file.write('\n{"file_name": "page.jpg", "label": "messi"}')
    return root


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name[0] != ".")


def make_shards(root: Path) -> Path:
    inside = make_folders(root.with_name(f"{root.name}-inside"))
    for number, name in enumerate(("train-0.tar", "val-0.tar")):
        with tarfile.open(root / name, "w") as archive:
            for place, path in enumerate(files_of(inside)[number::2]):
                archive.add(path, f"{place:04}{path.suffix}")
                label = next(each for each in CLASSES if each in path.parts).encode()
                about = tarfile.TarInfo(f"{place:04}.cls")
                about.size = len(label)
                archive.addfile(about, BytesIO(label))
    return root


def make_parquet(root: Path) -> Path:
    inside = make_folders(root.with_name(f"{root.name}-inside"))
    paths = files_of(inside)
    labels = [next(each for each in CLASSES if each in path.parts) for path in paths]
    images = [{"bytes": path.read_bytes(), "path": path.name} for path in paths]
    parquet.write_table(
        pyarrow.table({"image": images, "label": labels}), root / "train.parquet", row_group_size=2
    )
    return root / "train.parquet"


MAKERS: dict[str, Callable[[Path], Path]] = {
    "audacity": make_audacity,
    "raven": make_raven,
    "folds": make_folds,
    "folders": make_folders,
    "inner-parts": make_inner_parts,
    "batches": make_batches,
    "names": make_names,
    "parquet": make_parquet,
    "parts": make_parts,
    "table": make_table,
    "tables": make_tables,
    "texts": make_texts,
    "unlabelled": make_folders,
    "webdataset": make_shards,
}


ASKED = {"names"}
"""Layouts that are read only where the user names them."""


@pytest.fixture(params=[each for each in layouts if not layouts.get(each).boxes])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def read(name: str, root: Path) -> Dataset:
    return layouts.get(name).read(MAKERS[name](root), TEXTS if name == "texts" else PHOTOS)


def test_what_is_made_for_it_matches(name: str, tmp_path: Path) -> None:
    assert layouts.get(name).matches(MAKERS[name](tmp_path)) is (name not in ASKED)


def test_reads_every_usable_file_once_and_names_the_rest(name: str, tmp_path: Path) -> None:
    dataset = read(name, tmp_path)
    copies = 3 if name == "parts" else 1
    assert dataset.layout == name
    assert len(dataset.samples) == 6 * copies
    assert len({sample.source for sample in dataset.samples}) == 6 * copies
    reason = "no label" if name == "texts" else "a web page saved as .jpg, not an image"
    assert all(reason in item.reason for item in dataset.skipped)
    assert len(dataset.skipped) == copies


def test_labels_are_those_of_the_samples(name: str, tmp_path: Path) -> None:
    dataset = read(name, tmp_path)
    found = {sample.label for sample in dataset.samples}
    if layouts.get(name).labelled:
        assert dataset.labels == tuple(sorted(CLASSES))
        assert found == set(CLASSES)
    else:
        assert dataset.labels == ()
        assert found == {None}


def test_the_order_is_not_that_of_the_disk(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = read(name, tmp_path)
    scandir = os.scandir

    class Reversed:
        def __init__(self, path: str) -> None:
            with scandir(path) as listing:
                self.entries = sorted(listing, key=lambda entry: entry.name, reverse=True)

        def __enter__(self) -> "list[os.DirEntry[str]]":
            return self.entries

        def __exit__(self, *failure: object) -> None:
            return None

    monkeypatch.setattr(os, "scandir", Reversed)
    root = tmp_path / "labels.jsonl" if name in ("table", "texts") else tmp_path
    assert layouts.get(name).read(root, TEXTS if name == "texts" else PHOTOS).samples == first.samples


def test_says_what_it_expects(name: str) -> None:
    assert len(layouts.get(name).expects) > 10
