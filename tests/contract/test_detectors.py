"""What holds for transformers' detectors of every kind, with random weights."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tiny_detectors
import tiny_pitches
from local_hub import reached, served
from preseason import backbones
from preseason.backbones.detectors import CLASS_HEADS, PARTS, DetectorBackbone, part_of
from preseason.backbones.folder import backbone_facts, load_network, random_copy, save_network
from preseason.backbones.libraries.transformers_detectors import KINDS, from_folder
from preseason.errors import UsageError, WeightsError
from preseason.inference.detection.square import SquareFinder, SquarePlan, boxes_of
from preseason.inference.predictor import FeatureExtractors
from preseason.runtime.progress import Silent
from preseason.tasks.base import tasks
from preseason.tasks.reading import read
from preseason.training.detection.looks import Labelled, labelled
from preseason.training.detection.whole import WholeTraining, fine_tuned

pytest.importorskip("transformers")
LABELS = tiny_pitches.LABELS
PLAN = SquarePlan(tiny_detectors.SIDE, 10.0, 5.0)
HOW = WholeTraining(epochs=1, batch_size=2, learning_rate=1e-3)
ALL = np.arange(3)


@pytest.fixture(scope="module", params=list(tiny_detectors.KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_detectors.write(tmp_path_factory.mktemp(kind), kind)


@pytest.fixture(scope="module")
def made(folder: Path, kind: str) -> DetectorBackbone:
    return from_folder(folder, kind, "none")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    """Three drawn pitches, on the last of which nothing is labelled."""
    root = tiny_pitches.write(tmp_path_factory.mktemp("pitches"), 2)
    tiny_pitches.write(root, 1, first=2, empty=True)
    audited = read(root, Silent())
    return labelled(audited.dataset.samples, audited.sizes, LABELS)


def headed(made: DetectorBackbone) -> DetectorBackbone:
    torch.manual_seed(1)
    return made.for_labels(LABELS)


def changed(before: DetectorBackbone, after: DetectorBackbone) -> set[str]:
    """The parts with a parameter that differs."""
    other = dict(after.network.named_parameters())
    return {part_of(n) for n, each in before.network.named_parameters() if not torch.equal(each, other[n])}


def test_every_kind_is_tried() -> None:
    assert set(KINDS) == set(tiny_detectors.KINDS)


def test_heads_for_other_classes_are_new_and_the_rest_is_kept(made: DetectorBackbone) -> None:
    found = headed(made)
    assert found.labels == LABELS
    own, other = made.network.state_dict(), found.network.state_dict()
    assert own.keys() == other.keys()
    for name, value in own.items():
        if any(each in name for each in CLASS_HEADS):
            assert not torch.equal(value, other[name]) or value.numel() == 1 or not value.any()
        else:
            assert torch.equal(value, other[name]), name
    assert {part_of(name) for name, _ in made.network.named_parameters()} == {*PARTS, "heads"}


@pytest.mark.slow
def test_unfrozen_parts_and_heads_learn_also_from_pictures_without_boxes(
    made: DetectorBackbone, pictures: Labelled
) -> None:
    before = headed(made)
    after = fine_tuned(headed(made), pictures, ALL, PLAN, HOW)
    assert changed(before, after) == {"encoder", "decoder", "heads"}
    assert not after.network.training


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> DetectorBackbone:
    """The kind whose steps are the shortest, for what holds whatever the kind."""
    return from_folder(tiny_detectors.write(tmp_path_factory.mktemp("quick"), "lw_detr"), "quick", "none")


@pytest.mark.parametrize("cut", [0, 2, 3])
def test_only_what_is_unfrozen_learns(quick: DetectorBackbone, pictures: Labelled, cut: int) -> None:
    after = fine_tuned(headed(quick), pictures, ALL[:2], PLAN, replace(HOW, cut=cut))
    assert changed(headed(quick), after) == {*PARTS[cut:], "heads"}


class Stopping(Silent):
    """Stops in the second epoch."""

    steps = 0

    def advance(self, count: int = 1) -> None:
        self.steps += count
        if self.steps > 1:
            raise KeyboardInterrupt


@pytest.mark.slow
def test_a_training_that_was_stopped_goes_on_to_the_same_weights(
    quick: DetectorBackbone, pictures: Labelled, tmp_path: Path
) -> None:
    how = replace(HOW, epochs=2, cut=3, checkpoint=tmp_path / "detector-0.pt")
    whole = fine_tuned(headed(quick), pictures, ALL, PLAN, replace(how, checkpoint=None))
    with pytest.raises(KeyboardInterrupt):
        fine_tuned(headed(quick), pictures, ALL, PLAN, replace(how, progress=Stopping()))
    again = fine_tuned(headed(quick), pictures, ALL, PLAN, how)
    assert again.weights_id == whole.weights_id
    (tmp_path / "detector-0.pt").write_bytes(b"torn")
    assert fine_tuned(headed(quick), pictures, ALL, PLAN, how).weights_id == whole.weights_id


@pytest.mark.slow
def test_a_saved_detector_is_the_same_and_transformers_opens_it(
    made: DetectorBackbone, pictures: Labelled, tmp_path: Path
) -> None:
    own = headed(made)
    save_network(own, tmp_path / "saved")
    again = load_network(tmp_path / "saved", backbone_facts(own))
    assert isinstance(again, DetectorBackbone)
    assert (again.weights_id, again.labels, again.preprocessing) == (
        own.weights_id, LABELS, made.preprocessing,
    )  # fmt: skip
    import transformers

    whole = transformers.AutoModelForObjectDetection.from_pretrained(tmp_path / "saved")
    assert whole.config.id2label == dict(enumerate(LABELS))
    task = tasks.get("detection")
    for each in (own, again):
        finder = SquareFinder(FeatureExtractors(each, task.decoder(each), tmp_path, "cpu"), PLAN)
        found = [each.found for each in finder.find_in(pictures.samples)]  # type: ignore[union-attr]
        if each is own:
            first = found
    for one, other in zip(first, found, strict=True):
        assert len(one.scores) > 0
        assert np.array_equal(one.boxes, other.boxes)
        assert (one.boxes >= 0).all()
        assert (one.boxes <= 1).all()
    assert random_copy(made, 1).weights_id != made.weights_id


def test_a_folder_and_a_name_of_the_hub_are_backbones(
    folder: Path, made: DetectorBackbone, kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert backbones.load(str(folder)).weights_id == made.weights_id
    assert backbones.load("someone/anything", str(folder)).weights_id == made.weights_id
    if kind != "d_fine":
        return
    with served() as (address, hub):
        reached(address, tmp_path, monkeypatch)
        offered = {path.name: path.read_bytes() for path in folder.iterdir()}
        hub.files["someone/dfine-of-ours"] = offered | {"modeling_own.py": b"raise SystemExit"}
        assert backbones.load("someone/dfine-of-ours").weights_id == made.weights_id
    assert not list(tmp_path.rglob("*.py"))


def test_sides_that_a_network_cannot_be_fed_are_refused(made: DetectorBackbone) -> None:
    assert made.side(None) == tiny_detectors.SIDE
    with torch.inference_mode():
        network: Any = made.network
        network(pixel_values=torch.zeros(1, 3, made.side(2 * made.step), 2 * made.step))
    with pytest.raises(UsageError, match=rf"takes multiples of {made.step} pixels, e\.g\. {2 * made.step}"):
        made.side(2 * made.step + 4)


def test_what_is_no_detector_or_not_free_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="holds no detector that is known here"):
        from_folder(tmp_path, "none", "none")
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    with pytest.raises(WeightsError, match=r"has no model\.safetensors, and other files of weights can hold"):
        from_folder(tmp_path, "none", "none")
    with pytest.raises(UsageError, match="Platform Model Licence"):
        backbones.load("Roboflow/rf-detr-xlarge")


def test_boxes_on_the_square_come_back_to_the_picture() -> None:
    """What is exactly what was to be learnt is exactly what was labelled: no scale, no shift, aspect kept."""
    boxes = np.array([[0.1, 0.2, 0.3, 0.9], [0.5, 0.0, 1.0, 0.4]], np.float32)
    for size in ((120, 160), (300, 100), (64, 64)):
        canvas = PLAN.canvas(size)
        assert canvas.shape == (64, 64)
        assert max(canvas.inner_height, canvas.inner_width) == 64
        edges = canvas.placed(boxes) / 64
        sides = edges[:, 2:] - edges[:, :2]
        row = np.zeros((3, 6), np.float32)
        row[:2, :2] = [[0.1, 0.9], [0.8, 0.0]]
        row[:2, 2:] = np.concatenate([edges[:, :2] + sides / 2, sides], 1)
        found = boxes_of(row, canvas)
        assert found.labels.tolist() == [1, 0, 0]
        assert np.allclose(found.boxes, boxes[[0, 1, 0]], atol=1e-6)
