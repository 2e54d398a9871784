"""Motion beside a tiny network: things that move are told where no frame tells them, and every verb works."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

import preseason
from drawn_motion import MOVES, drawn_clip, write_moves
from movies import write
from photo_fits import asked
from preseason import backbones
from preseason.backbones.motion import MotionNetwork
from preseason.backbones.timm_networks import create
from preseason.data.dataset import File, Sample
from preseason.data.files import Columns
from preseason.engine.motion import MotionEngine
from preseason.engine.passes import FeatureSpec
from preseason.errors import UsageError
from preseason.errors.packages import MissingPackageError
from preseason.fitting.several_networks import joined
from preseason.inference.predictor import FeatureExtractors
from preseason.media.frame_pairs import pair_places
from preseason.models.classifier import Model
from preseason.recipe import Recipe
from preseason.runtime.progress import Silent
from preseason.tasks.base import tasks
from preseason.tasks.companions import companions
from preseason.tasks.motion import PairDecoder
from preseason.tasks.reading import read_for
from serving_tools import serving

pytestmark = [
    pytest.mark.skipif(find_spec("cv2") is None, reason="the extra motion is not installed"),
]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_moves(tmp_path_factory.mktemp("moves") / "drawn", each=5)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("weights") / "network.pth"
    torch.save(create("test_resnet").state_dict(), file)
    return str(file)


@pytest.fixture(scope="module")
def moving(clips: Path, network: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("moving") / "model"
    quick = {"head": "statistics", "unfreeze": "0", "image_size": 64, "frames": 2}
    preseason.fit(clips, folder, backbone="test_resnet,motion", weights=network, **quick)
    return folder


def opened(folder: Path) -> Model:
    model = preseason.load(folder)
    assert isinstance(model, Model)
    return model


def test_motion_tells_what_no_frame_tells(moving: Path, tmp_path: Path) -> None:
    record = opened(moving).record
    accuracy = {each.name: each.accuracy for each in record.candidates}
    assert accuracy["motion"] == 1
    assert accuracy["statistics"] < 0.8
    assert record.networks["motion"]["said"].startswith("motion: +")
    assert record.networks["motion"]["said"].endswith(" points")
    for number, move in enumerate(MOVES):
        write(tmp_path / f"{move}.mp4", list(drawn_clip(move, 900 + number)))
    found = {Path(each.input).stem: each.label for each in opened(moving).predict(tmp_path)}
    assert found == {move: move for move in MOVES}


def test_a_saved_model_answers_the_same(moving: Path, clips: Path, tmp_path: Path) -> None:
    model = opened(moving)
    before = model.predict(clips / "left")
    model.save(tmp_path / "again")
    after = opened(tmp_path / "again").predict(clips / "left")
    assert [each.probabilities for each in after] == [each.probabilities for each in before]


def test_a_clip_of_one_frame_is_answered_from_its_frame(moving: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "one.mp4", list(drawn_clip("left", 7, frames=1)))
    (found,) = opened(moving).predict(file)
    assert sum(found.probabilities.values()) == pytest.approx(1, abs=1e-4)
    spec = companions.get("motion").candidates()[0].spec
    pairs = PairDecoder().decode(Sample(File(file)), spec)
    assert pairs.shape[:2] == (16, 1)
    assert not MotionEngine().start(pairs)().any()


def test_evaluate_explain_add_and_remove_work(
    moving: Path, clips: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(capsys, "evaluate", moving, clips)["metrics"]["accuracy"] > 0.9
    model = opened(moving)
    assert list(model.explain(clips / "left" / "0.mp4"))
    grown, _ = model.add("away", *sorted((clips / "right").glob("*.mp4"))[:3])
    assert "away" in grown.labels
    assert "away" not in grown.remove("away")[0].labels


def test_a_server_answers_as_the_model_does(moving: Path, clips: Path) -> None:
    clip = clips / "right" / "1.mp4"
    (expected,) = opened(moving).predict(clip)
    with serving({"plays": moving}) as client:
        reply = client.post("/v1/predict", files={"file": (clip.name, clip.read_bytes())})
    answer = reply.json()["predictions"][0]
    assert answer["probabilities"] == pytest.approx(expected.probabilities, abs=1e-5)


def test_an_export_reads_motion_itself(moving: Path, clips: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="needs preseason[export]")
    folder = tmp_path / "onnx"
    done = preseason.export(moving, folder)
    assert done.check is not None
    assert (done.check.same_label, done.check.largest < 1e-3) == (1.0, True)
    assert "opencv-python" in (folder / "requirements.txt").read_text("utf-8").splitlines()
    clip = clips / "left" / "2.mp4"
    (expected,) = opened(moving).predict(clip)
    command = [sys.executable, str(folder / "run.py"), str(clip), "--json"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    (found,) = json.loads(shown)["predictions"]
    assert found["probabilities"] == pytest.approx(expected.probabilities, abs=1e-3)


def test_motion_alone_and_motion_of_photos_are_refused(clips: Path, photos: Path) -> None:
    with pytest.raises(UsageError, match="says nothing of clips without a second frame: name another"):
        preseason.fit(clips, backbone="motion")
    with pytest.raises(UsageError, match="--backbone motion is for clips, but these are photos"):
        preseason.fit(photos, backbone="auto,motion")


def test_without_the_extra_it_is_told_what_installs_it(
    moving: Path, clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = opened(moving)
    monkeypatch.setattr(
        "preseason.errors.packages.find_spec", lambda name: None if name == "cv2" else find_spec(name)
    )
    missing = r"Reading motion needs cv2, .*pip install 'preseason\[motion\]'"
    with pytest.raises(MissingPackageError, match=missing):
        model.predict(clips / "left" / "0.mp4")
    with pytest.raises(MissingPackageError, match=missing):
        preseason.fit(clips, backbone="auto,motion")


def test_opencv_without_its_libraries_is_told_and_not_used_unasked(
    clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a server without libGL: the package is there, and importing it fails."""
    monkeypatch.setitem(sys.modules, "cv2", None)
    monkeypatch.setattr("preseason.errors.packages.find_spec", lambda name: name)
    assert not companions.get("motion").installed()
    with pytest.raises(UsageError, match=r"installed but cannot be loaded: .*apt install libgl1"):
        preseason.fit(clips, backbone="auto,motion")


def test_rows_of_another_kind_than_those_of_the_fit_are_refused() -> None:
    with pytest.raises(UsageError, match=r"another major version of OpenCV than \d+, which is"):
        MotionNetwork("0" * 32).check()


def test_the_major_version_of_opencv_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    for version in ("4.12.0", "4.14.0", "5.0.0"):
        monkeypatch.setattr("cv2.__version__", version)
        found.add(MotionNetwork().weights_id)
    assert len(found) == 2


def test_it_is_read_unasked_unless_a_network_is_named(clips: Path, network: str, cache: Path) -> None:
    task = tasks.get("clips")
    audit = read_for(task, clips, Silent(), Columns())

    def make(name: str) -> FeatureExtractors:
        backbone = backbones.load("test_resnet", network)
        return FeatureExtractors(backbone, task.decoder(backbone), cache, "cpu")

    found = {
        asked: list(joined(Recipe(backbone=asked), task, audit, Silent(), make).others)
        for asked in ("auto", "efficientnet_lite0", "efficientnet_lite0,motion")
    }
    assert found == {"auto": ["motion"], "efficientnet_lite0": [], "efficientnet_lite0,motion": ["motion"]}


def test_what_goes_to_the_left_is_what_goes_to_the_right_mirrored(tmp_path: Path) -> None:
    """The bin of movement to the right is filled by one and empty in the other."""
    spec: FeatureSpec = companions.get("motion").candidates()[0].spec
    shares = []
    for move in ("left", "right"):
        file = write(tmp_path / f"{move}.mp4", list(drawn_clip(move, 3)))
        row = MotionEngine().start(PairDecoder().decode(Sample(File(file)), spec))()[0, 0]
        histograms = np.square(row[: 18 * 9].reshape(18, 9)).sum(axis=0)
        shares.append((histograms[0], histograms[4]))
    (left_0, left_4), (right_0, right_4) = shares
    assert left_4 > 3 * left_0
    assert right_0 > 3 * right_4


def test_a_camera_that_moves_counts_for_nothing() -> None:
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 255, (30, 50, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    clip = np.stack([scene[:96, 3 * n : 3 * n + 160] for n in range(5)])
    row = MotionEngine().start(np.stack([clip[:-1], clip[1:]], axis=1))()[0, 0]
    shares = np.square(row[: 18 * 9].reshape(18, 9))
    assert shares[:, 8].mean() > 0.6
    assert row[-4] == pytest.approx(-3, abs=0.3)


@pytest.mark.parametrize(
    ("frames", "fps", "expected"),
    [(3, 25, {(0, 1), (1, 2)}), (2, 5, {(0, 1)}), (9, 100, {(0, 4), (1, 5), (2, 6), (3, 7), (4, 8)})],
)
def test_frames_of_a_pair_are_a_25th_of_a_second_apart(
    frames: int, fps: int, expected: set[tuple[int, int]]
) -> None:
    places = pair_places([number / fps for number in range(frames)], 16)
    assert {tuple(pair) for pair in places.tolist()} == expected


def test_pairs_of_a_long_clip_are_spread_by_the_clock() -> None:
    quick, slow = (np.arange(100) / 25).tolist(), (4 + np.arange(101) / 5).tolist()
    places = pair_places(quick + slow, 16)
    begins = np.asarray(quick + slow)[places[:, 0]]
    assert len(places) == 16
    assert np.abs(np.diff(begins) - np.diff(begins).mean()).max() < 0.3
