"""Heads that find things: targets, crops, peaks, the same answers without torch, training that goes on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from preseason.engine.networks import core_of_process
from preseason.heads.detection.crops import View, batch_of
from preseason.heads.detection.losses import loss, overlaps
from preseason.heads.detection.network import DetectionHead, folded
from preseason.heads.detection.targets import draw
from preseason.heads.detection.training import DetectionTraining, train
from preseason.inference.detection.graph import on_maps
from preseason.inference.detection.peaks import boxes_of
from preseason.inference.detection.peaks import overlaps as plain_overlaps
from preseason.inference.detection.shape import HeadShape, head_shape_from
from preseason.runtime.progress import Silent

SHAPE = HeadShape((3, 4, 5), (4, 8, 16), 2, width=8, thin=6)
BOXES = np.array([[8, 12, 40, 30], [70, 66, 78, 90]], np.float32)
LABELS = np.array([1, 0])


def test_peaks_of_perfect_answers_are_the_boxes() -> None:
    targets = draw(BOXES, LABELS, (24, 32), 4, 2)
    peaks = np.where(targets.heat > 0.999, targets.heat, 0)
    found = boxes_of(peaks, targets.edges, 4)
    order = np.argsort(found.labels)
    assert targets.count == 2
    assert np.allclose(found.boxes[order], BOXES[[1, 0]], atol=1e-4)
    assert found.labels[order].tolist() == [0, 1]


@pytest.mark.parametrize("side", [1.0, 3.0, 6.0, 200.0])
def test_a_box_of_any_size_has_cells_that_answer_for_it(side: float) -> None:
    box = np.array([[50, 50, 50 + side, 50 + side]], np.float32)
    targets = draw(box, np.array([0]), (64, 64), 4, 1)
    assert targets.heat.max() == 1
    assert targets.weight.sum() == pytest.approx(1, abs=1e-4)
    assert (targets.edges[:, targets.weight > 0] > 0).all()


def test_of_two_boxes_the_smaller_has_its_own_cells_and_those_outside_count_not() -> None:
    boxes = np.array([[0, 0, 80, 80], [36, 36, 48, 48], [200, 0, 220, 9]], np.float32)
    targets = draw(boxes, np.array([0, 0, 0]), (20, 20), 4, 1)
    assert targets.count == 2
    assert targets.edges[:, 10, 10].tolist() == pytest.approx([1.5, 1.5, 1.5, 1.5])


def test_torch_and_numpy_agree_on_how_much_boxes_overlap() -> None:
    one, other = np.array([[1.0, 2, 3, 4]], np.float32), np.array([[2.0, 2, 1, 5]], np.float32)
    iou, generalised = overlaps(torch.from_numpy(one), torch.from_numpy(other))
    corners = [np.concatenate([-d[:, :2], d[:, 2:]], axis=1) for d in (one, other)]
    assert float(iou) == pytest.approx(plain_overlaps(*corners)[0, 0])
    assert float(generalised) < float(iou)


def test_of_overlapping_boxes_of_one_class_the_surer_stays() -> None:
    peaks, edges = np.zeros((2, 8, 8), np.float32), np.full((4, 8, 8), 2.5, np.float32)
    peaks[0, 3, 3], peaks[0, 3, 4], peaks[1, 3, 3], peaks[0, 7, 7] = 0.9, 0.8, 0.7, 0.004
    found = boxes_of(peaks, edges, 8)
    assert found.scores.tolist() == pytest.approx([0.9, 0.7])
    assert found.labels.tolist() == [0, 1]
    assert len(boxes_of(np.zeros((2, 8, 8), np.float32), edges, 8).scores) == 0


def test_the_graph_without_torch_gives_the_heads_answers() -> None:
    torch.manual_seed(0)
    heads = [DetectionHead(SHAPE).eval() for _ in range(2)]
    for head in heads:
        torch.nn.init.normal_(head.answer.weight, std=0.3)
        for each in head.modules():
            if isinstance(each, torch.nn.BatchNorm2d):
                each.running_mean.normal_()  # type: ignore[union-attr, operator]
                each.running_var.uniform_(0.5, 2)  # type: ignore[union-attr, operator]
    maps = [torch.randn(2, c, 64 // s, 96 // s) for c, s in zip(SHAPE.channels, SHAPE.strides, strict=True)]
    with torch.inference_mode():
        answers = [head(maps) for head in heads]
    score = sum((a[:, :2].sigmoid() * a[:, 6:].sigmoid()).sqrt() for a in answers) / 2
    edges = (sum(a[:, 2:6] for a in answers) / 2).exp()
    highest = torch.nn.functional.max_pool2d(score, 3, 1, 1)
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    graph = core_of_process().compile_model(on_maps(SHAPE, [folded(h) for h in heads]), "CPU", settings)
    found = graph([m.numpy() for m in maps])
    assert np.allclose(found[1], edges, rtol=1e-3, atol=1e-4)
    assert np.allclose(found[0], torch.where(score == highest, score, 0), atol=1e-4)


def test_shapes_pass_through_json() -> None:
    assert head_shape_from(SHAPE.values()) == SHAPE


def views(count: int) -> list[list[View]]:
    """Pictures of one bright square each, seen by maps that show it."""
    out = []
    for number in range(count):
        rng = np.random.default_rng(number)
        x, y = rng.integers(8, 96, 2)
        picture = np.zeros((128, 128), np.float16)
        picture[y : y + 24, x : x + 24] = 3
        shapes = tuple((c, 128 // s, 128 // s) for c, s in zip((2, 2, 2), (4, 8, 32), strict=True))
        rows = []
        for c, h, _ in shapes:
            cells = picture.reshape(h, 128 // h, h, 128 // h).mean((1, 3))
            rows.append(np.stack([cells] * c).ravel())
        boxes = np.array([[x, y, x + 24, y + 24]], np.float32)
        out.append([View(np.concatenate(rows), shapes, boxes, np.array([0]))])
    return out


SMALL = HeadShape((2, 2, 2), (4, 8, 32), 1, width=8, thin=8, depth=1)


def test_a_crop_shows_the_same_on_every_map_and_in_its_targets() -> None:
    for turn in range(8):
        found = batch_of([each[0] for each in views(2)], 64, 0, 1, 4, np.random.default_rng(turn))
        assert [tuple(m.shape[1:]) for m in found.maps] == [(2, 16, 16), (2, 8, 8), (2, 2, 2)]
        for place in range(2):
            bright = found.maps[0][place, 0] > 2
            answering = found.weight[place] > 0
            assert not bool((answering & ~bright).any())


def test_what_is_smaller_than_a_crop_is_filled_up() -> None:
    found = batch_of([views(1)[0][0]], 256, 0, 1, 4, np.random.default_rng(0))
    assert tuple(found.maps[0].shape) == (1, 2, 64, 64)
    assert float(found.maps[0][:, :, 32:].abs().max()) == 0
    assert float(found.counts) == 1


def test_a_loss_without_boxes_is_finite_and_teaches_silence() -> None:
    answers = torch.zeros(1, 7, 4, 4, requires_grad=True)
    nothing = [torch.zeros(1, n, 4, 4) for n in (2, 4)]
    found = loss(answers, *nothing, torch.zeros(1, 4, 4), torch.zeros(1))
    found.backward()  # type: ignore[no-untyped-call]
    assert bool(torch.isfinite(found))
    assert float(answers.grad[:, :2].min()) > 0  # type: ignore[index]


@pytest.mark.slow
def test_training_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    class Stop(Silent):
        def __init__(self) -> None:
            self.left = 1

        def advance(self, steps: int = 1) -> None:
            self.left -= steps
            if self.left < 0:
                raise KeyboardInterrupt

    how = DetectionTraining(epochs=3, batch_size=2, learning_rate=1e-2, side=64, seed=1)
    whole = folded(train(views(2), SMALL, how))
    kept = replace(how, checkpoint=tmp_path / "head.pt", progress=Stop())
    with pytest.raises(KeyboardInterrupt):
        train(views(2), SMALL, kept)
    again = folded(train(views(2), SMALL, replace(kept, progress=Silent())))
    assert all(np.allclose(whole[name], again[name], atol=1e-5) for name in whole)


@pytest.mark.slow
def test_it_learns_to_find() -> None:
    how = DetectionTraining(epochs=12, batch_size=4, learning_rate=1e-2, side=96, seed=1)
    head = folded(train(views(16), SMALL, how))
    unseen = views(20)[19][0]
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    graph = core_of_process().compile_model(on_maps(SMALL, [head]), "CPU", settings)
    found = graph([m.astype(np.float32)[None] for m in unseen.maps()])
    best = boxes_of(found[0][0], found[1][0], 4)
    assert plain_overlaps(best.boxes[:1], unseen.boxes)[0, 0] > 0.5
