import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from preseason.data import near_duplicates
from preseason.data.audit import Audit, Signature, audit, fingerprint
from preseason.data.dataset import Dataset, File, Sample, Text
from preseason.data.files import Accept
from preseason.data.layouts import read
from preseason.data.split import group_numbers, hold_out
from preseason.media import image
from preseason.media.content import digest

FOOTBALLERS = Path(__file__).resolve().parents[3] / "shared" / "data" / "footballers"
needs_footballers = pytest.mark.skipif(
    not FOOTBALLERS.is_dir(), reason="../shared/data/footballers is not there"
)
PHOTOS = Accept(image.check, "photos")


def picture(seed: int, width: int = 240, height: int = 180) -> Image.Image:
    """A soft random scene with a few hard shapes; every seed another one."""
    rng = np.random.default_rng(seed)
    soft = Image.fromarray(rng.integers(0, 255, (6, 8, 3), np.uint8))
    soft = soft.resize((width, height), Image.Resampling.BICUBIC)
    for _ in range(5):
        left, top = int(rng.integers(0, width - 60)), int(rng.integers(0, height - 60))
        colour = tuple(int(value) for value in rng.integers(0, 255, 3))
        soft.paste(colour, (left, top, left + int(rng.integers(15, 60)), top + int(rng.integers(15, 60))))
    return soft


def cropped(photo: Image.Image, share: float) -> Image.Image:
    width, height = photo.size
    return photo.crop((int(width * share), int(height * share), width - int(width * share), height))


def copies(photo: Image.Image, folder: Path) -> list[Path]:
    """The same picture in the ways in which the web copies it."""
    half = photo.resize((photo.width // 2, photo.height // 2), Image.Resampling.BICUBIC)
    saved = [
        ("half.png", half, {}),
        ("half.webp", half, {"quality": 60}),
        ("low.jpg", photo, {"quality": 40}),
        ("bright.jpg", ImageEnhance.Brightness(photo).enhance(1.2), {}),
        ("grey.jpg", photo.convert("L"), {}),
        ("mirror.jpg", photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT), {}),
        ("crop.jpg", cropped(photo, 0.05), {}),
    ]
    for name, changed, options in saved:
        changed.save(folder / name, **options)
    return [folder / name for name, _, _ in saved]


def folder_of(root: Path, **classes: list[int]) -> Path:
    for label, seeds in classes.items():
        (root / label).mkdir(parents=True)
        for seed in seeds:
            picture(seed).save(root / label / f"{seed:03}.png")
    return root


def names(found: Audit, cluster: tuple[int, ...]) -> list[str]:
    return [found.dataset.samples[index].path.name for index in cluster]


def test_fingerprint_is_the_digest_of_the_content(tmp_path: Path) -> None:
    data = bytes(range(256)) * 9000
    (tmp_path / "a").write_bytes(data)
    assert fingerprint(tmp_path / "a") == digest(data)
    assert digest(data) != digest(data[:-1])
    assert len(digest(b"")) == 32


def test_copies_lie_in_one_group_and_nothing_else_does(tmp_path: Path) -> None:
    root = folder_of(tmp_path, a=list(range(12)), b=list(range(20, 32)))
    copies(picture(3), root / "a")
    found = audit(read(root, PHOTOS))
    assert len(found.clusters) == 1
    assert len(found.clusters[0]) == 8
    assert "003.png" in names(found, found.clusters[0])
    assert found.exact == found.conflicts == found.mixed == found.scenes == ()
    samples = found.dataset.samples
    assert len({samples[index].group for index in found.clusters[0]}) == 1
    assert all(s.group is None for i, s in enumerate(samples) if i not in found.clusters[0])
    assert all(s.fingerprint == fingerprint(s.path) for s in samples)
    assert found.sizes[0].tolist() == [180, 240]


def test_equal_files_and_conflicting_labels(tmp_path: Path) -> None:
    root = folder_of(tmp_path, a=[1, 2, 3], b=[4, 5, 1])
    picture(2).save(root / "a" / "again.png")
    picture(5).save(root / "a" / "like.jpg", quality=60)
    found = audit(read(root, PHOTOS))
    assert [sorted(names(found, cluster)) for cluster in found.exact] == [
        ["001.png", "001.png"],
        ["002.png", "again.png"],
    ]
    assert [names(found, cluster) for cluster in found.conflicts] == [["001.png", "001.png"]]
    assert sorted(sorted(names(found, cluster)) for cluster in found.mixed) == [
        ["001.png", "001.png"],
        ["005.png", "like.jpg"],
    ]


@pytest.mark.parametrize(
    ("copies", "wrong"),
    [
        ([("one.mp4", 0, "jump"), ("one.mp4", 5, "cross")], False),
        ([("one.mp4", 0, "jump"), ("one.mp4", 0, "cross")], True),
        ([("one.mp4", 0, "jump"), ("two.mp4", 0, "cross")], True),
        ([("one.mp4", 0, "jump"), ("two.mp4", 0, "background")], False),
        ([("one.mp4", 0, "jump"), ("two.mp4", 3, "jump")], False),
        ([("one.png", None, "background"), ("two.png", None, "jump")], True),
    ],
)
def test_labels_of_stretches_disagree_where_a_person_gave_both(
    copies: list[tuple[str, float | None, str]], wrong: bool
) -> None:
    samples = tuple(
        Sample(File(Path(name)), label, span=None if at is None else (at, at + 1))
        for name, at, label in copies
    )
    dataset = Dataset(Path(), "table", samples, ("background", "cross", "jump"))
    found = audit(dataset, lambda sample: Signature(digest(str(sample.source).encode()), essence="alike"))
    assert found.clusters == ((0, 1),)
    assert bool(found.mixed) == wrong


def test_declared_groups_and_copies_are_joined(tmp_path: Path) -> None:
    root = folder_of(tmp_path, a=[1, 2, 3, 4], b=[5, 6])
    picture(1).save(root / "a" / "copy.jpg", quality=50)
    dataset = read(root, PHOTOS)
    match = {"002.png": "m1", "copy.jpg": "m1", "005.png": "m1", "006.png": "m2"}
    samples = tuple(replace(s, group=match.get(s.path.name)) for s in dataset.samples)
    found = audit(replace(dataset, samples=samples))
    groups = {s.path.name: s.group for s in found.dataset.samples}
    assert groups == {
        **dict.fromkeys(("001.png", "002.png", "copy.jpg", "005.png"), "m1"),
        "006.png": "m2",
    } | {
        "003.png": None,
        "004.png": None,
    }
    train, test = hold_out(found.dataset, 0.4, 0)
    numbers = group_numbers(found.dataset.samples)
    assert not set(numbers[train]) & set(numbers[test])


def test_what_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    root = folder_of(tmp_path, a=[1, 2], b=[3])
    whole = (root / "b" / "003.png").read_bytes()
    (root / "b" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (root / "c").mkdir()
    (root / "c" / "head.png").write_bytes(whole[:20])
    found = audit(read(root, PHOTOS))
    assert found.dataset.labels == ("a", "b")
    reasons = {Path(item.path).name: item.reason for item in found.dataset.skipped}
    assert reasons["cut.png"] == "cut short: the file ends early"
    assert reasons.keys() == {"cut.png", "head.png"}


def test_blank_pictures_are_no_copies_of_each_other(tmp_path: Path) -> None:
    root = folder_of(tmp_path, a=[1], b=[2])
    for shade in (0, 100, 200):
        Image.new("RGB", (60, 40), (shade, shade, shade)).save(root / "a" / f"blank{shade}.png")
    assert audit(read(root, PHOTOS)).clusters == ()


def test_tiny_pictures_are_told(tmp_path: Path) -> None:
    root = folder_of(tmp_path, a=[1], b=[2])
    picture(7).resize((40, 20)).save(root / "b" / "tiny.png")
    found = audit(read(root, PHOTOS))
    ((position, reason),) = found.odd
    assert names(found, (position,)) == ["tiny.png"]
    assert reason == "under 32 pixels on a side"


def test_a_fixed_camera_leaves_its_class_testable(tmp_path: Path) -> None:
    root = folder_of(tmp_path, a=list(range(10)), b=[])
    for number in range(10):
        frame = picture(99)
        frame.paste((255, 255, 255), (10 * number, 80, 10 * number + 6, 86))
        frame.save(root / "b" / f"{number}.png")
    frame.save(root / "b" / "again.png")
    found = audit(read(root, PHOTOS))
    assert [len(scene) for scene in found.scenes] == [11]
    assert [sorted(names(found, cluster)) for cluster in found.clusters] == [["9.png", "again.png"]]
    _, test = hold_out(found.dataset, 0.2, 0)
    assert {found.dataset.samples[index].label for index in test} == {"a", "b"}


@pytest.mark.parametrize(("shared", "bridges"), [(1, 0), (4, 1)])
def test_matches_stand_where_copies_would_join_them_all(tmp_path: Path, shared: int, bridges: int) -> None:
    """Six matches of two classes; a broadcaster's picture is shown in some of them, under one class."""
    samples = []
    for match in range(6):
        for place, label in enumerate("ab"):
            path = tmp_path / f"{match}-{label}.png"
            picture(10 * match + place).save(path)
            samples.append(Sample(File(path), label, f"match {match}"))
        if match <= shared:
            path = tmp_path / f"{match}-wipe.png"
            wipe = picture(99)
            wipe.putpixel((match, 0), (255, 255, 255))
            wipe.save(path)
            samples.append(Sample(File(path), "a", f"match {match}"))
    found = audit(Dataset(tmp_path, "folders", tuple(samples), ("a", "b")))
    assert len(found.bridges) == bridges
    assert len({sample.group for sample in found.dataset.samples}) == 6 - (not bridges) * shared


def test_any_kind_of_sample_can_be_audited() -> None:
    samples = tuple(
        Sample(Text(text), "ab"[i % 2]) for i, text in enumerate(["goal", "corner", "goal", "goal"])
    )
    dataset = Dataset(Path(), "table", samples, ("a", "b"))
    found = audit(dataset, lambda sample: Signature(digest(str(sample.source).encode())), workers=1)
    assert found.exact == ((0, 2, 3),)
    assert found.conflicts == ((0, 2, 3),)
    assert found.odd == ()


def test_nothing_to_audit() -> None:
    found = audit(Dataset(Path(), "folders", (), ()))
    assert found.clusters == ()
    assert found.sizes.shape == (0, 2)


@needs_footballers
def test_footballers() -> None:
    begin = time.process_time()
    found = audit(read(FOOTBALLERS, PHOTOS))
    assert time.process_time() - begin < 8  # about 2.3 s of one core, twice that on a busy one
    clusters = [
        [Path(*found.dataset.samples[i].path.parts[-2:]).as_posix() for i in cluster]
        for cluster in found.clusters
    ]
    assert clusters == [
        ["mbappe/021.jpg", "mbappe/022.jpg"],
        ["son-heung-min/027.jpg", "son-heung-min/028.jpg"],
    ]


@needs_footballers
def test_planted_copies_of_footballers_are_found_and_nothing_else(tmp_path: Path) -> None:
    paths = sorted(FOOTBALLERS.rglob("*.jpg"))[::25]
    thumbs, origin = [], []
    for number, path in enumerate(paths):
        pixels = image.decode(path, 500)
        for each in (path, *copies(Image.fromarray(pixels), tmp_path)):
            thumbs.append(near_duplicates.thumbnail(image.decode(each, 108)))
            origin.append(number)
    together = {(i, int(j)) for i, near in near_duplicates.pairs(np.stack(thumbs)) for j in near}
    assert all(origin[i] == origin[j] for i, j in together)
    found = sum((first, first + k) in together for first in range(0, len(origin), 8) for k in range(1, 8))
    assert found >= 0.98 * 7 * len(paths)
