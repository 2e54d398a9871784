"""What holds for networks that find what words describe, with random weights, and for what they draw."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import preseason
import tiny_pitches
import tiny_zero_shot
from local_hub import reached, served
from preseason.backbones.zero_shot import KINDS, ZeroShot, load_zero_shot
from preseason.cli.main import run
from preseason.data.layouts import find_boxes
from preseason.errors import UsageError, WeightsError
from preseason.inference.detection.peaks import without_doubles
from preseason.inference.detection.zero_shot import PROMPT, PromptedFinder
from preseason.report.prelabelled import JOURNAL
from preseason.runtime.progress import Silent
from preseason.tasks.reading import read

pytest.importorskip("transformers")
CLASSES = ("ball", "Player", "goal post")
pytestmark = pytest.mark.filterwarnings("ignore:.*Anti-aliasing standard deviation.*:UserWarning")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder of each kind, as the hub has it."""
    root = tmp_path_factory.mktemp("zero-shot")
    return {kind: tiny_zero_shot.write(root / kind, kind) for kind in tiny_zero_shot.KINDS}


@pytest.fixture(scope="module")
def made(folders: dict[str, Path]) -> dict[str, ZeroShot]:
    return {kind: load_zero_shot(str(folder)) for kind, folder in folders.items()}


@pytest.fixture
def pitches(tmp_path: Path) -> Path:
    """Three pitches without labels, a copy of one, and a picture that is cut short."""
    place = tmp_path / "photos"
    place.mkdir()
    for seed in range(3):
        tiny_pitches.pitch(seed)[0].save(place / f"pitch-{seed}.png")
    (place / "again.png").write_bytes((place / "pitch-1.png").read_bytes())
    (place / "torn.png").write_bytes((place / "pitch-0.png").read_bytes()[:400])
    return place


def test_every_kind_is_tried() -> None:
    assert set(KINDS) == set(tiny_zero_shot.KINDS)


@pytest.mark.parametrize("size", [(160, 120), (90, 200)])
def test_boxes_of_owlv2_are_those_of_transformers(made: dict[str, ZeroShot], size: tuple[int, int]) -> None:
    detector, picture = made["owlv2"], np.array(tiny_pitches.pitch(4, size)[0])
    fed = detector.processor(
        text=[[PROMPT.format(each) for each in CLASSES]], images=picture, return_tensors="pt"
    )
    with torch.inference_mode():
        answered = detector.network(**fed)
    shape = [picture.shape[:2]]
    (theirs,) = detector.processor.post_process_grounded_object_detection(answered, 0.3, shape)
    found = PromptedFinder(detector, CLASSES, 0.3, "cpu").find(picture)
    high, wide = picture.shape[:2]
    edges = (theirs["boxes"].numpy() / [wide, high, wide, high]).clip(0, 1).astype(np.float32)
    _same(found, edges, theirs["scores"].numpy(), theirs["labels"].numpy())


def _same(found: Any, edges: Any, scores: Any, labels: Any) -> None:
    """What was found is what is left of theirs without doubles and boxes beside the picture."""
    from preseason.inference.detection.peaks import Found

    inside = np.flatnonzero((edges[:, 2] > edges[:, 0]) & (edges[:, 3] > edges[:, 1]))
    order = inside[np.argsort(-scores[inside], kind="stable")]
    whole = Found(edges[order], scores[order], labels[order])
    kept = whole.take(without_doubles(whole))
    assert len(found.scores) > 3
    assert np.allclose(found.scores, kept.scores, atol=1e-5)
    assert np.allclose(found.boxes, kept.boxes, atol=1e-5)
    assert found.labels.tolist() == kept.labels.tolist()


def test_a_class_of_grounding_dino_scores_the_mean_of_its_word_pieces(made: dict[str, ZeroShot]) -> None:
    detector, picture = made["grounding-dino"], np.array(tiny_pitches.pitch(4)[0])
    fed = detector.processor(text=[list(CLASSES)], images=picture, return_tensors="pt")
    pieces = detector.processor.tokenizer.convert_ids_to_tokens(fed["input_ids"][0])
    assert pieces == ["[CLS]", "ball", ".", "player", ".", "goal", "post", ".", "[SEP]"]
    with torch.inference_mode():
        answered = detector.network(**fed)
    scores = answered.logits[0].sigmoid().numpy()
    scores = np.stack([scores[:, 1], scores[:, 3], scores[:, 5:7].mean(1)], 1)
    (theirs,) = detector.processor.post_process_grounded_object_detection(
        answered, fed["input_ids"], threshold=-1.0, target_sizes=[(1, 1)]
    )
    found = PromptedFinder(detector, CLASSES, 0.0, "cpu").find(picture)
    _same(found, theirs["boxes"].numpy().clip(0, 1), scores.max(1), scores.argmax(1))


@pytest.mark.parametrize("kind", tiny_zero_shot.KINDS)
def test_pictures_become_a_data_set_that_a_fit_reads(
    kind: str, folders: dict[str, Path], pitches: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = tmp_path / "boxes"
    asked = ["prelabel", str(pitches), "--classes", ", ".join(CLASSES), "--backbone", str(folders[kind]),
             "--threshold", "0.3", "-o", str(boxes), "--json", "-q"]  # fmt: skip
    assert run(asked) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["pictures"], told["before"], told["copies"]) == (3, 0, 1)
    assert [Path(each["path"]).name for each in told["skipped"]] == ["torn.png"]
    assert find_boxes(boxes) == "yolo"
    dataset = read(boxes, Silent()).dataset
    assert len(dataset.samples) == 3
    assert sum(len(sample.boxes or ()) for sample in dataset.samples) == sum(told["boxes"].values()) > 0
    with (boxes / "scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(told["boxes"].values())
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores)
    assert scores[0] >= 0.3
    # A person corrects one picture, and further ones come: what is there stays as it is.
    corrected = boxes / "labels" / "pitch-1.txt"
    corrected.write_text("0 0.5 0.5 0.1 0.1\n", "utf-8")
    tiny_pitches.pitch(7)[0].save(pitches / "pitch-7.png")
    assert run(asked) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["pictures"], told["before"]) == (4, 3)
    assert corrected.read_text("utf-8") == "0 0.5 0.5 0.1 0.1\n"


def test_a_run_that_was_killed_goes_on_to_the_same_data_set(
    folders: dict[str, Path], pitches: Path, tmp_path: Path
) -> None:
    def written(place: Path) -> dict[str, bytes]:
        return {
            str(path.relative_to(place)): path.read_bytes()
            for path in sorted(place.rglob("*"))
            if path.is_file() and path.name != JOURNAL
        }

    def asked(place: Path) -> None:
        preseason.prelabel(
            pitches, output=place, classes=CLASSES, backbone=str(folders["owlv2"]), threshold=0.3
        )

    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    asked(whole)
    asked(stopped)
    # As it is when the process is killed before the last picture's label file is written, then while it
    # writes a line.
    journal = stopped / JOURNAL
    lines = journal.read_text("utf-8").splitlines(keepends=True)
    last = json.loads(lines[-2])["name"]
    (stopped / "labels" / f"{last}.txt").unlink()
    (stopped / "scores.csv").unlink()
    journal.write_text("".join(lines[:-1]), "utf-8")
    asked(stopped)
    assert written(stopped) == written(whole)
    journal.write_text("".join(lines[:-2]) + lines[-2][:20], "utf-8")
    for path in (stopped / "images" / f"{last}.jpg", stopped / "labels" / f"{last}.txt"):
        path.unlink()
    asked(stopped)
    assert written(stopped) == written(whole)
    # What a person deletes after a run has ended stays deleted.
    for path in (stopped / "images" / f"{last}.jpg", stopped / "labels" / f"{last}.txt"):
        path.unlink()
    asked(stopped)
    assert not (stopped / "images" / f"{last}.jpg").exists()
    with pytest.raises(UsageError, match=r"was begun with --classes .* name a new folder"):
        preseason.prelabel(pitches, output=stopped, classes=["ball"], backbone=str(folders["owlv2"]))


def test_a_short_name_is_a_network_on_the_hub(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with served() as (address, hub):
        reached(address, tmp_path, monkeypatch)
        offered = {path.name: path.read_bytes() for path in folders["owlv2"].iterdir()}
        hub.files[KINDS["owlv2"].repository] = offered | {"modeling_own.py": b"raise SystemExit"}
        assert load_zero_shot("owlv2").kind is KINDS["owlv2"]
    assert load_zero_shot("owlv2").kind is KINDS["owlv2"]  # now from the cache
    assert load_zero_shot("grounding-dino", str(folders["grounding-dino"])).name == "grounding-dino"
    assert not list(tmp_path.rglob("*.py"))


@pytest.mark.parametrize(
    ("name", "licence"),
    [("ultralytics/yolov8s-world", "AGPL-3.0"), ("yolov8n", "AGPL-3.0"), ("someone/YOLO-World", "GPL-3.0")],
)
def test_networks_whose_licence_binds_their_users_are_refused(name: str, licence: str) -> None:
    with pytest.raises(UsageError, match=f"{licence}, which binds programs that use it, and is not loaded"):
        load_zero_shot(name)


def test_what_cannot_be_used_is_named(
    folders: dict[str, Path], made: dict[str, ZeroShot], pitches: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="expected owlv2 or grounding-dino, a name on the hub"):
        load_zero_shot("owl")
    with pytest.raises(WeightsError, match=r"no network that finds what words describe\. Expected config"):
        load_zero_shot("owlv2", str(tmp_path))
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "config.json").write_bytes((folders["owlv2"] / "config.json").read_bytes())
    with pytest.raises(WeightsError, match=r"has no model\.safetensors"):
        load_zero_shot(str(bare))
    (bare / "model.safetensors").write_bytes((folders["owlv2"] / "model.safetensors").read_bytes())
    with pytest.raises(WeightsError, match=r"cannot be loaded as Owlv2: "):
        load_zero_shot(str(bare))
    picture = np.zeros((20, 30, 3), np.uint8)
    with pytest.raises(UsageError, match=r"one name has .* word pieces, .* reads 40"):
        PromptedFinder(made["owlv2"], ("x" * 60,), 0.1, "cpu").find(picture)
    with pytest.raises(UsageError, match=r"all names together have .* reads 256"):
        PromptedFinder(made["grounding-dino"], tuple("ball" for _ in range(200)), 0.1, "cpu").find(picture)
    asked = {"output": tmp_path / "boxes", "backbone": str(folders["owlv2"])}
    with pytest.raises(UsageError, match="ball stands there twice"):
        preseason.prelabel(pitches, classes=["ball", " ball"], **asked)
    with pytest.raises(UsageError, match="expected names divided by commas"):
        preseason.prelabel(pitches, classes=["ball", ""], **asked)
    with pytest.raises(UsageError, match="expected a score from 0 to 1"):
        preseason.prelabel(pitches, classes=["ball"], threshold=3, **asked)
    Image.new("RGB", (4, 4)).save(bare / "x.png")
    with pytest.raises(UsageError, match="holds something already"):
        preseason.prelabel(pitches, classes=["ball"], output=bare)
