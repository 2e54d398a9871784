"""What holds for every registered task, tried on files of its kind."""

import shutil
from functools import cache
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import tiny_pitches
from movies import level, picture, write
from preseason.backbones.base import Backbone
from preseason.backbones.encoders import Encoder
from preseason.backbones.facts import Preprocessing
from preseason.backbones.timm_networks import create, preprocessing_of, split_of
from preseason.data.dataset import File, Sample
from preseason.engine.passes import WHOLE, Box, FeatureSpec, grid
from preseason.errors import MediaError, UsageError
from preseason.heads.base import heads as registered_heads
from preseason.inference.attention_crops import CROPS
from preseason.inference.candidates import Candidate
from preseason.recipe import Recipe
from preseason.tasks.base import Task, tasks
from preseason.tasks.clips import shape_for
from preseason.tasks.reading import task_for
from tones import tone, write_wav


def photo(folder: Path) -> Path:
    """A picture with another colour in each quarter."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.kron([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.ones((60, 90, 1)))
    Image.fromarray(pixels.astype(np.uint8)).save(folder / "example.png")
    return folder / "example.png"


def clip(folder: Path) -> Path:
    """Twelve frames, each of its own grey."""
    return write(folder / "example.mp4", [picture(number) for number in range(12)])


def match(folder: Path) -> Path:
    """The same with a table of two actions in it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "labels.csv").write_text("video,time,label\nexample.mp4,0.1,a\nexample.mp4,0.3,b\n", "utf-8")
    return clip(folder)


def words(folder: Path) -> Path:
    """A text among texts of two classes."""
    for name in ("example", "other"):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "1.txt").write_text(f"What a goal by {name}", "utf-8")
    return folder / "example" / "1.txt"


def pitch(folder: Path) -> Path:
    """A drawn pitch with its boxes."""
    tiny_pitches.write(folder, 1)
    for suffix in ("txt", "png"):
        (folder / f"pitch-000.{suffix}").rename(folder / f"example.{suffix}")
    return folder / "example.png"


def sound(folder: Path) -> Path:
    """A second of one tone."""
    return write_wav(folder / "example.wav", tone(440))


MAKERS = {
    "photos": photo,
    "clips": clip,
    "actions": match,
    "texts": words,
    "detection": pitch,
    "sounds": sound,
}
ENCODER = "tiny-bert"
NETWORKS = {name: [ENCODER] if name == "texts" else ["test_efficientnet", "test_vit"] for name in tasks}
FINDS = "boxes"
"""The head of the task that finds things, which no other task has."""
PAIRS = [(name, network) for name, several in NETWORKS.items() for network in several]
TEXTBOOK = {
    "frozen-dense": {"name": "frozen-dense", "head": "mlp", "unfreeze": "0"},
    "last-10-layers": {"name": "last-10-layers", "unfreeze": "1"},
}


def recipes_of(name: str) -> list[dict[str, str]]:
    """A recipe for each head of a task, and for each way to fine-tune."""
    heads = [{"head": head} for head in ("auto", *tasks.get(name).heads)]
    tuned = ("0", "2", "all") if tasks.get(name).heads else ("0",)
    return heads + [{"unfreeze": blocks} for blocks in tuned]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every task, every network that reads its examples, and every recipe, where a test asks for them."""
    wanted = [each for each in ("task", "backbone", "settings") if each in metafunc.fixturenames]
    if "settings" in wanted:
        cases = [(*pair, recipe) for pair in PAIRS for recipe in recipes_of(pair[0])]
        metafunc.parametrize(wanted, cases, indirect=["task", "backbone"])
    elif wanted:
        pairs = {tuple(pair[("task", "backbone").index(each)] for each in wanted): None for pair in PAIRS}
        metafunc.parametrize(wanted, list(pairs), indirect=True)


@pytest.fixture
def task(request: pytest.FixtureRequest) -> Task:
    return tasks.get(str(request.param))


@pytest.fixture
def backbone(request: pytest.FixtureRequest) -> Backbone:
    if request.param == ENCODER:
        return request.getfixturevalue("encoder")  # type: ignore[no-any-return]
    return networks(request.param)


@cache
def networks(name: str) -> Backbone:
    torch.manual_seed(0)
    network = create(name)
    return Backbone(name, network, split_of(network), preprocessing_of(network), "none")


def frames_of(task: Task, backbone: Backbone) -> int:
    """How many frames of an example the tests look at; 0 where a task has none."""
    return 3 if task.baseline(backbone).spec.frames else 0


def example(task: Task, folder: Path) -> Sample:
    path = MAKERS[task.name](folder)
    return Sample(File(path), fingerprint=task.signature(Sample(File(path))).fingerprint)


def test_it_is_called_what_it_is_registered_as(task: Task) -> None:
    assert tasks.get(task.name) is task
    assert task.noun.endswith("s")
    assert task.name in MAKERS, "add files of this task to MAKERS"


def test_its_own_files_are_examples_and_a_false_name_is_none(task: Task, tmp_path: Path) -> None:
    assert task.accept.file(MAKERS[task.name](tmp_path)) is None
    (tmp_path / "notes.png").write_text("these are notes", "utf-8")
    assert task.accept.file(tmp_path / "notes.png")
    assert task.recognises(tmp_path)


def test_every_recipe_gives_ways_that_can_be_fitted(
    task: Task, backbone: Backbone, settings: dict[str, Any]
) -> None:
    candidates = task.candidates(Recipe(**settings), backbone)
    check_candidates(candidates, backbone, bool(frames_of(task, backbone)))


@pytest.mark.parametrize("name", TEXTBOOK)
def test_textbook_recipes_are_for_photos(name: str, task: Task, backbone: Backbone) -> None:
    recipe = Recipe(**TEXTBOOK[name])
    if task.name == "photos":
        check_candidates(task.candidates(recipe, backbone), backbone, False)
    else:
        with pytest.raises(UsageError, match=r"a recipe for photos"):
            task.candidates(recipe, backbone)


def check_candidates(candidates: tuple[Candidate, ...], backbone: Backbone, frames: bool) -> None:
    """Names differ, crops come from an earlier way, and the network takes the size."""
    names = [candidate.name for candidate in candidates]
    assert len(set(names)) == len(names) > 0
    for number, candidate in enumerate(candidates):
        assert candidate.head in registered_heads or candidate.head == FINDS
        assert candidate.crops_from is None or candidate.crops_from in names[:number]
        assert bool(candidate.spec.crops) == (candidate.crops_from is None)
        spec = candidate.spec
        fed = max(spec.frames, 1) * len(spec.crops) * max(len(spec.ranges), 1)
        assert spec.count() in (fed, CROPS)
        assert bool(candidate.spec.frames) == frames
        assert backbone.preprocessing.resizable or candidate.spec.size == backbone.preprocessing.size


def test_a_network_of_other_data_is_refused(task: Task, backbone: Backbone, encoder: Encoder) -> None:
    other = networks("test_vit") if backbone.modality == "text" else encoder
    with pytest.raises(
        UsageError, match=r"--backbone .* takes .* input, but these are .* Leave --backbone out"
    ):
        task.candidates(Recipe(), other)


def test_the_baseline_is_one_cheap_look(task: Task, backbone: Backbone) -> None:
    candidate = task.baseline(backbone)
    assert (candidate.crops_from, len(candidate.spec.crops)) == (None, 1)
    # Of sounds the width is time, whatever the network's own side.
    assert candidate.spec.size == backbone.preprocessing.size or task.name == "sounds"


@pytest.mark.parametrize("crops", [(WHOLE,), (WHOLE, WHOLE.mirrored(), *grid(2, 0.5))])
def test_inputs_are_one_array_for_each_look_and_always_the_same(
    task: Task, backbone: Backbone, crops: tuple[Box, ...], tmp_path: Path
) -> None:
    if task.name in ("texts", "sounds"):
        pytest.skip("what has no places to look at")
    frames = frames_of(task, backbone)
    sample, spec = example(task, tmp_path), FeatureSpec(32, crops=crops, frames=frames)
    first = task.decoder(backbone).decode(sample, spec)
    assert first.shape == (spec.count(), 32, 32, 3)
    np.testing.assert_array_equal(task.decoder(backbone).decode(sample, spec), first)
    for number, crop in enumerate(crops):
        alone = task.decoder(backbone).decode(sample, FeatureSpec(32, crops=(crop,), frames=frames))
        assert alone.shape == (max(frames, 1), 32, 32, 3)
        if frames:
            np.testing.assert_allclose(alone, first[number :: len(crops)], atol=3)


def test_a_file_that_vanished_is_a_media_error_and_has_no_picture(
    task: Task, backbone: Backbone, tmp_path: Path
) -> None:
    gone = Sample(File(tmp_path / "gone.png"), fingerprint="x")
    with pytest.raises(MediaError):
        task.decoder(backbone).decode(gone, FeatureSpec(32, frames=frames_of(task, backbone)))
    assert task.picture(gone) is None


def test_it_shows_an_example_as_a_jpeg(task: Task, tmp_path: Path) -> None:
    shown = task.picture(example(task, tmp_path))
    if task.name == "texts":
        assert shown is None
        return
    assert shown is not None
    assert shown.startswith(b"\xff\xd8\xff")


def test_every_part_has_a_place_in_the_picture(task: Task, backbone: Backbone) -> None:
    for candidate in task.candidates(Recipe(), backbone):
        if candidate.head == "attention" and candidate.crops_from is None:
            boxes = task.boxes(candidate.spec)
            assert len(boxes) == len(candidate.spec.parts()) == len(candidate.spec.kinds())
            assert all(0 <= box.x0 < box.x1 <= 1.0001 and 0 <= box.y0 < box.y1 <= 1.0001 for box in boxes)


def test_the_sheet_of_a_clip_shows_its_frames_in_order_where_the_boxes_say(tmp_path: Path) -> None:
    task = tasks.get("clips")
    shown = task.picture(Sample(File(clip(tmp_path))))
    assert shown is not None
    sheet = np.asarray(Image.open(BytesIO(shown)))
    boxes = task.boxes(FeatureSpec(32, frames=4))
    height, width = sheet.shape[:2]
    seen = [
        sheet[int(b.y0 * height) + 9 : int(b.y1 * height), int(b.x0 * width) + 9 : int(b.x1 * width)]
        for b in boxes
    ]
    assert [level(frame) for frame in seen] == [0, 3, 8, 11]


def test_a_folder_of_photos_is_no_folder_of_clips_and_the_other_way_round(tmp_path: Path) -> None:
    for task in ("photos", "clips"):
        MAKERS[task](tmp_path / task / "a")
    frames = tmp_path / "frames" / "a" / "one"
    frames.mkdir(parents=True)
    for number in range(12):
        Image.new("RGB", (40, 30), (number,) * 3).save(frames / f"{number:03}.jpg")
    assert task_for(tmp_path / "photos").name == "photos"
    assert task_for(tmp_path / "clips").name == "clips"
    assert task_for(tmp_path / "frames").name == "clips"
    for place in ("numbered/a", "split/train/a"):
        shutil.copytree(frames, tmp_path / place)
        assert task_for(tmp_path / place.split("/")[0]).name == "photos", place
    (tmp_path / "table.csv").write_text("path,label\nclips/a/example.mp4,x\n", "utf-8")
    assert task_for(tmp_path / "table.csv").name == "clips"


@pytest.mark.parametrize("network", NETWORKS["photos"])
def test_looks_of_a_photo_show_the_region_they_name(network: str, tmp_path: Path) -> None:
    task, backbone = tasks.get("photos"), networks(network)
    quarters = (*grid(2, 0.5), Box(0.5, 0, 1, 0.5).mirrored())
    found = task.decoder(backbone).decode(
        example(task, tmp_path), FeatureSpec(32, crops=(*quarters, WHOLE.mirrored()))
    )
    assert found.dtype == np.uint8
    centres = found[:5, 16, 16].tolist()
    red, green, blue, white = [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]
    assert centres == [red, green, blue, white, green]
    assert found[5, 4, 4].tolist() == green
    assert found[5, 4, 28].tolist() == red


@pytest.mark.parametrize(
    ("aspect", "resizable", "frames", "expected"),
    [
        (9 / 16, True, 0, (160, 288)),
        (16 / 9, True, 0, (288, 160)),
        (1.1, True, 0, (224, 0)),
        (0.1, True, 0, (160, 320)),
        (9 / 16, False, 0, (224, 0)),
        (9 / 16, True, 16, (224, 0)),
    ],
)
def test_an_input_has_the_aspect_of_the_clips_and_the_area_of_the_square(
    aspect: float, resizable: bool, frames: int, expected: tuple[int, int]
) -> None:
    own = Preprocessing(224, (0.5,) * 3, (0.5,) * 3, resizable, frames)
    network: Any = SimpleNamespace(preprocessing=own)
    assert shape_for(aspect, network)(224) == expected
