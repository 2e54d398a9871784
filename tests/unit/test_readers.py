"""Windows over a video: runs of frames go through a video network once, whatever windows share them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers

import preseason
import tiny_matches
from preseason import backbones
from preseason.data.dataset import File, Sample
from preseason.engine.extract import Extractor
from preseason.engine.passes import FeatureSpec
from preseason.media import video
from preseason.spotting.readers import RunNetwork, looks_of, places_of, stride_of
from preseason.spotting.scan import STRETCH
from preseason.tasks.clips import ClipDecoder

RUN, SIDE = 4, 32


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small VideoMAE with random weights, as transformers writes it."""
    folder = tmp_path_factory.mktemp("videomae")
    config = transformers.VideoMAEConfig(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=SIDE,
        num_frames=RUN,
    )  # fmt: skip
    transformers.VideoMAEForVideoClassification(config).save_pretrained(folder)
    return folder


def test_rows_of_windows_are_those_of_their_runs(network: Path, tmp_path: Path) -> None:
    spec = FeatureSpec(SIDE, frames=1)
    extractor = Extractor(backbones.load(str(network)), spec, ClipDecoder(RUN), tmp_path, "cpu")
    frames = list(np.random.default_rng(0).integers(0, 256, (16, 40, 60, 3), np.uint8))
    places = np.linspace(0, 7, 2 * RUN).round().astype(np.int64).reshape(2, RUN)
    reader = RunNetwork(extractor, places)
    fed: list[int] = []
    rows_of = extractor.rows

    def counted(runs: Any, say: Any) -> Any:
        fed.append(len(runs))
        return rows_of(runs, say)

    extractor.rows = counted  # type: ignore[method-assign]
    windows = np.asarray(reader.windows(reader.rows(frames), np.array([0, 4, 8])))
    assert sum(fed) == 4, "three windows of two runs share two of the six"
    pictures = looks_of(frames, spec)
    alone = [rows_of([pictures[start : start + RUN].swapaxes(0, 1)], print)[0] for start in (4, 8)]
    np.testing.assert_allclose(windows[1], np.concatenate(alone), atol=2e-2)
    assert np.abs(windows[0] - windows[1]).max() > 0.1


def test_every_stretch_is_whole_strides() -> None:
    assert [stride_of(width) for width in (1, 7, 15, 31, 127, 100_000)] == [1, 1, 2, 4, 16, STRETCH]
    assert all(STRETCH % stride_of(width) == 0 for width in range(1, 2000, 7))


def test_a_video_network_watches_a_match(network: Path, tmp_path: Path) -> None:
    table = tiny_matches.write_matches(tmp_path / "matches", 2, 12.0)
    model = preseason.fit(table, head="statistics", backbone=str(network), cache=str(tmp_path / "cache"))
    match = tiny_matches.write(tmp_path / "new.mp4", tiny_matches.events_of(12.0, 5), 12.0, 5)
    found = preseason.spot(model, match, threshold=0.01)
    span = model.record.span_s or 0.0
    assert found.scores.shape[1] == len(model.labels)
    assert len(found.scores) == pytest.approx(12.0 * found.rate, abs=2)
    assert found.rate * span == pytest.approx(7 / 1, abs=1.1), "about eight windows begin within one"
    np.testing.assert_allclose(found.scores.sum(axis=1), 1, atol=1e-4)
    assert found.actions


def test_the_middle_of_a_window_is_read_where_it_was_learnt(tmp_path: Path) -> None:
    match = tiny_matches.write(tmp_path / "match.mp4", tiny_matches.events_of(6.0, 1), 6.0, 1)
    source, spec = ClipDecoder(0), FeatureSpec(SIDE, frames=3, middle=0.5)
    learnt = source.decode(Sample(File(match), span=(1.0, 3.0)), spec)
    rate = 8.0
    frames = [frame for _, frame in video.stream(match, rate)]
    places = places_of(spec, 1, round(2.0 * rate)) + round(1.0 * rate)
    assert places.tolist() == [12, 16, 20]
    read = looks_of(frames, spec)[places][:, 0].astype(int)
    errors = [
        [np.abs(one - other).mean() for other in looks_of(frames, spec)[:, 0].astype(int)] for one in learnt
    ]
    assert np.abs(read - learnt).mean() < 12
    assert np.abs(np.argmin(errors, axis=1) - places).max() <= 1, "the nearest frames of all are those"
