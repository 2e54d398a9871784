"""What belongs together: names, folders, times, and what the user says."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import preseason
from preseason.data.audit import audit
from preseason.data.files import Accept, Columns
from preseason.data.groups import NONE
from preseason.data.layouts import read
from preseason.data.split import group_numbers
from preseason.errors import UsageError
from preseason.media import image

PHOTOS = Accept(image.check, "photos")


def scene(seed: int, shift: int = 0, noise: int = 0) -> Image.Image:
    """A random picture; a shift and noise make of it another frame of the same camera, too far for a copy."""
    rng = np.random.default_rng(seed)
    soft = Image.fromarray(rng.integers(0, 255, (5, 6, 3), np.uint8)).resize(
        (216, 192), Image.Resampling.BICUBIC
    )
    moved = np.roll(np.asarray(soft, np.int64), shift, axis=1)
    blot = np.random.default_rng((seed, noise)).integers(0, 192 - 56, 2)
    if noise:
        moved[blot[0] : blot[0] + 56, blot[1] : blot[1] + 56] = 255 * (noise % 2)
    return Image.fromarray(moved.clip(0, 255).astype(np.uint8))


def frames(root: Path, label: str, videos: int, each: int, first: int) -> None:
    (root / label).mkdir(parents=True)
    for video in range(videos):
        for frame in range(each):
            name = f"{label}_video{chr(97 + video)}_{frame:03d}.png"
            scene(first + video, shift=6 * frame, noise=frame + 1).save(root / label / name)


def groups_of(root: Path, **more: str) -> dict[str, int]:
    found = audit(read(root, PHOTOS), **more).dataset.samples
    numbers = group_numbers(found)
    parts = (sample.path.relative_to(root).parts for sample in found)
    names = (f"{each[0]}/{each[-1]}" for each in parts)
    return dict(zip(names, numbers.tolist(), strict=True))


def test_frames_of_one_video_by_name_stay_together(tmp_path: Path) -> None:
    frames(tmp_path, "pass", 6, 3, 0)
    frames(tmp_path, "shot", 6, 3, 50)
    found = groups_of(tmp_path)
    assert found["pass/pass_videoa_000.png"] == found["pass/pass_videoa_002.png"]
    assert found["pass/pass_videoa_000.png"] != found["pass/pass_videob_000.png"]
    assert len(set(found.values())) == 12
    families = audit(read(tmp_path, PHOTOS)).families
    assert [(family.kind, family.groups, family.used) for family in families] == [("names", 12, True)]


def test_numbered_names_of_unlike_pictures_mean_nothing(tmp_path: Path) -> None:
    for label in ("pass", "shot"):
        (tmp_path / label).mkdir()
        for number in range(20):
            stem = ("image", "download", "photo")[number % 3]
            scene(100 * (label == "shot") + number).save(tmp_path / label / f"{stem}_{number}.png")
    assert len(set(groups_of(tmp_path).values())) == 40


def test_photos_of_one_camera_within_seconds_are_a_burst(tmp_path: Path) -> None:
    for label, offset in (("messi", 0), ("son", 100)):
        (tmp_path / label).mkdir()
        for number in range(12):
            exif = Image.Exif()
            exif[image.MODEL] = "camera"
            moment = f"2024:05:0{1 + number // 2} 20:00:{10 + 4 * (number % 2):02d}"
            exif.get_ifd(image.EXIF_INNER)[image.TAKEN] = moment if label == "messi" else ""
            scene(offset + number).save(tmp_path / label / f"{'abcdefghijkl'[number]}.jpg", exif=exif)
    samples = audit(read(tmp_path, PHOTOS)).dataset.samples
    numbers = group_numbers(samples)
    assert len({n for n, s in zip(numbers, samples, strict=True) if s.label == "messi"}) == 6
    assert len({n for n, s in zip(numbers, samples, strict=True) if s.label == "son"}) == 12


def folders(root: Path, matches: int) -> None:
    for label in ("messi", "son"):
        for match in range(matches):
            folder = root / label / f"match{match}"
            folder.mkdir(parents=True)
            for number in range(2):
                scene(1000 * (label == "son") + 10 * match + number).save(
                    folder / f"{'ab'[number]}{match}.png"
                )


def test_folders_inside_the_classes_are_matches_whatever_the_class(tmp_path: Path) -> None:
    folders(tmp_path, 5)
    found = audit(read(tmp_path, PHOTOS))
    assert len(set(group_numbers(found.dataset.samples).tolist())) == 5
    assert [(family.kind, family.used) for family in found.families] == [("folders", True)]


def test_groups_that_would_leave_too_few_to_test_are_told_and_not_used(tmp_path: Path) -> None:
    folders(tmp_path, 3)
    found = audit(read(tmp_path, PHOTOS))
    assert len(set(group_numbers(found.dataset.samples).tolist())) == 12
    assert [(family.kind, family.used) for family in found.families] == [("folders", False)]
    assert "only 3 groups would be left" in found.families[0].said


def test_the_user_names_groups_by_an_expression_or_none_at_all(tmp_path: Path) -> None:
    folders(tmp_path, 5)
    by_name = groups_of(tmp_path, group=r"(match[01])/")
    assert by_name["messi/a0.png"] == by_name["messi/b0.png"] != by_name["messi/a1.png"]
    assert by_name["messi/a2.png"] != by_name["messi/b2.png"]
    assert len(set(groups_of(tmp_path, group=NONE).values())) == 20
    with pytest.raises(UsageError, match=r"matches none of 20 examples, e.g. messi/match0/a0.png"):
        groups_of(tmp_path, group="(game[0-9])")
    with pytest.raises(UsageError, match="no regular expression"):
        groups_of(tmp_path, group="(")


def test_the_user_names_a_column_of_the_table(tmp_path: Path) -> None:
    folders(tmp_path, 5)
    rows = ["path,label,stadium"]
    for number, path in enumerate(sorted(tmp_path.glob("*/*/*.png"))):
        rows.append(f"{path.relative_to(tmp_path)},{path.parts[-3]},{'north' if number % 2 else 'south'}")
    table = tmp_path / "table.csv"
    table.write_text("\n".join(rows))
    found = preseason.read(table, columns=Columns(group="stadium"))
    assert {sample.group for sample in found.dataset.samples} == {"north", "south"}
    with pytest.raises(UsageError, match="Did you mean 'stadium'"):
        preseason.read(table, columns=Columns(group="stadum"))


def test_files_that_show_little_are_odd(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    scene(0).save(tmp_path / "a" / "usual.png")
    scene(1).resize((20, 20)).save(tmp_path / "a" / "tiny.png")
    scene(2).resize((700, 60)).save(tmp_path / "a" / "strip.png")
    Image.new("RGB", (200, 200), (9, 9, 9)).save(tmp_path / "a" / "blank.png")
    found = audit(read(tmp_path, PHOTOS))
    named = {found.dataset.samples[i].path.stem: reason for i, reason in found.odd}
    assert named == {
        "blank": "of one colour",
        "strip": "more than 6 times as long as wide",
        "tiny": "under 32 pixels on a side",
    }
