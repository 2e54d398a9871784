"""Fits that read several networks: two tiny ones, and faces beside one; every verb works or says why not."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

import preseason
from drawn_faces import PEOPLE, drawn_face, write_people
from photo_fits import asked
from preseason.backbones import embedded
from preseason.backbones.facts import Preprocessing
from preseason.backbones.timm_networks import create
from preseason.cli.main import run
from preseason.errors import ExportError, UsageError, WorkersError
from preseason.models.classifier import Model

needs_faces = pytest.mark.skipif(
    find_spec("dlib") is None or find_spec("face_recognition_models") is None,
    reason="the extra faces is not installed",
)
QUICK = {"head": "linear", "unfreeze": "0", "image_size": 64}


class Tiny(embedded.Embedded):
    """A tiny network with weights in a file of the test."""

    def path(self) -> Path:
        return Path(self.pattern)


@pytest.fixture(scope="module")
def tiny_networks(tmp_path_factory: pytest.TempPathFactory) -> "pytest.MonkeyPatch":
    patch = pytest.MonkeyPatch()
    for seed, name in enumerate(("tiny_a", "tiny_b")):
        torch.manual_seed(seed)
        file = tmp_path_factory.mktemp("weights") / f"{name}.pth"
        torch.save(create("test_resnet").state_dict(), file)
        own = Preprocessing(96, (0.5,) * 3, (0.5,) * 3, resizable=True)
        patch.setitem(embedded.EMBEDDED, name, Tiny(name, "", str(file), "test_resnet", "none", own))
    yield patch
    patch.undo()


@pytest.fixture(scope="module")
def both(photos: Path, tiny_networks: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("several") / "both"
    preseason.fit(photos, folder, backbone="tiny_a,tiny_b", **QUICK)
    return folder


def test_both_networks_are_read_and_each_says_what_it_brought(both: Path) -> None:
    record = opened(both).record
    assert [each.name for each in record.candidates] == ["linear", "linear on tiny_b"]
    assert all(each.accuracy is not None for each in record.candidates)
    assert set(record.networks) == {"tiny_b"}
    assert record.networks["tiny_b"]["said"].startswith("tiny_b: ")
    manifest = json.loads((both / "preseason.json").read_text("utf-8"))
    assert [each["name"] for each in manifest["networks"]] == ["tiny_b"]


def opened(folder: Path) -> Model:
    model = preseason.load(folder)
    assert isinstance(model, Model)
    return model


def test_a_saved_model_of_both_answers_the_same(both: Path, photos: Path, tmp_path: Path) -> None:
    model = opened(both)
    before = model.predict(photos / "pong")
    model.save(tmp_path / "again")
    after = opened(tmp_path / "again").predict(photos / "pong")
    assert [each.probabilities for each in after] == [each.probabilities for each in before]


def test_export_says_that_it_holds_one_network(both: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ExportError, match=r"reads several networks \(tiny_a, tiny_b\), and an export holds one"
    ):
        preseason.export(both, tmp_path / "onnx")


def test_weights_of_one_network_are_refused_for_two(photos: Path, tiny_networks: object) -> None:
    with pytest.raises(UsageError, match="--weights is of one network"):
        preseason.fit(photos, backbone="tiny_a,tiny_b", weights="w.pth", **QUICK)


def test_faces_alone_are_refused(photos: Path) -> None:
    with pytest.raises(UsageError, match="says nothing of photos without a face: name another network too"):
        preseason.fit(photos, backbone="faces", **QUICK)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_people(tmp_path_factory.mktemp("people") / "drawn", each=8, without=2)


@pytest.fixture(scope="module")
def faced(people: Path, tiny_networks: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("several") / "faced"
    preseason.fit(people, folder, backbone="tiny_a,faces", **QUICK)
    return folder


@needs_faces
@pytest.mark.slow
class TestFaces:
    """Faces, which are drawn, beside a tiny network."""

    def test_it_is_told_in_how_many_photos_a_face_was_found(self, faced: Path) -> None:
        told = opened(faced).record.networks["faces"]
        assert 0.5 <= told["found"] <= 0.8
        assert "a face found in" in told["said"]
        assert "faces" in opened(faced).record.head

    def test_a_face_is_recognised_and_a_picture_without_one_is_answered(
        self, faced: Path, tmp_path: Path
    ) -> None:
        for number, person in enumerate(PEOPLE):
            drawn_face(person, 900 + number).save(tmp_path / f"{person}.png")
        drawn_face("ann", 999, faces=0).save(tmp_path / "nobody.png")
        found = {Path(each.input).stem: each for each in opened(faced).predict(tmp_path)}
        assert sum(found[person].label == person for person in PEOPLE) >= 2
        assert sum(found["nobody"].probabilities.values()) == pytest.approx(1, abs=1e-4)

    def test_evaluate_add_remove_and_explain_work(
        self, faced: Path, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert asked(capsys, "evaluate", faced, people)["metrics"]["accuracy"] > 0.6
        model = opened(faced)
        grown, _ = model.add("dora", *sorted((people / "ann").glob("*.png"))[:3])
        assert "dora" in grown.labels
        smaller, _ = grown.remove("dora")
        assert "dora" not in smaller.labels
        told = model.explain(people / "bob" / "7.png")
        assert list(told)
        assert told.seen is not None
        assert told.seen.box is not None
        x0, y0, x1, y1 = told.seen.box
        # drawn at the left, 200 of 480 x 400 pixels
        assert 0 < x0 < x1 < 0.6
        assert 0.1 < y0 < y1 < 0.9
        none = model.explain(people / "bob" / "0.png").seen
        assert none is not None
        assert none.said() == "No face was found: the answer is from the whole picture."
        drawn_face("cleo", 950).save(tmp_path / "new.png")
        drawn_face("bob", 951, faces=0).save(tmp_path / "empty.png")
        assert run(["next", str(faced), str(tmp_path), "--quiet"]) == 0

    def test_only_the_digest_of_the_weights_is_saved(self, faced: Path) -> None:
        manifest = json.loads((faced / "preseason.json").read_text("utf-8"))
        (facts,) = manifest["networks"]
        assert (facts["name"], facts["licence"], len(facts["weights_id"])) == ("faces", "cc0-1.0", 32)
        assert not list(faced.rglob("*.dat"))

    def test_other_weights_than_those_of_the_fit_are_refused(
        self, faced: Path, people: Path, tmp_path: Path
    ) -> None:
        manifest = json.loads((faced / "preseason.json").read_text("utf-8"))
        manifest["networks"][0]["weights_id"] = "0" * 32
        changed = tmp_path / "changed"
        opened(faced).save(changed)
        (changed / "preseason.json").write_text(json.dumps(manifest), "utf-8")
        with pytest.raises(UsageError, match="another version of dlib or of the weights for faces"):
            opened(changed).predict(people / "ann")

    def test_rows_hold_the_largest_faces_first_and_zeros_where_there_are_none(self) -> None:
        from preseason.backbones.faces import FaceNetwork
        from preseason.engine.faces import FaceEngine

        engine = FaceEngine(FaceNetwork().folder)
        both, none = (np.asarray(drawn_face("ann", 5, faces=count)) for count in (2, 0))
        rows = [engine.start(each[None])()[0] for each in (both, none)]
        boxes = rows[0][:, 128:]
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        assert areas[0] > areas[1] > 0
        assert not rows[0][2:].any()
        assert not rows[1].any()

    def test_a_process_that_died_is_replaced(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from preseason.backbones.faces import FaceNetwork
        from preseason.engine.faces import FaceEngine

        monkeypatch.setattr("preseason.engine.faces.available", lambda: 1)
        engine = FaceEngine(FaceNetwork().folder)
        picture = np.asarray(drawn_face("ann", 5))[None]
        before = engine.start(picture)()
        helper = engine._helpers.get()
        helper.kill()
        engine._helpers.put(helper)
        np.testing.assert_array_equal(engine.start(picture)(), before)
        assert engine._helpers.get() is not helper

    def test_a_process_that_always_dies_is_told(self, tmp_path: Path) -> None:
        from preseason.engine.faces import FaceEngine

        engine = FaceEngine(tmp_path)
        with pytest.raises(WorkersError, match=r"ended 2 times on one picture of 480 x 400 pixels"):
            engine.start(np.asarray(drawn_face("ann", 5))[None])()
