"""A model that finds things: same boxes from pictures and from the bank, before and after it is saved."""

import io
import json
import shutil
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import movies
import preseason
import tiny_pitches
from caches import cache_at
from preseason.cli.main import run
from preseason.cli.problems.base import terminals
from preseason.data.boxes import FoundBox
from preseason.data.dataset import File, Sample
from preseason.errors import DataError, ExportError, ModelFolderError, UsageError
from preseason.exporting.export import write_settings
from preseason.exporting.files import write_openvino
from preseason.exporting.finders import BoxCheck, settings_of
from preseason.exporting.run_boxes import Exported
from preseason.heads.detection.network import DetectionHead, folded
from preseason.inference.answers import BoxPredictions
from preseason.inference.detection.finder import Finder
from preseason.inference.detection.peaks import overlaps
from preseason.inference.detection.plan import decide
from preseason.inference.detection.scores import Calibration
from preseason.inference.predictor import FeatureExtractors
from preseason.media.colours import recoloured
from preseason.media.image import decode
from preseason.models.box_explanation import MOST, NAMES
from preseason.models.detector import Detector
from preseason.models.loading import classifier
from preseason.problems.base import problems
from preseason.report.drawn import write_drawn
from preseason.results import PictureBoxes
from preseason.runtime.progress import Silent
from preseason.serving.app import Settings
from preseason.serving.batching import answers_of
from preseason.spotting import video_boxes
from preseason.spotting.video_boxes import watch
from preseason.tasks.base import tasks
from preseason.tasks.reading import read
from preseason.training.detection import members
from preseason.training.detection.levels import levels_of
from preseason.training.detection.looks import labelled, looks_at
from preseason.training.detection.members import found_on, head_shape
from serving_tools import serving
from tiny_engine import tiny
from tiny_records import fit_record

LABELS = tiny_pitches.LABELS
COUNT = 3


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, converted_networks: Path) -> Path:
    """Drawn pitches in `data`, and a cache."""
    folder = tmp_path_factory.mktemp("finder")
    cache_at(folder / "cache", converted_networks)
    tiny_pitches.write(folder / "data", COUNT)
    return folder


@pytest.fixture(scope="module")
def model(place: Path) -> Detector:
    """Two heads that were not trained, on a tiny network."""
    task, backbone = tasks.get("detection"), tiny()
    audited = read(place / "data", Silent())
    pictures = labelled(audited.dataset.samples, audited.sizes, LABELS)
    extractors = FeatureExtractors(backbone, task.decoder(backbone), place / "cache", "cpu")
    plan = decide(pictures.sizes, pictures.boxes, levels_of(backbone), 160)
    looks = looks_at(extractors, plan, pictures, Silent(), "", False)
    shape = head_shape(looks, plan, len(LABELS))
    torch.manual_seed(0)
    heads = [DetectionHead(shape).eval() for _ in range(2)]
    for head in heads:
        torch.nn.init.normal_(head.answer.weight, std=0.4)
    finder = Finder(extractors, plan, shape, tuple(folded(head) for head in heads))
    raw = np.tile(np.linspace(0, 1, 5, dtype=np.float32), (2, 1))
    calibration = Calibration(raw, raw**2, np.array([0.01, 0.2], np.float32))
    problem = problems.get("detection")
    nothing = BoxPredictions((), LABELS, ())
    record = fit_record(nothing, task="detection", problem="detection", metrics=problem.measure(nothing))
    return Detector(task, finder, LABELS, calibration, record)


def test_the_bank_and_a_picture_give_the_same_boxes(model: Detector, place: Path) -> None:
    audited = read(place / "data", Silent())
    pictures = labelled(audited.dataset.samples, audited.sizes, LABELS)
    looks = looks_at(model.extractors, model.finder.plan, pictures, Silent(), "", False)
    banked = found_on(model.finder, looks, range(COUNT), Silent())
    for number, fresh in enumerate(model.finder.find_in(audited.dataset.samples)):
        assert not isinstance(fresh, Exception)
        assert fresh.size == (120, 160)
        most = min(10, len(fresh.found.scores))
        assert most > 0
        assert np.allclose(banked[number].scores[:most], fresh.found.scores[:most], atol=5e-3)


def test_in_tiles_as_large_as_the_picture_it_finds_the_same_and_in_small_ones_no_less(
    model: Detector, place: Path
) -> None:
    picture = decode(place / "data" / "pitch-000.png")
    (whole,) = model.finder.find([picture])
    for tile, exact in ((160, True), (96, False)):
        finder = replace(model.finder, plan=replace(model.finder.plan, tile=tile, overlap=32))
        assert len(finder.plan.tiles((120, 160))) == (1 if exact else 4)
        (found,) = finder.find([picture])
        assert len(found.scores) > 0
        assert found.boxes.min() >= 0
        assert found.boxes.max() <= 1
        if exact:
            assert np.allclose(found.boxes, whole.boxes, atol=1e-5)


def test_tiles_that_are_learnt_from_have_the_boxes_that_they_show(
    model: Detector, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audited = read(place / "data", Silent())
    pictures = labelled(audited.dataset.samples, audited.sizes, LABELS)
    plan = replace(model.finder.plan, tile=64, overlap=32)
    looks = looks_at(model.extractors, plan, pictures, Silent(), "")
    assert looks.skipped == ()
    for views, boxes in zip(looks.views, pictures.boxes, strict=True):
        plain = views[: len(views) // 2]
        assert all(view.shapes[-1][1:] == (2, 2) for view in views)
        assert len(boxes) <= sum(len(view.boxes) for view in plain)
        for view in views:
            middles = (view.boxes[:, :2] + view.boxes[:, 2:]) / 2
            assert ((middles >= 0) & (middles <= 64)).all()
    found = found_on(replace(model.finder, plan=plan), looks, range(COUNT), Silent())
    assert sorted(found) == list(range(COUNT))
    monkeypatch.setattr(members, "FEWEST_JUDGED", 1)
    assert list(found_on(replace(model.finder, plan=plan), looks, [2, 1], Silent(), 0.0)) == [2]


def test_altered_looks_are_mirrored_and_in_another_light_each_picture_in_its_own() -> None:
    picture = np.random.default_rng(0).integers(60, 200, (12, 16, 3), np.uint8)
    lights = [recoloured(picture, str(seed)) for seed in range(20)]
    assert all(each.shape == picture.shape and each.dtype == np.uint8 for each in lights)
    assert (recoloured(picture, "3") == lights[3]).all()
    assert len({each.tobytes() for each in lights}) == 20
    moved = np.array([each.mean((0, 1)) - picture.mean((0, 1)) for each in lights])
    assert 10 < np.abs(moved).mean() < 40


def test_saved_and_loaded_it_finds_the_same_and_names_what_cannot_be_read(
    model: Detector, place: Path, tmp_path: Path
) -> None:
    model.save(tmp_path / "finder")
    loaded = preseason.load(tmp_path / "finder", cache=str(place / "cache"))
    (tmp_path / "torn.png").write_bytes((place / "data" / "pitch-000.png").read_bytes()[:900])
    one, other = (each.predict(place / "data", tmp_path / "torn.png") for each in (model, loaded))
    assert one == other
    assert len(one) == COUNT
    assert [Path(each.path).name for each in one.skipped] == ["torn.png"]
    assert (one[0].width, one[0].height) == (160, 120)
    boxes = [box for each in one.predictions for box in each.boxes]
    assert boxes
    assert all(0 <= b.x0 < b.x1 <= 1 and 0 <= b.y0 < b.y1 <= 1 for b in boxes)
    assert all(box.score >= {"ball": 0.01, "player": 0.2}[box.label] - 1e-6 for box in boxes)
    assert [b.score for b in one[0].boxes] == sorted((b.score for b in one[0].boxes), reverse=True)
    lines = terminals.get("detection").csv(one).splitlines()
    assert lines[0] == "input,label,score,x0,y0,x1,y1"
    assert len(lines) == 1 + len(boxes)
    assert "pitch-000.png" in terminals.get("detection").table(one)


def test_it_is_scored_on_labelled_pictures(model: Detector, place: Path) -> None:
    evaluation = model.evaluate(place / "data")
    values = problems.get("detection").values(evaluation.metrics)
    assert values["n"] == COUNT
    assert 0 <= values["ap"] <= values["ap50"] <= 1
    assert set(values["per_class"]) == set(LABELS)
    assert values["per_class"]["player"]["n"] == 3 * COUNT


def test_a_server_gives_the_same_boxes(model: Detector, place: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.png"
    torn.write_bytes((place / "data" / "pitch-000.png").read_bytes()[:900])
    samples = [Sample(File(path), fingerprint="f") for path in (torn, place / "data" / "pitch-001.png")]
    unread, answered = answers_of(model, samples)
    assert unread.prediction is None
    assert "cut short" in unread.reason
    assert answered.prediction == model.predict(place / "data" / "pitch-001.png")[0]


def test_boxes_that_were_put_right_are_kept(model: Detector, place: Path, tmp_path: Path) -> None:
    model.save(tmp_path / "finder")
    content = (place / "data" / "pitch-000.png").read_bytes()
    boxes = '[{"label": "ball", "x0": 0.1, "y0": 0.2, "x1": 0.3, "y1": 0.4}]'
    with serving({"finder": tmp_path / "finder"}, Settings(corrections=tmp_path / "kept")) as client:
        sent = {"files": {"file": content}, "data": {"boxes": boxes}}
        assert client.post("/v1/corrections", **sent).json()["counts"] == {"ball": 1}  # type: ignore[arg-type]
        assert client.get("/v1/corrections").json()["models"] == {"finder": {"ball": 1}}
        refused = client.post("/v1/corrections", files={"file": content}, data={"label": "ball"})
        assert (refused.status_code, "one picture and boxes" in refused.text) == (422, True)
    assert [path.read_bytes() for path in (tmp_path / "kept/finder/images").iterdir()] == [content]


def test_pictures_are_written_with_their_boxes(tmp_path: Path) -> None:
    tiny_pitches.write(tmp_path / "a", 1)
    tiny_pitches.write(tmp_path / "b", 1)
    box = FoundBox("player", 0.9, 0.25, 0.5, 0.75, 0.9)
    found = [PictureBoxes(str(tmp_path / each / "pitch-000.png"), 160, 120, (box,)) for each in "ab"]
    first, second = write_drawn(found, LABELS, tmp_path / "drawn")
    assert (first.name, second.name) == ("pitch-000.jpg", "pitch-000-2.jpg")
    red, green, blue = Image.open(first).convert("RGB").getpixel((40, 80))  # type: ignore[misc]
    assert blue > red + 60
    assert blue > green
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="--draw"):
        write_drawn(found, LABELS, tmp_path / "file")


def test_a_video_is_read_in_stretches_and_goes_on_where_it_was_stopped(
    model: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = [np.asarray(tiny_pitches.pitch(i // 10)[0]) for i in range(60)]
    match = movies.write(tmp_path / "match.mp4", shown)
    whole = watch(model, match, Silent(), 10.0)
    assert len(whole) == 24
    frames = list(whole.frames())
    assert [frame.frame for frame in frames] == list(range(1, 25))
    assert frames[5].time_s == 0.5
    assert (frames[0].width, frames[0].height) == (160, 120)
    assert any(frame.boxes for frame in frames)
    again = replace(model, labels=("ball", "man"))  # another key, so that nothing is kept of it
    monkeypatch.setattr("preseason.spotting.scan.STRETCH", 8)
    rows, seen = video_boxes._rows, []

    def stops(detector: Detector, pictures: list[np.ndarray]) -> dict[str, np.ndarray]:
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(len(pictures))
        return rows(detector, pictures)

    monkeypatch.setattr(video_boxes, "_rows", stops)
    with pytest.raises(KeyboardInterrupt):
        watch(again, match, Silent(), 10.0)
    late: list[int] = []
    monkeypatch.setattr(video_boxes, "_rows", lambda m, p: (late.append(len(p)), rows(m, p))[1])
    resumed = watch(again, match, Silent(), 10.0)
    assert (sum(seen), sum(late)) == (16, 8)
    assert np.allclose(resumed.found, whole.found, atol=1e-5)
    watch(again, match, Silent(), 10.0)
    assert sum(late) == 8
    with pytest.raises(UsageError, match="received 0 frames a second"):
        watch(model, match, Silent(), 0.0)


@pytest.mark.slow
def test_an_exported_finder_finds_the_same_without_torch(
    model: Detector, place: Path, tmp_path: Path
) -> None:
    pytest.importorskip("onnxscript", reason="needs preseason[export]")
    finder = replace(model.finder, plan=replace(model.finder.plan, longest=256, tile=128, overlap=32))
    tiled = replace(model, finder=finder)
    for each, to in ((model, "onnx"), (tiled, "openvino")):
        if to == "onnx":
            done = preseason.export(each, tmp_path / to, to=to, data=[place / "data"])
            assert isinstance(done.check, BoxCheck)
            assert (done.check.n, done.check.same) == (COUNT, 1.0)
            assert done.check.boxes >= 2 * 5 * COUNT
            assert done.check.pixels < 0.05
        else:
            shutil.copytree(tmp_path / "onnx", tmp_path / to)
            write_openvino(tmp_path / "onnx" / "finder.onnx", tmp_path / to / "finder.xml")
            write_settings(tmp_path / to, settings_of(each, "finder.xml"))
        exported = Exported(tmp_path / to)
        for path in sorted((place / "data").glob("*.png")):
            (own,), found = each.predict(path).predictions, exported.predict(path)
            assert (found["width"], found["height"], len(found["boxes"])) == (160, 120, len(own.boxes))
            for one, other in zip(own.boxes, found["boxes"], strict=True):
                assert (one.label, one.score) == (other["label"], pytest.approx(other["score"], abs=1e-3))
                edges = [other[name] for name in ("x0", "y0", "x1", "y1")]
                assert edges == pytest.approx([one.x0, one.y0, one.x1, one.y1], abs=1e-3)
    answers = [exported.predict(place / "data" / "pitch-000.png")]
    coco = exported.document("coco", answers, [{"path": "torn.png", "reason": "cut short"}])
    first, box = coco["annotations"][0], answers[0]["boxes"][0]
    assert first["bbox"][0] == pytest.approx(160 * box["x0"], abs=1e-2)
    assert coco["categories"][first["category_id"] - 1]["name"] == box["label"]
    assert coco["skipped"][0]["path"] == "torn.png"
    for to in ("onnx-int8", "timm"):
        with pytest.raises(ExportError, match="is not offered for models of boxes"):
            preseason.export(model, tmp_path / "small", to=to, data=[place / "data"])


def test_scouting_is_for_labels(place: Path) -> None:
    with pytest.raises(UsageError, match="scout compares networks by how well they tell labels apart"):
        preseason.scout(place / "data", cache=str(place / "cache"))


def test_a_damaged_folder_is_named(model: Detector, tmp_path: Path) -> None:
    model.save(tmp_path / "finder")
    (tmp_path / "finder" / "heads.safetensors").write_bytes(b"x")
    with pytest.raises(ModelFolderError, match=r"heads\.safetensors"):
        preseason.load(tmp_path / "finder")


def test_what_it_does_not_do_is_said_in_a_sentence(model: Detector, place: Path) -> None:
    with pytest.raises(UsageError, match="name files, folders"):
        model.predict()
    with pytest.raises(UsageError, match="--adapt"):
        model.predict(place, adapt=True)
    (place / "none.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"none\.png cannot be read"):
        model.explain(place / "data" / "pitch-000.png", place / "none.png")
    for refused in (lambda: model.add("new", place), lambda: model.remove("ball")):
        with pytest.raises(UsageError, match="learnt from boxes"):
            refused()
    with pytest.raises(UsageError, match="This is a detection model: `spot` needs"):
        preseason.spot(model, place / "match.mp4")
    with pytest.raises(UsageError, match="`compare` needs a classifier; this is a detection model"):
        classifier(model, "compare")


def test_an_explanation_says_what_hiding_a_part_costs(model: Detector, place: Path, tmp_path: Path) -> None:
    model.save(tmp_path / "finder")
    path = place / "data" / "pitch-000.png"
    asked = ["explain", str(tmp_path / "finder"), str(path), "-q", "--cache", str(place / "cache")]
    with redirect_stdout(io.StringIO()) as out:
        assert run([*asked, "-o", str(tmp_path / "why"), "--json"]) == 0
    told = json.loads(out.getvalue())["explanations"]
    assert 0 < len(told) <= MOST
    picture = decode(path)
    for each in (told[0], told[-1]):
        assert [part["part"] for part in each["parts"]] == list(NAMES)
        part = each["parts"][NAMES.index("its middle")]
        x0, y0, x1, y1 = (round(e * side) for e, side in zip(part["box"], (160, 120) * 2, strict=True))
        hidden = picture.copy()
        hidden[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)] = picture.mean((0, 1)).astype(np.uint8)
        (found,) = model.finder.find([hidden])
        edges = np.array([[each[name] for name in ("x0", "y0", "x1", "y1")]], np.float32)
        same = overlaps(edges, found.boxes)[0] >= 0.3
        near = model.named(found.take(np.flatnonzero(same)))
        own = [box.score for box in near if box.label == each["label"]]
        assert part["weight"] == pytest.approx(each["score"] - max(own, default=0.0), abs=2e-3)
    (drawn,) = (tmp_path / "why").iterdir()
    with Image.open(drawn) as sheet:
        assert sheet.size[0] >= 720
    with redirect_stdout(io.StringIO()) as out:
        assert run([*asked, "-o", str(tmp_path / "why.html")]) == 0
    assert "points lost if hidden" in out.getvalue()
    assert (tmp_path / "why.html").read_text("utf-8").count("data:image/jpeg") == len(told)
    with redirect_stdout(io.StringIO()):
        assert run([*asked, "--data", str(place / "data")]) == 2, "boxes have no nearest examples"


def test_pictures_to_label_next_are_written_with_their_boxes(
    model: Detector, place: Path, tmp_path: Path
) -> None:
    model.save(tmp_path / "finder")
    asked = ["next", str(tmp_path / "finder"), str(place / "data"), "-n", "3", "-o", str(tmp_path / "set")]
    with redirect_stdout(io.StringIO()) as out:
        assert run([*asked, "--json", "-q", "--cache", str(place / "cache")]) == 0
    told = json.loads(out.getvalue())
    assert (len(told["suggestions"]), told["looked_at"]) == (3, COUNT)
    assert told["suggestions"][0]["errors"] == pytest.approx(
        told["suggestions"][0]["ghosts"] + told["suggestions"][0]["missed"]
    )
    assert len(list((tmp_path / "set" / "images").iterdir())) == 3
    with redirect_stdout(io.StringIO()):
        assert run([*asked, "-q", "--cache", str(place / "cache")]) == 2, "the folder holds something now"


def test_a_network_without_maps_of_several_scales_is_refused() -> None:
    backbone = tiny()
    backbone.preprocessing = replace(backbone.preprocessing, resizable=False)
    with pytest.raises(UsageError, match="name a convolutional network"):
        levels_of(backbone)
